// Package fields knows the fields of Kubernetes objects: how plans write them, which of them are the same, and who set them. Fields are
// written as "spec.template.spec.containers[name=frontend].image". It has no effects.
package fields

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// listKeys are the lists whose items have names, as in the API server's schema: by the list's name, the keys of its items. Where a name has
// several, the first one counts whose first key is in all items. Other lists are values as a whole.
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
	"volumeClaimTemplates":      {{TemplateName}},
}

// TemplateName is the key of claim templates, which have their name in their metadata.
const TemplateName = "metadata.name"

// Keys are the keys that identify a list's items; nil when the list is a value as a whole.
func Keys(name string, lists ...[]any) []string {
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
		if !ok || KeyValue(m, keys[0]) == nil {
			return false
		}
		for _, other := range items[:i] {
			if SameKeys(m, other.(map[string]any), keys) {
				return false
			}
		}
	}
	return true
}

// KeyValue is an item's value for one of its list's keys; nil when it has none.
func KeyValue(item map[string]any, key string) any {
	if key == TemplateName {
		meta, _ := item["metadata"].(map[string]any)
		return meta["name"]
	}
	if v := item[key]; v != nil {
		return v
	}
	if key == "protocol" {
		return "TCP" // the API server's default
	}
	return nil
}

// SameKeys reports whether two items of a list have the same keys, and so are the same item.
func SameKeys(a, b map[string]any, keys []string) bool {
	for _, key := range keys {
		if !SameScalar(KeyValue(a, key), KeyValue(b, key)) {
			return false
		}
	}
	return true
}

// Path is the path of a field.
type Path []Segment

// String is the path as plans write it.
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		s.write(&b)
	}
	return b.String()
}

// Segment is one part of a path: a name; an item of a list, with the keys that identify it; or an index.
type Segment struct {
	Name  string
	Item  map[string]any
	Keys  []string
	Index int
}

func (s Segment) write(b *strings.Builder) {
	switch {
	case s.Name != "":
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.Name)
	case s.Item != nil:
		b.WriteString(bracket(s.Item, s.Keys))
	default:
		b.WriteString("[" + strconv.Itoa(s.Index) + "]")
	}
}

// bracket writes which item of a list is meant, for people: "[name=frontend]".
func bracket(item map[string]any, keys []string) string {
	var b strings.Builder
	for i, key := range keys {
		b.WriteByte("[,"[min(i, 1)])
		b.WriteString(strings.TrimPrefix(key, "metadata."))
		b.WriteByte('=')
		b.WriteString(Plain(KeyValue(item, key)))
	}
	b.WriteByte(']')
	return b.String()
}

// Plain is a scalar as text.
func Plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// FromMessage converts a field in the API server's messages to the form of plans: without its leading dot, and without quotes around keys.
func FromMessage(field string) string {
	return strings.ReplaceAll(strings.TrimPrefix(field, "."), `"`, "")
}

// Without copies an object without some fields, which are written as in plans. Fields that don't exist are ignored.
func Without(body map[string]any, fields ...string) map[string]any {
	for _, field := range fields {
		body = without(body, field)
	}
	return body
}

// without copies the trees on the path to the field. Names may contain dots, as those of labels do, so it tries every name that the rest of
// the field begins with.
func without(tree map[string]any, field string) map[string]any {
	for name, value := range tree {
		rest, ok := strings.CutPrefix(field, name)
		if !ok {
			continue
		}
		var changed any
		switch {
		case rest == "":
			return With(tree, name, nil)
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
		return With(tree, name, changed)
	}
	return tree
}

// With copies a tree with another value at a name, or without it.
func With(tree map[string]any, name string, value any) map[string]any {
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
	keys := Keys(name, items)
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

// Lookup finds a field's value, and reports whether the field exists.
func Lookup(tree map[string]any, field string) (any, bool) {
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
			if v, ok := Lookup(inner, rest[1:]); ok {
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
	keys := Keys(name, items)
	for i, item := range items {
		rest, ok := strings.CutPrefix(field, itemText(items, i, keys))
		if !ok {
			continue
		}
		if rest == "" {
			return item, true
		}
		if inner, isMap := item.(map[string]any); isMap && rest[0] == '.' {
			return Lookup(inner, rest[1:])
		}
	}
	return nil, false
}

func has(tree map[string]any, field string) bool {
	_, ok := Lookup(tree, field)
	return ok
}

func hasItem(name string, items []any, field string) bool {
	_, ok := lookupItem(name, items, field)
	return ok
}

// Within reports whether a field is another one, or is inside it.
func Within(field, outer string) bool {
	rest, ok := strings.CutPrefix(field, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// kept are the parts of an object's metadata that the API server sets.
var kept = []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}

// Kept reports whether the API server sets a name in an object's metadata.
func Kept(name string) bool { return slices.Contains(kept, name) }

// Encoded is an object as the API server has it: a Secret's texts in base64.
func Encoded(body map[string]any) map[string]any {
	texts, ok := body["stringData"].(map[string]any)
	if !ok || body["kind"] != "Secret" {
		return body
	}
	old, _ := body["data"].(map[string]any)
	data := maps.Clone(old)
	if data == nil {
		data = map[string]any{}
	}
	for name, text := range texts {
		data[name] = base64.StdEncoding.EncodeToString([]byte(Plain(text)))
	}
	return With(With(body, "stringData", nil), "data", data)
}
