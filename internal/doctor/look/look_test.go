package look

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"github.com/google/go-cmp/cmp"
)

// at is an installation in memory, that a config asks for.
type at struct {
	t     *testing.T
	world *fake.World
	env   *installation.Environment
	file  string
}

func deployed(t *testing.T, config string) *at {
	t.Helper()
	a := &at{t: t, world: fake.New(), file: filepath.Join(t.TempDir(), "sourcegraph.yaml")}
	if err := os.WriteFile(a.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a.env = &installation.Environment{Stderr: os.Stderr, Getenv: func(string) string { return "" }, Now: a.world.Now, Dir: filepath.Dir(a.file), Watch: func(run.Event) {}}
	w := a.want()
	record := state.NewRecord(plan.Up, w.Stack.Release, config, a.env.Now())
	runner := installation.Runner{Open: a.find, Record: record, Now: a.env.Now, Watch: a.env.Watch}
	i := a.open()
	if err := i.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := installation.Recorded(t.Context(), i, runner, func(r *installation.Runner) error { return r.Reach(t.Context(), w, 0) }); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *at) open() *installation.Installation {
	a.t.Helper()
	i, err := a.find(a.t.Context(), a.want())
	if err != nil {
		a.t.Fatal(err)
	}
	return i
}

func (a *at) want() *installation.Want {
	a.t.Helper()
	w, problems, err := a.env.Load(a.file)
	if err != nil || problems.Failed() {
		a.t.Fatal(err, problems)
	}
	return w
}

func (a *at) find(ctx context.Context, w *installation.Want) (*installation.Installation, error) {
	return a.world.Open(ctx, a.env, w)
}

func (a *at) look() *doctor.Evidence {
	a.t.Helper()
	l := Look{Env: a.env, Open: a.find}
	return l.Evidence(a.t.Context(), a.want(), nil)
}

const (
	compose = "target: compose\nrelease: 7.5.4453\nurl: http://localhost:1\n"
	cluster = "target: kubernetes\nrelease: 7.5.4453\nurl: http://localhost:1\n"
)

// TestHealthy: an installation that is well is looked at completely, and nothing is found, but that nothing listens at the url of the test.
func TestHealthy(t *testing.T) {
	for name, config := range map[string]string{"compose": compose, "kubernetes": cluster} {
		t.Run(name, func(t *testing.T) {
			e := deployed(t, config).look()
			if len(e.Unseen) > 0 {
				t.Errorf("unseen: %v", e.Unseen)
			}
			if len(e.Databases) != 3 || len(e.Redis) != 2 || len(e.Logs) < 15 || len(e.Volumes) == 0 || e.Front == nil || !e.Front.Healthy || e.Release != "7.5.4453" {
				t.Errorf("%d databases, %d Redis stores, %d logs, %d volumes, front %v, release %s", len(e.Databases), len(e.Redis), len(e.Logs), len(e.Volumes), e.Front, e.Release)
			}
			r := doctor.Examine(e, doctor.Request{})
			var codes []string
			for _, f := range r.All() {
				codes = append(codes, f.Problem.Code+" "+f.Problem.Subject+" "+f.Problem.Summary)
			}
			if len(codes) != 1 || !strings.HasPrefix(codes[0], "BERTH5058 ") {
				t.Errorf("found %q", codes)
			}
		})
	}
}

// TestAllSizes: on a healthy installation of each size, on each target, nothing is found, but that nobody listens at the url of the test.
func TestAllSizes(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/reference-architectures/*-*.md")
	if err != nil || len(pages) < 12 {
		t.Fatalf("%d sizes, %v", len(pages), err)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			_, config, _ := strings.Cut(string(text), "```yaml\n")
			config, _, _ = strings.Cut(config, "```")
			r := doctor.Examine(deployed(t, strings.Replace(config, "https://sourcegraph.example.com", "http://localhost:1", 1)).look(), doctor.Request{})
			for _, f := range r.All() {
				if f.Problem.Code != "BERTH5058" {
					t.Errorf("found %s %s: %s", f.Problem.Code, f.Problem.Subject, f.Problem.Summary)
				}
			}
		})
	}
}

// TestBroken: faults in a world are seen, and their causes are named.
func TestBroken(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(w *fake.World)
		cause string
	}{
		{"a database that is down", func(w *fake.World) {
			w.Plant("pgsql", fake.Planted{State: plan.Stopped, Exit: 1})
			w.Unhealthy["pgsql"] = true
		}, "BERTH5002"},
		{"a database that refuses", func(w *fake.World) {
			w.Plant("pgsql", fake.Planted{Exec: refuses("psql: error: FATAL:  the database system is starting up")})
		}, "BERTH5020"},
		{"a Redis with a password", func(w *fake.World) {
			w.Plant("redis-store", fake.Planted{Exec: says("NOAUTH Authentication required.\n")})
		}, "BERTH5040"},
		{"a line of a log", func(w *fake.World) {
			w.Plant("gitserver", fake.Planted{Log: []installation.LogLine{{Time: w.Now().Add(time.Hour), Text: "mkdir: Read-only file system"}}})
		}, "BERTH5061"},
		{"a service without memory", func(w *fake.World) {
			w.Plant("worker", fake.Planted{OOMKilled: true, Restarts: 1, Exit: 137})
		}, "BERTH5005"},
		{"a disk that is full", func(w *fake.World) {
			w.Plant("gitserver", fake.Planted{Usage: &installation.Usage{CPUs: -1, Memory: -1, Disks: []installation.Disk{{Mount: installation.Mount{Path: "/data/repos"}, Size: 1000 << 30, Used: 990 << 30, Free: 10 << 30}}}})
		}, "BERTH5010"},
		{"a container that somebody deleted", func(w *fake.World) { w.Delete("sourcegraph", "searcher-0") }, "BERTH5003"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := deployed(t, compose)
			c.fault(a.world)
			r := doctor.Examine(a.look(), doctor.Request{})
			if len(r.Findings) == 0 || r.Findings[0].Problem.Code != c.cause || r.Verdict != doctor.Fail {
				t.Errorf("%s: %+v", r.Verdict, r.Findings)
			}
		})
	}
}

func refuses(why string) func(installation.Command) (int, bool) {
	return func(c installation.Command) (int, bool) {
		_, _ = c.Stderr.Write([]byte(why + "\n")) // a buffer
		return 2, true
	}
}

func says(text string) func(installation.Command) (int, bool) {
	return func(c installation.Command) (int, bool) {
		_, _ = c.Stdout.Write([]byte(text)) // a buffer
		return 0, true
	}
}

// TestEarlierRun: what an instance that runs wrote before its last start no longer counts.
func TestEarlierRun(t *testing.T) {
	for _, c := range []struct {
		after time.Duration // its start
		found int
	}{{-time.Minute, 0}, {2 * doctor.Starts, 1}} {
		a := deployed(t, compose)
		all, err := a.open().Instances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(all, func(i installation.Instance) bool { return i.Service == "gitserver" })
		a.world.Plant("gitserver", fake.Planted{Log: []installation.LogLine{{Time: all[n].Started.Add(c.after), Text: "mkdir: Read-only file system"}}})
		if r := doctor.Examine(a.look(), doctor.Request{Only: []string{"BERTH5061"}}); len(r.Findings) != c.found {
			t.Errorf("%s after its start: %d findings", c.after, len(r.Findings))
		}
	}
}

// TestTargetIsDown: then the reason is the finding, and what does not need the target is still looked at.
func TestTargetIsDown(t *testing.T) {
	a := deployed(t, compose)
	l := Look{Env: a.env, Open: func(context.Context, *installation.Want) (*installation.Installation, error) {
		return nil, diag.List{{Code: "BERTH2101", Severity: diag.Error, Subject: "host", Summary: "no Docker Engine answers", Hint: "start it"}}
	}}
	e := l.Evidence(t.Context(), a.want(), nil)
	r := doctor.Examine(e, doctor.Request{})
	if r.Findings[0].Problem.Code != "BERTH2101" || r.Do != "start it" || e.Address == nil {
		t.Errorf("%s %q %+v", r.Verdict, r.Do, e)
	}
	for _, c := range r.Checks { // those of the config and of the address need no target
		if c.Verdict == doctor.Pass && !slices.Contains([]string{"BERTH5053", "BERTH5054", "BERTH5056", "BERTH5057", "BERTH5081", "BERTH5091", "BERTH5094"}, c.Code) {
			t.Errorf("%s %s passes without a target", c.Code, c.Title)
		}
	}
	l.Open = func(context.Context, *installation.Want) (*installation.Installation, error) {
		return nil, errors.New("connection refused")
	}
	if r := doctor.Examine(l.Evidence(t.Context(), a.want(), nil), doctor.Request{}); r.Findings[0].Problem.Code != "BERTH5090" {
		t.Errorf("%+v", r.Findings)
	}
}

// TestNoConfig: where the config can't be read nothing passes, and nothing but the config is to blame.
func TestNoConfig(t *testing.T) {
	l := Look{Env: &installation.Environment{Now: time.Now}}
	r := doctor.Examine(l.Nothing(diag.List{{Code: "BERTH1103", Severity: diag.Error, Summary: "no key"}}), doctor.Request{})
	if r.Count(doctor.Pass) > 0 || r.Count(doctor.Fail) != 1 || len(r.Findings) != 1 || r.Verdict != doctor.Fail {
		t.Errorf("%d passed: %+v", r.Count(doctor.Pass), r.Findings)
	}
}

// TestHanging: what hangs is left behind in time, and stops nothing else.
func TestHanging(t *testing.T) {
	a := deployed(t, compose)
	free := make(chan struct{})
	defer close(free)
	a.world.Plant("pgsql", fake.Planted{Exec: func(c installation.Command) (int, bool) {
		if c.Args[0] == "df" {
			return 0, false
		}
		<-free
		return 0, true
	}})
	l := Look{Env: a.env, Open: a.find, Patience: 2 * time.Second}
	begun := time.Now()
	e := l.Evidence(t.Context(), a.want(), nil)
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	if why := e.Unseen[doctor.FromDatabases.Of("pgsql")]; why != (doctor.Unseen{Why: "no answer in 4 s", Refuses: true}) || len(e.Databases) != 2 || len(e.Services) == 0 {
		t.Errorf("unseen: %v, %d databases", e.Unseen, len(e.Databases))
	}
	if r := doctor.Examine(e, doctor.Request{}); r.Findings[0].Problem.Code != "BERTH5020" {
		t.Errorf("%+v", r.Findings[0])
	}
}

// TestNoSecrets: evidence has none of the installation's secrets in it.
func TestNoSecrets(t *testing.T) {
	a := deployed(t, compose)
	a.world.Plant("worker", fake.Planted{Log: []installation.LogLine{{Time: a.world.Now(), Text: "connect postgres://sg:hunter2hunter2@pgsql:5432/sg"}}})
	text, err := json.Marshal(a.look())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2hunter2") {
		t.Error("the evidence has a password in it")
	}
	generated, err := a.open().Store.Generated(t.Context())
	if err != nil || len(generated) == 0 {
		t.Fatal(err, len(generated))
	}
	for name, value := range generated {
		if strings.Contains(string(text), value) {
			t.Errorf("the evidence has %s in it", name)
		}
	}
}

// TestMutes: mutes hold to the end of their day.
func TestMutes(t *testing.T) {
	a := deployed(t, compose+"doctor: {mute: [{code: BERTH5058, reason: a test, until: 2026-11-01}]}\n")
	r := doctor.Examine(a.look(), doctor.Request{})
	if r.Verdict != doctor.Pass || len(r.Findings) != 1 || r.Findings[0].Muted == nil {
		t.Errorf("%s: %+v", r.Verdict, r.Findings)
	}
}

// TestCertificate describes the certificate of a server: not trusted, and for other hosts.
func TestCertificate(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	l := &Look{Env: &installation.Environment{Now: time.Now}}
	good, bad := &doctor.Address{Host: "example.com"}, &doctor.Address{Host: "sourcegraph.example.org"}
	l.certificate(good, chain)
	l.certificate(bad, chain)
	if good.Mismatch != "" || good.Untrusted == "" || !good.TLS || good.Expires.Before(time.Now()) || !slices.Contains(good.Names, "example.com") {
		t.Errorf("%+v", good)
	}
	if !strings.Contains(bad.Mismatch, "sourcegraph.example.org") {
		t.Errorf("%+v", bad)
	}
}

// TestAddress connects to the url: nobody listens, somebody does.
func TestAddress(t *testing.T) {
	a := deployed(t, compose)
	if e := a.look(); e.Address.Connects == "" {
		t.Errorf("%+v", e.Address)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	a = deployed(t, strings.Replace(compose, "localhost:1", "127.0.0.1:"+port, 1))
	if e := a.look(); e.Address.Connects != "" || e.Address.Resolves != "" {
		t.Errorf("%+v", e.Address)
	}
}

// TestReadDatabase reads what psql prints: facts in several lines.
func TestReadDatabase(t *testing.T) {
	begun := time.Unix(1_000_000, 0)
	d, err := readDatabase("pgsql", `{"server": 160004, "bytes": 7, "now": 1000061, "readOnly": false, "recovery": false, "maxConnections": 100, "connections": 3, "age": 12}
{"system": "1/sg"}
{"invalid": ["a", "b"]}
{"longest": 90, "query": "pid 7, sg, idle in transaction: SELECT ?"}
{"release": "v7.5.4453"}
`, begun, begun.Add(2*time.Second))
	want := doctor.Database{Name: "pgsql", Server: 160004, System: "1/sg", Bytes: 7, Clock: 60, Used: 3, Most: 100, Age: 12, Invalid: []string{"a", "b"}, Longest: 90,
		Query: "pid 7, sg, idle in transaction: SELECT ?", Release: "7.5.4453"}
	if diff := cmp.Diff(want, d); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, text := range []string{"", "ERROR: x", `{"server": "x"}`} {
		if _, err := readDatabase("pgsql", text, begun, begun); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// TestReadRedis reads what redis-cli INFO prints.
func TestReadRedis(t *testing.T) {
	r, err := readRedis("redis-store", strings.NewReader("# Server\r\nredis_version:7.0.15\r\nused_memory:5\r\nmaxmemory:10\r\nmaxmemory_policy:noeviction\r\nrdb_last_bgsave_status:err\r\nloading:1\r\nevicted_keys:3\r\n"))
	want := doctor.Redis{Name: "redis-store", Version: "7.0.15", Memory: 5, Most: 10, Policy: "noeviction", Evicted: 3, Loading: true}
	if diff := cmp.Diff(want, r); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := readRedis("redis-store", strings.NewReader("NOAUTH Authentication required.\n")); !errors.As(err, new(*refusal)) || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Error(err)
	}
}

// TestDifferences: what a config asks for is one thing, what others changed by hand or deleted another. A service that is not there is in neither.
func TestDifferences(t *testing.T) {
	byHand := plan.Cause{Text: "kubectl-patch changed a by hand, put back", Reverts: "kubectl-patch changed a by hand"}
	p := &plan.Plan{From: "7.5.4453", Steps: []plan.Step{
		{Verb: plan.Update, Object: "StatefulSet/gitserver", Service: "gitserver", Changes: []plan.Change{{Field: "memory", Owner: plan.Manager}}},
		{Verb: plan.Update, Object: "Service/pgsql", Service: "pgsql", Why: []plan.Cause{byHand}, Changes: []plan.Change{{Field: "spec.selector.app", Owner: "kubectl-patch"}}},
		{Verb: plan.Create, Object: "Service/searcher", Service: "searcher"}, {Verb: plan.Create, Object: "Deployment/worker", Service: "worker"},
		{Verb: plan.Create, Object: "searcher-0", Service: "searcher"},
	}}
	pending, altered := differences(p)
	if diff := cmp.Diff([]string{"update StatefulSet/gitserver"}, pending); diff != "" {
		t.Errorf("pending: -want +got\n%s", diff)
	}
	want := []doctor.Altered{{Object: "Service/pgsql", Service: "pgsql", Said: "kubectl-patch changed a by hand"}, {Object: "Service/searcher", Service: "searcher", Said: "it is not there"}}
	if diff := cmp.Diff(want, altered); diff != "" {
		t.Errorf("altered: -want +got\n%s", diff)
	}
	if p.From = ""; len(p.Steps) > 0 {
		if _, altered := differences(p); len(altered) != 1 {
			t.Errorf("before the first deployment: %v", altered)
		}
	}
}

// TestChown: on an engine the command that gives data back to its user is known, in a cluster pods do that.
func TestChown(t *testing.T) {
	for config, want := range map[string]string{compose: " -R 999:999 /data/pgdata-16 && berth restart pgsql", cluster: ""} {
		for _, i := range deployed(t, config).look().Instances {
			if i.Service == "pgsql" && ((want == "") != (i.Chown == "") || !strings.HasSuffix(i.Chown, want)) {
				t.Errorf("%s: %q", i.Name, i.Chown)
			}
		}
	}
}
