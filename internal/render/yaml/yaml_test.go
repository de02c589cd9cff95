package yaml

import (
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
