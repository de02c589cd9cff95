package survey

import (
	"os"
	"path/filepath"
	"testing"

	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
)

// TestNewest: what an upgrade to the newest release costs is what its plan costs.
func TestNewest(t *testing.T) {
	c := catalogue.Embedded()
	load := func(more string) *installation.Want {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "sourcegraph.yaml"), []byte("target: compose\nurl: http://localhost\nrelease: 7.4.0\n"+more), 0o600); err != nil {
			t.Fatal(err)
		}
		e := &installation.Environment{Dir: dir, Getenv: func(string) string { return "x" }}
		w, problems, err := e.Load("sourcegraph.yaml")
		if err != nil || w == nil {
			t.Fatal(problems, err)
		}
		return w
	}
	w := load("")
	if n := NewestFor(c, w, c.Newest(catalogue.Compose), nil); n != nil {
		t.Errorf("the newest release runs, and yet: %+v", n)
	}
	if n := NewestFor(c, w, "no release", nil); n != nil {
		t.Errorf("no upgrade leads from what is none, and yet: %+v", n)
	}
	n := NewestFor(c, w, "7.4.0", []state.Record{{Action: plan.Upgrade, Waited: 12}, {Action: plan.Up, Waited: 3}})
	if n == nil || n.Release != c.Newest(catalogue.Compose) || n.Steps < 1 || n.Seconds <= 0 || n.Page == 0 && !n.Refused {
		t.Fatalf("from 7.4.0: %+v", n)
	}
	if n.Fails || n.Page == 0 && n.Waits != 12 {
		t.Errorf("requests waited 12 s in the last upgrade: %+v", n)
	}
	if far := NewestFor(c, w, "6.0.0", nil); far == nil || far.Page <= 0 || far.Page > far.Seconds {
		t.Errorf("over majors people see a page: %+v", far)
	}
	if n := NewestFor(c, load("upgrades: {hold: false}\n"), "7.4.0", nil); n == nil || n.Page == 0 && !n.Fails {
		t.Errorf("nothing holds requests, and yet: %+v", n)
	}
}
