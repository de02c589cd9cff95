package fields

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// clone copies a tree into the form of the API server's JSON.
func clone(tree map[string]any) map[string]any {
	text, _ := json.Marshal(tree)
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return out
}

// anyTree draws a tree as objects have them, with lists whose items have keys.
func anyTree(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		names := []string{"name", "spec", "app.kubernetes.io/name", "zone", "containers", "env", "args", "limits"}
		out := map[string]any{"name": rapid.SampledFrom([]string{"a", "b.c"}).Draw(t, "name")}
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			name := rapid.SampledFrom(names).Draw(t, "field")
			switch {
			case name == "name":
			case depth > 0 && (name == "containers" || name == "env"):
				items := []any{}
				for i := range rapid.IntRange(1, 3).Draw(t, "items") {
					item := anyTree(depth-1).Draw(t, "item")
					item["name"] = fmt.Sprint("i", i)
					items = append(items, item)
				}
				out[name] = items
			case depth > 0 && (name == "spec" || name == "limits"):
				out[name] = anyTree(depth-1).Draw(t, "tree")
			case name == "args":
				out[name] = []any{"x", "y"}
			default:
				out[name] = rapid.SampledFrom([]any{"x", "1", true, 1.0, "1000m"}).Draw(t, "value")
			}
		}
		return out
	})
}

// paths are all fields of a tree, written as in plans.
func paths(tree map[string]any, before string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at := strings.TrimPrefix(before+"."+name, ".")
		out = append(out, at)
		switch x := tree[name].(type) {
		case map[string]any:
			out = append(out, paths(x, at)...)
		case []any:
			keys := Keys(name, x)
			for i, item := range x {
				out = append(out, at+itemText(x, i, keys))
				if m, ok := item.(map[string]any); ok {
					out = append(out, paths(m, at+itemText(x, i, keys))...)
				}
			}
		}
	}
	return out
}

func TestWithoutRemovesExactlyTheFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := anyTree(3).Draw(t, "tree")
		before := clone(tree)
		all := paths(tree, "")
		field := rapid.SampledFrom(all).Draw(t, "field")
		if strings.HasSuffix(field, "].name") {
			return // without its key, an item is another one
		}
		got := Without(tree, field, "not.there[name=x]")
		if diff := cmp.Diff(before, clone(tree)); diff != "" {
			t.Fatalf("the tree itself changed\n%s", diff)
		}
		if strings.HasSuffix(field, "]") && strings.Contains(field, "args[") {
			return // the index of later items changes
		}
		want := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return Within(f, field) })
		if diff := cmp.Diff(append([]string{}, want...), append([]string{}, paths(got, "")...)); diff != "" {
			t.Fatalf("without %s\n%s", field, diff)
		}
	})
}

func TestQuantities(t *testing.T) {
	for _, same := range [][2]any{{"1000m", "1"}, {"1Gi", "1024Mi"}, {"1", 1}, {"0.5", "500m"}, {"1e3", "1k"}, {"2E", "2000P"}, {"100u", "100000n"}, {0.5, "500m"}} {
		if !SameQuantity(same[0], same[1]) {
			t.Errorf("%v is not %v", same[0], same[1])
		}
	}
	for _, other := range [][2]any{{"1G", "1Gi"}, {"1", "2"}, {"x", "x"}, {"", ""}, {"1/2", "500m"}, {"1e999999999", "1"}} {
		if SameQuantity(other[0], other[1]) {
			t.Errorf("%v is %v", other[0], other[1])
		}
	}
}
