//go:build upgrades || upgradefaults || clusterupgrades

package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// What follows is the same on every target. Each begins with an installation of an older release, with data in it.

// migratorFails: a migration fails in the middle of a way from 6.0. The page says so, and the way goes on when it is mended.
func migratorFails(t *testing.T, s *site) {
	before := s.data()
	s.fault("migration_fails", "codeintel:7.2")
	code, out := s.berth("upgrade", "--yes", "--to", release)
	if code != 1 || !strings.Contains(out, "BERTH3705") || !strings.Contains(out, "a page answers") {
		t.Errorf("exit %d; it does not say why and how things are:\n%s", code, out)
	}
	await(t, 15*time.Second, "the page to tell the reason", func() bool {
		status, page := s.get("/")
		return status == 503 && strings.Contains(page, "waits for its admin") && strings.Contains(page, "BERTH3705")
	})
	if out := s.must(1, "status"); !strings.Contains(out, "continue with: berth upgrade") {
		t.Errorf("status does not tell of the upgrade:\n%s", out)
	}
	s.fault("migration_fails", "")
	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
}

// neverHealthy: a release that does not get healthy is gone back from, to 7.4.
func neverHealthy(t *testing.T, s *site) {
	before := s.data()
	s.fault("frontend_unhealthy", release)
	code, out := s.berth("upgrade", "--yes", "--to", release, "--timeout", "40s")
	if code != 1 || !strings.Contains(out, "BERTH3710") || !strings.Contains(out, "7.4.0 runs and answers") {
		t.Errorf("exit %d; it does not say that it went back:\n%s", code, out)
	}
	s.same(before)
	// Leave it at that: the databases may have written down the release that was tried, and the one before is still what is installed.
	s.must(0, "rollback", "--yes")
	s.must(0, "plan")
	if out := s.must(0, "status"); !strings.Contains(out, "Sourcegraph 7.4.0") {
		t.Errorf("status does not say what is installed:\n%s", out)
	}
	s.fault("frontend_unhealthy", "")
	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
}

const ownPassword = "own-password"

// ownDatabase goes from 6.0 to the release of today and back with a pgsql that is the admin's own.
func ownDatabase(t *testing.T, s *site) {
	before := s.data()
	out := s.must(0, "upgrade", "--yes", "--to", release)
	if strings.Contains(out, ownPassword) || !strings.Contains(out, "pgsql: ") {
		t.Errorf("the password is printed, or the own database was not backed up:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// throughPostgres goes from 5.0 to a stop through the conversion of the databases to another major Postgres, back over it by the backup, and
// then all the way.
func throughPostgres(t *testing.T, s *site, stop string) {
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

// refusals looks at what stands in the way of leaving 7.4, one after the other: nothing is touched, and the message says what to do.
func refusals(t *testing.T, s *site) {
	before, running := s.data(), s.running()
	refused := func(what, code string, args ...string) {
		t.Helper()
		exit, out := s.berth(append([]string{"upgrade", "--yes"}, args...)...)
		if exit == 0 || !strings.Contains(out, code) {
			t.Errorf("%s: exit %d, no %s in\n%s", what, exit, code, out)
		}
		if now := s.running(); !maps.Equal(now, running) {
			t.Errorf("%s: what runs was touched: %v, before %v", what, now, running)
		}
		if !strings.Contains(s.read("sourcegraph.yaml"), "release: 7.4.0") {
			t.Errorf("%s: the file was changed", what)
		}
	}
	refused("an older release", "BERTH3754", "--to", "7.3")
	refused("no release", "BERTH3753", "--to", "9.9")

	s.sql("ALTER TABLE users ADD COLUMN by_hand text")
	refused("drift", "BERTH3702", "--to", release)
	s.sql("ALTER TABLE users DROP COLUMN by_hand")
	s.must(0, "plan") // nothing is under way

	s.sql("INSERT INTO migration_logs (migration_logs_schema_version, schema, version, up, started_at, success) " +
		"SELECT migration_logs_schema_version, schema, version, up, now(), false FROM migration_logs WHERE schema <> '' ORDER BY id LIMIT 1")
	refused("a dirty schema", "BERTH3708", "--to", release)
	s.sql("DELETE FROM migration_logs WHERE NOT success")

	s.fault("oob_stuck", "1004:80")
	s.sql("UPDATE out_of_band_migrations SET progress = 0.8 WHERE id = 1004")
	refused("a background migration that stands still", "BERTH3706", "--patience", "5s", "--to", release)
	s.must(3, "up") // an upgrade is under way
	s.fault("oob_stuck", "")
	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
}

// fault tells the stand-ins to misbehave.
func (s *site) fault(name, value string) {
	s.t.Helper()
	s.sql(fmt.Sprintf("CREATE TABLE IF NOT EXISTS standin_faults (name text PRIMARY KEY, value text); "+
		"INSERT INTO standin_faults VALUES ('%[1]s', '%[2]s') ON CONFLICT (name) DO UPDATE SET value = excluded.value; DELETE FROM standin_faults WHERE value = ''", name, value))
}

// sql asks pgsql.
func (s *site) sql(query string) string {
	s.t.Helper()
	psql := []string{"psql", "-U", "sg", "-d", "sg", "-Atc", query}
	if s.cluster {
		return kubectl(s.t, append([]string{"exec", "-n", s.name, "statefulset/pgsql", "-c", "pgsql", "--"}, psql...)...)
	}
	return docker(s.t, append([]string{"exec", s.name + "-pgsql"}, psql...)...)
}

// running gives the identities of what runs.
func (s *site) running() map[string]string {
	s.t.Helper()
	if !s.cluster {
		return s.containers()
	}
	ids := map[string]string{}
	for line := range strings.Lines(kubectl(s.t, "get", "pods", "-n", s.name, "--field-selector=status.phase=Running", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}`)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[name] = id
	}
	return ids
}
