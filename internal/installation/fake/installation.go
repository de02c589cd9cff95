package fake

import (
	"context"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
)

// Prepare makes the namespace.
func (f *found) Prepare(context.Context) error {
	if f.namespace {
		return nil
	}
	return f.world.effect(func() error {
		f.namespace = true
		return nil
	})
}

// Preflight finds nothing.
func (f *found) Preflight(context.Context, *plan.Plan) diag.List { return nil }

// Survey finds nothing.
func (f *found) Survey(context.Context) diag.List { return nil }

// Fetch has nothing to bring: plans pull on an engine, and nodes have every image.
func (f *found) Fetch(context.Context, *plan.Plan, func(string)) error { return nil }

// Services reports what runs.
func (f *found) Services(context.Context) (out installation.Services, err error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.runs)) {
		r := f.runs[name]
		if r.once && f.onCluster() {
			continue
		}
		s := installation.Service{Name: name, Release: r.release, Own: r.release == "", Status: "healthy", Ready: true}
		switch {
		case r.once:
			s.Status = "ended with exit code 0"
		case r.stopped && !f.onCluster():
			s.Status, s.Ready = "stopped", false
		case r.stopped || f.world.unwell(r.service):
			s.Status, s.Ready = "unhealthy", false
		}
		if f.onCluster() {
			s.Name = r.service
		}
		out.All = append(out.All, s)
		if out.Release == "" && !s.Own || r.service == "sourcegraph-frontend" {
			out.Release = r.release
		}
	}
	for _, u := range f.units.Units {
		if f.runs[u.Name] == nil {
			out.Lacks(u.Name, u.Own)
		}
	}
	for _, o := range f.objects.Objects {
		if workload(o.Key) && f.runs[o.Key] == nil {
			out.Lacks(o.Service, false)
		}
	}
	return out, nil
}

// workload reports whether an object has pods of Sourcegraph's own that run.
func workload(key string) bool {
	kind, _, _ := strings.Cut(key, "/")
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind)
}

// answering reports whether Sourcegraph answers.
func (f *found) answering() bool {
	for _, r := range f.runs {
		if r.service == "sourcegraph-frontend" && !r.stopped && !f.world.unwell(r.service) {
			return true
		}
	}
	return false
}

// Answers reports whether Sourcegraph answers.
func (f *found) Answers(context.Context) installation.Answer {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	return installation.Answer{Healthy: f.answering(), At: f.Stack.URL, Took: 12 * time.Millisecond}
}

// legs are services behind searches of some kinds.
var legs = map[string]string{"index:no": "searcher", "type:symbol": "searcher", "type:commit": "gitserver", "type:diff": "gitserver"}

// Get is answered where Sourcegraph answers, and a search where the services behind it do.
func (f *found) Get(_ context.Context, _ installation.Route, p installation.Page) (int, string, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	if !f.answering() {
		return 503, "a page", nil
	}
	query, _ := url.QueryUnescape(p.Query)
	for kind, service := range legs {
		if strings.Contains(query, kind) && f.world.Unhealthy[service] {
			return 200, "event: error\ndata: {\"message\":\"" + service + " does not answer\"}\n\n", nil
		}
	}
	if f.world.Searchable {
		return 200, "event: matches\ndata: [{\"type\":\"content\"}]\n\nevent: done\ndata: {}\n\n", nil
	}
	return 200, "event: matches\ndata: []\n\nevent: done\ndata: {}\n\n", nil
}

// Room has room.
func (f *found) Room(_ context.Context, r data.Room) (string, diag.List, error) {
	return "up to " + data.GiB(r.Disk) + " of disk", nil, nil
}

// Asked asks pgsql, where it runs.
func (f *found) Asked(context.Context) (said installation.Said, err error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	for _, r := range f.runs {
		if r.service == "pgsql" && !r.stopped && !f.world.Unhealthy["pgsql"] && f.data != nil {
			return installation.Said{Answered: f.data.Schema != "", Release: f.data.Release, Postgres: f.data.Postgres}, nil
		}
	}
	return said, nil
}

// Access is the place's name.
func (f *found) Access(context.Context) (installation.Access, error) {
	return installation.Access{Network: f.name, Env: map[string]string{}}, nil
}

// Lost reports data without passwords.
func (f *found) Lost(context.Context) error {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	if f.data != nil && len(f.secrets) == 0 && len(installation.GeneratedNames(f.Stack.Secrets)) > 0 {
		return diag.List{{Code: "BERTH3102", Severity: diag.Error, Subject: "pgsql", Summary: "there is data of pgsql, but its generated password is not there"}}
	}
	return nil
}

// Left reports whether something of a clone is there.
func (f *found) Left(context.Context, string) (bool, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	return f.original != "", nil
}

// Mark marks the place as that of a clone.
func (f *found) Mark(ctx context.Context, original string) (context.Context, func(), error) {
	ctx, release, err := f.place.Lock(ctx, "rehearse", f.env.Now)
	if err != nil {
		return nil, nil, err
	}
	return ctx, release, f.world.effect(func() error {
		f.original, f.namespace = original, true
		return nil
	})
}

// Reading gives the clone's tasks, which reach the original's databases.
func (f *found) Reading(_ context.Context, original installation.Access) (run.Tasks, error) {
	return &reader{clone: f.place, original: f.world.place(original.Network, f.target)}, nil
}

type reader struct{ clone, original *place }

// Task runs a task of the clone on the original's databases.
func (r *reader) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	return r.clone.task(ctx, r.original, t, line)
}

// Pipe runs a task in the clone's volume of backups.
func (r *reader) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	return r.clone.pipe(ctx, t, in, out)
}

// Forget removes what is left of a task.
func (r *reader) Forget(_ context.Context, name string) error { return r.clone.forgetTask(name) }

// Wipe deletes a clone.
func (f *found) Wipe(context.Context) error {
	return f.world.effect(func() error {
		f.clear()
		f.backups = map[string]databases{}
		return nil
	})
}
