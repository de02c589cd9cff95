package reference

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/config"
)

// TestNamesOfTheChart: docs/kubernetes.md has the names that messages use.
func TestNamesOfTheChart(t *testing.T) {
	const file = "../../../docs/kubernetes.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := []byte("<!-- Generated from internal/config/names.yaml. Regenerate with: make gen -->\n\n")
	end := []byte("\n<!-- End of the generated part. -->\n")
	i, j := bytes.Index(text, begin), bytes.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("%s has no generated part", file)
	}
	var b strings.Builder
	names := func(head string, list []config.Name) {
		fmt.Fprintf(&b, "| %s | here |\n|---|---|\n", head)
		for _, n := range list {
			fmt.Fprintf(&b, "| %s | %s |\n", n.Them, n.Ours)
		}
	}
	names("value of a service", config.Theirs().ChartService)
	b.WriteString("\n")
	names("value", config.Theirs().Chart)
	want := slices.Concat(text[:i+len(begin)], []byte(b.String()), text[j:])
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(text, want) {
		t.Errorf("%s differs from names.yaml; run: make gen", file)
	}
}

// TestNamesLeadToKeys: each key that the answer to a foreign name gives is one of ours.
func TestNamesLeadToKeys(t *testing.T) {
	key := regexp.MustCompile("`([a-zA-Z]+(?:\\.[a-zA-Z-]+)+)`")
	tops := map[string]bool{}
	for _, k := range config.Root().Keys() {
		tops[k.Name] = true
	}
	all := config.Theirs()
	for _, n := range slices.Concat(all.ChartService, all.Chart, all.ComposeService, all.Compose) {
		for _, m := range key.FindAllStringSubmatch(n.Ours, -1) {
			if top, _, _ := strings.Cut(m[1], "."); !tops[top] {
				continue // a field of an object
			}
			if !isKey(m[1]) {
				t.Errorf("%s leads to %s, which is no key", n.Them, m[1])
			}
		}
	}
	if len(all.Chart) < 40 || len(all.ChartService) < 15 || len(all.ComposeService) < 5 {
		t.Errorf("names.yaml was read as %d, %d and %d names", len(all.Chart), len(all.ChartService), len(all.ComposeService))
	}
}

func isKey(path string) bool {
	k := config.Root()
	for name := range strings.SplitSeq(path, ".") {
		switch below := k.Key(name); {
		case below != nil:
			k = below
		case k.Kind == config.Named:
			k = k.Elem
		default:
			return false
		}
	}
	return true
}
