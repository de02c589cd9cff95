//go:build upgrades

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpgradeOnlyWay edits the release in the file of an installation on an engine.
func TestUpgradeOnlyWay(t *testing.T) {
	s := older(t, "up-only", "6.0.0", "services: {searcher: {memory: 900Mi}}")
	onlyWay(t, s, func() {
		project := filepath.Join(t.TempDir(), "project")
		s.must(0, "render", "--out", project)
		// A name that berth gives is the project's, as in its own calls of docker compose.
		out, err := exec.Command("docker", "compose", "--project-directory", project, "--project-name", s.name, "up", "--detach", "--no-deps",
			"pgsql", "codeintel-db", "codeinsights-db", "redis-store", "gitserver-0").CombinedOutput()
		if err != nil {
			t.Fatalf("docker compose up: %v\n%s", err, out)
		}
	}, func() { docker(t, "stop", s.name+"-searcher-0") })
}

// TestUpgradeByUp writes the very next release into the file: up goes there as an upgrade does.
func TestUpgradeByUp(t *testing.T) {
	s := older(t, "up-rolls", "7.4.0")
	before := s.data()
	s.edit("release: 7.4.0", "release: "+release)
	if out := s.must(0, "check"); !strings.Contains(out, "BERTH3744") {
		t.Errorf("check does not say that it is an upgrade:\n%s", out)
	}
	if out := s.must(2, "plan"); !strings.Contains(out, "7.4.0 -> "+release+"   standard") {
		t.Errorf("plan does not show the upgrade:\n%s", out)
	}
	if out := s.must(3, "plan", "--out", "plan.json"); !strings.Contains(out, "BERTH3745") {
		t.Errorf("an upgrade was saved:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "plan.json")); err == nil {
		t.Error("a plan was written")
	}
	if out := s.must(0, "up"); !strings.Contains(out, "back to 7.4.0 with: berth rollback") {
		t.Errorf("no way back is promised:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	var records []struct{ Action, From, Release, Result string }
	if err := json.Unmarshal([]byte(s.onlyOutput(0, "history", "--json")), &records); err != nil {
		t.Fatal(err)
	}
	if r := records[len(records)-1]; r.Action != "upgrade" || r.From != "7.4.0" || r.Release != release || r.Result != "done" {
		t.Errorf("history says %+v", r)
	}
	if out := s.must(0, "upgrade", "finish", "--yes"); !strings.Contains(out, "given up") {
		t.Errorf("it does not say what is given up:\n%s", out)
	}
	if out := s.must(3, "rollback", "--yes"); !strings.Contains(out, "BERTH3735") || !strings.Contains(out, "given up with berth upgrade finish") {
		t.Errorf("what was given up is there:\n%s", out)
	}
	s.edit("release: "+release, "release: 7.4.0")
	if out := s.must(3, "up"); !strings.Contains(out, "BERTH3741") || strings.Contains(out, "berth rollback") {
		t.Errorf("it names a way back that was given up:\n%s", out)
	}
}

// TestCheckAgainst looks at a file alone, as CI does.
func TestCheckAgainst(t *testing.T) {
	s := newSite(t, "against")
	for _, tt := range []struct {
		from string
		code int
		says string
	}{
		{"7.4.0", 0, "BERTH3744"}, {release, 0, ""}, {"6.0.0", 3, "BERTH3740"}, {"5.0.0", 3, "5.0.0 -> 6.12.5040 -> " + release}, {"9.9.9", 3, "BERTH3751"},
	} {
		if out := s.must(tt.code, "check", "--against", tt.from); !strings.Contains(out, tt.says) {
			t.Errorf("against %s: no %q in\n%s", tt.from, tt.says, out)
		}
	}
}
