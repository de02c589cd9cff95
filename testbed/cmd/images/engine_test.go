//go:build engine

package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests run the databases' images on a Docker Engine. They need testbed/up 5.0.0 5.11.6271 7.5.4453, with and without --pg-upgrade.
const (
	before  = "5.0.0"
	between = "5.11.6271" // converts what "before" left
	after   = "7.5.4453"  // doesn't
)

// conversion is a kind of images, and what it converts.
type conversion struct{ kind, path, from, to string }

var (
	byDump      = conversion{full, "sourcegraph", "12", "16"}
	byPgUpgrade = conversion{pgUpgrade, "sourcegraph-pg-upgrade", "15", "17"}
)

// database is a volume and the container that runs on it.
type database struct {
	*testing.T
	conversion
	name, user, mount, conf string
	images                  map[string]string // by version
}

func newDatabase(t *testing.T, c conversion, insights bool) *database {
	d := &database{T: t, conversion: c, name: "berth-testbed-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())), user: "999", mount: "/data", conf: t.TempDir(),
		images: map[string]string{before: "postgres-12-alpine", between: "postgresql-16", after: "postgresql-16"}}
	if insights {
		d.user, d.mount = "70", "/var/lib/postgresql/data"
		d.images = map[string]string{before: "codeinsights-db", between: "postgresql-16-codeinsights", after: "postgresql-16-codeinsights"}
	}
	if err := os.WriteFile(filepath.Join(d.conf, "postgresql.conf"), []byte("listen_addresses = '*'\nshared_preload_libraries = 'pg_stat_statements'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.conf, 0o755); err != nil {
		t.Fatal(err)
	}
	clean := func() {
		_, _ = d.docker("rm", "-f", "-v", d.name)
		_, _ = d.docker("volume", "rm", d.name)
	}
	clean()
	t.Cleanup(clean)
	return d
}

func registry() string { return cmp.Or(os.Getenv("BERTH_TESTBED_REGISTRY"), "127.0.0.1:5010") }

func (d *database) docker(args ...string) (string, error) {
	out, err := exec.Command("docker", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (d *database) must(args ...string) string {
	d.Helper()
	out, err := d.docker(args...)
	if err != nil {
		d.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return out
}

// start replaces the container by one of a version, with a root that can't be written, as the chart has it.
func (d *database) start(version string, env ...string) {
	d.Helper()
	_, _ = d.docker("rm", "-f", "-v", d.name)
	args := []string{"run", "-d", "--pull", "always", "--name", d.name, "--read-only", "--tmpfs", "/var/run/postgresql:uid=" + d.user + ",mode=3777", "--shm-size", "256m",
		"-v", d.name + ":" + d.mount, "-v", d.conf + ":/conf:ro", "-e", "POSTGRES_PASSWORD=pw"}
	for _, e := range env {
		args = append(args, "-e", e)
	}
	d.must(append(args, fmt.Sprintf("%s/%s/%s:%s", registry(), d.path, d.images[version], version))...)
}

func (d *database) ready() bool { _, err := d.docker("exec", d.name, "/ready.sh"); return err == nil }

func (d *database) await(what string, done func() bool) {
	d.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("%s: not within a minute\n%s", what, d.must("logs", d.name))
		}
	}
}

// ends waits until the container has ended with these words, and not well.
func (d *database) ends(want string) {
	d.Helper()
	d.await("end", func() bool { return d.must("inspect", "-f", "{{.State.Running}}", d.name) == "false" })
	if code := d.must("inspect", "-f", "{{.State.ExitCode}}", d.name); code == "0" {
		d.Error("it ended well")
	}
	if log := d.must("logs", d.name); !strings.Contains(log, want) {
		d.Errorf("the log has no %q:\n%s", want, log)
	}
}

// sql gives what a query answers, without the warnings beside it.
func (d *database) sql(text string) string {
	d.Helper()
	out, err := exec.Command("docker", "exec", d.name, "psql", "-U", "sg", "-d", "sg", "-qAtc", text).Output()
	if err != nil {
		d.Fatalf("%s: %v", text, err)
	}
	return strings.TrimSpace(string(out))
}

func (d *database) seed() {
	d.Helper()
	d.await("start", d.ready)
	for _, e := range []string{"citext", "hstore", "pg_trgm", "intarray", "btree_gin", "pg_stat_statements", "amcheck"} {
		d.sql("CREATE EXTENSION " + e)
	}
	d.sql("CREATE TABLE t AS SELECT g, md5(g::text) m FROM generate_series(1, 50000) g; CREATE INDEX ON t (m)")
}

func (d *database) has(major string) {
	d.Helper()
	d.await("start", d.ready)
	if got := d.sql("SELECT count(*) || ' ' || current_setting('server_version_num')::int / 10000 FROM t"); got != "50000 "+major {
		d.Errorf("rows and major are %s, want 50000 %s", got, major)
	}
}

func TestConversion(t *testing.T) {
	for _, c := range []conversion{byDump, byPgUpgrade} {
		for _, insights := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/insights_%v", c.kind, insights), func(t *testing.T) {
				d := newDatabase(t, c, insights)
				d.start(before)
				d.seed()
				d.start(after) // the container of before is killed, not stopped
				d.ends("not compatible with this version " + c.to)
				d.start(between)
				d.has(c.to)
				stale := d.sql("SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = 'sg'")
				if want := map[string]string{full: "f", pgUpgrade: "t"}[c.kind]; stale != want {
					t.Errorf("the collation is of the version of before: %s, want %s", stale, want)
				}
				d.start(after)
				d.has(c.to)
			})
		}
	}
}

