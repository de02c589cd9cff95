package cli

import (
	"html"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProposals makes a proposal of each list of requirements: in under a second, with every line on the page, and with a config that berth check accepts.
func TestProposals(t *testing.T) {
	lists, err := filepath.Glob("../proposal/testdata/*.txt")
	if err != nil || len(lists) < 10 {
		t.Fatalf("%d lists: %v", len(lists), err)
	}
	for _, list := range lists {
		name := strings.TrimSuffix(filepath.Base(list), ".txt")
		t.Run(name, func(t *testing.T) {
			text := string(read(t, list))
			dir := folderOf(t, map[string]string{name + ".txt": text})
			begun := time.Now()
			if out, code := said(t, dir, nil, "support", "check", name+".txt", "--release", "7.5.4453", "--propose", "out"); code != ExitOK && code != ExitChecks {
				t.Fatalf("exit code %d:\n%s", code, out)
			}
			if took := time.Since(begun); took > time.Second && !testing.Short() {
				t.Errorf("it took %v", took)
			}
			config, page, browser := string(read(t, filepath.Join(dir, "out", "sourcegraph.yaml"))), string(read(t, filepath.Join(dir, "out", "proposal.md"))), string(read(t, filepath.Join(dir, "out", "proposal.html")))
			golden(t, filepath.Join("testdata", "proposals", name+".yaml"), config)
			if name == "01-bank" {
				golden(t, filepath.Join("testdata", "proposals", name+".md"), page)
			}
			if out, code := said(t, dir, nil, "check", "--offline", "-c", "out/sourcegraph.yaml"); code != ExitOK {
				t.Errorf("berth check does not accept the config: exit code %d\n%s", code, out)
			}
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); line != "" && (!strings.Contains(page, "| "+line+" |") || !strings.Contains(browser, html.EscapeString(line))) {
					t.Errorf("a page lacks the line %q", line)
				}
			}
			if !strings.Contains(page, "(AWS)") || !strings.Contains(page, "## Open points\n\n- ") || !strings.Contains(page, "searcher") {
				t.Error("the page lacks the machine, open points or the diagram")
			}
			if _, code := said(t, dir, nil, "support", "check", name+".txt", "--propose", "out"); code == ExitOK {
				t.Error("a second proposal was written over the first")
			}
			if again := string(read(t, filepath.Join(dir, "out", "sourcegraph.yaml"))); again != config {
				t.Error("the refused proposal changed a file")
			}
		})
	}
}
