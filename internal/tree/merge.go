package tree

import "slices"

// Merge merges a change into a tree: maps merge, lists of named items merge by name, other lists and values replace, null removes.
func Merge(tree, change map[string]any) {
	for _, key := range Keys(change) {
		value := change[key]
		there, isMap := tree[key].(map[string]any)
		sub, alsoMap := value.(map[string]any)
		list, isList := tree[key].([]any)
		with, alsoList := value.([]any)
		switch {
		case value == nil:
			delete(tree, key)
		case isMap && alsoMap:
			Merge(there, sub)
		case isList && alsoList && MergeKey(list, with) != "":
			tree[key] = mergeLists(list, with, MergeKey(list, with))
		default:
			tree[key] = WithoutNulls(value)
		}
	}
}

// ownName is the name of an object in a list, such as a claim template.
const ownName = "metadata.name"

// MergeKey is the key that names the items of two lists, as in the Kubernetes API; "" when no key does.
func MergeKey(lists ...[]any) string {
	for _, key := range []string{"mountPath", "name", "containerPort", "port", "key", ownName} {
		if !slices.ContainsFunc(slices.Concat(lists...), func(v any) bool { return nameBy(v, key) == nil }) {
			return key
		}
	}
	return ""
}

// nameBy is the name of a list's item by a key; nil when it has none.
func nameBy(item any, key string) any {
	m, _ := item.(map[string]any)
	if key == ownName {
		m, _ = m["metadata"].(map[string]any)
		key = "name"
	}
	return m[key]
}

// mergeLists merges items by name. An item with  $patch: delete  removes the other one.
func mergeLists(list, with []any, key string) []any {
	out := slices.Clone(list)
	for _, v := range with {
		change := v.(map[string]any)
		i := slices.IndexFunc(out, func(there any) bool { return nameBy(there, key) == nameBy(change, key) })
		switch {
		case i >= 0 && change["$patch"] == "delete":
			out = slices.Delete(out, i, i+1)
		case i >= 0:
			Merge(out[i].(map[string]any), change)
		case change["$patch"] == nil:
			out = append(out, WithoutNulls(change))
		}
	}
	return out
}
