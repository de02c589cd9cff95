//go:build upgrades

package e2e

import (
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// older is a new installation of an older release, with the images of the newer one recorded as well.
func older(t *testing.T, name, from string, more ...string) *site {
	t.Helper()
	buildImages(t, from, release)
	s := newSite(t, name, more...)
	s.edit("release: "+release, "release: "+from+"   # as the admin wrote it")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t))) // up to 6.2 it is published
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	return s
}

// TestUpgradeStandard goes to the next release while people search.
func TestUpgradeStandard(t *testing.T) {
	s := older(t, "up-next", "7.4.0")
	before := s.data()
	out := s.must(2, "upgrade", "--plan")
	if !strings.Contains(out, "7.4.0 -> "+release) || !strings.Contains(out, "standard") {
		t.Errorf("the plan does not show the hop:\n%s", out)
	}
	was := s.containers()
	if out := s.inTerminal(3, "n", "upgrade"); !strings.Contains(out, "nothing was touched") || !maps.Equal(was, s.containers()) {
		t.Errorf("a no is no no:\n%s", out)
	}
	c := s.searching()
	if out := s.inTerminal(0, "y", "upgrade"); !strings.Contains(out, "[y/N]") {
		t.Errorf("nobody was asked:\n%s", out)
	}
	time.Sleep(2 * time.Second)
	failed := c.result(t, "compose 7.4.0 -> "+release)
	// The goal is under 10 s on a machine with nothing else to do (docs/reliability.md); here only what can't be load is a failure.
	if down := time.Duration(failed) * 100 * time.Millisecond; down > 30*time.Second {
		t.Errorf("searches failed for %s: services are not replaced one after the other", down)
	}
	s.same(before)
	if !strings.Contains(s.read("sourcegraph.yaml"), "release: "+release+"   # as the admin wrote it") {
		t.Errorf("the file's release was not written, or its comment is gone:\n%s", s.read("sourcegraph.yaml"))
	}
	s.must(0, "plan")

	out = s.must(0, "rollback", "--yes")
	if !strings.Contains(out, "nothing is lost") {
		t.Errorf("the way back does not say what is lost:\n%s", out)
	}
	s.same(before)
	if !strings.Contains(s.read("sourcegraph.yaml"), "release: 7.4.0   # as the admin wrote it") {
		t.Errorf("the file is not as it was:\n%s", s.read("sourcegraph.yaml"))
	}
	s.must(0, "upgrade", "--yes") // and forward again
	s.same(before)
}

// inTerminal runs a command line that has to end with an exit code in a terminal, where somebody types an answer.
func (s *site) inTerminal(code int, answer string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("script", "--quiet", "--return", "--command", program(s.t)+" "+strings.Join(args, " "), "/dev/null")
	cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(answer+"\n")
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("berth %s in a terminal: exit %d, want %d, %v\n%s", strings.Join(args, " "), got, code, err, out)
	}
	return string(out)
}

