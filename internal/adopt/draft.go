package adopt

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/render/yaml"
	"berth/internal/tree"
)

// Edit sets a key of a draft, or adds an item to a list.
type Edit struct {
	Path  []string
	Value any  // a text, a number, a bool, a list or a map of these
	Add   bool // Value is one more item of the list at Path
	// File is the content of a file beside the config that Value refers to; it may hold secrets.
	File map[string][]byte
	// Generated are values of secrets that berth would make itself.
	Generated map[string]string
}

// Draft is a config in the making: a list of edits.
type Draft struct {
	edits []*Edit
	built map[string]any // the config as a tree; nil after an edit
}

// do adds an edit, unless it contradicts one that is there: then it reports false.
func (d *Draft) do(e *Edit) bool {
	for _, there := range d.edits {
		for name, value := range e.Generated {
			if known, ok := there.Generated[name]; ok && known != value {
				return false
			}
		}
		if len(e.Path) > 0 && slices.Equal(there.Path, e.Path) && !there.Add && !e.Add && !reflect.DeepEqual(there.Value, e.Value) {
			return false
		}
	}
	d.edits, d.built = append(d.edits, e), nil
	return true
}

// undo takes an edit back.
func (d *Draft) undo(e *Edit) {
	d.edits, d.built = slices.DeleteFunc(d.edits, func(there *Edit) bool { return there == e }), nil
}

// Set sets a key from the beginning, before any rule.
func (d *Draft) Set(value any, path ...string) { d.do(&Edit{Path: path, Value: value}) }

// Keep adds a file beside the config from the beginning.
func (d *Draft) Keep(name string, content []byte) {
	d.edits = append(d.edits, &Edit{File: map[string][]byte{name: content}})
}

// Value is the value of a key; nil where it is not set.
func (d *Draft) Value(path ...string) any {
	var at any = d.tree()
	for _, key := range path {
		m, _ := at.(map[string]any)
		at = m[key]
	}
	return at
}

// Files are the files that the edits need.
func (d *Draft) Files() map[string][]byte {
	out := map[string][]byte{}
	for _, e := range d.edits {
		maps.Copy(out, e.File)
	}
	return out
}

// Generated are the values of secrets that berth would make itself.
func (d *Draft) Generated() map[string]string {
	out := map[string]string{}
	for _, e := range d.edits {
		maps.Copy(out, e.Generated)
	}
	return out
}

// tree is the config as a tree, to be read only.
func (d *Draft) tree() map[string]any {
	if d.built != nil {
		return d.built
	}
	root := map[string]any{}
	for _, e := range d.edits {
		if len(e.Path) == 0 {
			continue // a file alone
		}
		at := root
		for _, key := range e.Path[:len(e.Path)-1] {
			below, ok := at[key].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[key] = below
			}
			at = below
		}
		last := e.Path[len(e.Path)-1]
		if !e.Add {
			at[last] = merged(at[last], e.Value)
			continue
		}
		list, _ := at[last].([]any)
		at[last] = added(list, e.Value)
	}
	d.built = root
	return root
}

// merged puts a map into a map; every other value replaces.
func merged(there, value any) any {
	a, isMap := there.(map[string]any)
	b, both := value.(map[string]any)
	if !isMap || !both {
		return copied(value)
	}
	for key, v := range b {
		a[key] = merged(a[key], v)
	}
	return a
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = copied(value)
		}
		return out
	case []any:
		return slices.Clone(v)
	}
	return v
}

// added adds an item to a list once. Patches of one object with one reason are one patch.
func added(list []any, value any) []any {
	item, isMap := value.(map[string]any)
	for i, there := range list {
		if reflect.DeepEqual(there, value) {
			return list
		}
		patch, _ := there.(map[string]any)
		if isMap && patch["reason"] != nil && patch["reason"] == item["reason"] && patch["service"] == item["service"] && patch["kind"] == item["kind"] && patch["public"] == item["public"] {
			list[i] = joined(patch, item)
			return list
		}
	}
	return append(list, copied(value))
}

// joined is two patches as one: maps merge and lists are added to.
func joined(a, b map[string]any) map[string]any {
	for key, v := range b {
		switch there := a[key].(type) {
		case map[string]any:
			if more, ok := v.(map[string]any); ok {
				a[key] = joined(there, more)
				continue
			}
		case []any:
			if more, ok := v.([]any); ok {
				a[key] = joinedLists(there, more)
				continue
			}
		}
		a[key] = copied(v)
	}
	return a
}

