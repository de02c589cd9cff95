package reference

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"go.yaml.in/yaml/v4"
)

//go:embed testdata/examples.yaml
var examplesFile []byte

// needed is what a key's example needs around it.
type needed struct {
	Names   map[string]string           `yaml:"names"`   // in place of names of the admin's choice, such as SERVICE
	Beside  map[string]any              `yaml:"beside"`  // keys under the same parent
	Besides map[string]any              `yaml:"besides"` // other keys, from the top
	Still   map[catalogue.Target]string `yaml:"still"`   // why nothing that is rendered changes
}

// usual are names of the admin's choice, by what the reference calls them.
var usual = map[string]string{"SERVICE": "gitserver", "NAME": "tunnel", "POOL": "insights", "DATABASE": "pgsql", "STORE": "redis-cache",
	"NUMBER": "0", "LIMIT": "nofile"}

// TestExamplesRender: each key that has no keys below it has an example. Where the key has a meaning, a config with the example is accepted and
// renders something else than the same config without it; or it is refused without it.
func TestExamplesRender(t *testing.T) {
	var around map[string]needed
	if err := yaml.Load(examplesFile, &around, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	if catalogue.Embedded().Newest(catalogue.Compose) != config.Root().Key("release").Example {
		delete(around["release"].Still, catalogue.Compose) // a newer one is the default
	}
	keys, still := 0, 0
	walkLeaves(config.Root(), "", "", func(k *config.Key, path string, on catalogue.Target) {
		keys++
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			if on != "" && on != target {
				continue
			}
			need := closest(around, path)
			if need.Still[target] != "" {
				still++
			}
			if problem := without(k, path, need, target); problem != "" {
				t.Errorf("%s on %s: %s", path, target, problem)
			}
		}
	})
	for path := range around {
		if !reached(path) {
			t.Errorf("testdata/examples.yaml has %s, which is no key", path)
		}
	}
	t.Logf("%d keys, %d of them on a target that render nothing else", keys, still)
	if keys < 150 {
		t.Errorf("only %d keys were tried", keys)
	}
}

// walkLeaves visits the keys without keys below them, with the only target that they, or a key above them, are for.
func walkLeaves(k *config.Key, path string, on catalogue.Target, f func(k *config.Key, path string, on catalogue.Target)) {
	if on != "" && k.On != "" && on != k.On {
		return // it has no meaning here, as annotations of an instance
	}
	on = cmp.Or(on, k.On)
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch {
	case k.Kind == config.Object:
		for _, c := range k.Keys() {
			walkLeaves(c, below(c.Name), on, f)
		}
	case k.Elem != nil && k.Elem.Kind == config.Object:
		walkLeaves(k.Elem, below(k.Elem.Name), on, f)
	default:
		f(k, path, on)
	}
}

// closest is what is said of a key, or else of the closest key above it. What holds for a service holds where else its keys are.
func closest(around map[string]needed, path string) needed {
	for _, same := range []string{"allServices.", "services.SERVICE.instances.NUMBER."} {
		if rest, of := strings.CutPrefix(path, same); of {
			path = "services.SERVICE." + rest
		}
	}
	for {
		if n, has := around[path]; has {
			return n
		}
		i := strings.LastIndex(path, ".")
		if i < 0 {
			return needed{}
		}
		path = path[:i]
	}
}

// reached reports whether a path is one of a key, or one above it.
func reached(path string) bool {
	found := false
	walkLeaves(config.Root(), "", "", func(_ *config.Key, leaf string, _ catalogue.Target) {
		found = found || leaf == path || strings.HasPrefix(leaf, path+".")
	})
	return found
}

// without compares a config with a key's example and without it; "" when they differ as they should.
func without(k *config.Key, path string, need needed, target catalogue.Target) string {
	if k.Example == "" {
		return "it has no example"
	}
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		names = append(names, cmp.Or(need.Names[name], usual[name], name))
	}
	example, err := parsed(asFile(names, k.Example))
	if err != nil {
		return err.Error()
	}
	siblings, _ := parsed(asFile(names[:len(names)-1], "{}"))
	plain := map[string]any{"target": string(target), "url": "https://sourcegraph.example.com", "release": "7.5.4453"}
	if names[0] != "tls" {
		plain["tls"] = map[string]any{"external": true}
	}
	merge(plain, need.Besides)
	if len(need.Beside) > 0 {
		parent := siblings
		for _, name := range names[:len(names)-1] {
			parent = below(parent, name)
		}
		maps.Copy(parent, need.Beside)
		for _, other := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			if other != target {
				delete(parent, string(other)) // of a patch
			}
		}
		merge(plain, siblings)
	}
	if target == catalogue.Compose {
		delete(plain, "kubernetes")
	}
	base, _ := parsed(text(plain))
	merge(plain, example)
	with, problems := rendered(text(plain))
	if problems.Failed() {
		return fmt.Sprintf("%s\n%v", text(plain), problems)
	}
	remove(base, names)
	old, before := rendered(text(base))
	same := old == with && len(problems) == len(before)
	still := need.Still[target]
	switch {
	case same && still == "":
		return "the example changes nothing in what is rendered"
	case !same && still != "":
		return "the example changes what is rendered, but testdata/examples.yaml says: " + still
	}
	return ""
}

// merge puts what b has into a, deeply; lists of maps of the same place are one.
func merge(a, b map[string]any) {
	for name, value := range b {
		below, isMap := value.(map[string]any)
		if there, has := a[name].(map[string]any); isMap && has {
			there = maps.Clone(there)
			merge(there, below)
			a[name] = there
			continue
		}
		list, isList := value.([]any)
		if there, has := a[name].([]any); isList && has && len(list) == 1 && len(there) == 1 {
			first, ok := there[0].(map[string]any)
			second, also := list[0].(map[string]any)
			if ok && also {
				first = maps.Clone(first)
				merge(first, second)
				a[name] = []any{first}
				continue
			}
		}
		a[name] = value
	}
}

// remove removes a key.
func remove(m map[string]any, names []string) {
	for _, name := range names[:len(names)-1] {
		m = below(m, name)
	}
	delete(m, names[len(names)-1])
}

// below is the map below a name; N is the first item of a list, which is what is below the name before it.
func below(m map[string]any, name string) map[string]any {
	if name == "N" {
		return m
	}
	if list, ok := m[name].([]any); ok && len(list) > 0 {
		m, _ = list[0].(map[string]any)
		return m
	}
	m, _ = m[name].(map[string]any)
	return m
}

func parsed(text string) (m map[string]any, err error) {
	err = yaml.Load([]byte(text), &m)
	return m, err
}

func text(m map[string]any) string {
	out, err := yaml.Dump(m)
	if err != nil {
		panic(err)
	}
	return string(out)
}
