//go:build upgrades

package e2e

import (
	"fmt"
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
	c := s.searching()
	s.must(0, "upgrade", "--yes")
	time.Sleep(2 * time.Second)
	asked, failed, down := c.result()
	t.Logf("AVAILABILITY compose 7.4.0 -> %s: %d searches, %d failed: %s (%v)", release, asked, failed, down, c.why)
	if down > 10*time.Second {
		t.Errorf("searches failed for %s, the goal is under 10 s", down)
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

// TestUpgradeOverMajors goes over two majors behind a page, comes back by the migrator's downgrade, and goes again.
func TestUpgradeOverMajors(t *testing.T) {
	s := older(t, "up-far", "6.0.0", "services: {symbols: {memory: 1Gi}}   # big")
	before := s.data()
	c := s.searching()
	out := s.must(0, "upgrade", "--yes")
	asked, failed, down := c.result()
	t.Logf("AVAILABILITY compose 6.0.0 -> %s, over two majors: %d searches, %d not answered: %s (%v)", release, asked, failed, down, c.why)
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

// TestUpgradeMigratorFails: a migration fails in the middle of the way. The page says so, and the way goes on when it is mended.
func TestUpgradeMigratorFails(t *testing.T) {
	s := older(t, "up-dirty", "6.0.0")
	before := s.data()
	s.fault("migration_fails", "codeintel:7.2")
	code, out := s.berth("upgrade", "--yes")
	if code != 1 || !strings.Contains(out, "BERTH3705") || !strings.Contains(out, "a page answers") {
		t.Errorf("exit %d; it does not say why and how things are:\n%s", code, out)
	}
	if status, page := s.get("/"); status != 503 || !strings.Contains(page, "waits for its admin") || !strings.Contains(page, "BERTH3705") {
		t.Errorf("the page does not tell the reason: %d\n%s", status, page)
	}
	if out := s.must(1, "status"); !strings.Contains(out, "go on with: berth upgrade") {
		t.Errorf("status does not tell of the upgrade:\n%s", out)
	}
	s.fault("migration_fails", "")
	s.must(0, "upgrade", "--yes")
	s.same(before)
}

// TestUpgradeNeverHealthy: a release that does not get healthy is gone back from.
func TestUpgradeNeverHealthy(t *testing.T) {
	s := older(t, "up-sick", "7.4.0")
	before := s.data()
	s.fault("frontend_unhealthy", release)
	code, out := s.berth("upgrade", "--yes", "--timeout", "40s")
	if code != 1 || !strings.Contains(out, "BERTH3710") || !strings.Contains(out, "7.4.0 runs and answers") {
		t.Errorf("exit %d; it does not say that it went back:\n%s", code, out)
	}
	s.same(before)
	s.fault("frontend_unhealthy", "")
	s.must(0, "upgrade", "--yes")
	s.same(before)
}

// fault tells the stand-ins to misbehave.
func (s *site) fault(name, value string) {
	s.t.Helper()
	sql := fmt.Sprintf("CREATE TABLE IF NOT EXISTS standin_faults (name text PRIMARY KEY, value text); "+
		"INSERT INTO standin_faults VALUES ('%[1]s', '%[2]s') ON CONFLICT (name) DO UPDATE SET value = excluded.value; DELETE FROM standin_faults WHERE value = ''", name, value)
	docker(s.t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-c", sql)
}

// TestUpgradeThroughPostgres goes from 5.0 to today, through the conversion of the databases to another major Postgres, and back over it by
// the backup.
func TestUpgradeThroughPostgres(t *testing.T) {
	const stop = "6.12.5040"
	buildImages(t, stop)
	s := older(t, "up-postgres", "5.0.0")
	before := s.data()
	if out := s.must(2, "upgrade", "--plan", "--to", release); !strings.Contains(out, stop) || !strings.Contains(out, "point of no return") {
		t.Errorf("the plan shows neither the stop nor the point of no return:\n%s", out)
	}
	was := s.sql("SHOW server_version")
	out := s.must(0, "upgrade", "--yes", "--to", stop)
	if !strings.Contains(out, "indexes are sound") {
		t.Errorf("the indexes were not looked at:\n%s", out)
	}
	if is := s.sql("SHOW server_version"); is == was {
		t.Errorf("Postgres is still %s", is)
	}
	s.same(before)

	s.addRepo("example/later", marker)
	if out := s.must(0, "rollback", "--yes"); !strings.Contains(out, "since the backup") {
		t.Errorf("the way back does not say what is lost:\n%s", out)
	}
	if is := s.sql("SHOW server_version"); is != was {
		t.Errorf("Postgres is %s, not %s again", is, was)
	}
	s.same(before)

	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
	s.must(0, "plan")
}

// sql asks pgsql.
func (s *site) sql(query string) string {
	s.t.Helper()
	return docker(s.t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-Atc", query)
}

// TestUpgradeRefused looks at what stands in the way, one after the other: nothing is touched, and the message says what to do.
func TestUpgradeRefused(t *testing.T) {
	s := older(t, "up-refused", "7.4.0")
	before, containers := s.data(), s.containers()
	refused := func(what, code string, args ...string) {
		t.Helper()
		exit, out := s.berth(append([]string{"upgrade", "--yes"}, args...)...)
		if exit == 0 || !strings.Contains(out, code) {
			t.Errorf("%s: exit %d, no %s in\n%s", what, exit, code, out)
		}
		if now := s.containers(); fmt.Sprint(now) != fmt.Sprint(containers) {
			t.Errorf("%s: containers were touched", what)
		}
		if !strings.Contains(s.read("sourcegraph.yaml"), "release: 7.4.0") {
			t.Errorf("%s: the file was changed", what)
		}
	}
	refused("an older release", "BERTH3754", "--to", "7.3")
	refused("no release", "BERTH3753", "--to", "9.9")

	s.sql("ALTER TABLE users ADD COLUMN by_hand text")
	refused("drift", "BERTH3702")
	s.must(3, "up") // an upgrade is under way
	s.sql("ALTER TABLE users DROP COLUMN by_hand")
	s.must(0, "rollback", "--yes")

	s.sql("INSERT INTO migration_logs (migration_logs_schema_version, schema, version, up, started_at, success) " +
		"SELECT migration_logs_schema_version, schema, version, up, now(), false FROM migration_logs WHERE schema <> '' ORDER BY id LIMIT 1")
	refused("a dirty schema", "BERTH3708")
	s.sql("DELETE FROM migration_logs WHERE NOT success")

	s.fault("oob_stuck", "1004:80")
	s.sql("UPDATE out_of_band_migrations SET progress = 0.8 WHERE id = 1004")
	refused("a background migration that stands still", "BERTH3706", "--patience", "5s")
	s.fault("oob_stuck", "")
	s.must(0, "upgrade", "--yes")
	s.same(before)
}

// TestUpgradeOwnDatabase: a database that is the admin's own is asked, backed up and migrated like a bundled one.
func TestUpgradeOwnDatabase(t *testing.T) {
	const password = "own-password"
	buildImages(t, "6.0.0", release)
	s := newSite(t, "up-own")
	port := freePort(t)
	ownPostgres(t, port, password)
	gateway := docker(t, "inspect", "berth-e2e-owndb", "-f", "{{.NetworkSettings.Gateway}}")
	s.writeFile("password.txt", password+"\n")
	s.edit("release: "+release, "release: 6.0.0")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.edit("size: demo\n", fmt.Sprintf("size: demo\ndatabases: {pgsql: {external: {host: %s, port: %d, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}\n", gateway, port))
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	before := s.data()
	out := s.must(0, "upgrade", "--yes", "--to", release)
	if strings.Contains(out, password) || !strings.Contains(out, "pgsql: ") {
		t.Errorf("the password is printed, or the own database was not backed up:\n%s", out)
	}
	s.same(before)
	s.must(0, "rollback", "--yes")
	s.same(before)
}