func TestConversionLinks(t *testing.T) {
	d := newDatabase(t, byPgUpgrade, false)
	d.start(before)
	d.seed()
	d.start(between, "PG_UPGRADE_EXTRA_ARGS=--link")
	d.has(d.to)
	d.start(before)
	d.ends("") // what was linked can't be used by the old server again
}

// Killed halfway, it leaves two folders, of which the old one is as it was, and refuses to go on until somebody decides.
func TestConversionInterrupted(t *testing.T) {
	for c, sign := range map[conversion]string{byDump: "postmaster.pid", byPgUpgrade: "pg_upgrade_output.d"} {
		t.Run(c.kind, func(t *testing.T) {
			d := newDatabase(t, c, false)
			d.start(before)
			d.seed()
			d.start(between)
			d.await("conversion", func() bool {
				_, err := d.docker("exec", d.name, "test", "-e", "/data/pgdata-16/"+sign)
				return err == nil
			})
			if out, err := d.docker("exec", d.name, "/liveness.sh"); err != nil || !strings.Contains(out, "Postgres is upgrading") {
				t.Errorf("liveness: %v %s", err, out)
			}
			if d.ready() {
				t.Error("ready while it converts")
			}
			d.must("kill", d.name)
			d.start(between)
			d.ends("Detected an interrupted upgrade")
			d.start(before)
			d.has(d.from)
			d.must("exec", d.name, "rm", "-rf", "/data/pgdata-16")
			d.start(between)
			d.has(d.to)
		})
	}
}

// A dump of the image's own client programs can be restored into its own server, though the clients are newer.
func TestDumpsCanBeRestored(t *testing.T) {
	for _, version := range []string{before, after} {
		t.Run(version, func(t *testing.T) {
			d := newDatabase(t, byDump, false)
			d.start(version)
			d.seed()
			d.must("exec", d.name, "sh", "-ec", "cd /var/run/postgresql && pg_dump -U sg --format=custom --file=d sg && createdb -U sg copy && pg_restore -U sg --exit-on-error --dbname=copy d")
			if n := d.must("exec", d.name, "psql", "-U", "sg", "-d", "copy", "-qAtc", "SELECT count(*) FROM t"); n != "50000" {
				t.Errorf("the copy has %s rows", n)
			}
		})
	}
}
