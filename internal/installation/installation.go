// Package installation is one Sourcegraph at its target: what its config asks for, and the few things that are asked of its target and done
// there. It knows what targets have in common; what they do differently is in engine and cluster, which give an Installation. One package because
// an installation is one value: each file is what one kind of caller asks of it.
package installation

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
)

// Installation is one Sourcegraph at its target, as one config asks for it. Each of its interfaces is what one kind of caller needs.
type Installation struct {
	*Want
	Store state.Store // where its state is kept
	Planner
	Host
	Prober
	Insider
	Witness
	Data
	Secrets
	run.Tasks // which run beside it

	Backups string // where the backups of its upgrades are, in the words of the target
	Hint    string // a command that shows why the front proxy does not answer
	Clone   Clone
	Close   func() // lets go of the target

	// Explain says why services are not ready, where the target knows more than Services: see doctor. nil: it does not.
	Explain func(ctx context.Context) (diag.List, error)
	// Forward connects to the page of a frontend from wherever berth runs; nil: there is no other way than the front proxy.
	Forward  func(ctx context.Context) (io.ReadWriteCloser, error)
	GiveBack func(ctx context.Context) (p *plan.Plan, next string, err error) // to who deployed it before, whose command is next; nil: the target keeps no trace
	Finish   func(ctx context.Context) (*plan.Plan, error)                    // removes their records; nil like GiveBack
	// Volumes are where a store beside the databases has its files, one of each instance; none: it is not bundled.
	Volumes func(store string) []data.Volume
	// Images proves that the images of a whole release are available; nil: only the target itself can tell.
	Images func(ctx context.Context, w *Want) diag.List
}

// Open finds the installation that a config asks for.
type Open func(ctx context.Context, w *Want) (*Installation, error)

// Planner compares what is wanted with what is there.
type Planner interface {
	// Plan observes and compares.
	Plan(ctx context.Context) (*plan.Plan, error)
	// Teardown is the plan that stops everything.
	Teardown(ctx context.Context, volumes Volumes) (*plan.Plan, error)
	// Executor does a plan's steps. timeout is how long a service may take to be ready; 0: as the release says.
	Executor(p *plan.Plan, timeout time.Duration) run.Target
	// Conclude notes what is there after a plan was carried out, and waits until nothing is left of what the front stops.
	Conclude(ctx context.Context, p *plan.Plan) error
}

// Volumes says what becomes of the volumes of what is stopped.
type Volumes bool

// What becomes of volumes.
const (
	KeepVolumes   Volumes = false
	DeleteVolumes Volumes = true
)

// Host is where an installation runs.
type Host interface {
	// Prepare makes the place where the state is kept, after it proved that one can work there.
	Prepare(ctx context.Context) error
	// Preflight finds what stands in the way of a plan, before anything is changed.
	Preflight(ctx context.Context, p *plan.Plan) diag.List
	// Survey finds what stands in the way of the config, without a plan.
	Survey(ctx context.Context) diag.List
	// Fetch brings images that no step of a plan pulls to where the plan needs them.
	Fetch(ctx context.Context, p *plan.Plan, say func(string)) error
}

// Prober looks at how an installation is.
type Prober interface {
	// Services reports how everything is.
	Services(ctx context.Context) (Services, error)
	// Answers asks the front proxy whether Sourcegraph is healthy.
	Answers(ctx context.Context) Answer
	// Get asks for a page. Status is the one of HTTP; 0 when there is no way to ask.
	Get(ctx context.Context, by Route, p Page) (status int, answer string, err error)
	// Room finds what there is too little of for a clone of some data, and says what is taken of what there is.
	Room(ctx context.Context, r data.Room) (taken string, problems diag.List, err error)
}

// Services are an installation's services.
type Services struct {
	All     []Service
	Missing []string // of Sourcegraph's that the config asks for and that are not there
	Lacking []string // containers of the admin's own that are not there
	Release string   // that runs; "" when nothing does
}

// Service is how one service is, as its target reports it.
type Service struct {
	Name    string `json:"name"`
	Release string `json:"release"`       // "" of containers of the admin's own
	Own     bool   `json:"own,omitempty"` // a container of the admin's own, and none of Sourcegraph's
	Status  string `json:"status"`
	Ready   bool   `json:"ready"`
}

