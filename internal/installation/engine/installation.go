// Package engine is an installation on a Docker Engine: what compose renders, kept beside the config, run by the engine's own API.
package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/address"
	"berth/internal/config/check"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/target/compose"
	"berth/internal/target/compose/execute"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
)

// onEngine is an installation on a Docker Engine.
type onEngine struct {
	*installation.Want
	env     *installation.Environment
	state   store.Dir
	project *render.Project
	values  installation.Values
	engine  *compose.Engine
	login   registry.Login
	hold    *run.Hold // of the last run; nil: requests do not wait
}

// Open finds the Docker Engine of an installation, and renders what the config asks for.
func Open(ctx context.Context, e *installation.Environment, w *installation.Want) (*installation.Installation, error) {
	i := &onEngine{Want: w, env: e, state: store.At(w.Dir, w.Stack.Name)}
	generated, err := i.state.Generated(ctx)
	if err != nil {
		return nil, err
	}
	if err := i.Render(generated); err != nil {
		return nil, err
	}
	if i.login, err = e.Login(w); err != nil {
		return nil, err
	}
	return i.connect(ctx)
}

// OpenNamed is Open for an installation of which only the name is known.
func OpenNamed(ctx context.Context, e *installation.Environment, w *installation.Want) (*installation.Installation, error) {
	i := &onEngine{Want: w, env: e, state: store.At(w.Dir, w.Stack.Name), project: &render.Project{Name: w.Stack.Name}}
	return i.connect(ctx)
}

// Stored is the state of an installation alone. No engine is asked.
func Stored(_ context.Context, _ *installation.Environment, w *installation.Want) (*installation.Installation, error) {
	return &installation.Installation{Want: w, Store: store.At(w.Dir, w.Stack.Name).Store(), Close: func() {}}, nil
}

func (i *onEngine) connect(ctx context.Context) (out *installation.Installation, err error) {
	if i.engine, err = compose.Connect(ctx, i.env.Getenv); err != nil {
		return nil, err
	}
	if i.engine.Adopted, err = i.adopted(ctx); err != nil {
		i.engine.Close()
		return nil, err
	}
	return &installation.Installation{Want: i.Want, Store: i.state.Store(), Planner: i, Host: i, Prober: i, Insider: i, Witness: i, Data: i, Secrets: i, Tasks: i, Clone: i, Volumes: i.volumes,
		Backups: i.Stack.Name + "_" + data.Backups, Hint: "docker logs " + i.project.Prefix + "caddy", Close: i.close,
		Images: func(ctx context.Context, w *installation.Want) diag.List {
			return registry.Check(ctx, i.login, w.Stack.Images())
		}}, nil
}

// Prepare has nothing to do: the folder is made when something is written into it.
func (i *onEngine) Prepare(context.Context) error { return nil }

// close lets go of the engine, and of requests that wait.
func (i *onEngine) close() {
	i.hold.End()
	i.engine.Close()
}

// Executor does steps on the engine.
func (i *onEngine) Executor(p *plan.Plan, timeout time.Duration) run.Target {
	i.hold = i.letsWait(p)
	return &execute.Target{Hold: i.hold, AsIs: p.Action == plan.RestartOnly, Engine: i.engine, Project: i.project, State: i.state, Login: i.login, Values: i.values,
		Timeout: timeout, Converting: i.Converting, Now: i.env.Now, Tools: func() string { return i.Image("pgsql") }}
}

// letsWait is what lets requests wait at the front proxy while a plan's steps replace what they need; nil: nothing does.
func (i *onEngine) letsWait(p *plan.Plan) *run.Hold {
	awaited := i.awaited()
	if p.From == "" || awaited == nil {
		return nil
	}
	h := &run.Hold{Awaited: map[string]bool{}, Shared: map[string]bool{}, Spreading: execute.Draining, Longest: stack.LongestWait}
	for _, name := range awaited {
		h.Awaited[name] = true
	}
	for _, u := range i.project.Units {
		switch {
		case u.Service == frontend:
			h.Shared[u.Name] = !h.Awaited[u.Name]
		case u.Service == address.FrontProxy:
			proxy := &execute.FrontProxy{Engine: i.engine, Unit: u.Name, Container: u.Container}
			h.By, h.Pass, h.Over = u.Name, proxy.Pass, proxy.Close
		}
	}
	return h
}

