//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// twoFrontends is an installation of the release before that of today, whose frontends can be replaced one after the other.
func twoFrontends(t *testing.T, name string, port int) *site {
	t.Helper()
	return olderCluster(t, name, "7.4.0", port, "services: {sourcegraph-frontend: {replicas: 2}}")
}

// longestHold is how long the holding proxy holds a request before it forwards it.
const longestHold = 45 * time.Second

// answered stops a client. All its searches must have been answered, but for those that were held as long as possible: the replacement took too long
// then, as on a machine with too much other work.
func (c *client) answered(t *testing.T, what string) {
	t.Helper()
	c.result(t, what)
	for _, f := range c.failed {
		if f.took < longestHold {
			t.Errorf("a search failed after %s: %s", f.took, f.why)
			return
		}
	}
}

// noHoldingProxy fails the test when something is left of the holding proxy.
func (s *site) noHoldingProxy() {
	s.t.Helper()
	if left := s.kubectl("get", "all,configmaps", "-o", "name"); strings.Contains(left, "berth-door") {
		s.t.Errorf("something is left of the holding proxy:\n%s", left)
	}
}

// TestClusterUpgradeKilledWhileHolding kills berth while requests are held, and nothing happens for a minute: requests that were held long enough are
// forwarded and answered. The next run ends the holding.
func TestClusterUpgradeKilledWhileHolding(t *testing.T) {
	needs(t, long, node, images("7.4.0", release, "7.6.0"))
	s := twoFrontends(t, "cup-held", 30100)
	before := s.data()
	c := s.searching()
	s.killAt(regexp.MustCompile("pgsql.*requests wait"), "upgrade", "--yes", "--to", release)
	holds := func() bool {
		return strings.Contains(s.kubectl("get", "service", "berth-door", "-o", "jsonpath={.spec.selector.app}"), "nobody")
	}
	if !holds() {
		t.Error("no request was held when berth was killed")
	}
	time.Sleep(time.Minute) // longer than the longest hold
	if !holds() {
		t.Error("somebody ended the holding")
	}
	s.must(0, "upgrade", "--yes", "--to", release)
	time.Sleep(2 * time.Second) // a few searches more
	if failed := c.result(t, "kubernetes, killed while requests are held"); failed > 0 || c.slow < longestHold {
		t.Errorf("%d searches failed; the longest time of the others was %s, so no held request was forwarded", failed, c.slow)
	}
	s.same(before)
	s.noHoldingProxy()
	s.must(0, "plan")
}

// TestClusterUpgradeWithoutHolding: where the image of the holding proxy is not available, the upgrade continues without it and says so.
func TestClusterUpgradeWithoutHolding(t *testing.T) {
	needs(t, long, node, images("7.4.0", release, "7.6.0"))
	s := twoFrontends(t, "cup-open", 30101)
	before := s.data()
	lock := s.read("sourcegraph.lock")
	changed := regexp.MustCompile(`(?m)^( +caddy: sha256:).*$`).ReplaceAllString(lock, "${1}"+strings.Repeat("0", 64))
	if changed == lock {
		t.Fatalf("the image of the holding proxy is not in\n%s", lock)
	}
	s.writeFile("sourcegraph.lock", changed)
	says(t, s.must(0, "upgrade", "--yes", "--to", release), "requests can't be held", "BERTH3422")
	s.same(before)
	s.noHoldingProxy()
	s.must(0, "plan")
}
