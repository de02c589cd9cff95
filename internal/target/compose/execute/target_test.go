package execute

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	render "berth/internal/render/compose"
	"berth/internal/run"
	"berth/internal/target/compose"
	"github.com/google/go-cmp/cmp"
)

// target is a Compose target without an engine, and a clock that only moves when told to.
func target(units ...render.Unit) (*Target, *time.Time) {
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	return &Target{Engine: &compose.Engine{}, Project: &render.Project{Name: "sourcegraph", Units: units}, Now: func() time.Time { return now },
		Values: map[string]string{"pgsql-password": "hunter2"}}, &now
}

func TestReadiness(t *testing.T) {
	start := time.Date(2026, 11, 23, 0, 59, 0, 0, time.UTC)
	type look struct {
		after time.Duration // since the look before
		how   compose.Watched
	}
	up := func(status plan.Status) compose.Watched { return compose.Watched{Status: status, Started: start} }
	for _, tt := range []struct {
		name  string
		verb  plan.Verb
		unit  render.Unit
		looks []look
		want  run.Readiness // at the last look
	}{
		{"healthy", plan.Create, render.Unit{}, []look{{0, up(plan.Starting)}, {0, up(plan.Healthy)}}, run.Readiness{Ready: true, How: "healthy"}},
		{"still starting", plan.Create, render.Unit{}, []look{{0, up(plan.Starting)}}, run.Readiness{How: "starting"}},
		{"not there yet", plan.Create, render.Unit{}, []look{{0, compose.Watched{Missing: true}}}, run.Readiness{How: "being made"}},
		{"runs, but not for long", plan.Create, render.Unit{}, []look{{0, up(plan.Running)}, {steady / 2, up(plan.Running)}}, run.Readiness{How: "starting"}},
		{"runs without a pause", plan.Create, render.Unit{}, []look{{0, up(plan.Running)}, {steady, up(plan.Running)}}, run.Readiness{Ready: true, How: "running"}},
		{"came back in between", plan.Create, render.Unit{}, []look{{0, up(plan.Running)}, {steady, compose.Watched{Status: plan.Running, Started: start.Add(time.Second), Restarts: 1}}}, run.Readiness{How: "starting"}},
		{"crashes", plan.Create, render.Unit{}, []look{{0, compose.Watched{Status: plan.Crashing, Started: start, Restarts: 3, Exit: 1}}}, run.Readiness{Failed: true, How: "crashed 3 times, exit code 1"}},
		{"crashed long ago", plan.Wait, render.Unit{}, []look{{0, compose.Watched{Status: plan.Healthy, Started: start, Restarts: 9}}}, run.Readiness{Ready: true, How: "healthy"}},
		{"crashes again", plan.Wait, render.Unit{}, []look{{0, compose.Watched{Status: plan.Starting, Started: start, Restarts: 9}}, {0, compose.Watched{Status: plan.Crashing, Started: start.Add(1), Restarts: 12, Exit: 137}}},
			run.Readiness{Failed: true, How: "crashed 3 times, exit code 137: it was killed"}},
		{"ended, and nobody starts it again", plan.Start, render.Unit{}, []look{{0, up(plan.Stopped)}, {fallen, up(plan.Stopped)}}, run.Readiness{Failed: true, How: "finished"}},
		{"a one-shot that runs", plan.Execute, render.Unit{OneShot: true}, []look{{0, up(plan.Running)}}, run.Readiness{How: "running"}},
		{"a one-shot that was not started yet", plan.Execute, render.Unit{OneShot: true}, []look{{0, compose.Watched{Status: plan.Created}}}, run.Readiness{How: "created"}},
		{"a one-shot at its end", plan.Execute, render.Unit{OneShot: true}, []look{{0, up(plan.Stopped)}}, run.Readiness{Ready: true, How: "finished"}},
		{"a one-shot that failed", plan.Execute, render.Unit{OneShot: true}, []look{{0, compose.Watched{Status: plan.Stopped, Started: start, Exit: 2}}}, run.Readiness{Failed: true, How: "exit code 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.unit.Name = "a"
			c, now := target(tt.unit)
			var known sighting
			var got run.Readiness
			for i, l := range tt.looks {
				*now = now.Add(l.after)
				got, known = c.judge(t.Context(), plan.Step{Verb: tt.verb, Object: "a"}, l.how, known, i > 0)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadinessByProbe(t *testing.T) {
	status := http.StatusServiceUnavailable
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.WriteHeader(status)
		}
	}))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		probe catalogue.Probe
		code  int
		want  bool
	}{
		{"an answer", catalogue.Probe{Port: port, Path: "/healthz"}, http.StatusOK, true},
		{"a redirect is an answer", catalogue.Probe{Port: port, Path: "/healthz"}, http.StatusFound, true},
		{"a refusal", catalogue.Probe{Port: port, Path: "/healthz"}, http.StatusServiceUnavailable, false},
		{"a connection is enough", catalogue.Probe{Port: port}, 0, true},
		{"nobody listens", catalogue.Probe{Port: 1}, 0, false},
	} {
		status = tt.code
		c, now := target(render.Unit{Name: "a", Probe: &tt.probe})
		w := compose.Watched{Status: plan.Running, Address: "127.0.0.1", Started: *now}
		if got, _ := c.judge(t.Context(), plan.Step{Verb: plan.Create, Object: "a"}, w, sighting{}, false); got.Ready != tt.want {
			t.Errorf("%s: %+v, want ready %v", tt.name, got, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	c, _ := target(render.Unit{Name: "gitserver-0", Container: "two-gitserver-0"}, render.Unit{Name: "caddy", Container: "two-caddy"})
	said := func(lines ...string) error {
		return &compose.ComposeError{Args: []string{"up"}, Output: lines, Err: errors.New("exit status 1")}
	}
	for _, tt := range []struct {
		err           error
		code, subject string
	}{
		{said("Error response from daemon: driver failed programming external connectivity on endpoint two-caddy (1): Bind for 0.0.0.0:80 failed: port is already allocated"), "BERTH3302", "caddy"},
		{said(`Error response from daemon: failed to create endpoint two-gitserver-0 on network: write /x: no space left on device`), "BERTH3301", "gitserver-0"},
		{said("Error response from daemon: Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"), "BERTH3304", "caddy"},
		{said("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"), "BERTH3305", "caddy"},
		{fmt.Errorf("pull r/caddy: manifest unknown"), "BERTH3303", "caddy"},
		{errors.New(`pull caddy: Error response from daemon: Get "http://r/v2/": dial tcp 10.0.0.1:443: connect: connection refused`), "BERTH3307", "caddy"},
		{errors.New("pull caddy: Error response from daemon: repository r/caddy not found: name unknown: Unknown name"), "BERTH3303", "caddy"},
		{errors.New("something else, with hunter2"), "BERTH3203", "caddy"},
	} {
		verb := plan.Create
		if strings.HasPrefix(tt.err.Error(), "pull") {
			verb = plan.Pull
		}
		d := c.Explain(t.Context(), plan.Step{Verb: verb, Object: "caddy"}, tt.err)
		if d.Code != tt.code || d.Subject != tt.subject {
			t.Errorf("%v: %s of %s, want %s of %s", tt.err, d.Code, d.Subject, tt.code, tt.subject)
		}
		if _, ok := diag.Explain(d.Code); !ok || d.Hint == "" {
			t.Errorf("%s: nothing is said about what to do", d.Code)
		}
		if strings.Contains(strings.Join(append(d.Detail, d.Summary), " "), "hunter2") {
			t.Errorf("a secret is printed: %+v", d)
		}
	}
}

// TestContainersThatCannotBeAsked count as ready when they keep running: the engine may be rootless, or behind a firewall.
func TestContainersThatCannotBeAsked(t *testing.T) {
	c, now := target(render.Unit{Name: "a", Probe: &catalogue.Probe{Port: 80, Path: "/"}})
	w := compose.Watched{Status: plan.Running, Address: "255.255.255.255", Started: *now} // no single container has this one
	first, known := c.judge(t.Context(), plan.Step{Verb: plan.Create, Object: "a"}, w, sighting{}, false)
	*now = now.Add(steady)
	second, _ := c.judge(t.Context(), plan.Step{Verb: plan.Create, Object: "a"}, w, known, true)
	if first.Ready || !second.Ready {
		t.Errorf("at first %+v, after a while %+v", first, second)
	}
}

// TestPatience: a database that converts its data may take as long as that takes, unless the admin said otherwise; nothing else may.
func TestPatience(t *testing.T) {
	for _, test := range []struct {
		timeout, converting time.Duration
		service             string
		want                time.Duration
	}{
		{0, 0, "pgsql", unknown},
		{0, time.Hour, "pgsql", time.Hour},
		{0, time.Hour, "redis-store", unknown},
		{time.Minute, time.Hour, "codeintel-db", time.Minute},
	} {
		target := &Target{Project: &render.Project{}, Timeout: test.timeout, Converting: test.converting}
		if got := target.Patience(plan.Step{Service: test.service, Object: test.service}); got != test.want {
			t.Errorf("%s, timeout %s, converting %s: %s, want %s", test.service, test.timeout, test.converting, got, test.want)
		}
	}
}
