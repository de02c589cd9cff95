// Package site is an installation at its target, for whoever works on it: its config is loaded, its target is found, and what a journey or a
// rehearsal asks of it is answered. It knows of targets only what they have in common; what they do differently is in engine and cluster, which
// implement Site and are given to an Environment from above.
package site

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

// Site is an installation at its target: what the commands need, whether it runs on a Docker Engine or in a cluster.
type Site interface {
	// Of is the config, and what follows from it.
	Of() *Loaded
	// Store is where the installation's state is kept.
	Store() state.Store
	// Render renders what the config asks for, with the secrets that were generated.
	Render(e *Environment, generated map[string]string) error
	// Prepare makes the place where the state is kept, after it proved that it can be worked in.
	Prepare(ctx context.Context, e *Environment) error
	// Plan observes and compares.
	Plan(ctx context.Context, e *Environment) (*plan.Plan, error)
	// Databases asks the databases which release they are of, where they run.
	Databases(ctx context.Context, e *Environment) (Answer, error)
	// Data reports whether there is data of a database, in a volume of the installation's own or in a database of the admin's.
	Data(ctx context.Context) (bool, error)
	// Teardown is the plan that stops everything, and deletes the data when asked to.
	Teardown(ctx context.Context, e *Environment, data bool) (*plan.Plan, error)
	// Lost tells when data is there whose generated passwords are not.
	Lost(ctx context.Context) error
	// Preflight finds what stands in the way of a plan, before anything is touched.
	Preflight(ctx context.Context, e *Environment, p *plan.Plan) diag.List
	// Survey finds what stands in the way of the config, without a plan.
	Survey(ctx context.Context, e *Environment) diag.List
	// Fetch brings the images that a plan needs to where they will be needed, and does nothing else of it.
	Fetch(ctx context.Context, e *Environment, p *plan.Plan, timeout time.Duration) error
	// Runner does a plan's steps.
	Runner(e *Environment, timeout time.Duration) run.Target
	// Settle notes what is there, after a run that came to its end.
	Settle(ctx context.Context) error
	// Services tells how everything is.
	Services(ctx context.Context, e *Environment) (services []Service, missing []string, release string, err error)
	// Knock asks the front door whether Sourcegraph is healthy. Without a way to it, door is "".
	Knock(ctx context.Context, now func() time.Time) (ok bool, door string, milliseconds int64)
	// Search asks for one search result, through the front door or the frontend itself, and gives the HTTP status and the answer; 0 when there
	// is no way to ask.
	Search(ctx context.Context, direct bool) (status int, answer string, err error)
	// Tasks runs tasks beside the installation.
	Tasks(e *Environment) run.Tasks
	// Disk is the room that there is for data.
	Disk(ctx context.Context) (journey.Space, error)
	// Still waits until nothing is left of what the front stops: what ends may write until it has ended.
	Still(ctx context.Context, now func() time.Time) error
	// SetAside moves the databases' data out of the way, while nothing runs.
	SetAside(ctx context.Context, e *Environment) error
	// Backups is where the backups of its upgrades lie, in the words of the target.
	Backups() string
	// Hint says where to look when the front door does not answer.
	Hint() string
	// Close lets go of the target.
	Close()
	Clonable
}

// Target finds installations at one kind of target.
type Target struct {
	// Find finds what a config asks for, rendered.
	Find func(ctx context.Context, e *Environment, l *Loaded) (Site, error)
	// ByName finds an installation of which only the name is known.
	ByName func(ctx context.Context, e *Environment, l *Loaded) (Site, error)
}

// Connect renders what a config asks for and finds its target.
func (e *Environment) Connect(ctx context.Context, l *Loaded) (Site, error) {
	if l.Stack.Target == catalogue.Kubernetes {
		return e.OnCluster.Find(ctx, e, l)
	}
	return e.OnEngine.Find(ctx, e, l)
}

// OpenToStop finds an installation by its name alone. What it would be given to run need not be there: an installation must be possible to
// stop when a secret is missing or its release is not known.
func (e *Environment) OpenToStop(ctx context.Context, file string) (Site, error) {
	l, problems, err := e.text(file)
	if err != nil {
		return nil, err
	}
	if l != nil {
		l.Doc, problems = config.Load(file, l.Text)
	}
	if problems.Failed() {
		return nil, problems
	}
	l.Stack = &stack.Stack{Name: nameOf(l.Doc.Config), Target: l.Doc.Config.On}
	if l.Stack.Target == catalogue.Kubernetes {
		return e.OnCluster.ByName(ctx, e, l)
	}
	return e.OnEngine.ByName(ctx, e, l)
}

// nameOf is the installation's name.
func nameOf(c *config.Config) string {
	if c.Name != "" {
		return c.Name
	}
	return stack.DefaultName
}

// open finds the installation of a config whose warnings were shown before.
func (e *Environment) open(ctx context.Context, file string) (Site, error) {
	l, problems, err := e.Load(file)
	if err != nil || problems.Failed() {
		return nil, cmp.Or(err, problems.Err())
	}
	return e.Connect(ctx, l)
}

// Generate makes the secrets that are not there yet, before anything uses them, and reports whether it made any.
func (e *Environment) Generate(ctx context.Context, s Site) (made bool, err error) {
	before, err := s.Store().Generated(ctx)
	if err != nil {
		return false, err
	}
	values, err := s.Store().Generate(ctx, GeneratedNames(s.Of().Stack.Secrets))
	if err != nil {
		return false, err
	}
	return len(values) > len(before), s.Render(e, values)
}

// Service is how one service is, as its target tells.
type Service struct {
	Name    string `json:"name"`
	Release string `json:"release"`
	Status  string `json:"status"`
	Ready   bool   `json:"ready"`
}
