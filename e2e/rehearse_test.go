//go:build e2e

package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRehearse rehearses an upgrade over two majors: to its end, stopped, killed, and with a migration that fails. Each time the installation does
// not change, and the clone is deleted.
func TestRehearse(t *testing.T) {
	needs(t, long, engine, images("6.0.0", release))
	s := older(t, "reh", "6.0.0")
	s.must(3, "rehearse", "--to", "5.0") // a rehearsal goes to newer releases only
	before := s.untouched()

	t.Run("a rehearsal deletes its clone, and the plan counts with its times", func(t *testing.T) { rehearseToItsEnd(s.in(t), before) })
	t.Run("Ctrl-C deletes the clone", func(t *testing.T) { rehearseStopped(s.in(t), before) })
	t.Run("the next rehearsal deletes the clone of one that was killed", func(t *testing.T) { rehearseKilled(s.in(t), before) })
	t.Run("--clean deletes the clone of a rehearsal that was killed", func(t *testing.T) { rehearseCleaned(s.in(t), before) })
	t.Run("a migration that fails is reported, and the clone is deleted", func(t *testing.T) { rehearseMigrationFails(s.in(t), before) })
	t.Run("--keep keeps a clone of the new release, without ports", func(t *testing.T) { rehearseKept(s.in(t), before) })
	t.Run("a volume of somebody else with the clone's name is refused", func(t *testing.T) { rehearseForeignName(s.in(t)) })
}

func rehearseToItsEnd(s *site, before original) {
	out := s.must(0, "rehearse", "--to", release)
	says(s.t, out, "rehearsed 6.0.0 -> "+release, "restored and compared", "background migrations at 100 %", "no search, because only databases run here",
		"downtime of the real run: about", "not rehearsed", "the clone reh-rehearsal is deleted")
	s.t.Logf("the report:\n%s", out[max(0, strings.LastIndex(out, "rehearsed 6.0.0")):])
	s.untouchedSince(before)
	s.noClone()
	plan := s.must(2, "upgrade", "--plan", "--to", release, "--ticket")
	for _, stage := range []string{"| back up |", "| migrate |", "| convert |"} {
		i := strings.Index(plan, stage)
		if i < 0 || !strings.Contains(strings.SplitN(plan[i:], "\n", 2)[0], "rehearsed 20") {
			s.t.Errorf("the plan of %s does not say that it was rehearsed:\n%s", stage, plan)
		}
	}
}

func rehearseStopped(s *site, before original) {
	first := s.start("rehearse", "--to", release)
	await(s.t, 2*time.Minute, "the clone's databases", s.cloneRuns)
	if code, out := first.end(os.Interrupt); code != 130 || !strings.Contains(out, "rehearsal stopped") {
		s.t.Errorf("exit %d after Ctrl-C, want 130\n%s", code, out)
	}
	s.untouchedSince(before)
	s.noClone()
}