const frontend = "sourcegraph-frontend"

// awaited are the units that requests wait for: what a search or a page asks, and the frontend where there is one alone. nil: they don't wait, since the
// config says so, or because a page answers.
func (i *onEngine) awaited() (names []string) {
	units := i.project.Units
	proxied := slices.ContainsFunc(units, func(u render.Unit) bool { return u.Service == address.FrontProxy })
	if i.Front != stack.Open || !proxied || !i.Doc.Config.HoldsRequests() {
		return nil
	}
	var frontends []string
	for _, u := range units {
		switch {
		case slices.Contains(stack.Awaited(), u.Service), u.Service == frontend+"-internal":
			names = append(names, u.Name)
		case u.Service == frontend:
			frontends = append(frontends, u.Name)
		}
	}
	if len(frontends) == 1 {
		names = append(names, frontends...)
	}
	return names
}

// Plan compares the project with the containers that there are.
func (i *onEngine) Plan(ctx context.Context) (*plan.Plan, error) {
	s, err := i.observe(ctx)
	if err != nil {
		return nil, err
	}
	d := i.desired()
	if problems := plan.LeftBehind(d, s); problems.Failed() {
		return nil, problems
	}
	return plan.Difference(d, s), nil
}

// Teardown takes away containers, tasks included, and the network. With data, volumes go as well.
func (i *onEngine) Teardown(ctx context.Context, volumes installation.Volumes) (*plan.Plan, error) {
	s, err := i.observe(ctx)
	if err != nil {
		return nil, err
	}
	network, err := i.engine.Network(ctx, i.Stack.Name)
	if err != nil {
		return nil, err
	}
	tasks, err := i.engine.Tasks(ctx, i.Stack.Name)
	if err != nil {
		return nil, err
	}
	for _, name := range tasks {
		s.Containers = append(s.Containers, plan.Container{Name: name})
	}
	var deleted []string
	if volumes == installation.DeleteVolumes {
		if deleted, err = i.engine.Volumes(ctx, i.Stack.Name); err != nil {
			return nil, err
		}
	}
	return plan.Teardown(plan.Desired{Installation: i.Stack.Name, Target: i.Stack.Target, Catalogue: i.env.Catalogue().Digest()}, s, network, deleted), nil
}

// Fetch has nothing to do: plans pull.
func (i *onEngine) Fetch(context.Context, *plan.Plan, func(string)) error { return nil }

// Preflight asks the host, and the registry for the images that are to be pulled.
func (i *onEngine) Preflight(ctx context.Context, p *plan.Plan) diag.List {
	var refs []string
	for _, s := range p.Steps {
		if s.Verb == plan.Pull {
			refs = append(refs, s.Object)
		}
	}
	return append(append(i.checkHost(ctx), i.leftBehind(ctx)...), registry.Check(ctx, i.login, refs)...)
}

// Survey asks the host, and the admin's own registry for all images.
func (i *onEngine) Survey(ctx context.Context) diag.List {
	problems := append(i.checkHost(ctx), i.leftBehind(ctx)...)
	if i.Doc.Config.Images.Registry != "" {
		problems = append(problems, registry.Check(ctx, i.login, append(i.Stack.Images(), i.Stack.Tagged()...))...)
	}
	return problems
}

// Render renders a config's project, with secrets that were generated. No engine is asked.
func Render(e *installation.Environment, w *installation.Want, generated map[string]string) (*render.Project, installation.Values, error) {
	i := &onEngine{Want: w, env: e}
	err := i.Render(generated)
	return i.project, i.values, err
}

// Desired is what a config asks an engine for, with secrets that were generated. No engine is asked.
func Desired(e *installation.Environment, w *installation.Want, generated map[string]string) (plan.Desired, error) {
	i := &onEngine{Want: w, env: e}
	if err := i.Render(generated); err != nil {
		return plan.Desired{}, err
	}
	return i.desired(), nil
}

