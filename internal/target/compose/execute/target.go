// Package execute does the steps of plans, and runs tasks, on a Docker Engine.
package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/target/compose"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
	"golang.org/x/sync/errgroup"
)

// Target does steps on a Docker Engine.
type Target struct {
	Engine  *compose.Engine
	Project *render.Project
	State   store.Dir
	Login   registry.Login
	Values  map[string]string // of all secrets, for the .env file, and to keep them out of messages
	Timeout time.Duration     // how long every service may take to be ready; 0: as the release says
	// Converting is how long a database may take that converts its data to another major Postgres first; 0: as usual. Timeout counts before it.
	Converting time.Duration
	Now        func() time.Time
	AsIs       bool          // a restart leaves limits and files as they are, whatever the project has
	Hold       *run.Hold     // nil: requests are not held
	Tools      func() string // an image with a shell and tar, for an engine on another host

	watcher *compose.Watcher
	seen    map[string]sighting
	sending sync.Mutex // steps of several kinds are done at the same time
	sent    bool       // the project's files are on the engine's host
}

// sighting is when a container was first seen running without a pause since.
type sighting struct {
	since    time.Time
	started  time.Time
	restarts int
}

const (
	// steady is how long a container without any check must run without a restart to count as ready.
	steady = 3 * time.Second
	// lasting is how long a database must run to count as there for good where nobody sees whether it answers others.
	lasting = 3 * time.Second
	// postgres is the port that databases answer others at.
	postgres = 5432
	// fallen is how long a container may have ended that should run. An engine that was restarted itself needs a while to start all.
	fallen = 30 * time.Second
	// crashes is how many restarts are reported as a crash loop rather than waited for.
	crashes = 3
	// stops is how many containers are stopped or started at once through the API.
	stops = 8
)

func (t *Target) place() compose.Project {
	return compose.Project{Name: t.Project.Name, Dir: project.Folder(t.State)}
}

func (t *Target) unit(name string) (render.Unit, bool) {
	for _, u := range t.Project.Units {
		if u.Name == name {
			return u, true
		}
	}
	return render.Unit{}, false
}

// container is the name at the engine of what a step is about.
func container(s plan.Step) string { return cmp.Or(s.Container, s.Object) }

// Do does steps of one verb.
func (t *Target) Do(ctx context.Context, verb plan.Verb, steps []plan.Step, progress func(plan.Step, int64, int64)) error {
	if verb == plan.Recreate || verb == plan.Restart {
		t.Hold.Before(ctx, steps)
	}
	if verb == plan.Create || verb == plan.Recreate || verb == plan.Execute { // what is made mounts them
		if err := t.send(ctx); err != nil {
			return err
		}
	}
	switch verb {
	case plan.Wait:
		return nil
	case plan.Write:
		if err := t.write(); err != nil {
			return err
		}
		return t.send(ctx)
	case plan.Pull:
		return run.Each(ctx, len(steps), steps, func(ctx context.Context, s plan.Step) error {
			return t.Engine.Pull(ctx, t.Login, s.Object, func(done, total int64) { progress(s, done, total) })
		})
	case plan.Create:
		return t.Engine.Up(t.place(), objects(steps))
	case plan.Recreate, plan.Execute:
		return t.Engine.Replace(t.place(), objects(steps))
	case plan.Start, plan.Restart:
		if t.AsIs {
			return run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error { return t.Engine.Restart(ctx, container(s)) })
		}
		start := map[plan.Verb]func(context.Context, string) error{plan.Start: t.Engine.Start, plan.Restart: t.Engine.Restart}[verb]
		return errors.Join(run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error {
			if verb == plan.Restart && s.Service == address.FrontProxy {
				return t.limited(ctx, s, t.reread)
			}
			return t.limited(ctx, s, start)
		}), t.saw(ctx, steps))
	case plan.Update:
		return run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error {
			u, _ := t.unit(s.Object)
			return t.Engine.Limit(ctx, container(s), u.CPUs, u.Memory)
		})
	case plan.Remove:
		return run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error { return t.Engine.Remove(ctx, container(s)) })
	case plan.RemoveNetwork:
		return run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error { return t.Engine.RemoveNetwork(ctx, s.Object) })
	case plan.Delete:
		return run.Each(ctx, stops, steps, func(ctx context.Context, s plan.Step) error { return t.Engine.DeleteVolume(ctx, s.Object) })
	}
	return fmt.Errorf("unknown action %s on Docker Compose", verb)
}

// limited starts a container again, with the limits that it should have: it may have stopped for lack of memory.
func (t *Target) limited(ctx context.Context, s plan.Step, start func(context.Context, string) error) error {
	if u, ok := t.unit(s.Object); ok && (u.CPUs > 0 || u.Memory > 0) {
		if err := t.Engine.Limit(ctx, container(s), u.CPUs, u.Memory); err != nil {
			return err
		}
	}
	return start(ctx, container(s))
}

func objects(steps []plan.Step) []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.Object
	}
	return names
}

// write writes the rendered project.
func (t *Target) write() error {
	return project.Replace(project.Folder(t.State), t.Project, func(name string) string { return t.Values[name] })
}

// send brings the project's files to the engine's host, where containers mount them, once in a run. The one with secret values stays: only Docker
// Compose reads it, here.
func (t *Target) send(ctx context.Context) error {
	if !t.Engine.Elsewhere() {
		return nil
	}
	t.sending.Lock()
	defer t.sending.Unlock()
	if t.sent {
		return nil
	}
	files := map[string][]byte{}
	for _, f := range t.Project.Files {
		files[f.Path] = f.Content
	}
	if err := t.Engine.Send(ctx, t.Project.Name, t.Login, t.Tools(), project.Folder(t.State), files); err != nil {
		return err
	}
	t.sent = true
	return nil
}

