package compose

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// TestContract says what we rely on an engine for. It is run against the fake one, so that this can be trusted in other tests, and with
// BERTH_E2E=1 against the real one of DOCKER_HOST.
func TestContract(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		_, e := newFakeEngine(t)
		contract(t, e, official(t, client.WithHost(e.host), client.WithAPIVersion("1.41")), "any")
	})
	t.Run("real", func(t *testing.T) {
		if os.Getenv("BERTH_E2E") == "" {
			t.Skip("needs a Docker Engine: BERTH_E2E=1")
		}
		e, err := Connect(t.Context(), os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		other := official(t, client.FromEnv)
		contract(t, e, other, anImage(t, other))
	})
}

// official is the engine's own client: it does what berth does not, and is a second witness.
func official(t *testing.T, opts ...client.Opt) *client.Client {
	t.Helper()
	c, err := client.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// anImage finds an image that has a shell: of the testbed's, which stand for whole services.
func anImage(t *testing.T, c *client.Client) string {
	t.Helper()
	list, err := c.ImageList(t.Context(), client.ImageListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range list.Items {
		for _, tag := range image.RepoTags {
			if strings.Contains(tag, "postgres") {
				return tag
			}
		}
	}
	t.Skip("the engine has no image to try with: testbed/up")
	return ""
}

const contractName = "berth-contract"

func contract(t *testing.T, e *Engine, other *client.Client, image string) {
	ctx := t.Context()
	name := contractName + "-shell"
	_ = e.Remove(ctx, name) // of a test that was killed
	_, err := other.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name,
		Config: &container.Config{Image: image, Entrypoint: []string{"sh", "-c", "echo hello; trap 'exit 0' TERM; while :; do sleep 0.1; done"}, Env: []string{"COLOUR=red"},
			Labels: map[string]string{render.LabelInstallation: contractName, render.LabelService: "shell", render.LabelSpec: "s1", render.LabelFiles: "f1", "com.docker.compose.service": "shell-0"}},
		HostConfig: &container.HostConfig{Resources: container.Resources{Memory: 64 << 20, MemorySwap: 128 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Remove(context.WithoutCancel(ctx), name) })
	p := &render.Project{Name: contractName, Units: []render.Unit{{Name: "shell-0", Container: name, Spec: "s1", Memory: 64 << 20}}}
	see := func() plan.Container {
		t.Helper()
		s, problems, err := e.Observe(ctx, p, nil)
		if err != nil || len(problems) > 0 || len(s.Containers) != 1 {
			t.Fatalf("Observe: %+v, %v, %v", s, problems, err)
		}
		return s.Containers[0]
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := see()
	if c.Status != plan.Created || c.Name != name || c.Unit != "shell-0" || c.Service != "shell" || c.Spec != "s1" || c.Files != "f1" || c.Memory != 64<<20 || c.Env["COLOUR"] != "red" {
		t.Errorf("made, but not started: %+v", c)
	}
	must(e.Start(ctx, name))
	must(e.Start(ctx, name)) // once more does no harm
	if c := see(); c.Status != plan.Running {
		t.Errorf("started: %+v", c)
	}
	first := looked(t, e, name)
	must(e.Limit(ctx, name, 0.5, 256<<20)) // beyond the old swap limit
	if c := see(); c.Memory != 256<<20 || c.CPUs != 0.5 {
		t.Errorf("limits: %+v", c)
	}
	must(e.Limit(ctx, name, 0, 0)) // nothing to say, nothing changed
	if c := see(); c.Memory != 256<<20 || c.CPUs != 0.5 {
		t.Errorf("limits after no change: %+v", c)
	}
	must(e.Restart(ctx, name))
	if again := looked(t, e, name); !again.Started.After(first.Started) || again.Restarts != 0 || again.Status != plan.Running {
		t.Errorf("restarted: %+v, before %+v", again, first)
	}
	_, err = other.ContainerPause(ctx, name, client.ContainerPauseOptions{})
	must(err)
	if c := see(); c.Status != plan.Paused {
		t.Errorf("paused: %+v", c)
	}
	must(e.Start(ctx, name))
	if c := see(); c.Status != plan.Running {
		t.Errorf("started after a pause: %+v", c)
	}
	_, err = other.ContainerStop(ctx, name, client.ContainerStopOptions{})
	must(err)
	if c := see(); c.Status != plan.Stopped {
		t.Errorf("stopped: %+v", c)
	}
	must(e.Remove(ctx, name))
	must(e.Remove(ctx, name)) // gone is gone
	checks(t, e, other, image)
	if w, err := e.Watcher(contractName, time.Now).Look(ctx, []string{name}); err != nil || !w[name].Missing {
		t.Errorf("removed: %+v, %v", w, err)
	}
}

// checks proves that a health check is asked before the engine does, which here would be in an hour.
func checks(t *testing.T, e *Engine, other *client.Client, image string) {
	ctx := t.Context()
	name := contractName + "-checked"
	_ = e.Remove(ctx, name) // of a test that was killed
	_, err := other.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name,
		Config: &container.Config{Image: image, Entrypoint: []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"},
			Healthcheck: &container.HealthConfig{Test: []string{"CMD-SHELL", "test -e /tmp/ready"}, Interval: time.Hour}, User: "0",
			Labels: map[string]string{render.LabelInstallation: contractName}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Remove(context.WithoutCancel(ctx), name) })
	if err := e.Start(ctx, name); err != nil {
		t.Fatal(err)
	}
	if w := looked(t, e, name); w.Status != plan.Starting {
		t.Fatalf("its check can't pass yet, and it is %s", w.Status)
	}
	run, err := other.ExecCreate(ctx, name, client.ExecCreateOptions{Cmd: []string{"touch", "/tmp/ready"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecStart(ctx, run.ID, client.ExecStartOptions{Detach: true}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); looked(t, e, name).Status != plan.Healthy; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("its check passes, and it is %s", looked(t, e, name).Status)
		}
	}
}

// looked is a look at a container by a new watcher.
func looked(t *testing.T, e *Engine, name string) Watched {
	t.Helper()
	w, err := e.Watcher(contractName, time.Now).Look(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return w[name]
}

func TestObserveReportsForeignContainers(t *testing.T) {
	f, e := newFakeEngine(t)
	for name, labels := range map[string]map[string]string{
		"caddy":       {"com.docker.compose.project": "shop"},
		"pgsql":       {},
		"gitserver-0": {render.LabelInstallation: "other"},
		"searcher-0":  {render.LabelInstallation: "sourcegraph"},
		"run-1":       {render.LabelInstallation: "sourcegraph", "com.docker.compose.oneoff": "True"},
		"unrelated":   {},
	} {
		f.containers[name] = &fakeContainer{id: name, name: name, config: container.Config{Labels: labels}, status: container.StateRunning}
	}
	p := &render.Project{Name: "sourcegraph"}
	for _, name := range []string{"caddy", "pgsql", "gitserver-0", "searcher-0"} {
		p.Units = append(p.Units, render.Unit{Name: name, Container: name})
	}
	s, problems, err := e.Observe(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Containers) != 1 || s.Containers[0].Name != "searcher-0" {
		t.Errorf("ours: %+v, want only searcher-0", s.Containers)
	}
	problems.Sort()
	for i, want := range []string{"belongs to the Compose project shop", "belongs to the installation other", "was created without berth"} {
		if i >= len(problems) || problems[i].Code != "BERTH3101" || !strings.Contains(problems[i].Summary, want) {
			t.Errorf("problem %d: %+v, want one that says %q", i, problems, want)
		}
	}
}

func TestImagesAreAskedForOnlyWhereNeeded(t *testing.T) {
	f, e := newFakeEngine(t)
	add := func(name, spec string) {
		f.containers[name] = &fakeContainer{id: name, name: name, status: container.StateRunning,
			config: container.Config{Image: "r/same:1@sha256:1", Labels: map[string]string{render.LabelInstallation: "sourcegraph", render.LabelSpec: spec}}}
	}
	add("same", "s1")
	add("changed", "s0")
	f.images["r/new@sha256:1"] = true
	p := &render.Project{Name: "sourcegraph", Units: []render.Unit{
		{Name: "same", Container: "same", Spec: "s1", Image: "r/same:1@sha256:1"},
		{Name: "changed", Container: "changed", Spec: "s1", Image: "r/new:1@sha256:1"},
		{Name: "missing", Container: "missing", Spec: "s1", Image: "r/missing:1@sha256:1"},
	}}
	s, _, err := e.Observe(t.Context(), p, map[string]string{"same": "f9"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"r/new:1@sha256:1"}; !slices.Equal(s.Images, want) {
		t.Errorf("images %v, want %v", s.Images, want)
	}
	if f.requests != 2+2+2 {
		t.Errorf("%d requests, want a list, the network, two containers and two images", f.requests)
	}
	if s.Containers[1].Files != "f9" {
		t.Errorf("what the last start saw is not known: %+v", s.Containers[1])
	}
}

func TestWatcherAsksOnlyWhatChanged(t *testing.T) {
	f, e := newFakeEngine(t)
	for _, name := range []string{"a", "b"} {
		f.containers[name] = &fakeContainer{id: name, name: name, status: container.StateRunning, health: container.Starting,
			config: container.Config{Labels: map[string]string{render.LabelInstallation: "sourcegraph"}}}
	}
	now := time.Unix(0, 0)
	w := e.Watcher("sourcegraph", func() time.Time { return now })
	look := func() (map[string]Watched, int) {
		before := f.requests
		out, err := w.Look(t.Context(), []string{"a", "b", "c"})
		if err != nil {
			t.Fatal(err)
		}
		return out, f.requests - before
	}
	if out, n := look(); n != 3 || out["a"].Status != plan.Starting || !out["c"].Missing {
		t.Errorf("first look: %d requests, %+v", n, out)
	}
	if _, n := look(); n != 1 {
		t.Errorf("nothing changed, and it took %d requests", n)
	}
	f.containers["a"].health, f.containers["a"].check = container.Unhealthy, "connection refused"
	if out, n := look(); n != 2 || out["a"].Status != plan.Unhealthy || out["a"].Check != "connection refused" {
		t.Errorf("one changed: %d requests, %+v", n, out)
	}
	now = now.Add(2 * fresh)
	if _, n := look(); n != 3 {
		t.Errorf("after a while, %d requests, want a close look at both", n)
	}
}

// TestUnhealthyIsAskedNow: the engine's word is up to an interval old. Without the question, a frontend whose database is back would be restarted,
// or reported as unhealthy right after a run that succeeded.
func TestUnhealthyIsAskedNow(t *testing.T) {
	f, e := newFakeEngine(t)
	c := &fakeContainer{id: "a", name: "a", status: container.StateRunning, health: container.Unhealthy, files: map[string]bool{}, execs: map[string][]string{},
		config: container.Config{Labels: map[string]string{render.LabelInstallation: contractName}, Healthcheck: &container.HealthConfig{Test: []string{"CMD", "test -e ready"}}}}
	f.containers["a"] = c
	for _, want := range []plan.Status{plan.Unhealthy, plan.Healthy} {
		s, _, err := e.Observe(t.Context(), &render.Project{Name: contractName}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if is := looked(t, e, "a").Status; is != want || s.Containers[0].Status != want {
			t.Errorf("its check passes: %t; it is %s, and observed as %s", c.files["ready"], is, s.Containers[0].Status)
		}
		c.files["ready"] = true
	}
}

var robot = registry.Login{Username: "robot", Password: "pw"}

func TestPullTellsBytesAndRefusals(t *testing.T) {
	f, e := newFakeEngine(t)
	f.pull = []string{
		`{"status":"Downloading","id":"l1","progressDetail":{"current":10,"total":100}}`,
		`{"status":"Downloading","id":"l2","progressDetail":{"current":5,"total":50}}`,
		`{"status":"Download complete","id":"l1"}`,
		`{"status":"Extracting","id":"l1","progressDetail":{"current":1,"total":100}}`,
	}
	var done, total int64
	if err := e.Pull(t.Context(), robot, "r/a:1@sha256:"+strings.Repeat("1", 64), func(d, n int64) { done, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if done != 105 || total != 150 {
		t.Errorf("%d of %d bytes, want 105 of 150", done, total)
	}
	f.pull = []string{`{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`}
	if err := e.Pull(t.Context(), robot, "r/a:1", func(int64, int64) {}); err == nil || !strings.Contains(err.Error(), "manifest unknown") {
		t.Errorf("Pull: %v, want what the registry said", err)
	}
}

func TestLogs(t *testing.T) {
	f, e := newFakeEngine(t)
	f.containers["a"] = &fakeContainer{id: "a", name: "a", log: "one\n\ntwo\n"}
	lines, err := e.Logs(t.Context(), "a", 20)
	if err != nil || !slices.Equal(lines, []string{"one", "two"}) {
		t.Errorf("Logs: %q, %v", lines, err)
	}
}

// TestNetworkThatTheEngineMiscounts is left where nothing is connected to it by the engine's own word, and is a failure where something is.
func TestNetworkThatTheEngineMiscounts(t *testing.T) {
	for _, connected := range [][]string{nil, {"somebody"}} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeEngine{connected: connected}
			e := &Engine{}
			if err := e.dial(client.WithHTTPClient(&http.Client{Transport: direct{f}}), client.WithAPIVersion("1.41")); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			err := e.RemoveNetwork(t.Context(), "sourcegraph_sourcegraph")
			if (err != nil) != (connected != nil) || time.Since(begun) > detaching+time.Second {
				t.Errorf("with %q connected: %v after %s", connected, err, time.Since(begun))
			}
		})
	}
}

// direct asks a handler without a connection.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}
