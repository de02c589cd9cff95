//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// older is a new installation of an older release with data in it. The lock file has the images of the newer release, too.
func older(t *testing.T, name, from string, more ...string) *site {
	t.Helper()
	return olderTo(t, name, from, release, more...)
}

func olderTo(t *testing.T, name, from, to string, more ...string) *site {
	t.Helper()
	s := notDeployed(t, name, from, more...)
	s.deployOlder(to)
	return s
}

// notDeployed has the config of an older release, and nothing runs yet.
func notDeployed(t *testing.T, name, from string, more ...string) *site {
	t.Helper()
	s := newSite(t, name, more...)
	s.edit("release: "+release, "release: "+from+"   # as the admin wrote it")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t))) // up to 6.2 its port is published
	return s
}

// deployOlder deploys an older release and fills it with data.
func (s *site) deployOlder(to string) {
	s.t.Helper()
	s.must(0, "lock", "--to", to)
	s.must(0, "up")
	s.seed()
}

// TestUpgradeStandard upgrades to the next release while people search, rolls back, and upgrades again.
func TestUpgradeStandard(t *testing.T) {
	needs(t, engine, images("7.4.0", release))
	s := older(t, "up-next", "7.4.0")
	s.put("/api/settings", upload(0))
	before := s.data()
	story(s,
		step{"the plan shows a standard upgrade", func(s *site) {
			says(s.t, s.must(2, "upgrade", "--plan"), "7.4.0 -> "+release, "standard")
		}},
		step{"the answer no touches nothing", func(s *site) {
			was := s.containers()
			says(s.t, s.inTerminal(3, "n", "upgrade"), "nothing was changed")
			if !maps.Equal(was, s.containers()) {
				s.t.Error("containers were replaced")
			}
		}},
		step{"services are replaced one after the other, while people search and upload", func(s *site) {
			people := s.people()
			says(s.t, s.inTerminal(0, "y", "upgrade"), "[y/N]")
			people.noticeOnlyTheFrontProxy(s, "compose 7.4.0 -> "+release)
		}},
		step{"the data is the same, and the release in the config is changed in place", func(s *site) {
			s.same(before)
			says(s.t, s.read("sourcegraph.yaml"), "release: "+release+"   # as the admin wrote it")
			s.must(0, "plan")
		}},
		step{"a rollback loses nothing", func(s *site) {
			people := s.people()
			says(s.t, s.must(0, "rollback", "--yes"), "nothing is lost")
			people.noticeOnlyTheFrontProxy(s, "compose "+release+" -> 7.4.0")
			s.same(before)
			says(s.t, s.read("sourcegraph.yaml"), "release: 7.4.0   # as the admin wrote it")
		}},
		step{"the upgrade can be repeated", func(s *site) {
			s.must(0, "upgrade", "--yes")
			s.same(before)
		}},
	)
}

// inTerminal runs a command in a terminal, where somebody types an answer. It has to end with an exit code.
func (s *site) inTerminal(code int, answer string, args ...string) string {
	s.t.Helper()
	return s.answering(code, answer, func() {}, args...)
}

// answering runs a command in a terminal. When it asks, something happens, and then somebody types an answer. It has to end with an exit code.
func (s *site) answering(code int, typed string, meanwhile func(), args ...string) string {
	s.t.Helper()
	cmd := exec.Command("script", "--quiet", "--return", "--command", program(s.t)+" "+strings.Join(args, " "), "/dev/null")
	cmd.Dir = s.dir
	in, err := cmd.StdinPipe()
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
			if _, err := io.WriteString(in, typed+"\n"); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // its exit code says it
	if got := cmd.ProcessState.ExitCode(); got != code || !asked {
		s.t.Fatalf("berth %s: exit %d, want %d, asked: %v\n%s", strings.Join(args, " "), got, code, asked, said.String())
	}
	return said.String()
}

// TestUpgradeOverMajors upgrades over two majors behind a maintenance page, rolls back with the migrator's downgrade, and upgrades again.
func TestUpgradeOverMajors(t *testing.T) {
	needs(t, long, engine, images("6.0.0", release))
	s := older(t, "up-far", "6.0.0", "services: {symbols: {memory: 1Gi}}   # big")
	before := s.data()
	says(t, overMajors(t, s, "compose"), "services.symbols becomes services.searcher")
	says(t, s.read("sourcegraph.yaml"), "services: {searcher: {memory: 1Gi}}   # big")
	s.must(0, "rollback", "--yes")
	s.same(before)
	says(t, s.must(0, "plan"), "Sourcegraph 6.0.0")
	s.must(0, "upgrade", "--yes")
	s.same(before)
}

