// Package engine is an installation on a Docker Engine: what compose renders, kept beside the config, run by the engine's own API.
package engine

import (
	"context"
	"slices"
	"strings"
	"time"

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
	return &installation.Installation{Want: i.Want, Store: i.state.Store(), Planner: i, Host: i, Prober: i, Data: i, Secrets: i, Tasks: i, Clone: i,
		Backups: i.Stack.Name + "_" + data.Backups, Hint: "docker logs " + i.project.Prefix + "caddy", Close: func() { i.engine.Close() },
		Images: func(ctx context.Context, w *installation.Want) diag.List {
			return registry.Check(ctx, i.login, w.Stack.Images())
		}}, nil
}

// Prepare has nothing to do: the folder is made when something is written into it.
func (i *onEngine) Prepare(context.Context) error { return nil }

// Conclude has nothing to note: the engine knows its containers, and one is gone when its step is done.
func (i *onEngine) Conclude(context.Context, *plan.Plan) error { return nil }

// Executor does steps on the engine.
func (i *onEngine) Executor(_ *plan.Plan, timeout time.Duration) run.Target {
	return &execute.Target{Engine: i.engine, Project: i.project, State: i.state, Login: i.login, Values: i.values, Timeout: timeout, Now: i.env.Now}
}

// Plan compares the project with the containers that there are.
func (i *onEngine) Plan(ctx context.Context) (*plan.Plan, error) {
	s, err := i.observe(ctx)
	if err != nil {
		return nil, err
	}
	return plan.Difference(i.desired(), s), nil
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
	return append(i.checkHost(ctx), registry.Check(ctx, i.login, refs)...)
}

// Survey asks the host, and the admin's own registry for all images.
func (i *onEngine) Survey(ctx context.Context) diag.List {
	problems := i.checkHost(ctx)
	if i.Doc.Config.Images.Registry != "" {
		problems = append(problems, registry.Check(ctx, i.login, i.Stack.Images())...)
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
	return problems.Err()
}

// desired is the project in the words of a plan.
func (i *onEngine) desired() plan.Desired {
	d := plan.Desired{
		Installation: i.Stack.Name, Target: i.Stack.Target, Release: i.Stack.Release,
		Project:   project.Hash(i.project, func(name string) string { return i.values[name] }),
		Catalogue: i.env.Catalogue().Digest(),
	}
	for _, u := range i.project.Units {
		unit := plan.Unit{Name: u.Name, Container: u.Container, Service: u.Service, Image: u.Image, Spec: u.Spec, Files: u.Files,
			CPUs: u.CPUs, Memory: u.Memory, OneShot: u.OneShot, Env: u.Env}
		for _, n := range u.DependsOn {
			unit.Needs = append(unit.Needs, plan.Need{Name: n.Name, Condition: n.Condition})
		}
		for _, o := range u.Origins {
			unit.Origins = append(unit.Origins, plan.Cause{Text: o.Text, Range: o.Range})
		}
		for _, p := range u.Patched {
			unit.Origins = append(unit.Origins, plan.Cause{Text: "your patch: " + p})
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
	s.Project, err = project.HashOnDisk(project.Folder(i.state))
	return s, err
}

// Present looks for the volumes of the databases. A database of the admin's own has data once Sourcegraph ran with it, which the history knows.
func (i *onEngine) Present(ctx context.Context) (bool, error) {
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	return slices.ContainsFunc(stack.Databases(), func(name string) bool { return slices.Contains(volumes, i.Stack.Name+"_"+name) }), err
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
		if isPassword && generated[name] == "" && slices.Contains(volumes, i.Stack.Name+"_"+database) {
			return diag.List{{Code: "BERTH3102", Severity: diag.Error, Subject: database,
				Summary: "there is data of " + database + ", but its generated password is not in " + i.state.Path(),
				Detail:  []string{"a new password would not open the database that is there"},
				Hint:    "run berth where this installation was created, or copy its .berth folder here; to give up the data: docker volume rm " + i.Stack.Name + "_" + database}}
		}
	}
	return nil
}
