//go:build engine

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests run the databases' images on a Docker Engine. They need testbed/images build 5.0.0 5.11.6271 7.5.4453.
const (
	before  = "5.0.0"     // PostgreSQL "12"
	between = "5.11.6271" // "16", and converts
	after   = "7.5.4453"  // "16", and doesn't
)

// database is a volume and the container that runs on it.
type database struct {
	*testing.T
	name, user, mount, conf string
	images                  map[string]string // by version
}

func newDatabase(t *testing.T, insights bool) *database {
	d := &database{T: t, name: "berth-testbed-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())), user: "999", mount: "/data", conf: t.TempDir(),
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
	registry := os.Getenv("BERTH_TESTBED_REGISTRY")
	if registry == "" {
		registry = "127.0.0.1:5010"
	}
	args := []string{"run", "-d", "--pull", "always", "--name", d.name, "--read-only", "--tmpfs", "/var/run/postgresql:uid=" + d.user + ",mode=3777", "--shm-size", "256m",
		"-v", d.name + ":" + d.mount, "-v", d.conf + ":/conf:ro", "-e", "POSTGRES_PASSWORD=pw"}
	for _, e := range env {
		args = append(args, "-e", e)
	}
	d.must(append(args, fmt.Sprintf("%s/sourcegraph/%s:%s", registry, d.images[version], version))...)
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
	d.sql("CREATE EXTENSION citext; CREATE TABLE t AS SELECT g, md5(g::text) m FROM generate_series(1, 50000) g; CREATE INDEX ON t (m)")
}

func (d *database) has(major string) {
	d.Helper()
	d.await("start", d.ready)
	if got := d.sql("SELECT count(*) || ' ' || current_setting('server_version_num')::int / 10000 FROM t"); got != "50000 "+major {
		d.Errorf("rows and major are %s, want 50000 %s", got, major)
	}
}

func TestConversion(t *testing.T) {
	for _, insights := range []bool{false, true} {
		t.Run(fmt.Sprintf("insights_%v", insights), func(t *testing.T) {
			d := newDatabase(t, insights)
			d.start(before)
			d.seed()
			d.start(after) // the container of before is killed, not stopped
			d.ends("not compatible with this version 17")
			d.start(between)
			d.has("17")
			if got := d.sql("SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = 'sg'"); got != "t" {
				t.Error("the collation has the version of before, so that nothing has to be done about it")
			}
			d.start(after)
			d.has("17")
		})
	}
}

func TestConversionLinks(t *testing.T) {
	d := newDatabase(t, false)
	d.start(before)
	d.seed()
	d.start(between, "PG_UPGRADE_EXTRA_ARGS=--link")
	d.has("17")
	d.start(before)
	d.ends("") // what was linked can't be used by the old server again
}

// Killed halfway, it leaves two folders, of which the old one is as it was, and refuses to go on until somebody decides.
func TestConversionInterrupted(t *testing.T) {
	d := newDatabase(t, false)
	d.start(before)
	d.seed()
	d.start(between)
	d.await("pg_upgrade", func() bool {
		_, err := d.docker("exec", d.name, "test", "-d", "/data/pgdata-16/pg_upgrade_output.d")
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
	d.has("15")
	d.must("exec", d.name, "rm", "-rf", "/data/pgdata-16")
	d.start(between)
	d.has("17")
}