// TestUpgradeBelowPostgres16 upgrades between releases with the older Postgres, and rolls back: with a migrator that connects to it.
func TestUpgradeBelowPostgres16(t *testing.T) {
	needs(t, long, engine, images("5.0.0", "5.9.1590", "5.11.6271"))
	const to, migrator = "5.9.1590", "Sourcegraph migrator 5.11.6271"
	s := olderTo(t, "up-twelve", "5.0.0", to)
	before := s.data()
	says(t, s.must(0, "upgrade", "--to", to, "--yes"), migrator)
	s.same(before)
	s.must(0, "plan")
	says(t, s.must(0, "rollback", "--yes"), migrator)
	s.same(before)
}

// TestUpgradePatchWithOtherCLibrary upgrades to a patch release whose databases have another C library, and rolls back: behind the maintenance page,
// with checks of the indexes, and without the migrator's upgrade, which does not exist within a minor release.
func TestUpgradePatchWithOtherCLibrary(t *testing.T) {
	needs(t, long, engine, images("6.2.1106", "6.2.2553"))
	const from, to = "6.2.1106", "6.2.2553"
	s := olderTo(t, "up-libc", from, to)
	before := s.data()
	if out := s.must(2, "upgrade", "--to", to, "--plan"); !strings.Contains(out, "patch, with a maintenance page") || strings.Contains(out, "migrator") {
		t.Errorf("the plan is not that of such a patch release:\n%s", out)
	}
	if out := s.must(0, "upgrade", "--to", to, "--yes"); !strings.Contains(out, "pgsql: indexes are sound") || strings.Contains(out, "upgrade --from") {
		t.Errorf("the indexes were not checked, or the migrator upgraded:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	says(t, s.must(0, "rollback", "--yes"), "pgsql: indexes are sound", "nothing is lost")
	s.same(before)
	says(t, s.must(0, "plan"), "Sourcegraph "+from)
}

// TestUpgradeMigratorFails: a migration fails in the middle. The maintenance page says so, and the upgrade completes when it is fixed.
func TestUpgradeMigratorFails(t *testing.T) {
	needs(t, engine, images("6.0.0", release))
	migratorFails(older(t, "up-dirty", "6.0.0"))
}

// TestUpgradeNeverHealthy: the new release never becomes healthy, and berth rolls back.
func TestUpgradeNeverHealthy(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	neverHealthy(older(t, "up-sick", "7.4.0"))
}

// TestUpgradeRefused: an upgrade is refused before anything is changed, for one reason after the other.
func TestUpgradeRefused(t *testing.T) {
	needs(t, engine, images("7.4.0", release))
	refusals(t, older(t, "up-refused", "7.4.0"))
}

// TestUpgradeThroughPostgres upgrades from 5.0 through the conversion to a newer Postgres, rolls back with the backup, and upgrades to the end. The
// databases are converted by the real pg_upgrade. TestClusterUpgradeThroughPostgres does it from 12 to 16, without pg_upgrade.
func TestUpgradeThroughPostgres(t *testing.T) {
	needs(t, engine, pgUpgradeImages("5.0.0", "6.12.5040", release))
	s := notDeployed(t, "up-postgres", "5.0.0")
	if !realImages {
		s.edit(registryAddress()+"/sourcegraph", registryAddress()+"/sourcegraph-pg-upgrade")
	}
	s.deployOlder(release)
	throughPostgres(s, "6.12.5040")
}

// TestUpgradeExternalDatabase: an external database is checked, backed up and migrated like a bundled one.
func TestUpgradeExternalDatabase(t *testing.T) {
	needs(t, long, engine, images("6.0.0", release))
	s := notDeployed(t, "up-own", "6.0.0")
	s.externalDatabase(externalPassword)
	s.deployOlder(release)
	externalUpgrade(t, s)
}

// TestExternalDatabaseTLS: Sourcegraph, the migrator and berth's own tasks verify the server of an external database and sign in with a certificate
// in place of a password. The questions, the backup, the migration and the restore all run through it.
func TestExternalDatabaseTLS(t *testing.T) {
	needs(t, engine, images("6.0.0", release))
	s := notDeployed(t, "tls-own", "6.0.0")
	s.externalTLS()
	s.deployOlder(release)
	if got := s.externalSQL("SELECT count(*) > 0 AND bool_and(ssl AND client_dn IS NOT NULL) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"); got != "t" {
		t.Errorf("not every connection has TLS and a client's certificate: %s", got)
	}
	externalUpgrade(t, s)
}

// TestUpgradeEngineCrashes kills the engine with every container, and berth, as a power failure does: in the backup, in the migrator, and while the
// new release starts. Each time status names the command that continues.
func TestUpgradeEngineCrashes(t *testing.T) {
	needs(t, engine, images("6.0.0", release))
	s := older(t, "up-rebooted", "6.0.0")
	s.fault("migration_seconds", "1") // so that there is time to kill one
	before := s.data()
	for _, stage := range []string{"back up", "migrate", "deploy"} {
		b := s.start("upgrade", "--yes", "--to", release)
		if b.until(func() string {
			if strings.Contains(s.upgradeStep(b, 0), " "+stage+"|") {
				return stage
			}
			return ""
		}) == "" {
			t.Fatalf("the upgrade ended before its stage %s:\n%s", stage, b.said.String())
		}
		time.Sleep(500 * time.Millisecond) // the stage's task begins
		b.end(os.Kill)
		restartEngine(t, "--kill")
		if code, out := s.berth("status"); code > 1 || !strings.Contains(out, "continue with: berth upgrade") { // 0 where all is ready again already
			t.Errorf("status: exit %d\n%s", code, out)
		}
	}
	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
	s.must(0, "plan")
}

// TestUpgradeOnlyByPlan edits the release in the config of an installation on an engine, and in it by hand.
func TestUpgradeOnlyByPlan(t *testing.T) {
	needs(t, engine, images("6.0.0", release))
	s := older(t, "up-only", "6.0.0", "services: {searcher: {memory: 900Mi}}")
	onlyByPlan(s, func(s *site) {
		project := filepath.Join(s.t.TempDir(), "project")
		s.must(0, "render", "--out", project)
		// The project's name is that of the installation, as in berth's own calls of docker compose.
		docker(s.t, "compose", "--project-directory", project, "--project-name", s.name, "up", "--detach", "--no-deps",
			"pgsql", "codeintel-db", "codeinsights-db", "redis-store", "gitserver-0")
	}, func(s *site) { docker(s.t, "stop", s.name+"-searcher-0") })
}

// TestUpgradeByUp writes the next release into the config: up upgrades to it, and the rollback exists until upgrade finish.
func TestUpgradeByUp(t *testing.T) {
	needs(t, engine, images("7.4.0", release))
	s := older(t, "up-rolls", "7.4.0")
	before := s.data()
	s.edit("release: 7.4.0", "release: "+release)
	story(s,
		step{"check and plan show an upgrade, which is not saved as a plan", func(s *site) {
			says(s.t, s.must(0, "check"), "BERTH3744")
			says(s.t, s.must(2, "plan"), "7.4.0 -> "+release+"   standard")
			says(s.t, s.must(3, "plan", "--out", "plan.json"), "BERTH3745")
			if _, err := os.Stat(filepath.Join(s.dir, "plan.json")); err == nil {
				s.t.Error("the plan of an upgrade was saved")
			}
		}},
		step{"up upgrades and names the rollback", func(s *site) {
			says(s.t, s.must(0, "up"), "to roll back to 7.4.0: berth rollback")
			s.same(before)
			s.must(0, "plan")
		}},
		step{"history says that it was an upgrade", func(s *site) {
			var records []struct{ Action, From, Release, Result string }
			if err := resultOf(s.onlyOutput(0, "history", "--json"), &records); err != nil {
				s.t.Fatal(err)
			}
			if r := records[len(records)-1]; r.Action != "upgrade" || r.From != "7.4.0" || r.Release != release || r.Result != "done" {
				s.t.Errorf("history says %+v", r)
			}
		}},
		step{"after upgrade finish there is no rollback, and none is named", func(s *site) {
			says(s.t, s.must(0, "upgrade", "finish", "--yes"), "given up")
			says(s.t, s.must(3, "rollback", "--yes"), "BERTH3735", "given up with berth upgrade finish")
			s.edit("release: "+release, "release: 7.4.0")
			if out := s.must(3, "up"); !strings.Contains(out, "BERTH3741") || strings.Contains(out, "berth rollback") {
				s.t.Errorf("up names a rollback that was given up:\n%s", out)
			}
		}},
	)
}

// TestCheckAgainst checks a config alone against an installed release, as CI does.
func TestCheckAgainst(t *testing.T) {
	needs(t, engine)
	s := newSite(t, "against")
	for _, tt := range []struct {
		from string
		code int
		says string
	}{
		{"7.4.0", 0, "BERTH3744"}, {release, 0, ""}, {"6.0.0", 3, "BERTH3740"}, {"5.0.0", 3, "5.0.0 -> 6.12.5040 -> " + release}, {"9.9.9", 3, "BERTH3751"},
	} {
		says(t, s.must(tt.code, "check", "--against", tt.from), tt.says)
	}
}
