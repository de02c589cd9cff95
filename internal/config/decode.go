package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

const (
	maxValues = 10_000 // aliases can make a small file very large
	maxDepth  = 50
)

// extension begins the name of a top key of the admin's own.
const extension = "x-"

// decoder fills a Config from YAML nodes and collects problems. A value with a problem stays unset.
type decoder struct {
	src      *source
	doc      *Doc
	problems diag.List
	budget   int
	depth    int
}

func (d *decoder) errorf(code string, at diag.Range, hint, format string, args ...any) {
	d.problems = append(d.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Summary: fmt.Sprintf(format, args...), Hint: hint, Range: at})
}

func (d *decoder) document(n *yaml.Node) {
	n, ok := d.open(n)
	if !ok {
		return
	}
	defer d.close()
	if n.Kind != yaml.MappingNode {
		d.errorf("BERTH1105", d.src.node(n), "begin with  target: compose", "the file must have keys, got %s", describe(n))
		return
	}
	if what, hint := foreign(n); what != "" {
		d.errorf("BERTH1175", d.src.node(n.Content[0]), hint, "this is %s, not a config of berth", what)
		return
	}
	d.object(Root(), n, "", reflect.ValueOf(d.doc.Config).Elem())
}

// open follows an alias and counts, so that aliases of aliases end. After true, the caller must call close.
func (d *decoder) open(n *yaml.Node) (*yaml.Node, bool) {
	at := n
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if !d.spend(at) {
		return nil, false
	}
	if tag := n.ShortTag(); !strings.HasPrefix(tag, "!!") {
		d.errorf("BERTH1114", d.src.node(n), "remove the tag", "berth does not accept YAML tags, got %s", tag)
		return nil, false
	}
	d.depth++
	return n, true
}

func (d *decoder) close() { d.depth-- }

// spend counts a value or a key, and reports once when there are too many.
func (d *decoder) spend(n *yaml.Node) bool {
	d.budget--
	if d.budget >= 0 && d.depth < maxDepth {
		return true
	}
	if d.budget > -maxValues {
		d.budget = -2 * maxValues
		d.errorf("BERTH1114", d.src.node(n), "write the values out", "the file expands to more than any config contains")
	}
	return false
}

// value reads the node of a path into v.
func (d *decoder) value(k *Key, n *yaml.Node, path string, v reflect.Value) {
	n, ok := d.open(n)
	if !ok {
		return
	}
	defer d.close()
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && k.Kind != Anything {
		d.errorf("BERTH1113", d.doc.Near(path), "give it a value, or remove the line"+exampleHint(k), "%s has no value", path)
		return
	}
	if v.Kind() == reflect.Pointer {
		pointer, before := v, len(d.problems)
		pointer.Set(reflect.New(v.Type().Elem()))
		v = pointer.Elem()
		defer func() {
			if len(d.problems) > before && k.Kind != Object {
				pointer.SetZero()
			}
		}()
	}
	switch k.Kind {
	case Object:
		if d.is(yaml.MappingNode, k, n, path) {
			d.object(k, n, path, v)
		}
	case Hidden:
		d.secret(k, n, path, v)
	case Variable:
		d.variable(k, n, path, v)
	case Named:
		if d.is(yaml.MappingNode, k, n, path) {
			d.named(k, n, path, v)
		}
	case Anything:
		if d.is(yaml.MappingNode, k, n, path) {
			v.Set(reflect.ValueOf(d.anything(n, path)))
		}
	case Items:
		if d.is(yaml.SequenceNode, k, n, path) {
			d.items(k, n, path, v)
		}
	default:
		if d.is(yaml.ScalarNode, k, n, path) {
			d.scalar(k, n, path, v)
		}
	}
}

// is reports a node of another kind than the key needs.
func (d *decoder) is(kind yaml.Kind, k *Key, n *yaml.Node, path string) bool {
	if n.Kind == kind {
		return true
	}
	d.wrong(k, n, path)
	return false
}