// Render renders the project with the secrets that there are.
func (i *onEngine) Render(generated map[string]string) error {
	var err error
	if i.values, err = i.env.Secrets(i.Want, generated); err != nil {
		return err
	}
	rendered, problems := render.Render(i.Stack, installation.Fingerprints(i.Stack.Secrets, i.values))
	i.project = rendered
	return check.Accepted(problems).Err() // Load has said the others
}

// desired is the project in the words of a plan.
func (i *onEngine) desired() plan.Desired {
	d := plan.Desired{
		Installation: i.Stack.Name, Target: i.Stack.Target, Release: i.Stack.Release,
		Project:   project.Hash(i.project, func(name string) string { return i.values[name] }),
		Catalogue: i.env.Catalogue().Digest(), Network: i.project.Network, Awaited: i.awaited(),
	}
	if i.Front == stack.Closed || i.Front == stack.Stopped {
		d.Unasked = stack.Unasked()
	}
	if i.Stack.Network != nil {
		d.Origins = []plan.Cause{{Text: "network", Range: i.Doc.At("network")}}
	}
	about := i.env.Catalogue().Describe()
	for _, u := range i.project.Units {
		unit := plan.Unit{Name: u.Name, Container: u.Container, Service: u.Service, Image: u.Image, Spec: u.Spec, Files: u.Files,
			CPUs: u.CPUs, Memory: u.Memory, OneShot: u.OneShot, Own: u.Own, Env: u.Env}
		for _, n := range u.DependsOn {
			unit.Needs = append(unit.Needs, plan.Need{Name: n.Name, Condition: n.Condition})
		}
		for _, v := range u.Data {
			unit.Volumes = append(unit.Volumes, plan.Volume{Path: v.Path, Source: v.Source, Holds: v.Holds, Keeps: about[u.Service].Keeps})
		}
		for _, o := range u.Origins {
			unit.Origins = append(unit.Origins, plan.Cause{Text: o.Text, Range: o.Range})
		}
		d.Units = append(d.Units, unit)
	}
	return d
}

// observe tells what runs. Containers of others in the way are an error.
func (i *onEngine) observe(ctx context.Context) (plan.State, error) {
	applied, err := project.Applied(ctx, i.state)
	if err != nil {
		return plan.State{}, err
	}
	s, problems, err := i.engine.Observe(ctx, i.project, applied)
	if err != nil {
		return plan.State{}, err
	}
	if err := problems.Err(); err != nil {
		return plan.State{}, err
	}
	if s.Kept, err = i.kept(ctx, s.Containers); err != nil {
		return plan.State{}, err
	}
	s.Project, err = project.HashOnDisk(project.Folder(i.state))
	return s, err
}

// Present looks for the volumes of the databases. A database of the admin's own has data once Sourcegraph ran with it, which the history knows.
func (i *onEngine) Present(ctx context.Context) (bool, error) {
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	return slices.ContainsFunc(stack.Databases(), func(name string) bool { return i.holds(name, volumes) }), err
}

// Lost: new passwords would lock everybody out of the data that is there.
func (i *onEngine) Lost(ctx context.Context) error {
	generated, err := i.state.Generated(ctx)
	if err != nil {
		return err
	}
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	for _, name := range installation.GeneratedNames(i.Stack.Secrets) {
		database, isPassword := strings.CutSuffix(name, "-password")
		if isPassword && generated[name] == "" && i.holds(database, volumes) {
			return diag.List{{Code: "BERTH3102", Severity: diag.Error, Subject: database,
				Summary: "the volume " + i.Stack.Name + "_" + database + " has data, but its password is not in " + i.state.Path(),
				Detail: []string{"a new password would not open the existing database",
					"if berth made it: run berth where this installation was created, or copy its .berth folder here",
					"if something else made it, such as Sourcegraph's own Compose file: the data is in use there, and berth leaves it alone"},
				Hint: "for an installation beside it, write another  name:  in the config"}}
		}
	}
	return nil
}
