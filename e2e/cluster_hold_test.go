//go:build clusterupgrades

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// rolling is an installation with two frontends, of the release before that of today.
func rolling(t *testing.T, name, port string) *site {
	t.Helper()
	return olderCluster(t, name, "7.4.0", port, "services: {sourcegraph-frontend: {replicas: 2}}")
}

// answered stops a client, all of whose searches must have been answered, but for those that waited as long as a door is closed at most: what is
// replaced took too long then, as on a machine with too much to do.
func (c *client) answered(t *testing.T, what string) {
	t.Helper()
	c.result(t, what)
	for _, f := range c.failed {
		if f.took < 45*time.Second {
			t.Errorf("a search was not answered after %s: %s", f.took, f.why)
			return
		}
	}
}

// doorGone fails when something is left of the door at which requests wait.
func (s *site) doorGone() {
	s.t.Helper()
	if left := kubectl(s.t, "get", "all,configmaps", "-n", s.name, "-o", "name"); strings.Contains(left, "berth-door") {
		s.t.Errorf("something is left of the door:\n%s", left)
	}
}

// TestClusterUpgradeHeldKilled kills berth while requests wait, and nobody comes for a minute: those that waited long enough are let past the closed
// door, and get their answer. The next run opens it.
func TestClusterUpgradeHeldKilled(t *testing.T) {
	s := rolling(t, "cup-held", "30100")
	before := s.data()
	c := s.searching()
	killed, out, _ := s.killedAt(regexp.MustCompile("pgsql.*requests wait").MatchString, "upgrade", "--yes", "--to", release)
	if !killed {
		t.Fatalf("berth never said that requests wait for pgsql:\n%s", out)
	}
	closed := func() bool {
		return strings.Contains(kubectl(t, "get", "service", "berth-door", "-n", s.name, "-o", "jsonpath={.spec.selector.app}"), "nobody")
	}
	if !closed() {
		t.Error("the door was open when berth was killed")
	}
	time.Sleep(time.Minute)
	if !closed() {
		t.Error("somebody opened the door")
	}
	s.must(0, "upgrade", "--yes", "--to", release)
	time.Sleep(2 * time.Second)
	if failed := c.result(t, "kubernetes, killed with the door closed"); failed > 0 || c.slow < 45*time.Second {
		t.Errorf("%d searches were not answered; the longest wait of the others was %s, so nobody was let past the door", failed, c.slow)
	}
	s.same(before)
	s.doorGone()
	s.must(0, "plan")
}

// TestClusterUpgradeDoorless has a mirror without the image of the door: the upgrade goes on without one, and says so.
func TestClusterUpgradeDoorless(t *testing.T) {
	s := rolling(t, "cup-open", "30101")
	before := s.data()
	lock := s.read("sourcegraph.lock")
	changed := regexp.MustCompile(`(?m)^( +caddy: sha256:).*$`).ReplaceAllString(lock, "${1}"+strings.Repeat("0", 64))
	if changed == lock {
		t.Fatalf("no image of the door is in\n%s", lock)
	}
	s.writeFile("sourcegraph.lock", changed)
	out := s.must(0, "upgrade", "--yes", "--to", release)
	if !strings.Contains(out, "requests can't be held") || !strings.Contains(out, "BERTH3422") {
		t.Errorf("it does not say that nothing waits, or why:\n%s", out)
	}
	s.same(before)
	s.doorGone()
	s.must(0, "plan")
}
