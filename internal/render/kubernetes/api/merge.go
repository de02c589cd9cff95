package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/tree"
)

// Problem is something wrong in a patch or in a patched object.
type Problem struct {
	Path []string // "spec", "template", "spec", "containers", "worker", "resource"; items of lists by name
	Text string   // "is no field of Container"
	Hint string   // "did you mean resources?"; "" where nothing is known
}

// merger merges a change into an object, in place.
type merger struct{ problems []Problem }

// Merge merges a change into an object of a kind as kubectl patch does, in place: maps merge, lists of the API's named items merge by name, other
// lists and values replace, null removes. The directives $patch and $retainKeys do what they say; others are problems. New items come before the
// item that follows them in the patch. Of fields that exclude each other, what the patch sets stays. Objects of other kinds merge as maps.
func Merge(kind string, object, change map[string]any) []Problem {
	m := &merger{}
	m.maps(kind, object, change, nil)
	return m.problems
}

func (m *merger) problem(path []string, key, text, hint string) {
	m.problems = append(m.problems, Problem{Path: append(slices.Clone(path), key), Text: text, Hint: hint})
}

// directives are what a patch may say beside its fields.
const (
	directivePatch  = "$patch"
	directiveRetain = "$retainKeys"
)

func (m *merger) maps(of string, there, change map[string]any, path []string) {
	if change[directivePatch] == "replace" {
		clear(there)
	}
	for _, key := range tree.Keys(change) {
		if strings.HasPrefix(key, "$") {
			m.directive(there, change, key, path)
			continue
		}
		m.set(fieldOf(of, key), there, key, change[key], append(slices.Clone(path), key))
	}
	exclude(of, there, change)
}

// directive does what a directive of a map says, or refuses it.
func (m *merger) directive(there, change map[string]any, key string, path []string) {
	keep, isList := change[key].([]any)
	switch {
	case key == directivePatch && slices.Contains([]any{"replace", "merge", "delete"}, change[key]): // delete: see set and lists
	case key == directiveRetain && isList:
		for _, other := range tree.Keys(there) {
			if !slices.Contains(keep, any(other)) {
				delete(there, other)
			}
		}
	case key == directivePatch:
		m.problem(path, key, fmt.Sprintf("can't be %v", change[key]), "write delete, replace or merge")
	case strings.HasPrefix(key, "$setElementOrder/"):
		m.problem(path, key, "is for kubectl only", "remove it; new items keep the order of the patch")
	case strings.HasPrefix(key, "$deleteFromPrimitiveList/"):
		m.problem(path, key, "is for kubectl only", "write the whole list, without the items to remove")
	default:
		m.problem(path, key, "is not a directive of a patch", "the directives are $patch and $retainKeys")
	}
}

// set merges one value.
func (m *merger) set(f field, there map[string]any, key string, value any, path []string) {
	sub, isMap := value.(map[string]any)
	list, isList := value.([]any)
	switch {
	case value == nil, isMap && sub[directivePatch] == "delete":
		delete(there, key)
	case isMap && f.key == "" && !f.list:
		below := f.of
		if f.dict {
			below = ""
		}
		inner, ok := there[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
		}
		m.maps(below, inner, sub, path)
		there[key] = inner
	case isList && f.key != "":
		there[key] = m.lists(f, tree.List(there[key]), list, path)
	case isList:
		there[key] = tree.WithoutNulls(m.plain(list, path))
	default:
		there[key] = value
	}
}

// plain is a list that replaces another, without the directive that says so.
func (m *merger) plain(list []any, path []string) []any {
	var out []any
	for i, v := range list {
		item, _ := v.(map[string]any)
		switch {
		case item[directivePatch] == "replace" && len(item) == 1:
		case item[directivePatch] != nil:
			m.problem(path, strconv.Itoa(i), "has a directive, but the list has no named items", "write the whole new list")
		default:
			out = append(out, v)
		}
	}
	return out
}

// lists merges items by name. New items stand before the item that follows them in the patch, or at the end.
func (m *merger) lists(f field, list, change []any, path []string) []any {
	out := slices.Clone(list)
	if slices.ContainsFunc(change, func(v any) bool { item, _ := v.(map[string]any); return item[directivePatch] == "replace" }) {
		out = nil
	}
	find := func(name any) int {
		return slices.IndexFunc(out, func(v any) bool { return name != nil && tree.Same(nameOf(v, f.key), name) })
	}
	var waiting []any // new items, until one comes that is there
	for i, v := range change {
		item, isMap := v.(map[string]any)
		name := nameOf(v, f.key)
		at := find(name)
		switch {
		case !isMap:
			if !slices.ContainsFunc(out, func(there any) bool { return tree.Same(there, v) }) {
				waiting = append(waiting, v) // a list of texts that merges, such as finalizers
			}
		case item[directivePatch] == "replace" && name == nil:
		case name == nil:
			m.problem(path, strconv.Itoa(i), "has no "+f.key+", by which the items of "+path[len(path)-1]+" merge", "add it")
		case item[directivePatch] == "delete":
			if at >= 0 {
				out = slices.Delete(out, at, at+1)
			}
		case at < 0:
			fresh := map[string]any{}
			m.maps(f.of, fresh, item, append(slices.Clone(path), fmt.Sprint(name)))
			waiting = append(waiting, fresh)
		default:
			there := tree.WithoutNulls(out[at]).(map[string]any)
			m.maps(f.of, there, item, append(slices.Clone(path), fmt.Sprint(name)))
			out[at] = there
			out, waiting = slices.Insert(out, at, waiting...), nil
		}
	}
	return append(out, waiting...)
}

// nameOf is the name of a list's item. Claim templates are objects: their names are in their metadata.
func nameOf(item any, key string) any {
	v := item
	for _, k := range strings.Split(key, ".") {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// exclude removes what a change's fields exclude.
func exclude(of string, there, change map[string]any) {
	for _, group := range types().OneOf[of] {
		if !slices.ContainsFunc(group, func(key string) bool { return change[key] != nil }) {
			continue
		}
		for _, key := range group {
			if change[key] == nil {
				delete(there, key)
			}
		}
	}
	for key, needs := range types().Only[of] {
		if value := change[needs[0]]; value != nil && value != needs[1] && change[key] == nil {
			delete(there, key)
		}
	}
}
