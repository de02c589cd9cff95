//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/doctor"
)

// illness is a fault that is injected into an installation.
type illness struct {
	name   string
	inject func(s *site)
	heal   func(s *site)
	cause  string   // the code of the cause that must stand first
	below  []string // what must follow from it
}

// database runs SQL in a database's container, also where it takes no writes.
func (s *site) database(service, user, query string) {
	s.t.Helper()
	docker(s.t, "exec", "-e", "PGOPTIONS=-c default_transaction_read_only=off", s.name+"-"+service, "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", user, "-c", query)
}

func pgsql(query string) func(*site) {
	return func(s *site) { s.t.Helper(); s.database("pgsql", "sg", query) }
}

func redis(service string, args ...string) func(*site) {
	return func(s *site) {
		s.t.Helper()
		docker(s.t, append([]string{"exec", s.name + "-" + service, "redis-cli"}, args...)...)
	}
}

func onContainer(name string, verb ...string) func(*site) {
	return func(s *site) { s.t.Helper(); docker(s.t, append(verb, s.name+"-"+name)...) }
}

// byItself heals what the doctor can heal.
func byItself(s *site) {
	s.t.Helper()
	if code, out := s.berth("doctor", "--fix", "--yes"); code != 0 && code != 3 { // a health check may not have passed again; whether all gets well is asked later
		s.t.Errorf("exit %d\n%s", code, out)
	}
}