func (d *decoder) wrong(k *Key, n *yaml.Node, path string) {
	hint := cmp.Or(reshaped(k, n, path), instead(k, n))
	if hint == "" {
		hint = "see  berth explain " + path
	}
	want := map[Kind]string{Object: "the keys " + diag.Listed(k.Names(), "and"), CPU: "an amount of cores", Memory: "an amount of bytes"}[k.Kind]
	if want == "" {
		want = string(k.Kind)
	}
	verb := "must be"
	if k.Kind == Object {
		verb = "must have"
	}
	if k.Kind == Hidden || k.Kind == Variable {
		d.errorf("BERTH1105", maskedFrom(d.src.node(n), n), hint, "%s must be %s", path, want) // the node may be the secret itself
		return
	}
	d.errorf("BERTH1105", d.src.node(n), hint, "%s %s %s, got %s", path, verb, want, describe(n))
}

// pairs visits a map's keys and values, and records their places. It leaves out those that can't be read.
func (d *decoder) pairs(n *yaml.Node, path string, visit func(name, path string, key, value *yaml.Node)) {
	first := map[string]int{}
	content := d.withMerged(n)
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		switch {
		case !d.spend(key):
			return
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			d.errorf("BERTH1105", d.src.node(key), "", "a key must be text, got %s", describe(key))
			continue
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if line, ok := first[key.Value]; ok {
			d.errorf("BERTH1104", d.src.node(key), fmt.Sprintf("line %d has it already; keep one", line), "duplicate key %s", at)
			continue
		}
		first[key.Value] = key.Line
		d.record(at, key, value)
		visit(key.Value, at, key, value)
	}
}

// withMerged are the keys and values of a map, with those that its merge keys (<<) bring. Its own win, then those that come first.
//
// Source: https://yaml.org/type/merge.html
func (d *decoder) withMerged(n *yaml.Node) []*yaml.Node {
	var own, merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key, value := n.Content[i], n.Content[i+1]; key.ShortTag() == "!!merge" {
			merged = append(merged, d.merged(value)...)
		} else {
			own = append(own, key, value)
		}
	}
	there := map[string]bool{}
	for i := 0; i < len(own); i += 2 {
		there[own[i].Value] = true
	}
	for i := 0; i+1 < len(merged); i += 2 {
		if name := merged[i].Value; !there[name] {
			there[name] = true
			own = append(own, merged[i], merged[i+1])
		}
	}
	return own
}

// merged are the keys and values that a merge key names: those of a map, or of a list of maps.
func (d *decoder) merged(at *yaml.Node) (out []*yaml.Node) {
	n, ok := d.open(at)
	if !ok {
		return nil
	}
	defer d.close()
	switch n.Kind {
	case yaml.MappingNode:
		for range n.Content {
			if !d.spend(n) {
				return nil
			}
		}
		return d.withMerged(n)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			out = append(out, d.merged(item)...)
		}
		return out
	}
	d.errorf("BERTH1114", d.src.node(at), "write  <<: *NAME, where NAME stands as &NAME before a map", "a merge key (<<) takes a map, got %s", describe(n))
	return nil
}

func (d *decoder) record(path string, key, value *yaml.Node) {
	r := d.src.node(value)
	if key != nil {
		d.doc.keys[path] = d.src.node(key)
		if r.Line > key.Line && value.Kind != yaml.ScalarNode {
			r = d.doc.keys[path]
		}
	}
	d.doc.values[path] = r
}

func (d *decoder) object(k *Key, n *yaml.Node, path string, v reflect.Value) {
	d.pairs(n, path, func(name, at string, key, value *yaml.Node) {
		c := k.Key(name)
		if c == nil && path == "" && strings.HasPrefix(name, extension) {
			return // it only holds what anchors name, as in a Compose file
		}
		if c == nil {
			d.unknown(k, name, path, key, value)
			return
		}
		if c.Also != "" {
			if at = d.older(c, name, path, key, value); at == "" {
				return
			}
		}
		d.value(c, value, at, v.FieldByIndex(c.field))
	})
}

// older returns the path of a key that has an older name too, whichever the file uses; "" after it reported that the file has both.
func (d *decoder) older(c *Key, name, path string, key, value *yaml.Node) string {
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	other := c.Name
	if name == c.Name {
		other = c.Also
	}
	if d.doc.Has(below(other)) {
		d.errorf("BERTH1104", d.src.node(key), fmt.Sprintf("%s is the older name of %s; keep one of them", c.Also, c.Name), "%s and %s are the same key", other, name)
		return ""
	}
	if name == c.Also {
		d.record(below(c.Name), key, value)
	}
	return below(c.Name)
}

