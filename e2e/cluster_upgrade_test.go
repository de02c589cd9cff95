//go:build clusterupgrades

package e2e

import (
	"strings"
	"testing"
	"time"
)

// olderCluster is an installation of an older release on the real kubelet.
func olderCluster(t *testing.T, name, from, port, more string) *site {
	t.Helper()
	buildImages(t, from, release, "7.6.0") // the last is the newest there, whose migrator is taken
	s := newCluster(t, "node", name, namespaced(name, ", service: {nodePort: "+port+"}"), "images: {registry: 10.213.0.1:5010/sourcegraph}", more)
	s.edit("release: "+release, "release: "+from+"   # as the admin wrote it")
	s.host, s.port = "10.213.0.2", number(t, port)
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	return s
}

// TestClusterUpgradeStandard goes to the next release with two frontends while people search.
func TestClusterUpgradeStandard(t *testing.T) {
	s := olderCluster(t, "cup-next", "7.4.0", "30091", "services: {sourcegraph-frontend: {replicas: 2}}")
	before := s.data()
	c := s.searching()
	s.must(0, "upgrade", "--yes", "--to", release)
	time.Sleep(2 * time.Second)
	asked, failed, down := c.result()
	t.Logf("AVAILABILITY kubernetes 7.4.0 -> %s: %d searches, %d failed: %s (%v)", release, asked, failed, down, c.why)
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// TestClusterUpgradeOverMajors goes over two majors behind a page, and back.
func TestClusterUpgradeOverMajors(t *testing.T) {
	s := olderCluster(t, "cup-far", "6.0.0", "30092", "")
	before := s.data()
	out := s.must(0, "upgrade", "--yes", "--to", release)
	for _, want := range []string{"restored and counted", "upgrade --from=v6.0.0", "no drift; a search was answered", "background migrations at 100 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
}
