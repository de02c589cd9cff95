package reference

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "rewrite the generated files")

func TestFresh(t *testing.T) {
	schema, err := Schema(nil)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string][]byte{
		"schema/sourcegraph.schema.json": schema,
		"docs/config.md":                 configPage(),
		"docs/settings.md":               settingsPage(t),
		"docs/codes.md":                  codesPage(t),
		"docs/sizes.md":                  sizesPage(t),
		"docs/pictures/sizes.svg":        []byte(unknownNumbers(t).Plot()),
		"docs/support.md":                supportPage(catalogue.Embedded().SupportRecord()),
		"docs/upgrade-rules.md":          rulesPage(catalogue.Embedded().Upgrades()),
	}
	maps.Copy(pages, architecturePages(t))
	for name, want := range pages {
		file := filepath.Join("../../..", name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale; run: go test ./internal/config/reference -update\n%s", name, diff)
		}
	}
}

// TestRulesNameKeys proves that upgrade rules name existing keys of the config.
func TestRulesNameKeys(t *testing.T) {
	u := catalogue.Embedded().Upgrades()
	for _, a := range append(slices.Clone(u.ByHand), u.Changes...) {
		k := config.Root()
		for _, name := range strings.FieldsFunc(a.Needs, func(r rune) bool { return r == '.' }) {
			if k = k.Key(name); k == nil {
				t.Fatalf("%q is for configs with %s, and there is no such key", a.Text, a.Needs)
			}
		}
	}
}