func (d *decoder) named(k *Key, n *yaml.Node, path string, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(name, at string, key, value *yaml.Node) {
		if k.Under != nil && !slices.Contains(k.Under, name) {
			hint := ""
			if guess := diag.Closest(name, k.Under); guess != "" {
				hint = fmt.Sprintf("did you mean %s?", guess)
			}
			d.errorf("BERTH1118", d.src.node(key), hint, "%s can be %s, got %q", path, diag.Listed(k.Under, "or"), name)
			return
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		before := len(d.problems)
		d.value(k.Elem, value, at, elem)
		if len(d.problems) == before || k.Elem.Kind == Object {
			v.SetMapIndex(reflect.ValueOf(name), elem)
		}
	})
}

func (d *decoder) items(k *Key, n *yaml.Node, path string, v reflect.Value) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		at := path + "." + strconv.Itoa(i)
		d.record(at, nil, item)
		d.value(k.Elem, item, at, v.Index(i))
	}
}

// variable reads a plain text, {public: TEXT}, or where a secret is.
func (d *decoder) variable(k *Key, n *yaml.Node, path string, v reflect.Value) {
	if n.Kind == yaml.ScalarNode {
		v.Set(reflect.ValueOf(Value{Text: n.Value}))
		return
	}
	if !d.is(yaml.MappingNode, k, n, path) {
		return
	}
	var f forms
	before := len(d.problems)
	d.object(k, n, path, reflect.ValueOf(&f).Elem())
	given := 0
	for _, set := range []bool{f.Env != "", f.File != "", f.Public != "", f.SecretKey != nil, f.ConfigMapKey != nil, f.PasswordOf != ""} {
		if set {
			given++
		}
	}
	switch {
	case len(d.problems) > before:
	case given != 1:
		d.errorf("BERTH1117", d.doc.Near(path), "write  {env: NAME}  or  {file: PATH}", "%s must have one of %s", path, diag.Listed(k.Names(), "and"))
	case f.Env != "" || f.File != "":
		v.Set(reflect.ValueOf(Value{Secret: &Secret{Env: f.Env, File: f.File}}))
	default:
		v.Set(reflect.ValueOf(Value{Text: f.Public, Public: f.Public != "", SecretKey: f.SecretKey, ConfigMapKey: f.ConfigMapKey, PasswordOf: f.PasswordOf}))
	}
}

// secret reads {env: NAME} or {file: PATH}.
func (d *decoder) secret(k *Key, n *yaml.Node, path string, v reflect.Value) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		d.errorf("BERTH1116", maskedFrom(d.src.node(n), n), "write  {env: NAME}  or  {file: PATH}, and keep the value there",
			"%s is a secret, which must not be in this file", path)
		return
	}
	if !d.is(yaml.MappingNode, k, n, path) {
		return
	}
	before := len(d.problems)
	d.object(k, n, path, v)
	if s := v.Interface().(Secret); len(d.problems) == before && (s.Env == "") == (s.File == "") {
		v.SetZero()
		d.errorf("BERTH1117", d.doc.Near(path), "write  {env: NAME}  or  {file: PATH}", "%s must have one of env and file", path)
	}
}

var decimal = lazy(`^-?(0|[1-9][0-9]*)$`)

