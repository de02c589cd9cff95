package scip_test

import (
	"os"
	"slices"
	"testing"

	"berth/testbed/internal/scip"
)

// testdata/harbour.scip was made by scip-typescript 0.4.0 (npm) of two files: a class, and a program that uses it.
func TestParse(t *testing.T) {
	content, err := os.ReadFile("testdata/harbour.scip")
	if err != nil {
		t.Fatal(err)
	}
	index, err := scip.Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	if index.Tool != "scip-typescript" || index.ToolVersion != "0.4.0" || index.Encoding != "UTF8" {
		t.Errorf("tool %s %s, encoding %s", index.Tool, index.ToolVersion, index.Encoding)
	}
	const class = "scip-typescript npm harbour 1.0.0 `harbour.ts`/Harbour#"
	for path, want := range map[string][2][]int32{ // where the class is defined, and where it is referred to
		"harbour.ts": {{3, 13, 3, 20}, nil},
		"index.ts":   {nil, {0, 9, 0, 16, 2, 20, 2, 27}},
	} {
		d := slices.IndexFunc(index.Documents, func(d scip.Document) bool { return d.Path == path })
		if d < 0 {
			t.Fatalf("there is no %s", path)
		}
		s := slices.IndexFunc(index.Documents[d].Symbols, func(s scip.Symbol) bool { return s.Name == class })
		if s < 0 {
			t.Fatalf("%s: no %s in %v", path, class, index.Documents[d].Symbols)
		}
		got := index.Documents[d].Symbols[s]
		if !slices.Equal(got.Definitions, want[0]) || !slices.Equal(got.References, want[1]) {
			t.Errorf("%s: %s is defined at %v and referred to at %v, want %v", path, class, got.Definitions, got.References, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	content, err := os.ReadFile("testdata/harbour.scip")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "a text": []byte("a SCIP index, of a kind"), "half an index": content[:len(content)/2]} {
		if _, err := scip.Parse(text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
