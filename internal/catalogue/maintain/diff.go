package maintain

import (
	"reflect"

	"berth/catalogue"
)

// mergePatch is the JSON merge patch (RFC 7386) that turns from into to; nil when they are the same. Nulls in to become catalogue.Null,
// since such a patch cannot express them.
func mergePatch(from, to map[string]any) map[string]any {
	var patch map[string]any
	for _, key := range sortedKeys(from) {
		if _, kept := to[key]; !kept {
			patch = with(patch, key, nil)
		}
	}
	for _, key := range sortedKeys(to) {
		before, had := from[key]
		if had && reflect.DeepEqual(before, to[key]) {
			continue
		}
		inner, isMap := to[key].(map[string]any)
		innerBefore, wasMap := before.(map[string]any)
		if isMap && wasMap {
			patch = with(patch, key, mergePatch(innerBefore, inner))
			continue
		}
		patch = with(patch, key, writeNulls(to[key]))
	}
	return patch
}

func writeNulls(tree any) any {
	switch tree := tree.(type) {
	case nil:
		return catalogue.Null
	case []any:
		list := make([]any, len(tree))
		for i, value := range tree {
			list[i] = writeNulls(value)
		}
		return list
	case map[string]any:
		all := make(map[string]any, len(tree))
		for key, value := range tree {
			all[key] = writeNulls(value)
		}
		return all
	}
	return tree
}