// joinedLists is a list with the items of another one. Items of one name, as Kubernetes names them, are one item.
func joinedLists(a, b []any) []any {
	out := slices.Clone(a)
	by := tree.MergeKey(a, b)
	for _, item := range b {
		i := slices.IndexFunc(out, func(there any) bool { return reflect.DeepEqual(there, item) })
		if by != "" && i < 0 {
			i = slices.IndexFunc(out, func(there any) bool { return fmt.Sprint(tree.Name(there, by)) == fmt.Sprint(tree.Name(item, by)) })
		}
		there, isMap := copied(item).(map[string]any)
		switch {
		case i < 0:
			out = append(out, copied(item))
		case isMap:
			out[i] = joined(copied(out[i]).(map[string]any), there)
		}
	}
	return out
}

// Text is the draft as a file. Keys at the top are in the order of the reference.
func (d *Draft) Text(comment string) []byte {
	return yaml.Encode(comment, ordered{d.tree(), topKeys()})
}

// ordered is a map with its keys in an order; others come after these.
type ordered struct {
	values map[string]any
	keys   []string
}

func (o ordered) Len() int { return len(o.values) }

func (o ordered) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, key := range o.keys {
			if v, ok := o.values[key]; ok && !yield(key, v) {
				return
			}
		}
		for _, key := range slices.Sorted(maps.Keys(o.values)) {
			if !slices.Contains(o.keys, key) && !yield(key, o.values[key]) {
				return
			}
		}
	}
}

// topKeys are the keys at the top of a config, as its struct has them.
func topKeys() []string {
	var keys []string
	t := reflect.TypeFor[config.Config]()
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

// paths are the keys of an edit as messages write them, item numbers included where they are known.
func (d *Draft) paths(e *Edit) []string {
	if len(e.Path) == 0 {
		return nil
	}
	path := strings.Join(e.Path, ".")
	if !e.Add {
		return []string{path}
	}
	list, _ := d.Value(e.Path...).([]any)
	for i, item := range list {
		if contains(item, e.Value) {
			return []string{path + "." + strconv.Itoa(i)}
		}
	}
	return []string{path}
}

// places are the keys of an edit down to its values: an item that was added may have become one with others, of which a problem is not about all.
func (d *Draft) places(e *Edit) []string {
	if !e.Add {
		return d.paths(e)
	}
	var out []string
	for _, path := range d.paths(e) {
		list, _ := d.Value(e.Path...).([]any)
		n, err := strconv.Atoi(path[strings.LastIndexByte(path, '.')+1:])
		if err != nil || n >= len(list) {
			out = append(out, path)
			continue
		}
		out = append(out, within(path, list[n], e.Value)...)
	}
	return out
}

// within are the paths of a part's values in all of what it is a part of.
func within(path string, all, part any) []string {
	var out []string
	switch p := part.(type) {
	case map[string]any:
		a, _ := all.(map[string]any)
		for _, key := range tree.Keys(p) {
			if isText(p[key]) && isText(a[key]) && (key == "service" || key == "kind" || key == "reason") {
				continue // what several edits have in common
			}
			out = append(out, within(path+"."+key, a[key], p[key])...)
		}
	case []any:
		a, _ := all.([]any)
		by := tree.MergeKey(a, p)
		for _, item := range p {
			for i, there := range a {
				if contains(there, item) || by != "" && fmt.Sprint(tree.Name(there, by)) == fmt.Sprint(tree.Name(item, by)) {
					out = append(out, within(path+"."+strconv.Itoa(i), there, item)...)
				}
			}
		}
	}
	if out == nil {
		return []string{path}
	}
	return out
}

// contains reports whether everything of a value is in another one.
func contains(all, part any) bool {
	switch p := part.(type) {
	case map[string]any:
		a, ok := all.(map[string]any)
		if !ok {
			return false
		}
		for key, v := range p {
			if !contains(a[key], v) {
				return false
			}
		}
		return true
	case []any:
		a, ok := all.([]any)
		if !ok {
			return false
		}
		for _, v := range p {
			if !slices.ContainsFunc(a, func(x any) bool { return contains(x, v) }) {
				return false
			}
		}
		return true
	}
	return fmt.Sprint(all) == fmt.Sprint(part)
}

func isText(v any) bool { _, is := v.(string); return is }
