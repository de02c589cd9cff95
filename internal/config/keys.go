package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/catalogue"
)

// Kind is what a key's value is.
type Kind string

// The kinds, in the words of messages.
const (
	Text     Kind = "text"
	Number   Kind = "a whole number"
	Flag     Kind = "true or false"
	CPU      Kind = "cores"
	Memory   Kind = "bytes"
	Hidden   Kind = "a secret" // a map with env or file, never the value itself
	Variable Kind = "text or a secret"
	Items    Kind = "a list"
	Named    Kind = "a map" // of names that the admin chooses
	Object   Kind = "keys"  // a fixed set of them
	Anything Kind = "a map of anything"
)

// Key is one key of sourcegraph.yaml: a field of the structs, read from its tags.
type Key struct {
	Name    string
	Also    string // the name that older files have for it
	Doc     string
	Needed  bool   // the file must have it
	Default string // the value without it, where that does not depend on the release
	Example string
	Enum    []string
	On      catalogue.Target // the only target that it is for
	Kind    Kind
	Under   []string // the names that are allowed below a Named, when they are fixed
	File    string   // the kind of file that a text names
	Main    bool     // a text in place of the map above most likely means this key
	Pattern string   // of a text, as editors check it; the decoder says more
	Min     *int
	Max     *int
	Elem    *Key                        // of an Items or a Named
	barred  map[string]catalogue.Target // keys of the type that have no use here, since the key above is for the other target only
	loose   bool                        // text below a name that the admin chooses: it may look like a number or a flag
	keys    func() []*Key
	field   []int
}

// Keys are the keys of an Object or a Hidden. They are made on demand: most files have few of them.
func (k *Key) Keys() []*Key {
	if k.keys == nil {
		return nil
	}
	return k.keys()
}

// Root is the whole file: an Object whose keys are the top keys.
func Root() *Key { return root() }

var root = sync.OnceValue(func() *Key { return keyOf(reflect.TypeFor[Config](), "") })

// Key is a key's child by name, also by its older one, or nil.
func (k *Key) Key(name string) *Key {
	for _, c := range k.Keys() {
		if c.Name == name || c.Also == name && name != "" {
			return c
		}
	}
	return nil
}

// Names are the names of a key's children.
func (k *Key) Names() []string {
	var names []string
	for _, c := range k.Keys() {
		names = append(names, c.Name)
	}
	return names
}

// keyOf describes a type's values, without the tags of a field.
func keyOf(t reflect.Type, unit string) *Key {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	k := &Key{}
	switch {
	case t == reflect.TypeFor[Secret]():
		k.Kind, k.keys = Hidden, fieldKeys(t)
	case t == reflect.TypeFor[Value]():
		k.Kind, k.keys = Variable, fieldKeys(reflect.TypeFor[forms]())
	case t == reflect.TypeFor[Quantity]():
		k.Kind = Kind(unit)
	case t == reflect.TypeFor[map[string]any]():
		k.Kind = Anything
	case t.Kind() == reflect.Struct:
		k.Kind, k.keys = Object, fieldKeys(t)
	case t.Kind() == reflect.Map:
		k.Kind, k.Elem = Named, keyOf(t.Elem(), "")
		k.Elem.loose = k.Elem.Kind == Text
	case t.Kind() == reflect.Slice:
		k.Kind, k.Elem = Items, keyOf(t.Elem(), "")
	case t.Kind() == reflect.Bool:
		k.Kind = Flag
	case t.Kind() == reflect.Int:
		k.Kind = Number
	default:
		k.Kind = Text
	}
	return k
}

func fieldKeys(t reflect.Type) func() []*Key {
	return sync.OnceValue(func() []*Key {
		var keys []*Key
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous { // the keys of an embedded struct are among its own
				keys = append(keys, fieldKey(f))
			}
		}
		return keys
	})
}

func fieldKey(f reflect.StructField) *Key {
	tag := f.Tag
	k := keyOf(f.Type, tag.Get("unit"))
	k.Name, k.Doc, k.Example, k.field = tag.Get("yaml"), tag.Get("doc"), tag.Get("example"), f.Index
	k.Pattern, k.Also = tag.Get("pattern"), tag.Get("also")
	k.File, k.Default, k.Needed = tag.Get("file"), tag.Get("default"), tag.Get("needed") != ""
	k.Main = tag.Get("main") != ""
	if k.Kind == Flag && f.Type.Kind() == reflect.Bool {
		k.Default = "false"
	}
	k.On = catalogue.Target(tag.Get("on"))
	k.Min, k.Max = bound(tag.Get("min")), bound(tag.Get("max"))
	if enum := tag.Get("enum"); enum != "" {
		k.Enum = strings.Split(enum, "|")
	}
	if names := tag.Get("names"); names != "" {
		k.Under = strings.Split(names, "|")
	}
	if k.On != "" {
		k.narrow(k.On)
	}
	if k.Elem != nil {
		k.Elem.Name, k.Elem.Enum, k.Elem.File = cmp.Or(tag.Get("each"), "N"), k.Enum, k.File
	}
	return k
}

// narrow leaves out the keys below that are for the other target only: the key itself is for one.
func (k *Key) narrow(target catalogue.Target) {
	if all := k.keys; all != nil {
		k.barred = map[string]catalogue.Target{}
		k.keys = sync.OnceValue(func() []*Key {
			var keys []*Key
			for _, c := range all() {
				if c.On != "" && c.On != target {
					k.barred[c.Name] = c.On
					continue
				}
				one := *c
				one.narrow(target)
				keys = append(keys, &one)
			}
			return keys
		})
	}
	if k.Elem != nil {
		elem := *k.Elem
		elem.narrow(target)
		k.Elem = &elem
	}
}

func bound(tag string) *int {
	n, err := strconv.Atoi(tag)
	if err != nil {
		return nil
	}
	return &n
}

// paths are the places where a key of that name belongs, such as "services.SERVICE".
func (k *Key) paths(name, path string) []string {
	var found []string
	if slices.Contains(k.Under, name) {
		found = append(found, path)
	}
	for _, c := range k.Keys() {
		if c.Name == name && path != "" {
			found = append(found, path)
		}
		if c.Kind != Hidden && c.Kind != Variable {
			found = append(found, c.paths(name, strings.TrimPrefix(path+"."+c.Name, "."))...)
		}
	}
	if k.Elem != nil {
		found = append(found, k.Elem.paths(name, path+"."+k.Elem.Name)...)
	}
	return found
}

// Visit calls f for everything that is set, with its path: "services.gitserver.replicas".
func (c *Config) Visit(f func(k *Key, path string, v reflect.Value)) {
	Root().visit(reflect.ValueOf(c).Elem(), "", f)
}

// visit calls f for everything that is set in v, whose key is k, with its path.
func (k *Key) visit(v reflect.Value, path string, f func(k *Key, path string, v reflect.Value)) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() || v.IsZero() {
		return
	}
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	f(k, path, v)
	switch k.Kind {
	case Object:
		for _, c := range k.Keys() {
			c.visit(v.FieldByIndex(c.field), below(c.Name), f)
		}
	case Named:
		for _, name := range v.MapKeys() {
			k.Elem.visit(v.MapIndex(name), below(name.String()), f)
		}
	case Items:
		for i := range v.Len() {
			k.Elem.visit(v.Index(i), below(strconv.Itoa(i)), f)
		}
	}
}