// logged writes a line into a container's log, as the service would, once it counts as started: before that, what it wrote says only that it waited.
func logged(name, line string) func(*site) {
	return func(s *site) {
		s.t.Helper()
		began, err := time.Parse(time.RFC3339Nano, docker(s.t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-"+name))
		if err != nil {
			s.t.Fatal(err)
		}
		await(s.t, 2*doctor.Starts, name+" to count as started", func() bool { return time.Since(began) > doctor.Starts })
		docker(s.t, "exec", s.name+"-"+name, "sh", "-c", "for n in 1 2 3; do echo '"+line+"' >/proc/1/fd/1; done")
	}
}

// saves makes redis-cache save after the mode of its folder was changed.
func saves(mode string) func(*site) {
	return func(s *site) {
		s.t.Helper()
		folder := strings.Fields(docker(s.t, "exec", s.name+"-redis-cache", "redis-cli", "CONFIG", "GET", "dir"))[1]
		docker(s.t, "exec", "-u", "0", s.name+"-redis-cache", "chmod", mode, folder)
		redis("redis-cache", "BGSAVE")(s)
	}
}

// postmaster sends a signal to the server of pgsql.
func postmaster(signal string) func(*site) {
	return func(s *site) {
		s.t.Helper()
		docker(s.t, "exec", "-u", "999", s.name+"-pgsql", "sh", "-c", `kill -`+signal+` $(head -n 1 "$PGDATA/postmaster.pid")`)
	}
}

// blocked lets a query wait for a lock that another session holds.
func blocked(s *site) {
	s.t.Helper()
	pgsql("CREATE TABLE IF NOT EXISTS doctored (n int)")(s)
	for _, statement := range []string{"BEGIN; LOCK TABLE doctored; SELECT pg_sleep(900)", "SELECT count(*) FROM doctored"} {
		docker(s.t, "exec", "-d", s.name+"-pgsql", "psql", "-q", "-U", "sg", "-c", statement)
		await(s.t, time.Minute, "a session to run "+statement, func() bool {
			return docker(s.t, "exec", s.name+"-pgsql", "psql", "-qAt", "-U", "sg", "-c", "SELECT count(*) > 0 FROM pg_stat_activity WHERE query = '"+statement+"'") == "t"
		})
	}
}

// busy makes a service run commands all the time, on the little cpu that its config gives it.
func busy(service, container string) func(*site) {
	return func(s *site) {
		s.t.Helper()
		s.with(append(slices.Clone(muted), "services: {"+service+": {cpu: 20m}}")...)
		s.must(0, "up")
		docker(s.t, "exec", "-d", s.name+"-"+container, "sh", "-c", "for n in 1 2 3 4 5 6 7 8 9 10; do while :; do :; done & done; wait")
	}
}

// roomy gives services what they have otherwise.
func roomy(s *site) {
	s.t.Helper()
	s.with(muted...)
	s.must(0, "up")
}

// stuck lets zoekt wait for a file that never comes to its end, as on a disk that does not answer: a pipe among its indexes. zoekt begins to read it at
// once, and then zoekt-indexserver removes it, so that zoekt is well again when it ended itself and started.
func stuck(s *site) {
	s.t.Helper()
	docker(s.t, "exec", "-u", "100:101", s.name+"-zoekt-webserver-0", "sh", "-c", "mkfifo /data/index/stuck.index && { timeout 2 wget -q -O /dev/null http://127.0.0.1:6070/healthz || true; }")
}

// slowIllnesses are faults that Prometheus must see for minutes, or that last for minutes.
var slowIllnesses = []illness{
	{"a query waits for a lock", blocked, func(s *site) {
		pgsql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%doctored%' AND pid <> pg_backend_pid()")(s)
		pgsql("DROP TABLE doctored")(s)
	}, "BERTH5026", nil},
	{"zoekt does not answer", stuck, onContainer("zoekt-webserver-0", "restart", "-t", "1"), "BERTH5016", []string{"BERTH5001"}},
	{"gitserver has too little cpu for its commands", busy("gitserver", "gitserver-0"), roomy, "BERTH5015", nil},
}

// illnesses are the faults. Those that need a line of a log come last: it counts once its service counts as started.
var illnesses = []illness{
	{"a database is stopped", onContainer("pgsql", "stop", "-t", "5"), onContainer("pgsql", "start"), "BERTH5002", []string{"BERTH5050", "BERTH5051"}},
	{"a service is killed", onContainer("searcher-0", "kill"), byItself, "BERTH5002", nil},
	{"a container is deleted", onContainer("redis-store", "rm", "-f"), byItself, "BERTH5003", []string{"BERTH5050"}},
	{"a service hangs", onContainer("gitserver-0", "pause"), onContainer("gitserver-0", "unpause"), "BERTH5002", nil},
	{"a database takes no writes", func(s *site) {
		pgsql("ALTER SYSTEM SET default_transaction_read_only = on")(s)
		pgsql("SELECT pg_reload_conf()")(s)
	}, func(s *site) {
		pgsql("ALTER SYSTEM RESET default_transaction_read_only")(s)
		pgsql("SELECT pg_reload_conf()")(s)
	}, "BERTH5021", nil},
	{"an index is invalid", pgsql("CREATE INDEX doctored ON repo (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'doctored'::regclass"), byItself, "BERTH5024", nil},
	{"a schema migration failed", pgsql("INSERT INTO migration_logs (migration_logs_schema_version, schema, version, up, started_at, finished_at, success) VALUES (2, 'frontend', 7, true, now(), now(), false)"),
		pgsql("DELETE FROM migration_logs WHERE version = 7"), "BERTH5027", nil},
	{"a collation changed", pgsql("UPDATE pg_database SET datcollversion = '2.28' WHERE datname = current_database()"), byItself, "BERTH5023", nil},
	{"Redis wants a password", redis("redis-cache", "CONFIG", "SET", "requirepass", "doctored"), redis("redis-cache", "-a", "doctored", "--no-auth-warning", "CONFIG", "SET", "requirepass", ""), "BERTH5040", nil},
	{"Redis is full", redis("redis-store", "CONFIG", "SET", "maxmemory", "1000kb"), redis("redis-store", "CONFIG", "SET", "maxmemory", "0"), "BERTH5041", nil},
	{"Redis can't save", saves("0555"), saves("0755"), "BERTH5042", nil},
	{"a database hangs", postmaster("STOP"), postmaster("CONT"), "BERTH5020", nil},
	{"a background migration has an error", pgsql(`WITH m AS (INSERT INTO out_of_band_migrations (team, component, description, non_destructive, introduced_version_major, introduced_version_minor, id)
		VALUES ('doctor', 'doctored', 'of the test', true, 99, 0, 990) RETURNING id) INSERT INTO out_of_band_migrations_errors (migration_id, message) SELECT id, 'it does not go on' FROM m`),
		pgsql("DELETE FROM out_of_band_migrations WHERE component = 'doctored'"), "BERTH5028", nil},
	{"a table has many dead rows", func(s *site) {
		pgsql("CREATE TABLE doctored_rows (n int) WITH (autovacuum_enabled = off); INSERT INTO doctored_rows SELECT generate_series(1, 1100000)")(s)
		pgsql("DELETE FROM doctored_rows")(s)
	}, func(s *site) { byItself(s); pgsql("DROP TABLE doctored_rows")(s) }, "BERTH5031", nil},
	{"Redis evicts keys", func(s *site) {
		redis("redis-store", "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")(s)
		redis("redis-store", "SET", "doctored", "x")(s)
		redis("redis-store", "CONFIG", "SET", "maxmemory", "100kb")(s)
	}, func(s *site) {
		redis("redis-store", "CONFIG", "SET", "maxmemory", "0")(s)
		redis("redis-store", "CONFIG", "SET", "maxmemory-policy", "noeviction")(s)
		redis("redis-store", "CONFIG", "RESETSTAT")(s)
	}, "BERTH5043", nil},
	{"a service crashes repeatedly", func(s *site) {
		name := s.name + "-syntect-server"
		for n := 1; n <= 3; n++ {
			// In the background: the shell may end with the container, before the engine says how it ended.
			docker(s.t, "exec", "-d", "-u", "0", name, "sh", "-c", "kill 1")
			await(s.t, time.Minute, "the engine to restart it", func() bool {
				return docker(s.t, "inspect", "-f", "{{.RestartCount}} {{.State.Status}}", name) == fmt.Sprintf("%d running", n)
			})
		}
	}, func(s *site) { onContainer("syntect-server", "rm", "-f")(s); byItself(s) }, "BERTH5006", nil},
	{"a container of the admin's own stops", func(s *site) {
		s.with(append(slices.Clone(muted), "containers: {own: {image: "+docker(s.t, "inspect", "-f", "{{.Config.Image}}", s.name+"-pgsql")+", entrypoint: [sleep], command: ['3600']}}")...)
		s.must(0, "up")
		onContainer("own", "stop", "-t", "1")(s)
	}, roomy, "BERTH5004", nil},
	{"a mute has expired", func(s *site) {
		s.with(strings.Replace(muted[0], "]}", ", {code: BERTH5079, reason: the machine of the test, until: '2020-01-01'}]}", 1))
	}, func(s *site) { s.with(muted...) }, "BERTH5081", nil},
	{"the config was changed", func(s *site) { s.with(append(slices.Clone(muted), "services: {worker: {env: {DOCTORED: 'yes'}}}")...) }, func(s *site) { s.with(muted...) }, "BERTH5082", nil},
	{"a code host has a certificate of an unknown authority", logged("gitserver-0", "fatal: x509: certificate signed by unknown authority"), onContainer("gitserver-0", "restart", "-t", "5"), "BERTH5074", nil},
	{"the kernel refuses to map files", logged("zoekt-webserver-0", "mmap: cannot allocate memory"), onContainer("zoekt-webserver-0", "restart", "-t", "5"), "BERTH5072", nil},
}

// muted is what this machine lacks whatever runs on it, and what an engine that starts no privileged containers needs.
var muted = []string{mutes("BERTH2113", "BERTH2109", "BERTH2110", "BERTH5012", "BERTH5010", "BERTH5013", "BERTH4822")}

// mutes is the config's line that mutes codes.
func mutes(codes ...string) string {
	var all []string
	for _, code := range codes {
		all = append(all, fmt.Sprintf("{code: %s, reason: the machine of the test, until: '2099-01-01'}", code))
	}
	return "doctor: {mute: [" + strings.Join(all, ", ") + "]}"
}

// examined is the doctor's report.
func (s *site) examined() *doctor.Report {
	s.t.Helper()
	_, out := s.berth("doctor", "--json")
	var r doctor.Report
	if err := resultOf(out, &r); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return &r
}

// causes are the findings that nobody muted and that follow from no other one.
func causes(r *doctor.Report) (out []*doctor.Finding) {
	for _, f := range r.Findings {
		if f.Muted == nil {
			out = append(out, f)
		}
	}
	return out
}

// starting reports whether a finding only says that a service starts. On a busy machine one may still do so after the fault before.
func starting(f *doctor.Finding) bool {
	return f.Problem.Code == "BERTH5001" && f.Problem.Severity == diag.Warning
}

// told is what a report has, for messages.
func told(r *doctor.Report) string {
	var b strings.Builder
	for _, f := range r.All() {
		fmt.Fprintf(&b, "%s %s: %s %q\n", f.Problem.Code, f.Problem.Subject, f.Problem.Summary, f.Problem.Detail)
	}
	for _, c := range r.Checks {
		if c.Verdict == doctor.Unknown {
			fmt.Fprintf(&b, "%s: %s\n", c.Code, c.Why)
		}
	}
	return b.String()
}

// well waits until the doctor finds nothing.
func (s *site) well(after string) {
	s.t.Helper()
	s.wellIn(90*time.Second, after)
}

// wellIn is well with a time limit.
func (s *site) wellIn(limit time.Duration, after string) {
	s.t.Helper()
	for begun := time.Now(); ; time.Sleep(time.Second) { // the doctor itself takes longer
		last := s.examined()
		if len(causes(last)) == 0 {
			s.t.Logf("nothing found after %s, in %d ms", after, last.Milliseconds)
			return
		}
		if time.Since(begun) > limit {
			s.t.Fatalf("after %s the doctor finds:\n%s", after, told(last))
		}
	}
}

// diagnosed waits until the doctor finds a cause first, and alone, with what has to follow from it.
func (s *site) diagnosed(cause string, below ...string) *doctor.Report {
	s.t.Helper()
	return s.diagnosedIn(time.Minute, cause, below...)
}

// diagnosedIn is diagnosed with a time limit.
func (s *site) diagnosedIn(limit time.Duration, cause string, below ...string) *doctor.Report {
	s.t.Helper()
	var r *doctor.Report
	found := func(code string) bool {
		return slices.ContainsFunc(r.All(), func(f *doctor.Finding) bool { return f.Problem.Code == code })
	}
	for begun := time.Now(); ; time.Sleep(time.Second) { // a health check takes a while
		r = s.examined()
		all := causes(r)
		if len(all) > 0 && all[0].Problem.Code == cause && !slices.ContainsFunc(below, func(code string) bool { return !found(code) }) {
			break
		}
		if time.Since(begun) > limit {
			s.t.Fatalf("the doctor does not find %s first, with %v below, but:\n%s", cause, below, told(r))
		}
	}
	s.t.Log(told(r))
	if others := causes(r)[1:]; slices.ContainsFunc(others, func(f *doctor.Finding) bool { return !starting(f) }) {
		s.t.Errorf("more than one cause: %s", told(r))
	}
	return r
}

// obeys runs the command that the doctor named first, as its reader would, and gives it.
func (s *site) obeys(r *doctor.Report) (command string) {
	s.t.Helper()
	at := strings.Index(r.Do, "docker run ")
	if at < 0 {
		at = strings.LastIndex(r.Do, "berth ")
	}
	if at < 0 {
		s.t.Fatalf("%q names no command", r.Do)
	}
	command, _, _ = strings.Cut(r.Do[at:], "   ") // after it stands what else could be done
	command, _, _ = strings.Cut(command, " (")
	typed := command
	if strings.HasPrefix(command, "berth upgrade") || strings.HasPrefix(command, "berth rollback") {
		typed += " --yes" // there is no terminal to ask at
	}
	cmd := exec.Command("sh", "-c", typed)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "PATH="+filepath.Dir(program(s.t))+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return command
}

// TestDoctor injects faults into a real installation, one after the other. The doctor finds each, names its cause first, and finds nothing before, between
// and after them. It looks in under five seconds when all is well.
func TestDoctor(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "doctor")
	s.with(muted...)
	s.must(0, "lock")
	s.must(0, "up")
	s.well("up")
	s.suffers(illnesses, time.Minute, 90*time.Second)
}

// TestDoctorOfFigures is TestDoctor with faults that last for minutes before Prometheus has seen enough of them.
func TestDoctorOfFigures(t *testing.T) {
	needs(t, long, engine, images(release))
	s := newSite(t, "figures")
	s.with(muted...)
	s.must(0, "lock")
	s.must(0, "up")
	s.well("up")
	await(t, 2*time.Minute, "Prometheus to have the figures", func() bool {
		return !strings.Contains(told(s.examined()), "Prometheus has no figure")
	})
	s.suffers(slowIllnesses, 6*time.Minute, 6*time.Minute)
}

// suffers injects faults, one after the other, and keeps the table of what the doctor found within some time, and how soon after each it found nothing.
func (s *site) suffers(all []illness, found, well time.Duration) {
	s.t.Helper()
	p := proof{head: ofFaults, well: 1}
	for _, w := range all {
		s.t.Run(w.name, func(t *testing.T) {
			s := s.in(t)
			p.injected++
			w.inject(s)
			defer w.heal(s)
			r := s.diagnosedIn(found, w.cause, w.below...)
			if r.Do == "" {
				t.Error("nothing to do")
			}
			p.saw(r, w.name, w.cause, strings.Join(w.below, ", "))
		})
		s.wellIn(well, w.name)
		p.well++
	}
	p.keep(s.t, len(all))
}
