//go:build e2e

package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// always is a window that is always open.
const always = "daily 00:00-24:00 UTC"

// TestAgent runs the agent on an installation of an older release, with one policy after the other. Then it upgrades.
func TestAgent(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	closed := time.Now().UTC().AddDate(0, 0, 3).Weekday().String()[:3] + " 02:00-05:00 UTC"
	s := older(t, "agent", "7.4.0", "upgrades: {automatic: patch, window: "+always+"}")
	before := s.data()
	policy := func(s *site, automatic, window string) {
		s.edit(policyLine(s), "upgrades: {automatic: "+automatic+", window: "+window+"}")
	}
	story(s,
		step{"a policy of patch releases waits at another minor", func(s *site) {
			s.waits(release + " waits for you: it is another minor release, and upgrades.automatic is patch")
			s.must(0, "agent", "--waiting-ok")
		}},
		step{"a policy that is off waits", func(s *site) {
			policy(s, "off", always)
			s.waits(release + " waits for you: upgrades.automatic is off")
		}},
		step{"a window that is closed waits", func(s *site) {
			policy(s, "minor", closed)
			s.waits(release + " waits for the window " + closed + ", which opens " + closed[:3])
		}},
		step{"a change of the config that nobody deployed waits", func(s *site) {
			policy(s, "minor", always)
			s.edit("size: demo", "size: demo\nservices: {worker: {env: {MINE: \"1\"}}}")
			s.waits(release + " waits for you: your file has changes that were not carried out")
			s.edit("\nservices: {worker: {env: {MINE: \"1\"}}}", "")
		}},
		step{"it continues its own upgrade that was killed", func(s *site) { agentContinues(s, before) }},
		step{"it does not upgrade again to a release that was rolled back", func(s *site) {
			says(s.t, s.must(0, "agent"), release+" is the newest release")
			s.must(0, "rollback", "--yes")
			s.waits(release + " waits for you: it was rolled back")
		}},
	)
}

// policyLine is the config's line of the policy.
func policyLine(s *site) string {
	for line := range strings.Lines(s.read("sourcegraph.yaml")) {
		if strings.HasPrefix(line, "upgrades:") {
			return strings.TrimSpace(line)
		}
	}
	s.t.Fatal("the config has no policy")
	return ""
}

// waits runs the agent, which must not touch anything, and must say what it waits for. So must status.
func (s *site) waits(want string) {
	s.t.Helper()
	before := s.containers()
	says(s.t, s.must(2, "agent"), want)
	if now := s.containers(); !maps.Equal(now, before) {
		s.t.Fatal("containers were changed")
	}
	says(s.t, s.must(0, "status"), "upgrades  "+want)
}

func agentContinues(s *site, before string) {
	s.killAt(deploys, "agent")
	s.must(3, "up")
	var report struct {
		Outcome  string
		Decision struct{ Action, To string }
	}
	text := s.onlyOutput(0, "agent", "--json")
	if err := resultOf(text, &report); err != nil {
		s.t.Fatalf("%v:\n%s", err, text)
	}
	if report.Outcome != "done" || report.Decision.Action != "go on" || report.Decision.To != release {
		s.t.Errorf("it says %+v", report)
	}
	s.same(before)
	says(s.t, s.read("sourcegraph.yaml"), "release: "+release+"   # as the admin wrote it")
	s.must(0, "plan")
}

// deploys is the line of output with which an upgrade begins to deploy the new release.
var deploys = regexp.MustCompile(`(?m)^== .*: deploy$`)

// TestAgentUnderSystemd runs the rendered units of the agent under a real systemd, with their restrictions: the agent upgrades.
func TestAgentUnderSystemd(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	home, err := os.MkdirTemp("/srv", "berth-e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s := older(t, "agent-systemd", "7.4.0", `upgrades: {automatic: minor, window: "`+always+`"}`)
	// The unit has a /tmp of its own, without the test's folder.
	if err := os.CopyFS(home, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	s.dir = home
	before := s.data()
	s.must(0, "agent", "--render", "systemd", "--out", "agent")
	// Engine and program of a test bed may be under /tmp or /var/tmp, which those of customers are not.
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
	says(t, s.read("sourcegraph.yaml"), "release: "+release)
	s.must(0, "plan")
	s.examinedByAgent()
	if out, err := systemd("sh", "-c", "systemctl start "+unit+".timer && systemctl list-timers --no-pager --all"); err != nil || !strings.Contains(out, unit+".timer") {
		t.Errorf("the timer does not run: %v\n%s", err, out)
	}
}

// TestAgentLeavesToPeople: the agent does not repeat an upgrade that failed, and does not continue one that a person began.
func TestAgentLeavesToPeople(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	s := older(t, "agent-stops", "7.4.0", `upgrades: {automatic: minor, window: "`+always+`"}`)
	before := s.data()
	t.Run("an upgrade that the checks refuse is given up and not repeated", func(t *testing.T) {
		s := s.in(t)
		s.sql("ALTER TABLE users ADD COLUMN by_hand text")
		says(t, s.must(1, "agent"), "BERTH3702", "given up")
		says(t, s.must(2, "agent"), "it was rolled back")
		s.must(0, "plan") // the admin can go on
		s.sql("ALTER TABLE users DROP COLUMN by_hand")
	})
	t.Run("an upgrade that a person began is left to that person", func(t *testing.T) {
		s := s.in(t)
		s.killAt(deploys, "upgrade", "--yes")
		says(t, s.must(2, "agent"), "somebody else started it")
		s.must(0, "rollback", "--yes")
		s.same(before)
	})
}
