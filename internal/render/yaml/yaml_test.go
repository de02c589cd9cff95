package yaml

import (
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	reader "go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// ordered is a mapping as rendering has it.
type ordered []pair

type pair struct {
	key   string
	value any
}

func (o ordered) Len() int { return len(o) }

func (o ordered) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, p := range o {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

// trees draws values as rendering has them, with all sorts of texts.
func trees(depth int) *rapid.Generator[any] {
	text := rapid.Map(rapid.OneOf(rapid.String(), rapid.StringMatching(`([ -~\t]{0,6}\n){1,4}[ -~]{0,6}`), rapid.StringMatching(`[-a-zA-Z0-9_:./@#"'{}\[\]&*!|>%~ ]{0,12}`),
		rapid.SampledFrom([]string{"", "true", "No", "null", "~", "1e3", "0x1f", "1_000", ".5", "a: b", "a #b", "- a", "? x", "08", "1:30", "on"})), func(s string) any { return s })
	leaf := rapid.OneOf(text, rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.IntRange(-5, 5000), func(i int) any { return i }))
	if depth == 0 {
		return leaf
	}
	sub := trees(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Custom(func(t *rapid.T) any {
			m := ordered{}
			for key := range rapid.MapOfN(rapid.StringMatching(`[-a-zA-Z0-9_.: #]{1,8}`), rapid.Bool(), 0, 4).Draw(t, "keys") {
				m = append(m, pair{key, sub.Draw(t, key)})
			}
			return m
		}),
		rapid.Map(rapid.MapOfN(rapid.StringMatching(`[-a-zA-Z0-9_.: #]{1,8}`), sub, 0, 4), func(m map[string]any) any { return m }),
		rapid.Map(rapid.SliceOfN(sub, 0, 4), func(l []any) any { return l }))
}

// TestWrittenYAMLReadsBack: the YAML library reads what was written.
func TestWrittenYAMLReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := ordered{{"top", trees(3).Draw(t, "tree")}}
		text := Encode("comment", want)
		var got any
		if err := reader.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(Plain(want), got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}

// BenchmarkEncode is the reason for this package: what writing a project of 26 services takes, by it and by the library.
func BenchmarkEncode(b *testing.B) {
	services := map[string]any{}
	for i := range 26 {
		services[fmt.Sprintf("service-%d", i)] = map[string]any{"image": "index.docker.io/sourcegraph/frontend:7.5.4453@sha256:0123456789abcdef",
			"environment": map[string]any{"PGHOST": "pgsql", "GOMAXPROCS": "12", "SRC_LOG_LEVEL": "info", "DEPLOY_TYPE": "docker-compose", "SRC_GIT_SERVERS": "gitserver-0:3178"},
			"cpus":        1.5, "mem_limit": "4g", "restart": "always", "networks": []any{"sourcegraph"}, "volumes": []any{"data:/mnt", "cache:/cache"},
			"healthcheck": map[string]any{"test": "wget -q 'http://127.0.0.1:3080/healthz' -O /dev/null || exit 1", "interval": "5s", "retries": 10}}
	}
	project := map[string]any{"name": "sourcegraph", "services": services}
	b.Run("berth", func(b *testing.B) {
		for b.Loop() {
			Encode("", project)
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := reader.Dump(project); err != nil {
				b.Fatal(err)
			}
		}
	})
}
