package tree

import "slices"

// ownName is the name of an object in a list, such as a claim template.
const ownName = "metadata.name"

// MergeKey is the key that names the items of two lists, as in the Kubernetes API; "" when no key does.
func MergeKey(lists ...[]any) string {
	for _, key := range []string{"mountPath", "name", "containerPort", "port", "key", ownName} {
		if !slices.ContainsFunc(slices.Concat(lists...), func(v any) bool { return Name(v, key) == nil }) {
			return key
		}
	}
	return ""
}

// Name is the name of a list's item by a key; nil when it has none.
func Name(item any, key string) any {
	m, _ := item.(map[string]any)
	if key == ownName {
		m, _ = m["metadata"].(map[string]any)
		key = "name"
	}
	return m[key]
}
