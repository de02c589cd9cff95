//go:build upgrades

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAgent lets the agent look at an installation of an older release, with one policy after the other, and upgrade it in the end.
func TestAgent(t *testing.T) {
	closed := time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3] + " 02:00-05:00 UTC"
	const open = "daily 00:00-24:00 UTC"
	s := older(t, "agent", "7.4.0", "upgrades: {automatic: patch, window: "+open+"}")
	before, containers := s.data(), s.containers()
	waits := func(what, want string) {
		t.Helper()
		if out := s.must(2, "agent"); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", what, want, out)
		}
		if now := s.containers(); fmt.Sprint(now) != fmt.Sprint(containers) {
			t.Fatalf("%s: containers were touched", what)
		}
		if out := s.must(0, "status"); !strings.Contains(out, "upgrades  "+want) {
			t.Errorf("%s: status does not say so:\n%s", what, out)
		}
	}
	waits("patch does not go to another minor", release+" waits for you: it is another minor release, and upgrades.automatic is patch")
	s.must(0, "agent", "--waiting-ok")

	s.edit("automatic: patch", "automatic: off")
	waits("off", release+" waits for you: upgrades.automatic is off")

	s.edit("automatic: off", "automatic: minor")
	s.edit(open, closed)
	waits("a closed window", release+" waits for the window "+closed+", which opens "+closed[:3])

	s.edit(closed, open)
	s.edit("size: demo", "size: demo\nservices: {worker: {env: {MINE: \"1\"}}}")
	waits("a change of the admin's own", release+" waits for you: your file has changes that were not carried out")
	s.edit("\nservices: {worker: {env: {MINE: \"1\"}}}", "")

	// It is killed in the middle; the next run goes on with what it began.
	s.interrupt("agent")
	s.must(3, "up")
	var report struct {
		Outcome  string
		Decision struct{ Action, To string }
	}
	s.agentJSON(0, &report)
	if report.Outcome != "done" || report.Decision.Action != "go on" || report.Decision.To != release {
		t.Errorf("it says %+v", report)
	}
	s.same(before)
	if !strings.Contains(s.read("sourcegraph.yaml"), "release: "+release+"   # as the admin wrote it") {
		t.Errorf("the file's release was not written:\n%s", s.read("sourcegraph.yaml"))
	}
	s.must(0, "plan")
	if out := s.must(0, "agent"); !strings.Contains(out, release+" is the newest release") {
		t.Errorf("there is still something to do:\n%s", out)
	}

	// What a person went back from is not gone to again.
	s.must(0, "rollback", "--yes")
	containers = s.containers()
	waits("after going back", release+" waits for you: it was rolled back")
}

// TestAgentUnderSystemd lets a real systemd run what berth rendered for it, shut in as it is rendered, and upgrade.
func TestAgentUnderSystemd(t *testing.T) {
	home, err := os.MkdirTemp("/srv", "berth-e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s := older(t, "agent-systemd", "7.4.0", `upgrades: {automatic: minor, window: "daily 00:00-24:00 UTC"}`)
	// The unit has a /tmp of its own, where the test's folder would not be.
	if err := os.CopyFS(home, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	s.dir = home
	before := s.data()
	s.must(0, "agent", "--render", "systemd", "--out", "agent")
	// Engine and program of a test bed may lie under /tmp or /var/tmp, which those of customers don't.
	bed := "[Service]\nBindReadOnlyPaths=" + program(t) + "\n"
	if socket, ours := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ours {
		bed += "BindPaths=" + filepath.Dir(socket) + "\n"
	}
	unit := "berth-agent-" + s.name
	s.writeFile("agent/"+unit+".service.d/testbed.conf", bed)
	systemd := func(args ...string) (string, error) {
		out, err := exec.Command("../testbed/systemd", append([]string{"with", filepath.Join(home, "agent")}, args...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := systemd("systemctl", "start", unit+".service"); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	s.same(before)
	if !strings.Contains(s.read("sourcegraph.yaml"), "release: "+release) {
		t.Errorf("the file's release was not written:\n%s", s.read("sourcegraph.yaml"))
	}
	s.must(0, "plan")
	if out, err := systemd("sh", "-c", "systemctl start "+unit+".timer && systemctl list-timers --no-pager --all"); err != nil || !strings.Contains(out, unit+".timer") {
		t.Errorf("the timer does not run: %v\n%s", err, out)
	}
}

// agentJSON runs the agent and reads its report.
func (s *site) agentJSON(code int, out any) {
	s.t.Helper()
	cmd := s.command(s.t.Context(), "agent", "--json")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("berth agent --json: exit %d, want %d: %v\n%s%s", got, code, err, text, stderr.String())
	}
	if err := json.Unmarshal(text, out); err != nil {
		s.t.Fatalf("%v:\n%s", err, text)
	}
}

// TestAgentStops looks at what the agent leaves to people: what failed, and what others began.
func TestAgentStops(t *testing.T) {
	s := older(t, "agent-stops", "7.4.0", `upgrades: {automatic: minor, window: "daily 00:00-24:00 UTC"}`)
	before := s.data()

	// Drift is found by the checks of the upgrade itself: nothing is touched, the upgrade is given up, and not tried again.
	s.sql("ALTER TABLE users ADD COLUMN by_hand text")
	if out := s.must(1, "agent"); !strings.Contains(out, "BERTH3702") || !strings.Contains(out, "given up") {
		t.Errorf("it does not tell of the drift:\n%s", out)
	}
	if out := s.must(2, "agent"); !strings.Contains(out, "it was rolled back") {
		t.Errorf("it would try again:\n%s", out)
	}
	s.must(0, "plan") // nothing of it is in the admin's way
	s.sql("ALTER TABLE users DROP COLUMN by_hand")

	// An upgrade that a person began and left is theirs.
	s.interrupt("upgrade", "--yes")
	if out := s.must(2, "agent"); !strings.Contains(out, "somebody else started it") {
		t.Errorf("it does not leave a person's upgrade alone:\n%s", out)
	}
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// interrupt kills a command when it begins to deploy.
func (s *site) interrupt(args ...string) {
	s.t.Helper()
	cmd := s.command(s.t.Context(), args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	deploys := regexp.MustCompile(`(?m)^== .*: deploy$`)
	var seen strings.Builder
	for buffer := make([]byte, 4096); !deploys.MatchString(seen.String()); {
		n, err := out.Read(buffer)
		seen.Write(buffer[:n])
		if err != nil {
			s.t.Fatalf("berth %s ended before it deployed:\n%s", strings.Join(args, " "), seen.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}
