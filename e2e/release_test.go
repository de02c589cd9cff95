//go:build upgrades || clusterupgrades

package e2e

import (
	"encoding/json"
	"maps"
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
	})
}

// onlyWay proves that one way leads from one release to another, whatever is written into the file, and that the way back that was promised holds.
// It begins with 6.0 and data; half brings half of the installation to the file's release without berth.
func onlyWay(t *testing.T, s *site, half func()) {
	before := s.data()
	release60 := "release: 6.0.0"
	refused := func(t *testing.T, code string, words ...string) {
		t.Helper()
		s, running := s.in(t), s.running()
		for _, command := range []string{"check", "plan", "up"} {
			out := s.must(3, command)
			for _, want := range append(words, code) {
				if !strings.Contains(out, want) {
					t.Errorf("%s: no %q in\n%s", command, want, out)
				}
			}
		}
		if _, out := s.berth("status"); !strings.Contains(out, code) {
			t.Errorf("status does not say it:\n%s", out)
		}
		if now := s.running(); !maps.Equal(now, running) {
			t.Errorf("what runs was touched: %v, before %v", now, running)
		}
	}
	t.Run("a newer release in the file", func(t *testing.T) {
		s.edit(release60, "release: "+release)
		refused(t, "BERTH3740", "but 6.0.0 is installed", "6.0.0 -> "+release, "berth upgrade --to "+release)
		s.in(t).same(before)
	})
	t.Run("the next major's first release, which Sourcegraph's migrator lets through", func(t *testing.T) {
		s := s.in(t)
		s.edit("release: "+release, "release: 7.0.0")
		if out := s.must(3, "check"); !strings.Contains(out, "BERTH3740") {
			t.Errorf("not refused:\n%s", out)
		}
		s.edit("release: 7.0.0", "release: "+release)
	})
	t.Run("half-way, by hand", func(t *testing.T) {
		s := s.in(t)
		half()
		refused(t, "BERTH3740", "databases 6.0.0", "stopped half-way", "berth upgrade --to "+release)
		s.same(before)
		if out := s.must(2, "upgrade", "--plan"); !strings.Contains(out, "6.0.0 -> "+release) || !strings.Contains(out, "BERTH3743") {
			t.Errorf("the plan does not begin with what the databases say:\n%s", out)
		}
		s.edit("release: "+release, release60)
		if out := s.must(3, "up"); !strings.Contains(out, "BERTH3742") || !strings.Contains(out, "berth upgrade --to "+release) {
			t.Errorf("databases that another C library may have ordered are taken back as they are:\n%s", out)
		}
		s.edit(release60, "release: "+release)
	})
	t.Run("stopped half-way", func(t *testing.T) {
		s := s.in(t)
		s.must(0, "down")
		for _, command := range []string{"check", "plan", "up"} {
			if out := s.must(3, command); !strings.Contains(out, "BERTH3740") || !strings.Contains(out, "from the history") {
				t.Errorf("%s: not refused by the history:\n%s", command, out)
			}
		}
		if out := s.must(3, "upgrade", "--yes"); !strings.Contains(out, "BERTH3737") || !strings.Contains(out, "its data is of 6.0.0") {
			t.Errorf("upgrade does not say how to go on:\n%s", out)
		}
		// The admin says that other data was restored. It was not, which the databases say before anything else starts.
		if out := s.must(1, "up", "--data-of", release); !strings.Contains(out, "BERTH3740") || !strings.Contains(out, "databases 6.0.0") {
			t.Errorf("data of another release was not noticed:\n%s", out)
		}
		if n := len(s.running()); n > 4 {
			t.Errorf("%d services were started beside the databases: %v", n, s.running())
		}
		s.must(0, "upgrade", "--yes")
		s.must(0, "plan")
		s.must(0, "status")
		s.same(before)
	})
	t.Run("the way back is what an older release in the file is told", func(t *testing.T) {
		s.edit("release: "+release, release60)
		refused(t, "BERTH3741", "berth rollback")
		s.edit(release60, "release: "+release)
	})
	t.Run("a saved plan is carried out as it is, or not at all", func(t *testing.T) {
		s := s.in(t)
		s.edit("memory: 900Mi", "memory: 800Mi")
		s.must(2, "plan", "--out", "plan.json")
		plan := s.read("plan.json")
		s.writeFile("plan.json", strings.Replace(plan, `"searcher-0"`, `"searcher-9"`, 1))
		if s.cluster {
			s.writeFile("plan.json", strings.Replace(plan, `"StatefulSet/searcher"`, `"StatefulSet/gitserver"`, 1))
		}
		if out := s.must(3, "up", "--plan", "plan.json"); !strings.Contains(out, "BERTH3104") {
			t.Errorf("an edited plan was taken:\n%s", out)
		}
		s.writeFile("plan.json", strings.Replace(plan, `"program": "`, `"program": "another`, 1))
		if out := s.must(3, "up", "--plan", "plan.json"); !strings.Contains(out, "BERTH3105") || !strings.Contains(out, "berth itself") {
			t.Errorf("another program's plan was taken:\n%s", out)
		}
		s.writeFile("plan.json", plan)
		s.must(0, "up", "--plan", "plan.json")
		s.must(0, "plan")
	})
	t.Run("changes of the config are gone back over one by one", func(t *testing.T) {
		s := s.in(t)
		s.edit("memory: 800Mi", "memory: 700Mi")
		s.must(0, "up")
		for _, want := range []string{"memory: 800Mi", "memory: 900Mi"} {
			s.must(0, "revert", "--yes")
			if !strings.Contains(s.read("sourcegraph.yaml"), want) {
				t.Errorf("not back at %s:\n%s", want, s.read("sourcegraph.yaml"))
			}
			s.must(0, "plan")
		}
		if out := s.must(3, "revert", "--yes"); !strings.Contains(out, "BERTH3736") || !strings.Contains(out, "berth rollback") {
			t.Errorf("a revert went back over a release:\n%s", out)
		}
		s.must(0, "revert", "--yes", "--to", s.run("up "+release))
		if !strings.Contains(s.read("sourcegraph.yaml"), "memory: 800Mi") {
			t.Errorf("not at the run that was asked for:\n%s", s.read("sourcegraph.yaml"))
		}
	})
	t.Run("the promised way back holds after all that", func(t *testing.T) {
		s := s.in(t)
		if out := s.must(0, "rollback", "--yes"); !strings.Contains(out, "keeps what you changed") {
			t.Errorf("it does not say what becomes of the file:\n%s", out)
		}
		if text := s.read("sourcegraph.yaml"); !strings.Contains(text, release60) || !strings.Contains(text, "memory: 800Mi") {
			t.Errorf("neither the release before, nor what was changed since:\n%s", text)
		}
		s.must(0, "plan")
		s.same(before)
		if out := s.must(3, "rollback", "--yes"); !strings.Contains(out, "BERTH3735") || !strings.Contains(out, "berth revert") {
			t.Errorf("a second rollback:\n%s", out)
		}
	})
	t.Run("history has a line for each thing that was asked for", func(t *testing.T) {
		s := s.in(t)
		out := s.must(0, "history")
		for what, n := range map[string]int{"upgrade 6.0.0 to " + release: 1, "rollback " + release + " to 6.0.0": 1, "revert to run": 3, "down": 1, "    migrate": 1, "    undo": 1} {
			if got := strings.Count(out, what); got != n {
				t.Errorf("%d times %q, want %d, in\n%s", got, what, n, out)
			}
		}
	})
	t.Run("an upgrade is finished", func(t *testing.T) {
		s := s.in(t)
		if out := s.must(3, "upgrade", "finish", "--yes"); !strings.Contains(out, "BERTH3735") {
			t.Errorf("there was something to finish:\n%s", out)
		}
	})
}

// run is the number of the first run of the history that was of a kind and is done.
func (s *site) run(what string) string {
	s.t.Helper()
	for line := range strings.Lines(s.must(0, "history")) {
		if fields := strings.Fields(line); strings.Contains(line, what+" ") && strings.Contains(line, " done ") {
			return fields[0]
		}
	}
	s.t.Fatalf("no run %q", what)
	return ""
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
