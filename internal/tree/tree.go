// Package tree reads and changes Kubernetes objects as decoded trees of maps, lists, texts and numbers. A value that is missing or of
// another type reads as empty. Pure.
package tree

import (
	"maps"
	"slices"
)

// Keys are a map's keys in order.
func Keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Text is a text inside a tree, or "".
func Text(tree map[string]any, path ...string) string {
	last := len(path) - 1
	s, _ := Branch(tree, path[:last]...)[path[last]].(string)
	return s
}

// Branch is a part of a tree of maps, or nil.
func Branch(tree map[string]any, path ...string) map[string]any {
	for _, key := range path {
		tree, _ = tree[key].(map[string]any)
	}
	return tree
}

// At returns a part of a tree of maps, and creates it where it is missing.
func At(tree map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := tree[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[key] = next
		}
		tree = next
	}
	return tree
}

// List is a value as a list; nil when it is none.
func List(v any) []any {
	list, _ := v.([]any)
	return list
}

// Items returns the maps of a list.
func Items(v any) []map[string]any {
	list := List(v)
	out := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// Named finds a list's map by its name; nil when there is none.
func Named(v any, name string) map[string]any {
	for _, item := range Items(v) {
		if item["name"] == name {
			return item
		}
	}
	return nil
}

// Put adds a map to a list in a tree, in place of one with the same name.
func Put(tree map[string]any, key string, item map[string]any) {
	list, _ := tree[key].([]any)
	for i, there := range list {
		if m, ok := there.(map[string]any); ok && m["name"] == item["name"] && m["name"] != nil {
			list[i] = item
			return
		}
	}
	tree[key] = append(list, item)
}

// WithoutNulls copies a tree without its nulls: they mean nothing, and the API server would record us as their owner.
func WithoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if value != nil {
				out[key] = WithoutNulls(value)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, value := range v {
			out = append(out, WithoutNulls(value))
		}
		return out
	}
	return v
}

// Plain is a tree with numbers of one type.
func Plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = Plain(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = Plain(value)
		}
		return out
	}
	return number(v)
}

// Slim is a tree without empty values, with numbers of one type; nil when nothing is left.
func Slim(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if s := Slim(value); s != nil {
				out[key] = s
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = Slim(value)
		}
		return out
	case map[string]string:
		return Slim(OfTexts(v))
	}
	return number(v)
}

// number is a whole number as JSON has it.
func number(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return v
}

// OfTexts converts a map of texts to a tree.
func OfTexts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// OfList converts a list to a tree.
func OfList[T any](l []T) []any {
	out := make([]any, len(l))
	for i, v := range l {
		out[i] = v
	}
	return out
}

// Pods is the pod template of an object; nil when it has none.
func Pods(object map[string]any) map[string]any { return Branch(object, "spec", "template") }

// Containers are all containers of a pod's spec, with its init containers.
func Containers(spec map[string]any) []map[string]any {
	return append(Items(spec["initContainers"]), Items(spec["containers"])...)
}
