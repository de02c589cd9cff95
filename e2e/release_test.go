//go:build upgrades || clusterupgrades

package e2e

import (
	"io"
	"maps"
	"os/exec"
	"strings"
	"testing"
)

// onlyWay proves that one way leads from one release to another, whatever is written into the file, and that the way back that was promised holds.
// It begins with 6.0 and data; half brings half of the installation to the file's release without berth, and byHand changes something that runs.
func onlyWay(t *testing.T, s *site, half, byHand func()) {
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
		refused(t, "BERTH3740", "databases 6.0.0", "stopped halfway", "berth upgrade --to "+release)
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
	t.Run("stopped halfway", func(t *testing.T) {
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
		if out := s.answering(3, byHand, "revert"); !strings.Contains(out, "BERTH3738") || !strings.Contains(s.read("sourcegraph.yaml"), "memory: 700Mi") {
			t.Errorf("what runs changed between the question and the answer, and was not looked at again:\n%s", out)
		}
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

// answering runs a command line in a terminal that has to end with an exit code: when it asks, something happens, and then somebody says yes.
func (s *site) answering(code int, meanwhile func(), args ...string) string {
	s.t.Helper()
	cmd := exec.Command("script", "--quiet", "--return", "--command", program(s.t)+" "+strings.Join(args, " "), "/dev/null")
	cmd.Dir = s.dir
	answer, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var said strings.Builder
	asked := false
	for buffer := make([]byte, 1<<10); ; {
		n, err := out.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			break // it ended
		}
		if !asked && strings.Contains(said.String(), "[y/N]") {
			asked = true
			meanwhile()
			if _, err := io.WriteString(answer, "y\n"); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // its exit code tells
	if got := cmd.ProcessState.ExitCode(); got != code || !asked {
		s.t.Fatalf("berth %s: exit %d, want %d, asked: %v\n%s", strings.Join(args, " "), got, code, asked, said.String())
	}
	return said.String()
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
