//go:build upgrades

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRehearse rehearses an upgrade over two majors: to its end, stopped, killed, and with a migration that fails. Each time the installation is as
// before, and nothing of the clone is left.
func TestRehearse(t *testing.T) {
	s := older(t, "reh", "6.0.0")
	s.must(3, "rehearse", "--to", "5.0") // there is no way back in time
	before := s.untouched()

	t.Run("to its end", func(t *testing.T) {
		s := s.in(t)
		out := s.must(0, "rehearse", "--to", release)
		for _, want := range []string{"rehearsed 6.0.0 -> " + release, "restored and counted", "background migrations at 100 %", "no search, since only databases run here",
			"downtime of the real run: about", "not rehearsed", "the clone reh-rehearsal is deleted"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		t.Logf("the report:\n%s", out[max(0, strings.LastIndex(out, "rehearsed 6.0.0")):])
		s.untouchedSince(before)
		s.noClone()
		plan := s.must(2, "upgrade", "--plan", "--to", release, "--ticket")
		for _, stage := range []string{"| back up |", "| migrate |", "| convert |"} {
			i := strings.Index(plan, stage)
			if i < 0 || !strings.Contains(strings.SplitN(plan[i:], "\n", 2)[0], "rehearsed 20") {
				t.Errorf("the plan of %s does not say that it was rehearsed:\n%s", stage, plan)
			}
		}
	})

	t.Run("stopped", func(t *testing.T) {
		s := s.in(t)
		first := s.start("rehearse", "--to", release)
		await(t, 2*time.Minute, "the clone's databases", s.cloneRuns)
		if code, out := first.end(os.Interrupt); code != 130 || !strings.Contains(out, "rehearsal stopped") {
			t.Errorf("exit %d after Ctrl-C, want 130\n%s", code, out)
		}
		s.untouchedSince(before)
		s.noClone()
	})

	t.Run("killed", func(t *testing.T) {
		s := s.in(t)
		first := s.start("rehearse", "--to", release)
		await(t, 2*time.Minute, "the clone's databases", s.cloneRuns)
		if code, out := s.berth("rehearse", "--to", release); code != 3 || !strings.Contains(out, "BERTH3201") {
			t.Errorf("a second rehearsal at the same time: exit %d\n%s", code, out)
		}
		first.end(os.Kill)
		if !s.cloneRuns() {
			t.Fatal("nothing was left: the test does not reach what it is for")
		}
		text := s.onlyOutput(0, "rehearse", "--to", release, "--json")
		var report struct {
			Arrived, Deleted bool
			From, To         string
			Stages           []struct {
				Stage   string
				Seconds float64
			}
			Before, After   []struct{ Bytes int64 }
			DowntimeSeconds float64
			NotRehearsed    []string
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !report.Arrived || !report.Deleted || len(report.Stages) < 7 || len(report.Before) != 3 || len(report.After) != 3 || report.DowntimeSeconds <= 0 {
			t.Errorf("the report is not whole:\n%s", text)
		}
		s.untouchedSince(before)
		s.noClone()
	})

	t.Run("killed and cleaned", func(t *testing.T) {
		s := s.in(t)
		first := s.start("rehearse", "--to", release)
		await(t, 2*time.Minute, "the dump", func() bool { return strings.Contains(s.clones(), "reh-rehearsal_backups") })
		first.end(os.Kill)
		if out := s.must(0, "rehearse", "--clean"); !strings.Contains(out, "deleting the clone reh-rehearsal") {
			t.Errorf("it does not say what it deletes:\n%s", out)
		}
		s.untouchedSince(before)
		s.noClone()
		s.must(0, "rehearse", "--clean") // nothing to do
	})

	t.Run("a migration fails", func(t *testing.T) {
		s := s.in(t)
		s.fault("migration_fails", "codeintel:7.2")
		defer s.fault("migration_fails", "")
		code, out := s.berth("rehearse", "--to", release)
		if code != 1 || !strings.Contains(out, "BERTH3705") || !strings.Contains(out, "division by zero") || !strings.Contains(out, "then: berth rehearse") {
			t.Errorf("exit %d; it does not tell the migrator's lines, or what to do:\n%s", code, out)
		}
		s.untouchedSince(before)
		s.noClone()
	})

	t.Run("kept", func(t *testing.T) {
		s := s.in(t)
		if out := s.must(0, "rehearse", "--to", release, "--keep"); !strings.Contains(out, "delete it with: berth rehearse --clean") {
			t.Errorf("it does not say how to delete the clone:\n%s", out)
		}
		version := docker(t, "exec", "reh-rehearsal-pgsql", "psql", "-U", "sg", "-d", "sg", "-Atc", "SELECT version FROM versions WHERE service = 'frontend'")
		if !strings.HasPrefix(version, "7.5.") {
			t.Errorf("the clone is of %q", version)
		}
		if ports := docker(t, "ps", "--filter", "name=^reh-rehearsal-", "--format", "{{.Ports}}"); strings.Contains(ports, "->") {
			t.Errorf("the clone opens ports: %s", ports)
		}
		s.must(0, "rehearse", "--clean")
		s.untouchedSince(before)
		s.noClone()
	})

	t.Run("a stranger's name", func(t *testing.T) {
		s := s.in(t)
		docker(t, "volume", "create", "--label", "com.docker.compose.project=reh-rehearsal", "reh-rehearsal_theirs")
		defer docker(t, "volume", "rm", "reh-rehearsal_theirs")
		if code, out := s.berth("rehearse", "--to", release); code != 3 || !strings.Contains(out, "BERTH3903") || !strings.Contains(out, "reh-rehearsal_theirs") {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})
}

// TestRehearseOwnDatabase: a database that is the admin's own is read there and cloned into a bundled one; to the next release, the release's own
// migrator runs.
func TestRehearseOwnDatabase(t *testing.T) {
	const password = "own-password"
	buildImages(t, "7.4.0", release)
	s := newSite(t, "reh-own")
	port := freePort(t)
	ownPostgres(t, port, password)
	gateway := docker(t, "inspect", "berth-e2e-owndb", "-f", "{{.NetworkSettings.Gateway}}")
	s.writeFile("password.txt", password+"\n")
	s.edit("release: "+release, "release: 7.4.0")
	s.edit("size: demo\n", fmt.Sprintf("size: demo\ndatabases: {pgsql: {external: {host: %s, port: %d, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}\n", gateway, port))
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	const schema = "SELECT (SELECT version FROM versions WHERE service = 'frontend'), count(*), max(id) FROM migration_logs"
	theirs := func() string {
		return docker(t, "exec", "berth-e2e-owndb", "psql", "-U", "sg", "-d", "sg", "-Atc", schema)
	}
	before, data := theirs(), s.data()
	out := s.must(0, "rehearse", "--to", release)
	if strings.Contains(out, password) || !strings.Contains(out, "rehearsed 7.4.0 -> "+release) {
		t.Errorf("the password is printed, or it was not rehearsed:\n%s", out)
	}
	if after := theirs(); after != before {
		t.Errorf("the own database is another one: %s, it was %s", after, before)
	}
	if after := s.data(); after != data {
		t.Errorf("the data is another one; before:\n%s\nafter:\n%s", data, after)
	}
	s.noClone()
	if plan := s.must(2, "upgrade", "--plan", "--ticket"); !strings.Contains(plan, "with the migrator as rehearsed 20") {
		t.Errorf("the plan does not count with what was rehearsed:\n%s", plan)
	}
}

// original is all of an installation that a rehearsal must leave as it is.
type original struct {
	containers map[string]string // ID and start, by name
	volumes    string
	config     string
	data       string
	schema     string
	state      []string // files of its state and their content, but for the times that a rehearsal is for, and who held the lock last
}

func (s *site) untouched() original {
	s.t.Helper()
	o := original{containers: map[string]string{}, config: s.read("sourcegraph.yaml"), data: s.data(),
		volumes: docker(s.t, "volume", "ls", "--quiet", "--filter", "name=^"+s.name+"_"),
		schema: docker(s.t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-Atc",
			"SELECT (SELECT version FROM versions WHERE service = 'frontend'), count(*), max(id) FROM migration_logs")}
	if err := filepath.WalkDir(filepath.Join(s.dir, ".berth", s.name), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "upgrade-times.json" || d.Name() == "lock" {
			return err
		}
		text, err := os.ReadFile(path)
		o.state = append(o.state, path+"\n"+string(text))
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	for name, id := range s.containers() {
		o.containers[name] = docker(s.t, "inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", id)
	}
	return o
}

func (s *site) untouchedSince(before original) {
	s.t.Helper()
	after := s.untouched()
	if !maps.Equal(before.containers, after.containers) {
		s.t.Errorf("containers are others; before:\n%v\nafter:\n%v", before.containers, after.containers)
	}
	if !slices.Equal(before.state, after.state) {
		s.t.Error("the installation's state is another one")
	}
	if b, a := []string{before.volumes, before.config, before.data, before.schema}, []string{after.volumes, after.config, after.data, after.schema}; !slices.Equal(b, a) {
		s.t.Errorf("the installation is another one; before:\n%v\nafter:\n%v", b, a)
	}
}

// clones is everything on the engine that has the clone's name.
func (s *site) clones() string {
	s.t.Helper()
	clone := s.name + "-rehearsal"
	return strings.TrimSpace(docker(s.t, "ps", "--all", "--filter", "name=^"+clone, "--format", "{{.Names}} {{.Status}}") + "\n" +
		docker(s.t, "volume", "ls", "--quiet", "--filter", "name=^"+clone) + "\n" + docker(s.t, "network", "ls", "--filter", "name=^"+clone, "--format", "{{.Name}}"))
}

func (s *site) cloneRuns() bool { return strings.Contains(s.clones(), s.name+"-rehearsal-pgsql Up") }

func (s *site) noClone() {
	s.t.Helper()
	if left := s.clones(); left != "" {
		s.t.Errorf("of the clone is left:\n%s", left)
	}
	if _, err := os.Stat(filepath.Join(s.dir, ".berth", s.name+"-rehearsal")); err == nil {
		s.t.Error("the clone's folder is left, with its passwords")
	}
}