// saw records which file contents the last start of some containers saw.
func (t *Target) saw(ctx context.Context, steps []plan.Step) error {
	applied, err := project.Applied(ctx, t.State)
	if err != nil {
		return err
	}
	for _, s := range steps {
		u, _ := t.unit(s.Object)
		id, err := t.Engine.ID(ctx, container(s))
		if err != nil {
			return err
		}
		applied[id] = u.Files
	}
	return project.SetApplied(ctx, t.State, applied)
}

// Waited is the longest time that requests waited for steps.
func (t *Target) Waited() time.Duration { return t.Hold.Waited() }

// Patience is how long a step's service may take.
func (t *Target) Patience(s plan.Step) time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	u, _ := t.unit(s.Object)
	usual := cmp.Or(u.Patience, unknown)
	if slices.Contains(stack.Databases(), s.Service) {
		return max(usual, t.Converting)
	}
	return usual
}

// unknown is how long a container may take that the config does not ask for any more.
const unknown = 5 * time.Minute

// Ready tells how far what steps started is.
func (t *Target) Ready(ctx context.Context, steps []plan.Step) (map[int]run.Readiness, error) {
	out := map[int]run.Readiness{}
	var names []string
	var watched []plan.Step
	for _, s := range steps {
		switch s.Verb {
		case plan.Create, plan.Recreate, plan.Execute, plan.Start, plan.Restart, plan.Wait:
			names = append(names, container(s))
			watched = append(watched, s)
		default:
			out[s.ID] = run.Readiness{Ready: true, How: "done"}
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	if t.watcher == nil {
		t.watcher, t.seen = t.Engine.Watcher(t.Project.Name, t.Now), map[string]sighting{}
	}
	how, err := t.watcher.Look(ctx, names)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(stops)
	for i, s := range watched {
		g.Go(func() error {
			mu.Lock()
			known, before := t.seen[names[i]]
			mu.Unlock()
			r, now := t.judge(ctx, s, how[names[i]], known, before)
			mu.Lock()
			defer mu.Unlock()
			out[s.ID], t.seen[names[i]] = r, now
			return nil
		})
	}
	_ = g.Wait() // judgements have no errors
	for _, s := range watched {
		r := out[s.ID]
		if r.Ready || r.Failed {
			t.Hold.Back(s.Object)
		} else {
			r.How += t.Hold.How(s.Object)
			out[s.ID] = r
		}
	}
	return out, nil
}

// judge says how far one container is.
func (t *Target) judge(ctx context.Context, s plan.Step, w compose.Watched, known sighting, before bool) (run.Readiness, sighting) {
	now := t.Now()
	if !before || !known.started.Equal(w.Started) {
		first := known.restarts
		if !before {
			first = w.Restarts
			if s.Verb == plan.Create || s.Verb == plan.Recreate || s.Verb == plan.Execute {
				first = 0 // a new container: every restart is of this run
			}
		}
		known = sighting{since: now, started: w.Started, restarts: first}
	}
	restarted := w.Restarts - known.restarts
	u, _ := t.unit(s.Object)
	switch {
	case w.Missing:
		return run.Readiness{How: "being made"}, known
	case s.Verb == plan.Execute || u.OneShot:
		if w.Status == plan.Stopped && !w.Started.IsZero() && w.Started.Year() > 1 {
			return run.Readiness{Ready: w.Exit == 0, Failed: w.Exit != 0, How: ended(w.Exit)}, known
		}
		return run.Readiness{How: string(w.Status), Failed: restarted >= crashes}, known
	case restarted >= crashes:
		return run.Readiness{Failed: true, How: fmt.Sprintf("crashed %d times, %s", restarted, ended(w.Exit))}, known
	case w.Status == plan.Stopped && now.Sub(known.since) >= fallen:
		return run.Readiness{Failed: true, How: ended(w.Exit)}, known
	case w.Status == plan.Healthy && t.passing(ctx, u, w):
		return run.Readiness{How: "starting"}, known
	case w.Status == plan.Healthy:
		return run.Readiness{Ready: true, How: "healthy"}, known
	case w.Status != plan.Running:
		return run.Readiness{How: string(w.Status)}, known
	}
	switch t.ask(ctx, u, w.Address) {
	case compose.Ready:
		return run.Readiness{Ready: true, How: "ready"}, known
	case compose.NotReady:
		return run.Readiness{How: "starting"}, known
	}
	if now.Sub(known.since) >= steady {
		return run.Readiness{Ready: true, How: "running"}, known
	}
	return run.Readiness{How: "starting"}, known
}

// passing reports whether what is healthy may not be there for good. While Postgres makes its first database, or converts its data, a server answers in its
// container, but not to others.
func (t *Target) passing(ctx context.Context, u render.Unit, w compose.Watched) bool {
	if !slices.Contains(stack.Databases(), u.Service) || t.Now().Sub(w.Started) >= lasting {
		return false
	}
	return w.Address == "" || !t.Engine.Local() || compose.Probe(ctx, w.Address, catalogue.Probe{Port: postgres}) != compose.Ready
}

// ask asks a container itself, where the release says how.
func (t *Target) ask(ctx context.Context, u render.Unit, address string) compose.Answer {
	if u.Probe == nil || address == "" || !t.Engine.Local() {
		return compose.Unreachable
	}
	return compose.Probe(ctx, address, *u.Probe)
}

// ended says what an exit code tells.
func ended(code int) string {
	switch code {
	case 0:
		return "finished"
	case 125, 126, 127:
		return fmt.Sprintf("exit code %d: its program can't be run", code)
	case 137:
		return "exit code 137: it was killed"
	}
	return fmt.Sprintf("exit code %d", code)
}