// Lacks notes something that the config asks for and that is not there. own says that it is a container of the admin's own.
func (s *Services) Lacks(name string, own bool) {
	if own {
		s.Lacking = append(s.Lacking, name)
		return
	}
	s.Missing = append(s.Missing, name)
}

// Runs are the services by the release of their containers, but for the migrator, which ran once.
func (s Services) Runs() map[string][]string {
	out := map[string][]string{}
	for _, v := range s.All {
		if v.Release != "" && v.Name != "migrator" {
			out[v.Release] = append(out[v.Release], v.Name)
		}
	}
	return out
}

// Unready names what is not ready, and how it is.
func (s Services) Unready() (names []string) {
	for _, v := range s.All {
		if !v.Ready {
			names = append(names, v.Name+" ("+v.Status+")")
		}
	}
	for _, m := range slices.Concat(s.Missing, s.Lacking) {
		names = append(names, m+" (is not there)")
	}
	return names
}

// Answer is what the front proxy answers.
type Answer struct {
	Healthy bool
	At      string        // where it was asked; "": it can't be asked from here
	Took    time.Duration // until the answer
}

// Route is how a request reaches the frontend.
type Route string

// The routes.
const (
	ByFrontProxy Route = "front proxy"
	Directly     Route = "frontend" // where a maintenance page is in front of it
)

// Page is a page that the frontend serves.
type Page struct {
	Path  string
	Query string // encoded
	Token string // an access token of Sourcegraph; "": nobody is signed in
}

// Data is what an installation's databases hold.
type Data interface {
	// Asked asks the databases which release they are of, where they run.
	Asked(ctx context.Context) (Said, error)
	// Present reports whether there is data of a bundled database.
	Present(ctx context.Context) (bool, error)
	// Space is the room that there is for more.
	Space(ctx context.Context) (data.Space, error)
	// Access is how the databases are reached, for tasks of a clone.
	Access(ctx context.Context) (Access, error)
}

// Said is what the databases report about themselves. The zero Said says that they could not be asked.
type Said struct {
	Answered bool
	Release  string // "" before Sourcegraph ever ran
	Postgres int    // the major release of the server
}

// Access is how an installation's databases are reached.
type Access struct {
	Env     map[string]string // the variables of its migrator; passwords are among them
	Files   map[string]string // that its migrator mounts, by path; a private key may be among them
	Secrets []string          // values that are not to be shown
	Network string            // of the engine, or the namespace
}

// Secrets are an installation's passwords.
type Secrets interface {
	// Render renders what the config asks for, with the secrets that were generated.
	Render(generated map[string]string) error
	// Lost reports data whose generated passwords are not there.
	Lost(ctx context.Context) error
}

// Clone is what a rehearsal needs of a second installation that it makes beside the first one.
type Clone interface {
	// Left reports whether something of the clone is there: a rehearsal that was killed leaves it, or one that was asked to. What has its
	// name, but was made by no rehearsal of the original, is a problem.
	Left(ctx context.Context, original string) (bool, error)
	// Mark makes the clone's place, marked as a rehearsal's of the original before anything else is made there, and takes its lock.
	Mark(ctx context.Context, original string) (held context.Context, release func(), err error)
	// Reading gives tasks that belong to the clone, and reach the databases of the original.
	Reading(ctx context.Context, original Access) (run.Tasks, error)
	// Wipe deletes the clone: what runs, its data, its passwords.
	Wipe(ctx context.Context) error
}

// Generate makes the secrets that are not there yet, before anything uses them, and reports whether it made any.
func (i *Installation) Generate(ctx context.Context) (made bool, err error) {
	before, err := i.Store.Generated(ctx)
	if err != nil {
		return false, err
	}
	values, err := i.Store.Generate(ctx, GeneratedNames(i.Stack.Secrets))
	if err != nil {
		return false, err
	}
	return len(values) > len(before), i.Render(values)
}

// NameOf is the name of a config's installation.
func NameOf(c *config.Config) string { return cmp.Or(c.Name, stack.DefaultName) }

// CloneSuffix makes the name of a clone from that of its original, and the name of its namespace.
const CloneSuffix = "-rehearsal"