func rehearseKilled(s *site, before original) {
	first := s.start("rehearse", "--to", release)
	await(s.t, 2*time.Minute, "the clone's databases", s.cloneRuns)
	says(s.t, s.must(3, "rehearse", "--to", release), "BERTH3201") // a second one at the same time
	first.end(os.Kill)
	if !s.cloneRuns() {
		s.t.Fatal("nothing was left: the test does not reach what it is for")
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
	if err := resultOf(text, &report); err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	if !report.Arrived || !report.Deleted || len(report.Stages) < 7 || len(report.Before) != 3 || len(report.After) != 3 || report.DowntimeSeconds <= 0 {
		s.t.Errorf("the report is not complete:\n%s", text)
	}
	s.untouchedSince(before)
	s.noClone()
}

func rehearseCleaned(s *site, before original) {
	first := s.start("rehearse", "--to", release)
	await(s.t, 2*time.Minute, "the dump", func() bool { return strings.Contains(s.clones(), "reh-rehearsal_backups") })
	first.end(os.Kill)
	says(s.t, s.must(0, "rehearse", "--clean"), "deleting the clone reh-rehearsal")
	s.untouchedSince(before)
	s.noClone()
	s.must(0, "rehearse", "--clean") // nothing to do
}

func rehearseMigrationFails(s *site, before original) {
	s.fault("migration_fails", "codeintel:7.2")
	defer s.fault("migration_fails", "")
	says(s.t, s.must(1, "rehearse", "--to", release), "BERTH3705", "division by zero", "then: berth rehearse")
	s.untouchedSince(before)
	s.noClone()
}

func rehearseKept(s *site, before original) {
	says(s.t, s.must(0, "rehearse", "--to", release, "--keep"), "delete it with: berth rehearse --clean")
	version := docker(s.t, "exec", "reh-rehearsal-pgsql", "psql", "-U", "sg", "-d", "sg", "-Atc", "SELECT version FROM versions WHERE service = 'frontend'")
	if !strings.HasPrefix(version, "7.5.") {
		s.t.Errorf("the clone is of %q", version)
	}
	if ports := docker(s.t, "ps", "--filter", "name=^reh-rehearsal-", "--format", "{{.Ports}}"); strings.Contains(ports, "->") {
		s.t.Errorf("the clone opens ports: %s", ports)
	}
	s.must(0, "rehearse", "--clean")
	s.untouchedSince(before)
	s.noClone()
}

func rehearseForeignName(s *site) {
	docker(s.t, "volume", "create", "--label", "com.docker.compose.project=reh-rehearsal", "reh-rehearsal_theirs")
	defer docker(s.t, "volume", "rm", "reh-rehearsal_theirs")
	says(s.t, s.must(3, "rehearse", "--to", release), "BERTH3903", "reh-rehearsal_theirs")
}

// TestRehearseExternalDatabase: an external database is read and cloned into a bundled one. To the next release, the release's own migrator runs.
func TestRehearseExternalDatabase(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	s := notDeployed(t, "reh-own", "7.4.0")
	s.externalDatabase(externalPassword)
	s.deployOlder(release)
	external := func() string { return s.externalSQL(schemaState) }
	before, data := external(), s.data()
	out := s.must(0, "rehearse", "--to", release)
	if strings.Contains(out, externalPassword) || !strings.Contains(out, "rehearsed 7.4.0 -> "+release) {
		t.Errorf("the password is printed, or nothing was rehearsed:\n%s", out)
	}
	if after := external(); after != before {
		t.Errorf("the external database changed: %s, it was %s", after, before)
	}
	if after := s.data(); after != data {
		t.Errorf("the data changed; before:\n%s\nafter:\n%s", data, after)
	}
	s.noClone()
	says(t, s.must(2, "upgrade", "--plan", "--ticket"), "with the migrator as rehearsed 20")
}

// schemaState asks for the release of a database and the migrations that it has had.
const schemaState = "SELECT (SELECT version FROM versions WHERE service = 'frontend'), count(*), max(id) FROM migration_logs"

// original is everything of an installation that a rehearsal must not change.
type original struct {
	containers map[string]string // ID and start, by name
	volumes    string
	config     string
	data       string
	schema     string
	state      []string // files of its state and their content, but for the records of rehearsals and the lock's last holder
}

// untouched reads what must not change.
func (s *site) untouched() original {
	s.t.Helper()
	o := original{containers: map[string]string{}, config: s.read("sourcegraph.yaml"), data: s.data(),
		volumes: docker(s.t, "volume", "ls", "--quiet", "--filter", "name=^"+s.name+"_"),
		schema:  s.sql(schemaState)}
	if err := filepath.WalkDir(filepath.Join(s.dir, ".berth", s.name), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		text, err := os.ReadFile(path)
		if !strings.Contains(string(text), `"action": "rehearse"`) {
			o.state = append(o.state, path+"\n"+string(text))
		}
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	for name, id := range s.containers() {
		o.containers[name] = docker(s.t, "inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", id)
	}
	return o
}

// untouchedSince fails the test when something changed.
func (s *site) untouchedSince(before original) {
	s.t.Helper()
	after := s.untouched()
	if !maps.Equal(before.containers, after.containers) {
		s.t.Errorf("containers changed; before:\n%v\nafter:\n%v", before.containers, after.containers)
	}
	if !slices.Equal(before.state, after.state) {
		s.t.Error("the installation's state changed")
	}
	if b, a := []string{before.volumes, before.config, before.data, before.schema}, []string{after.volumes, after.config, after.data, after.schema}; !slices.Equal(b, a) {
		s.t.Errorf("the installation changed; before:\n%v\nafter:\n%v", b, a)
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

// noClone fails the test when something is left of the clone.
func (s *site) noClone() {
	s.t.Helper()
	if left := s.clones(); left != "" {
		s.t.Errorf("this is left of the clone:\n%s", left)
	}
	if _, err := os.Stat(filepath.Join(s.dir, ".berth", s.name+"-rehearsal")); err == nil {
		s.t.Error("the clone's folder is left, with its passwords")
	}
}