// TestAgree proves that the schema and the decoder accept and refuse the same files.
func TestAgree(t *testing.T) {
	validate := compile(t)
	files := map[string]bool{
		"on: compose\nurl: http://x\n":                                    true,
		"on: compose\ntarget: compose\nurl: http://x\n":                   false,
		"url: http://x\n":                                                 false,
		"target: compose\nurl: http://x\n":                                true,
		"target: compose\nurl: http://x\nrelease: 7.5\nname: 12\n":        true,
		"target: kubernetes\nurl: http://x\nkubernetes: {namespace: a}\n": true,
		"target: compose\nurl: http://x\nservices: {gitserver: {replicas: 2, cpu: 4, memory: 8Gi, storage: 1.5Ti, enabled: true}}":  true,
		"target: compose\nurl: http://x\nservices: {gitserver: {cpu: 500m, env: {A: 1, B: true, C: x, D: {env: D}, E: {file: f}}}}": true,
		"target: compose\nurl: http://x\ndatabases: {pgsql: {settings: {a: 1, b: on, c: true, d.e: 4GB}}}":                          true,
		"target: compose\nurl: http://x\nallServices: {labels: {a.b: true}, timezone: UTC, logging: {options: {max-size: 10m}}}\n":  true,
		"target: compose\nurl: http://x\nservices: {gitserver: {instances: {'0': {memory: 8Gi, volume: {path: /mnt}}}}}\n":          true,
		"target: kubernetes\nurl: http://x\nservices: {gitserver: {env: {A: {secretKey: {name: a, key: b}}}}}\n":                    true,
		"target: compose\nurl: http://x\nservices: {gitserver: {instances: [{memory: 8Gi}]}}\n":                                     false,
		"target: compose\nurl: http://x\nservices: {gitserver: {mounts: {at: /a}}}\n":                                               false,
		"target: compose\nurl: http://x\nservices: {gitserver: {env: {A: {public: a}}}}\nproxy: {http: {env: P}, https: a}\n":       true,
		"target: compose\nurl: http://x\npatches: [{service: a, public: true, compose: {a: b}}]\n":                                  true,
		"target: compose\nurl: http://x\nlicense: {public: a}\n":                                                                    false,
		"target: compose\nurl: http://x\nproxy: {http: {env: a, public: b}}\n":                                                      false,
		"target: compose\nurl: http://x\nproxy: {http: [a]}\n":                                                                      false,
		"target: compose\nurl: http://x\nlicense: {env: A}\nexecutors: {queues: [batches]}\n":                                       true,
		"target: compose\nurl: http://x\npatches: [{service: a, compose: {a: null, b: [1]}}]\n":                                     true,
		"target: compose\nurl: http://x\nobjectStorage: {backend: s3, accessKeyID: {file: a}}\n":                                    true,
		"target: compose\n":                                                  false,
		"target: docker\nurl: http://x\n":                                    false,
		"[]":                                                                 false,
		"target: compose\nurl: [x]\n":                                        false,
		"target: compose\nurl: true\n":                                       false,
		"target: compose\nurl:\n":                                            false,
		"target: compose\nurl: http://x\nsize: xxl\n":                        false,
		"target: compose\nurl: http://x\nservises: {}\n":                     false,
		"target: compose\nurl: http://x\nlicense: abc\n":                     false,
		"target: compose\nurl: http://x\nlicense: {}\n":                      false,
		"target: compose\nurl: http://x\nlicense: {env: a, file: b}\n":       false,
		"target: compose\nurl: http://x\nlicense: {env: ''}\n":               false,
		"target: compose\nurl: http://x\nports: {http: 0}\n":                 false,
		"target: compose\nurl: http://x\nports: {http: 65536}\n":             false,
		"target: compose\nurl: http://x\nports: {http: '80'}\n":              false,
		"target: compose\nurl: http://x\nservices: {a: {replicas: 0}}\n":     false,
		"target: compose\nurl: http://x\nservices: {a: {replicas: 1.5}}\n":   false,
		"target: compose\nurl: http://x\nservices: {a: {memory: 8g}}\n":      false,
		"target: compose\nurl: http://x\nservices: {a: {memory: 8}}\n":       false,
		"target: compose\nurl: http://x\nservices: {a: {cpu: 2cores}}\n":     false,
		"target: compose\nurl: http://x\nservices: {a: {cpu: 0}}\n":          false,
		"target: compose\nurl: http://x\nservices: {a: {cpu: -1}}\n":         false,
		"target: compose\nurl: http://x\nservices: {a: {env: {X: [1]}}}\n":   false,
		"target: compose\nurl: http://x\nservices: {a: {enabled: 'true'}}\n": false,
		"target: compose\nurl: http://x\ndatabases: {pg: {}}\n":              false,
		"target: compose\nurl: http://x\nexecutors: {queues: batches}\n":     false,
		"target: compose\nurl: http://x\nexecutors: {queues: [all]}\n":       false,
		"target: compose\nurl: http://x\npatches: {a: 1}\n":                  false,
		"target: compose\nurl: http://x\npatches: [{compose: [1]}]\n":        false,
		"target: compose\nurl: http://x\ntls: {letsEncrypt: {mail: a}}\n":    false,
	}
	for text, good := range files {
		var value any
		if err := yaml.Load([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		schemaErr := validate(value)
		doc, problems := config.Load("f", []byte(text))
		decoder := !problems.Failed() && doc.Config.On != "" && doc.Config.URL != ""
		if (schemaErr == nil) != good || decoder != good {
			t.Errorf("good=%v, schema says %v, decoder says %v\n%s", good, schemaErr, problems, text)
		}
	}
}

// TestExamples proves that every example can be copied into a config.
func TestExamples(t *testing.T) {
	var walk func(k *config.Key, path []string)
	walk = func(k *config.Key, path []string) {
		if k.Example != "" {
			_, problems := config.Load("f", []byte(asFile(path, k.Example)))
			if problems.Failed() {
				t.Errorf("%v: %s: %v", path, k.Example, problems)
			}
		}
		for _, c := range k.Keys() {
			walk(c, append(path[:len(path):len(path)], c.Name))
		}
		if k.Elem != nil {
			name := k.Elem.Name
			if k.Under != nil {
				name = k.Under[0]
			}
			walk(k.Elem, append(path[:len(path):len(path)], name))
		}
	}
	walk(config.Root(), nil)
}

// asFile writes one key as a file in brackets.
func asFile(path []string, value string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == "N" {
			value = "[" + value + "]"
		} else {
			value = "{" + strconv.Quote(path[i]) + ": " + value + "}"
		}
	}
	return value
}

func compile(t *testing.T) func(any) error {
	t.Helper()
	schema, err := Schema(nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("mem:///schema")
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate
}
