package installation

import (
	"os"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/stack"
)

// examples are the indented blocks of a page that are whole configs.
func examples(t *testing.T, page string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n    target: ")[1:] {
		var block strings.Builder
		block.WriteString("target: ")
		for i, line := range strings.Split(part, "\n") {
			below, indented := strings.CutPrefix(line, "    ")
			if i == 0 {
				below, indented = line, true
			}
			if !indented {
				break
			}
			block.WriteString(below + "\n")
		}
		out = append(out, block.String())
	}
	return out
}

// TestExamplesOfPatches: every example of docs/patches.md is a config whose patches do something in the newest release.
func TestExamplesOfPatches(t *testing.T) {
	all := examples(t, "patches.md")
	if len(all) < 10 {
		t.Fatalf("the page has %d examples", len(all))
	}
	e := &Environment{Getenv: func(string) string { return "" }}
	for _, text := range all {
		text += "url: http://localhost\n"
		doc, rel, problems := check.Read("sourcegraph.yaml", []byte(text), e.Catalogue(), check.World{Catalogue: e.Catalogue(), Getenv: e.Getenv})
		if problems.Failed() {
			t.Errorf("%s\n%v", text, problems)
			continue
		}
		s := stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel})
		if found := proof(s); len(found) > 0 || len(s.Patches) == 0 {
			t.Errorf("%s\n%v", text, found)
		}
	}
}

// TestOutlook: a patch of a service that a later release dropped is a warning of now.
func TestOutlook(t *testing.T) {
	e := &Environment{Getenv: func(string) string { return "" }}
	text := "target: compose\nrelease: 6.3.4167\nurl: http://localhost\npatches: [{service: symbols, compose: {user: root}, add: true}, {service: worker, compose: {environment: [A=b]}}]\n"
	w := &Want{File: "sourcegraph.yaml", Dir: t.TempDir(), Text: []byte(text)}
	if problems, err := e.understand(w, e.World(w.Dir), check.Accepted); err != nil || problems.Failed() {
		t.Fatal(problems, err)
	}
	found := e.Outlook(w)
	newest := catalogue.Embedded().Newest(catalogue.Compose)
	if len(found) != 1 || found[0].Code != "BERTH1671" || found.Failed() || !strings.Contains(found[0].Summary, "symbols matches nothing in release "+newest) || found[0].Range.Line != 4 {
		t.Errorf("got %v", found)
	}
}
