package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade"
	"berth/internal/upgrade/survey"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newUpCmd(env *Env) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Carry the plan out, and wait until everything is healthy",
		Long: `What it does, in this order:

  1  checks the config, this host, and that every image is available; stops here if there is a problem
  2  takes the lock, so that nobody else changes the installation meanwhile
  3  generates missing passwords, and writes the rendered project beside the config
  4  pulls images, starts the databases, runs the migrator, then starts the frontends and the rest, as soon as what they need is ready
  5  waits until every service is ready by the release's own checks
  6  removes what the config no longer asks for; volumes are kept

On a terminal it asks before it restarts, removes or deletes something that is there; --yes confirms in advance.

It changes the release only to a later patch or the next minor release, if that only replaces services. It does so as berth upgrade does,
with the same checks and the same rollback. It refuses every other change of the release and names berth upgrade or berth rollback.

Ctrl-C finishes the current step and reports what is done and what is not. Run it again to continue from there, also after a crash.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.up(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	yesFlag(cmd, &f.yes)
	allFlag(cmd, &f.all)
	cmd.Flags().StringVar(&f.saved, "plan", "", "carry out this saved plan, and nothing else")
	cmd.Flags().StringVar(&f.dataOf, "data-of", "", "the release of the data, if you restored it and the databases do not answer yet")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says, 5 minutes at least)")
	placeFlags(env, cmd, &f.file)
	return cmd
}

// upFlags are what berth up can be told.
type upFlags struct {
	file, saved, dataOf string
	yes, all            bool
	timeout             time.Duration
}

func (e *Env) up(ctx context.Context, f upFlags) error {
	return e.upon(ctx, f, "up", func(ctx context.Context, s *seen) error {
		switch {
		case s.Problems.Failed():
			return s.Problems
		case !s.Reached && f.saved != "":
			return notSaved(f.saved, s.From, s.To)
		case !s.Reached && f.file == installation.StandardInput:
			return diag.List{{Code: "BERTH3745", Severity: diag.Error, Subject: s.File, Summary: fmt.Sprintf("the change from %s to %s is an upgrade, which writes into the config", s.From, s.To),
				Hint: "name the file: berth upgrade --to " + s.To + " --config FILE"}}
		case !s.Reached:
			return e.roll(ctx, s, upgradeFlags{file: f.file, to: s.To, yes: f.yes, timeout: f.timeout, patience: usualPatience})
		}
		e.warn(s.Problems)
		return e.deploy(ctx, s, f, func(p *plan.Plan) error { return e.approve(ctx, f.yes || f.saved != "", p) })
	})
}

// upon opens the installation of a config, takes its lock for a command, and makes the plan of what the config asks for. With these it does something.
func (e *Env) upon(ctx context.Context, f upFlags, command string, do func(ctx context.Context, s *seen) error) error {
	i, err := e.Open(ctx, f.file)
	if err != nil {
		return err
	}
	defer i.Close()
	s := &seen{Installation: i}
	if err := e.agreedTo(ctx, s, f); err != nil {
		return err
	}
	runs := len(s.records)
	if err := i.Prepare(ctx); err != nil {
		return err
	}
	if err := s.remember(ctx); err != nil {
		return err
	}
	if err := s.idle(); err != nil {
		return err
	}
	ctx, release, err := e.lock(ctx, i, command)
	if err != nil {
		return err
	}
	defer release()
	if err := s.remember(ctx); err != nil { // others may have been at work until now
		return err
	}
	if e.saidYes != "" && len(s.records) != runs {
		return becameAnother(e.saidYes)
	}
	if err := s.move.Stands(s.File).Err(); err != nil {
		return err
	}
	if err := s.observe(ctx, e, survey.IfQuick, f.dataOf); err != nil {
		return err
	}
	return do(ctx, s)
}

// agreedTo refuses a plan that is another one than somebody said yes to in the console. It looks before anything is prepared: in a cluster that makes the
// namespace, which the plan of an empty cluster has as a step. The plan of an upgrade is made later, and held against the yes there.
func (e *Env) agreedTo(ctx context.Context, s *seen, f upFlags) error {
	if e.saidYes == "" {
		return nil
	}
	if err := s.remember(ctx); err != nil {
		return err
	}
	if err := s.observe(ctx, e, survey.IfQuick, f.dataOf); err != nil || !s.Reached {
		return err
	}
	return e.sameAsAgreed(s.plan)
}

// deploy carries out the plan of what a config asks for, if somebody approves it. The lock is held.
func (e *Env) deploy(ctx context.Context, s *seen, f upFlags, approve func(*plan.Plan) error) (err error) {
	p := s.plan
	if f.saved != "" {
		if p, err = e.saved(f.saved, p); err != nil {
			return err
		}
	}
	if p.Empty() {
		view.Plan(e.Stdout, p, view.Detail(f.all))
		if err := s.Conclude(ctx, p); err != nil {
			return err
		}
		e.sayFirstSearch(ctx, s.Installation)
		return s.complete(ctx, e, func(r *state.Record) bool {
			return (r.Action == plan.Up || r.Action == plan.Revert) && r.Config == string(s.Text)
		})
	}
	ready, err := e.ready(ctx, s.Installation, p)
	if err != nil {
		return err
	}
	if f.saved == "" {
		ready.Support = p.Support
		p = ready
	}
	view.Plan(e.Stdout, p, view.Detail(f.all))
	if err := approve(p); err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout)
	r := state.NewRecord(plan.Up, p.Release, string(s.Text), e.Now())
	r.Plan = p
	if s.isNew() {
		if err := state.Begin(ctx, s.Store, r.Started); err != nil {
			return err
		}
	}
	err = e.execute(ctx, s.Installation, r, f.timeout, func(runner *installation.Runner) (*run.Run, error) { return e.steps(ctx, s, p, runner, f.saved) })
	if err != nil {
		return err
	}
	if err := e.answers(ctx, s.Installation); err != nil {
		return err
	}
	if s.newAddress() {
		fmt.Fprintf(e.Stdout, "next      set \"externalURL\": %q at %[1]s/site-admin/configuration: single sign-on and links in mails use it\n", s.Stack.URL)
	}
	e.sayFirstSearch(ctx, s.Installation)
	return nil
}

// isNew reports whether nothing was here before: no run of berth, nothing that runs, and no data.
func (s *seen) isNew() bool {
	return len(s.records) == 0 && s.plan.From == "" && s.From == "" && !s.Standing.Data
}

// firstSearch looks whether a search has a result, where none had one since the installation began; first says that this one is the first. It spoils nothing that
// a command came for: what could not be kept is a warning.
func (e *Env) firstSearch(ctx context.Context, i *installation.Installation) (start *state.Start, first bool) {
	start, first, err := i.FirstSearch(ctx, &e.Environment)
	if err != nil && ctx.Err() == nil {
		e.warn(diag.List{{Code: "BERTH4907", Severity: diag.Warning, Subject: "search", Summary: "the time of the first search could not be saved", Detail: []string{err.Error()},
			Hint: "fix the cause, then: berth verify"}})
	}
	return start, first
}

// sayFirstSearch is firstSearch, and says so where it was the first.
func (e *Env) sayFirstSearch(ctx context.Context, i *installation.Installation) {
	if start, first := e.firstSearch(ctx, i); first {
		view.FirstSearch(e.Stdout, start.Took())
	}
}

// newAddress reports whether people must tell Sourcegraph its address: its site configuration is no file of berth's, and no run before led to this url.
// berth does not write it there by itself, since a file replaces everything that people set in the pages.
func (s *seen) newAddress() bool {
	if s.Doc.Config.SiteConfig != nil {
		return false
	}
	return !slices.ContainsFunc(s.records, func(r state.Record) bool {
		doc, _ := config.Load(s.File, []byte(r.Config))
		return r.Result == state.Done && doc.Config != nil && doc.Config.URL == s.Doc.Config.URL
	})
}

// steps carries a plan out. Where there is data that nobody could ask for its release, the databases start first, alone, and are asked: data
// may have been restored since.
func (e *Env) steps(ctx context.Context, s *seen, p *plan.Plan, runner *installation.Runner, saved string) (*run.Run, error) {
	if first := p.Only(stack.Databases()); s.Standing.Silent && s.From != "" && !first.Empty() {
		if r, err := runner.Run(ctx, s.Installation, first, 0); err != nil {
			return r, err
		}
		if problems := e.ofRelease(ctx, s, runner.Record); len(problems) > 0 {
			problems[0].Detail = append(problems[0].Detail, "berth started the databases to query them; nothing else was changed")
			return nil, problems
		}
		if saved != "" {
			p = p.Without(first)
		} else {
			var err error
			if p, err = planned(ctx, s.Installation); err != nil {
				return nil, err
			}
		}
	}
	r, err := runner.Run(ctx, s.Installation, p, 0)
	var problems diag.List
	if errors.As(err, &problems) {
		// Where databases of another release are why, that is the cause to show.
		return r, append(e.ofRelease(context.WithoutCancel(ctx), s, runner.Record), problems...)
	}
	return r, err
}

// ofRelease asks the databases whether they are of the config's release.
func (e *Env) ofRelease(ctx context.Context, s *seen, r *state.Record) diag.List {
	said, err := s.Asked(ctx)
	if err != nil || !said.Answered {
		return nil // nothing speaks against it
	}
	standing := upgrade.Standing{Databases: said.Release, Postgres: said.Postgres, Runs: s.plan.Runs, Data: true}
	c := survey.Change(e.Catalogue(), s.Want, standing, nil)
	if c.Reached || c.Rolls {
		return nil
	}
	r.Release = c.From // the history is not to say otherwise
	return c.Problems
}

// roll upgrades over one step that rolls, for up: the same upgrade as berth upgrade. The lock is held.
func (e *Env) roll(ctx context.Context, s *seen, f upgradeFlags) error {
	p, err := e.examined(ctx, s, f)
	if err != nil {
		return err
	}
	view.Upgrade(e.Stdout, p)
	if p.Problems.Failed() {
		return p.Problems
	}
	e.warn(p.Problems)
	if err := e.sameAsAgreed(p); err != nil {
		return err
	}
	if e.Interactive {
		if err := e.agree(ctx, f.yes, "upgrade from "+p.From+" to "+p.Release+"?"); err != nil {
			return err
		}
	}
	return e.begin(ctx, s, p, f)
}