// TestUpgradeOverMajors goes over two majors behind a page, comes back by the migrator's downgrade, and goes again.
func TestUpgradeOverMajors(t *testing.T) {
	s := older(t, "up-far", "6.0.0", "services: {symbols: {memory: 1Gi}}   # big")
	before := s.data()
	c := s.searching()
	out := s.must(0, "upgrade", "--yes")
	failed := c.result(t, "compose 6.0.0 -> "+release)
	if !strings.Contains(s.read("sourcegraph.yaml"), "services: {searcher: {memory: 1Gi}}   # big") || !strings.Contains(out, "services.symbols becomes services.searcher") {
		t.Errorf("what the config said of symbols did not go to searcher, or it was not told:\n%s", s.read("sourcegraph.yaml"))
	}
	if c.why["503 Service Unavailable"] < failed/2 {
		t.Errorf("people mostly did not see the page: %v", c.why)
	}
	for _, want := range []string{"restored and counted", "upgrade --from=v6.0.0", "no drift; a search was answered", "background migrations at 100 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
	if out := s.must(0, "plan"); !strings.Contains(out, "Sourcegraph 6.0.0") {
		t.Errorf("not back:\n%s", out)
	}
	s.must(0, "upgrade", "--yes")
	s.same(before)
}

// TestUpgradeBelowPostgres16 goes over several releases that all have the older Postgres, and back: with a migrator that connects to it.
func TestUpgradeBelowPostgres16(t *testing.T) {
	const from, to, migrator = "5.0.0", "5.9.1590", "5.11.6271"
	buildImages(t, from, to, migrator)
	s := newSite(t, "up-twelve")
	s.edit("release: "+release, "release: "+from)
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.must(0, "lock", "--to", to)
	s.must(0, "up")
	s.seed()
	before := s.data()
	if out := s.must(0, "upgrade", "--to", to, "--yes"); !strings.Contains(out, "Sourcegraph migrator "+migrator) {
		t.Errorf("another migrator was taken:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	if out := s.must(0, "rollback", "--yes"); !strings.Contains(out, "Sourcegraph migrator "+migrator) {
		t.Errorf("another migrator was taken on the way back:\n%s", out)
	}
	s.same(before)
}

// TestUpgradePatchToAnotherSystem goes to the patch that changes the C library under the databases, and back: behind the page, with the indexes
// checked each time, and without the migrator's upgrade, which there is none of within a minor release.
func TestUpgradePatchToAnotherSystem(t *testing.T) {
	const from, to = "6.2.1106", "6.2.2553"
	buildImages(t, from, to)
	s := newSite(t, "up-libc")
	s.edit("release: "+release, "release: "+from)
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.must(0, "lock", "--to", to)
	s.must(0, "up")
	s.seed()
	before := s.data()
	if out := s.must(2, "upgrade", "--to", to, "--plan"); !strings.Contains(out, "patch, with a maintenance page") || strings.Contains(out, "migrator") {
		t.Errorf("the plan does not show the hop:\n%s", out)
	}
	out := s.must(0, "upgrade", "--to", to, "--yes")
	if !strings.Contains(out, "pgsql: indexes are sound") || strings.Contains(out, "upgrade --from") {
		t.Errorf("it went otherwise:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	out = s.must(0, "rollback", "--yes")
	if !strings.Contains(out, "pgsql: indexes are sound") || !strings.Contains(out, "nothing is lost") {
		t.Errorf("the way back went otherwise:\n%s", out)
	}
	s.same(before)
	if out := s.must(0, "plan"); !strings.Contains(out, "Sourcegraph "+from) {
		t.Errorf("not back:\n%s", out)
	}
}

func TestUpgradeMigratorFails(t *testing.T) { migratorFails(t, older(t, "up-dirty", "6.0.0")) }
func TestUpgradeNeverHealthy(t *testing.T)  { neverHealthy(t, older(t, "up-sick", "7.4.0")) }
func TestUpgradeRefused(t *testing.T)       { refusals(t, older(t, "up-refused", "7.4.0")) }

func TestUpgradeThroughPostgres(t *testing.T) {
	const stop = "6.12.5040"
	buildImages(t, stop)
	throughPostgres(t, older(t, "up-postgres", "5.0.0"), stop)
}

// TestUpgradeOwnDatabase: a database that is the admin's own is asked, backed up and migrated like a bundled one.
func TestUpgradeOwnDatabase(t *testing.T) {
	buildImages(t, "6.0.0", release)
	s := newSite(t, "up-own")
	port := freePort(t)
	ownPostgres(t, port, ownPassword)
	gateway := docker(t, "inspect", "berth-e2e-owndb", "-f", "{{.NetworkSettings.Gateway}}")
	s.writeFile("password.txt", ownPassword+"\n")
	s.edit("release: "+release, "release: 6.0.0")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.edit("size: demo\n", fmt.Sprintf("size: demo\ndatabases: {pgsql: {external: {host: %s, port: %d, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}\n", gateway, port))
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	ownDatabase(t, s)
}
