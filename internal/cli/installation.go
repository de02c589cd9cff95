package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/target/compose"
)

// installation is a site on a Docker Engine.
type installation struct {
	*Loaded
	state   state.Dir
	project *render.Project
	values  Values
	engine  *compose.Engine
	login   registry.Login
}

// Values are the values of an installation's secrets, by name.
type Values map[string]string

// LogValue, String and MarshalJSON keep the values out of logs and output.
func (Values) String() string { return "(secret)" }

// MarshalJSON keeps the values out of JSON.
func (Values) MarshalJSON() ([]byte, error) { return []byte(`"(secret)"`), nil }

// engine finds the Docker Engine of an installation.
func (e *Env) engine(ctx context.Context, l *Loaded) (Site, error) {
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

// engineToStop is engine for an installation of which only the name is known.
func (e *Env) engineToStop(ctx context.Context, l *Loaded) (Site, error) {
	i := &installation{Loaded: l, state: state.At(l.Dir, l.Stack.Name), project: &render.Project{Name: l.Stack.Name}}
	var err error
	i.engine, err = compose.Connect(ctx, e.Getenv)
	return i, err
}

func (i *installation) Of() *Loaded { return i.Loaded }

func (i *installation) Store() state.Store { return i.state }

func (i *installation) Close() { i.engine.Close() }

func (i *installation) Prepare(context.Context, *Env) error { return nil }

func (i *installation) Settle(context.Context) error { return nil }

func (i *installation) Hint() string { return "docker logs " + i.project.Prefix + "caddy" }

func (i *installation) Runner(e *Env, timeout time.Duration) run.Target {
	return &run.Compose{Engine: i.engine, Project: i.project, State: i.state, Login: i.login, Values: i.values, Timeout: timeout, Now: e.Now}
}

func (i *installation) Plan(ctx context.Context, e *Env) (*plan.Plan, error) {
	s, err := i.observe(ctx)
	if err != nil {
		return nil, err
	}
	return plan.Difference(i.desired(e), s), nil
}

func (i *installation) Teardown(ctx context.Context, e *Env, data bool) (*plan.Plan, error) {
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

// Preflight asks the host, and the registry for the images that are to be pulled.
func (i *installation) Preflight(ctx context.Context, e *Env, p *plan.Plan) diag.List {
	var refs []string
	for _, s := range p.Steps {
		if s.Verb == plan.Pull {
			refs = append(refs, s.Object)
		}
	}
	return append(e.hostProblems(ctx, i), registry.Check(ctx, i.login, refs)...)
}

func (i *installation) Survey(ctx context.Context, e *Env) diag.List {
	problems := e.hostProblems(ctx, i)
	if i.Doc.Config.Images.Registry != "" {
		problems = append(problems, registry.Check(ctx, i.login, i.Stack.Images())...)
	}
	return problems
}

// Render renders the project with the secrets that there are.
func (i *installation) Render(e *Env, generated map[string]string) error {
	var err error
	if i.values, err = e.Secrets(i.Loaded, generated); err != nil {
		return err
	}
	project, problems := render.Render(i.Stack, Fingerprints(i.Stack.Secrets, i.values))
	i.project = project
	return problems.Err()
}

func GeneratedNames(secrets []stack.Secret) []string {
	var names []string
	for _, s := range secrets {
		if s.Env == "" && s.File == "" && s.Parts == nil {
			names = append(names, s.Name)
		}
	}
	return names
}

// Secrets gives the value of every secret: generated, read from where the admin keeps it, or put together.
func (e *Env) Secrets(l *Loaded, generated map[string]string) (Values, error) {
	values := Values{}
	for _, s := range l.Stack.Secrets {
		switch {
		case s.Env != "" || s.File != "":
			v, err := e.secretValue(l, &config.Secret{Env: s.Env, File: s.File})
			if err != nil {
				return nil, err
			}
			values[s.Name] = v
		case s.Parts == nil:
			values[s.Name] = generated[s.Name]
		}
	}
	for _, s := range l.Stack.Secrets {
		if s.Parts != nil {
			values[s.Name] = Assembled(s.Parts, values)
		}
	}
	return values, nil
}

// Assembled puts a value together from texts and other secrets.
func Assembled(parts []stack.Part, values Values) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Secret == "":
			b.WriteString(p.Text)
		case p.JSON:
			quoted, _ := json.Marshal(values[p.Secret]) // a string always marshals
			b.Write(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(values[p.Secret])
		}
	}
	return b.String()
}

// secretValue reads a secret from where the admin keeps it. A file's last line break is not part of a password, but of a key it is.
func (e *Env) secretValue(l *Loaded, s *config.Secret) (string, error) {
	if s == nil {
		return "", nil
	}
	if s.Env != "" {
		return e.Getenv(s.Env), nil
	}
	content, err := os.ReadFile(from(l.Dir, s.File))
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if text := string(content); strings.Count(text, "\n") > 1 {
		return text, nil
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// Fingerprints are short hashes of the secrets that the admin can change, and of those that are put together.
func Fingerprints(secrets []stack.Secret, values Values) map[string]string {
	out := map[string]string{}
	for _, s := range secrets {
		if s.Env != "" || s.File != "" || s.Parts != nil {
			sum := sha256.Sum256([]byte(s.Name + "=" + values[s.Name]))
			out[s.Name] = hex.EncodeToString(sum[:])[:8]
		}
	}
	return out
}

// desired is the project in the words of a plan.
func (i *installation) desired(e *Env) plan.Desired {
	d := plan.Desired{
		Installation: i.Stack.Name, Target: i.Stack.Target, Release: i.Stack.Release,
		Project:   state.ProjectHash(i.project, func(name string) string { return i.values[name] }),
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
	applied, err := i.state.Applied()
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
	s.Project, err = state.DiskHash(i.state.Project())
	return s, err
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
	for _, name := range GeneratedNames(i.Stack.Secrets) {
		database, isPassword := strings.CutSuffix(name, "-password")
		if isPassword && generated[name] == "" && slices.Contains(volumes, i.Stack.Name+"_"+database) {
			return diag.List{{Code: "BERTH3102", Severity: diag.Error, Subject: database,
				Summary: "there is data of " + database + ", but its generated password is not in " + i.state.Path(),
				Detail:  []string{"a new password would not open the database that is there"},
				Hint:    "run berth where this installation was made, or bring its .berth folder here; to give the data up: docker volume rm " + i.Stack.Name + "_" + database}}
		}
	}
	return nil
}
