// Package engine is a site on a Docker Engine: what compose renders, kept beside the config, run by the engine's own API.
package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/run"
	"berth/internal/site"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/target/compose"
	"berth/internal/target/compose/execute"
	"berth/internal/target/compose/project"
)

// installation is a site on a Docker Engine.
type installation struct {
	*site.Loaded
	state   state.Dir
	project *render.Project
	values  site.Values
	engine  *compose.Engine
	login   registry.Login
}

// Find finds the Docker Engine of an installation, and renders what the config asks for.
func Find(ctx context.Context, e *site.Environment, l *site.Loaded) (site.Site, error) {
	i := &installation{Loaded: l, state: state.At(l.Dir, l.Stack.Name)}
	generated, err := i.state.Generated(ctx)
	if err != nil {
		return nil, err
	}
	if err := i.Render(e, generated); err != nil {
		return nil, err
	}
	if i.login, err = e.Login(l); err != nil {
		return nil, err
	}
	i.engine, err = compose.Connect(ctx, e.Getenv)
	return i, err
}

// ByName is Find for an installation of which only the name is known.
func ByName(ctx context.Context, e *site.Environment, l *site.Loaded) (site.Site, error) {
	i := &installation{Loaded: l, state: state.At(l.Dir, l.Stack.Name), project: &render.Project{Name: l.Stack.Name}}
	var err error
	i.engine, err = compose.Connect(ctx, e.Getenv)
	return i, err
}

// Of is the config.
func (i *installation) Of() *site.Loaded { return i.Loaded }

// Store is the folder beside the config.
func (i *installation) Store() state.Store { return i.state }

// Close lets go of the engine.
func (i *installation) Close() { i.engine.Close() }

// Prepare has nothing to do: the folder is made when something is written into it.
func (i *installation) Prepare(context.Context, *site.Environment) error { return nil }

// Settle has nothing to note: the engine knows its containers.
func (i *installation) Settle(context.Context) error { return nil }

// Backups is the engine's name of the volume.
func (i *installation) Backups() string { return i.Stack.Name + "_" + journey.Backups }

// Hint leads to the front door's log.
func (i *installation) Hint() string { return "docker logs " + i.project.Prefix + "caddy" }

// Runner does steps on the engine.
func (i *installation) Runner(e *site.Environment, timeout time.Duration) run.Target {
	return &execute.Target{Engine: i.engine, Project: i.project, State: i.state, Login: i.login, Values: i.values, Timeout: timeout, Now: e.Now}
}

// Plan compares the project with the containers that there are.
func (i *installation) Plan(ctx context.Context, e *site.Environment) (*plan.Plan, error) {
	s, err := i.observe(ctx)
	if err != nil {
		return nil, err
	}
	return plan.Difference(i.desired(e), s), nil
}

// Teardown takes away containers, tasks included, and the network. With data, volumes go as well.
func (i *installation) Teardown(ctx context.Context, e *site.Environment, data bool) (*plan.Plan, error) {
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
	var volumes []string
	if data {
		if volumes, err = i.engine.Volumes(ctx, i.Stack.Name); err != nil {
			return nil, err
		}
	}
	return plan.Teardown(plan.Desired{Installation: i.Stack.Name, Target: i.Stack.Target, Catalogue: e.Catalogue().Digest()}, s, network, volumes), nil
}

// Fetch pulls.
func (i *installation) Fetch(ctx context.Context, e *site.Environment, p *plan.Plan, timeout time.Duration) error {
	var pulls []plan.Step
	for _, s := range p.Steps {
		if s.Verb == plan.Pull {
			s.After = nil
			s.ID = len(pulls) + 1
			pulls = append(pulls, s)
		}
	}
	if p.Steps = pulls; p.Empty() {
		return nil
	}
	_, err := e.Carry(ctx, i, p, timeout)
	return err
}

// Preflight asks the host, and the registry for the images that are to be pulled.
func (i *installation) Preflight(ctx context.Context, e *site.Environment, p *plan.Plan) diag.List {
	var refs []string
	for _, s := range p.Steps {
		if s.Verb == plan.Pull {
			refs = append(refs, s.Object)
		}
	}
	return append(i.host(ctx), registry.Check(ctx, i.login, refs)...)
}

// Survey asks the host, and the admin's own registry for all images.
func (i *installation) Survey(ctx context.Context, e *site.Environment) diag.List {
	problems := i.host(ctx)
	if i.Doc.Config.Images.Registry != "" {
		problems = append(problems, registry.Check(ctx, i.login, i.Stack.Images())...)
	}
	return problems
}

// Render renders a config's project, with secrets that were generated. No engine is asked.
func Render(e *site.Environment, l *site.Loaded, generated map[string]string) (*render.Project, site.Values, error) {
	i := &installation{Loaded: l}
	err := i.Render(e, generated)
	return i.project, i.values, err
}

// Render renders the project with the secrets that there are.
func (i *installation) Render(e *site.Environment, generated map[string]string) error {
	var err error
	if i.values, err = e.Secrets(i.Loaded, generated); err != nil {
		return err
	}
	rendered, problems := render.Render(i.Stack, site.Fingerprints(i.Stack.Secrets, i.values))
	i.project = rendered
	return problems.Err()
}

// desired is the project in the words of a plan.
func (i *installation) desired(e *site.Environment) plan.Desired {
	d := plan.Desired{
		Installation: i.Stack.Name, Target: i.Stack.Target, Release: i.Stack.Release,
		Project:   project.Hash(i.project, func(name string) string { return i.values[name] }),
		Catalogue: e.Catalogue().Digest(),
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
func (i *installation) observe(ctx context.Context) (plan.State, error) {
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

// Data looks for the volumes of the databases. A database of the admin's own has data once Sourcegraph ran with it, which the history knows.
func (i *installation) Data(ctx context.Context) (bool, error) {
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	return slices.ContainsFunc(stack.Databases(), func(name string) bool { return slices.Contains(volumes, i.Stack.Name+"_"+name) }), err
}

// Lost: new passwords would lock everybody out of the data that is there.
func (i *installation) Lost(ctx context.Context) error {
	generated, err := i.state.Generated(ctx)
	if err != nil {
		return err
	}
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	for _, name := range site.GeneratedNames(i.Stack.Secrets) {
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
