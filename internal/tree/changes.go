package tree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Change is one difference of two trees. Was is nil where something is new, and Is where it is gone.
type Change struct {
	Path    []string // keys; an item of a list by its name, or by its text
	Was, Is any
}

// Changes are the differences of two trees, in order. Items of lists are compared by their names, where they have some.
func Changes(before, after any) []Change { return changes(nil, before, after) }

func changes(path []string, before, after any) (out []Change) {
	was, is := entries(before, after), entries(after, before)
	if Same(before, after) {
		return nil
	}
	if was == nil || is == nil {
		return []Change{{Path: path, Was: before, Is: after}}
	}
	keys := append(Keys(was), Keys(is)...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		below := append(slices.Clone(path), key)
		out = append(out, changes(below, was[key], is[key])...)
	}
	return out
}

// entries are the values of a map, or the items of a list, by name; nil for everything else. The other tree's list decides, too, what names them.
func entries(v, other any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		with, isList := other.([]any)
		if !isList {
			return nil
		}
		key := MergeKey(v, with)
		out := make(map[string]any, len(v))
		for i, item := range v {
			switch _, text := item.(string); {
			case key != "":
				out[fmt.Sprint(Name(item, key))] = item
			case text:
				out[item.(string)] = item
			default:
				out[strconv.Itoa(i)] = item
			}
		}
		return out
	}
	return nil
}

// Same reports whether two trees mean the same: numbers of different types are the same number, and a null is as good as no key.
func Same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key := range a {
			if !Same(a[key], b[key]) {
				return false
			}
		}
		for key := range b {
			if _, ok := a[key]; !ok && b[key] != nil {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Same)
	case nil:
		return b == nil
	}
	return b != nil && !composite(b) && fmt.Sprint(a) == fmt.Sprint(b)
}

func composite(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// String says in a few words what changed: "privileged true -> false", "+ environment.A", "- devices".
func (c Change) String() string {
	path := strings.Join(c.Path, ".")
	switch {
	case c.Was == nil:
		return "+ " + path
	case c.Is == nil:
		return "- " + path
	}
	was, is := fmt.Sprint(c.Was), fmt.Sprint(c.Is)
	if composite(c.Was) || composite(c.Is) || len(was)+len(is) > 60 {
		return path + " changed"
	}
	return path + " " + was + " -> " + is
}

// most is how many changes a summary names.
const most = 5

// Summary is a text with what changed: "your patch: no kmsg (privileged true -> false, - devices)".
func Summary(text string, all []Change) string {
	var words []string
	for i, c := range all {
		if i == most && len(all) > most+1 {
			words = append(words, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		words = append(words, c.String())
	}
	return text + " (" + strings.Join(words, ", ") + ")"
}
