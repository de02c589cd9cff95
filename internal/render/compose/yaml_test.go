package compose

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// trees draws values such as rendering has, with all sorts of texts.
func trees(depth int) *rapid.Generator[any] {
	text := rapid.Map(rapid.OneOf(rapid.String(), rapid.StringMatching(`[-a-zA-Z0-9_:./@#"'{}\[\]&*!|>%~ ]{0,12}`),
		rapid.SampledFrom([]string{"", "true", "No", "null", "~", "1e3", "0x1f", "1_000", ".5", "a: b", "a #b", "- a", "? x", "08", "1:30", "on"})), func(s string) any { return s })
	leaf := rapid.OneOf(text, rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.IntRange(-5, 5000), func(i int) any { return i }))
	if depth == 0 {
		return leaf
	}
	sub := trees(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Custom(func(t *rapid.T) any {
			m := mapping{}
			for key := range rapid.MapOfN(rapid.StringMatching(`[-a-zA-Z0-9_.: #]{1,8}`), rapid.Bool(), 0, 4).Draw(t, "keys") {
				m = append(m, field{key, sub.Draw(t, key)})
			}
			return m
		}),
		rapid.Map(rapid.SliceOfN(sub, 0, 4), func(l []any) any { return sequenceOf(l) }))
}

// What is written is what the YAML library reads.
func TestWrittenYAMLReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := mapping{{"top", trees(3).Draw(t, "tree")}}
		text := encode("comment", want)
		var got any
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(plain(want), got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}
