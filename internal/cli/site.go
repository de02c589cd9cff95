package cli

import (
	"cmp"
	"context"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
)

// site is an installation at its target: what the commands need, whether it runs on a Docker Engine or in a cluster.
type site interface {
	// of is the config, and what follows from it.
	of() *loaded
	// store is where the installation's state is kept.
	store() state.Store
	// render renders what the config asks for, with the secrets that were generated.
	render(e *Env, generated map[string]string) error
	// prepare makes the place where the state is kept, after it proved that it can be worked in.
	prepare(ctx context.Context, e *Env) error
	// plan observes and compares.
	plan(ctx context.Context, e *Env) (*plan.Plan, error)
	// teardown is the plan that stops everything, and deletes the data when asked to.
	teardown(ctx context.Context, e *Env, data bool) (*plan.Plan, error)
	// lost tells when data is there whose generated passwords are not.
	lost(ctx context.Context) error
	// preflight finds what stands in the way of a plan, before anything is touched.
	preflight(ctx context.Context, e *Env, p *plan.Plan) diag.List
	// survey finds what stands in the way of the config, without a plan.
	survey(ctx context.Context, e *Env) diag.List
	// runner does a plan's steps.
	runner(e *Env, timeout time.Duration) run.Target
	// settle notes what is there, after a run that came to its end.
	settle(ctx context.Context) error
	// services tells how everything is.
	services(ctx context.Context, e *Env) (services []ServiceStatus, missing []string, release string, err error)
	// knock asks the front door whether Sourcegraph is healthy. Without a way to it, door is "".
	knock(ctx context.Context, now func() time.Time) (ok bool, door string, milliseconds int64)
	// search asks for one search result, through the front door or the frontend itself, and gives the HTTP status and the answer; 0 when there
	// is no way to ask.
	search(ctx context.Context, direct bool) (status int, answer string, err error)
	// tasks runs tasks beside the installation.
	tasks(e *Env) run.Tasks
	// disk is the room that there is for data.
	disk(ctx context.Context) (journey.Space, error)
	// still waits until nothing is left of what the front stops: what ends may write until it has ended.
	still(ctx context.Context, now func() time.Time) error
	// setAside moves the databases' data out of the way, while nothing runs.
	setAside(ctx context.Context, e *Env) error
	// hint says where to look when the front door does not answer.
	hint() string
	close()
	clonable
}

// open loads a config and finds its target. Problems of the file stop it; warnings are printed.
func (e *Env) open(ctx context.Context, file string) (site, error) {
	l, err := e.must(file)
	if err != nil {
		return nil, err
	}
	return e.connect(ctx, l)
}

// connect renders what a config asks for and finds its target.
func (e *Env) connect(ctx context.Context, l *loaded) (site, error) {
	if l.stack.Target == catalogue.Kubernetes {
		return e.cluster(ctx, l)
	}
	return e.engine(ctx, l)
}

// openToStop finds an installation by its name alone. What it would be given to run need not be there: an installation must be possible to
// stop when a secret is missing or its release is not known.
func (e *Env) openToStop(ctx context.Context, file string) (site, error) {
	l, problems, err := e.text(file)
	if err != nil {
		return nil, err
	}
	if l != nil {
		l.doc, problems = config.Load(file, l.text)
	}
	if problems.Failed() {
		return nil, problems
	}
	l.stack = &stack.Stack{Name: nameOf(l.doc.Config), Target: l.doc.Config.On}
	if l.stack.Target == catalogue.Kubernetes {
		return e.clusterToStop(ctx, l)
	}
	return e.engineToStop(ctx, l)
}

// nameOf is the installation's name.
func nameOf(c *config.Config) string {
	if c.Name != "" {
		return c.Name
	}
	return stack.DefaultName
}

// openQuietly is open without the config's warnings, which were printed before.
func (e *Env) openQuietly(ctx context.Context, file string) (site, error) {
	l, problems, err := e.load(file)
	if err != nil || problems.Failed() {
		return nil, cmp.Or(err, problems.Err())
	}
	return e.connect(ctx, l)
}

// must loads a config, with problems as an error.
func (e *Env) must(file string) (*loaded, error) {
	l, problems, err := e.load(file)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	problems.WriteText(e.Stderr, e.Color)
	return l, nil
}

// generate makes the secrets that are not there yet, before anything uses them.
func (e *Env) generate(ctx context.Context, s site) error {
	values, err := s.store().Generate(ctx, generatedNames(s.of().stack.Secrets))
	if err != nil {
		return err
	}
	return s.render(e, values)
}
