package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// listKeys are the lists whose items have names, as the API server's schema has it: by the list's name, the keys of its items. Where a
// name has several, the first counts whose first key is in all items. Other lists are values as a whole.
var listKeys = map[string][][]string{
	"containers":                {{"name"}},
	"initContainers":            {{"name"}},
	"ephemeralContainers":       {{"name"}},
	"env":                       {{"name"}},
	"volumes":                   {{"name"}},
	"volumeMounts":              {{"mountPath"}},
	"volumeDevices":             {{"devicePath"}},
	"ports":                     {{"containerPort", "protocol"}, {"port", "protocol"}},
	"imagePullSecrets":          {{"name"}},
	"secrets":                   {{"name"}},
	"hostAliases":               {{"ip"}},
	"topologySpreadConstraints": {{"topologyKey", "whenUnsatisfiable"}},
	"volumeClaimTemplates":      {{templateName}},
}

// templateName is the key of claim templates, which have their name in their metadata.
const templateName = "metadata.name"

// keysOf are the keys that tell a list's items apart; nil when the list is a value as a whole.
func keysOf(name string, lists ...[]any) []string {
	for _, keys := range listKeys[name] {
		if !slices.ContainsFunc(lists, func(items []any) bool { return !unique(items, keys) }) {
			return keys
		}
	}
	return nil
}

// unique reports whether all items have the first key and no two have the same keys.
func unique(items []any, keys []string) bool {
	for i, item := range items {
		m, ok := item.(map[string]any)
		if !ok || keyValue(m, keys[0]) == nil {
			return false
		}
		for _, other := range items[:i] {
			if sameKeys(m, other.(map[string]any), keys) {
				return false
			}
		}
	}
	return true
}

func keyValue(item map[string]any, key string) any {
	if key == templateName {
		meta, _ := item["metadata"].(map[string]any)
		return meta["name"]
	}
	if v := item[key]; v != nil {
		return v
	}
	if key == "protocol" {
		return "TCP" // what the API server makes of none
	}
	return nil
}

func sameKeys(a, b map[string]any, keys []string) bool {
	for _, key := range keys {
		if !sameScalar(keyValue(a, key), keyValue(b, key)) {
			return false
		}
	}
	return true
}

// segment is one part of the way to a field: a name, an item of a list with keys, or an index.
type segment struct {
	name  string
	item  map[string]any
	keys  []string
	index int
}

func (s segment) write(b *strings.Builder) {
	switch {
	case s.name != "":
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	case s.item != nil:
		b.WriteString(bracket(s.item, s.keys))
	default:
		b.WriteString("[" + strconv.Itoa(s.index) + "]")
	}
}

// bracket is how people read which item of a list is meant: "[name=frontend]".
func bracket(item map[string]any, keys []string) string {
	var b strings.Builder
	for i, key := range keys {
		b.WriteByte("[,"[min(i, 1)])
		b.WriteString(strings.TrimPrefix(key, "metadata."))
		b.WriteByte('=')
		b.WriteString(plain(keyValue(item, key)))
	}
	b.WriteByte(']')
	return b.String()
}

// plain is a scalar as text.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// fieldOf is a field of the API server's messages as we write it: without its leading dot, and without quotes around keys.
func fieldOf(said string) string {
	return strings.ReplaceAll(strings.TrimPrefix(said, "."), `"`, "")
}

// Without is an object without some fields, given as plans write them. What it is made from stays as it is; fields that are not there do
// not matter.
func Without(body map[string]any, fields []string) map[string]any {
	for _, field := range fields {
		body = without(body, field)
	}
	return body
}

// without copies what lies on the way to the field. Names may have dots in them, as those of labels do, so every name is tried that the
// rest of the field begins with.
func without(tree map[string]any, field string) map[string]any {
	for name, value := range tree {
		rest, ok := strings.CutPrefix(field, name)
		if !ok {
			continue
		}
		var changed any
		switch {
		case rest == "":
			return copyWith(tree, name, nil)
		case rest[0] == '.':
			inner, ok := value.(map[string]any)
			if !ok || !has(inner, rest[1:]) {
				continue
			}
			changed = without(inner, rest[1:])
		case rest[0] == '[':
			items, ok := value.([]any)
			if !ok || !hasItem(name, items, rest) {
				continue
			}
			changed = withoutItem(name, items, rest)
		default:
			continue
		}
		return copyWith(tree, name, changed)
	}
	return tree
}

// copyWith copies a tree with another value at a name, or without it.
func copyWith(tree map[string]any, name string, value any) map[string]any {
	out := make(map[string]any, len(tree))
	for k, v := range tree {
		out[k] = v
	}
	if out[name] = value; value == nil {
		delete(out, name)
	}
	return out
}

func withoutItem(name string, items []any, field string) []any {
	out := make([]any, 0, len(items))
	keys := keysOf(name, items)
	for i, item := range items {
		rest, ok := strings.CutPrefix(field, itemText(items, i, keys))
		inner, isMap := item.(map[string]any)
		switch {
		case ok && rest == "":
		case ok && isMap && rest[0] == '.':
			out = append(out, without(inner, rest[1:]))
		default:
			out = append(out, item)
		}
	}
	return out
}

func itemText(items []any, i int, keys []string) string {
	if keys == nil {
		return "[" + strconv.Itoa(i) + "]"
	}
	return bracket(items[i].(map[string]any), keys)
}

// lookup finds a field's value.
func lookup(tree map[string]any, field string) (any, bool) {
	for name, value := range tree {
		rest, ok := strings.CutPrefix(field, name)
		if !ok {
			continue
		}
		if rest == "" {
			return value, true
		}
		inner, isMap := value.(map[string]any)
		items, isList := value.([]any)
		switch {
		case rest[0] == '.' && isMap:
			if v, ok := lookup(inner, rest[1:]); ok {
				return v, true
			}
		case rest[0] == '[' && isList:
			if v, ok := lookupItem(name, items, rest); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func lookupItem(name string, items []any, field string) (any, bool) {
	keys := keysOf(name, items)
	for i, item := range items {
		rest, ok := strings.CutPrefix(field, itemText(items, i, keys))
		if !ok {
			continue
		}
		if rest == "" {
			return item, true
		}
		if inner, isMap := item.(map[string]any); isMap && rest[0] == '.' {
			return lookup(inner, rest[1:])
		}
	}
	return nil, false
}

func has(tree map[string]any, field string) bool {
	_, ok := lookup(tree, field)
	return ok
}

func hasItem(name string, items []any, field string) bool {
	_, ok := lookupItem(name, items, field)
	return ok
}

// within reports whether a field is another one, or lies in it.
func within(field, outer string) bool {
	rest, ok := strings.CutPrefix(field, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