func (d *decoder) scalar(k *Key, n *yaml.Node, path string, v reflect.Value) {
	tag := n.ShortTag()
	switch k.Kind {
	case Flag:
		if tag != "!!bool" {
			d.wrong(k, n, path)
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case Number:
		number, err := strconv.Atoi(n.Value)
		if tag != "!!int" || err != nil || !decimal().MatchString(n.Value) {
			d.wrong(k, n, path)
			return
		}
		if d.inRange(k, number, n, path) {
			v.SetInt(int64(number))
		}
	case CPU, Memory:
		if tag != "!!str" && tag != "!!int" && tag != "!!float" {
			d.wrong(k, n, path)
			return
		}
		d.quantity(k, n, path, v)
	default:
		d.text(k, n, path, v)
	}
}

// text accepts numbers too, as they are written: release: 7.5 and user: 1000 mean what they look like.
func (d *decoder) text(k *Key, n *yaml.Node, path string, v reflect.Value) {
	if n.ShortTag() == "!!bool" && len(k.Enum) == 0 && !k.loose {
		d.wrong(k, n, path)
		return
	}
	if len(k.Enum) > 0 && !slices.Contains(k.Enum, n.Value) {
		hint := "write one of them"
		if guess := diag.Closest(n.Value, k.Enum); guess != "" {
			hint = fmt.Sprintf("did you mean %s?", guess)
		} else if same := synonyms[strings.ToLower(n.Value)]; slices.Contains(k.Enum, same) {
			hint = "write " + same
		}
		d.errorf("BERTH1106", d.src.node(n), hint, "%s must be %s, got %q", path, diag.Listed(k.Enum, "or"), n.Value)
		return
	}
	v.SetString(n.Value)
}

// synonyms are what people call one of our values elsewhere.
var synonyms = map[string]string{
	"docker": "compose", "docker-compose": "compose", "k8s": "kubernetes", "kube": "kubernetes", "helm": "kubernetes", "eks": "kubernetes", "gke": "kubernetes", "aks": "kubernetes",
	"minio": "s3", "aws": "s3", "ceph": "s3", "gcp": "gcs", "google": "gcs", "iam": "identity",
}

func (d *decoder) inRange(k *Key, number int, n *yaml.Node, path string) bool {
	bounds := ""
	switch {
	case (k.Min == nil || number >= *k.Min) && (k.Max == nil || number <= *k.Max):
		return true
	case k.Max == nil:
		bounds = fmt.Sprintf("%d or more", *k.Min)
	default:
		bounds = fmt.Sprintf("from %d to %d", *k.Min, *k.Max)
	}
	hint := ""
	if k.Name == "replicas" && number == 0 {
		hint = "to leave a service out, write  enabled: false"
	}
	d.errorf("BERTH1108", d.src.node(n), hint, "%s must be %s, got %d", path, bounds, number)
	return false
}

func (d *decoder) quantity(k *Key, n *yaml.Node, path string, v reflect.Value) {
	q := Quantity(n.Value)
	_, err := Cores(q)
	if k.Kind == Memory {
		_, err = Bytes(q)
	}
	var wrong *quantityError
	if errors.As(err, &wrong) {
		d.errorf("BERTH1107", d.src.node(n), wrong.instead, "%s %s", path, wrong.problem)
		return
	}
	v.SetString(n.Value)
}

// anything keeps a map unchanged: for patches, whose form is the target's.
func (d *decoder) anything(n *yaml.Node, path string) map[string]any {
	m := map[string]any{}
	d.pairs(n, path, func(name, at string, _, value *yaml.Node) { m[name] = d.any(value, at) })
	return m
}

func (d *decoder) any(n *yaml.Node, path string) any {
	if value, done := d.instruction(n, path); done {
		return value
	}
	n, ok := d.open(n)
	if !ok {
		return nil
	}
	defer d.close()
	switch n.Kind {
	case yaml.MappingNode:
		return d.anything(n, path)
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, item := range n.Content {
			at := path + "." + strconv.Itoa(i)
			d.record(at, nil, item)
			items[i] = d.any(item, at)
		}
		return items
	}
	var v any
	if err := n.Decode(&v); err != nil {
		d.errorf("BERTH1105", d.src.node(n), "put it in quotes if it is text", "%s can't be read: %v", path, err)
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	return v
}

// instruction reads Compose's own tags, which are for patches of the Compose file only.
func (d *decoder) instruction(n *yaml.Node, path string) (value any, done bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	tag := n.ShortTag()
	if tag != Override && tag != Reset || !slices.ContainsFunc([]string{".compose.", ".project."}, func(key string) bool {
		return strings.HasPrefix(path, "patches.") && strings.Contains(path, key)
	}) {
		return nil, false
	}
	if tag == Reset {
		return map[string]any{Reset: true}, true
	}
	untagged := *n
	untagged.Tag = ""
	return map[string]any{Override: d.any(&untagged, path)}, true
}
