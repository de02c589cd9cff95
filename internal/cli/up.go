package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/installation"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade"
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

It changes the release only to a later patch or the next minor release, if that only replaces services. It does so as berth upgrade does,
with the same checks and the same rollback. It refuses every other change of the release and names berth upgrade or berth rollback.

Ctrl-C finishes the current step and reports what is done and what is not. Run it again to continue from there, also after a crash.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.up(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.saved, "plan", "", "carry out this saved plan, and nothing else")
	cmd.Flags().StringVar(&f.dataOf, "data-of", "", "the release of the data, if you restored it and the databases do not answer yet")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says, 5 minutes at least)")
	return cmd
}

// upFlags are what berth up can be told.
type upFlags struct {
	file, saved, dataOf string
	timeout             time.Duration
}

func (e *Env) up(ctx context.Context, f upFlags) error {
	s, err := e.Open(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Prepare(ctx, &e.Environment); err != nil {
		return err
	}
	if err := settled(ctx, s); err != nil {
		return err
	}
	ctx, release, err := s.Store().Lock(ctx, "up", e.Now)
	if err != nil {
		return err
	}
	defer release()
	if err := s.Lost(ctx); err != nil {
		return err
	}
	p, c, err := e.observe(ctx, s, installation.IfQuick, f.dataOf)
	switch {
	case err != nil:
		return err
	case c.Problems.Failed():
		return c.Problems
	case !c.Reached && f.saved != "":
		return notSaved(f.saved, c.From, c.To)
	case !c.Reached:
		return e.roll(ctx, s, upgradeFlags{file: f.file, to: c.To, timeout: f.timeout, patience: usualPatience})
	}
	c.Problems.WriteText(e.Stderr, e.Color)
	if f.saved != "" {
		if p, err = e.saved(f.saved, p); err != nil {
			return err
		}
	}
	if p.Empty() {
		view.Plan(e.Stdout, p)
		return s.Settle(ctx)
	}
	if p, err = e.ready(ctx, s, p, f.saved != ""); err != nil {
		return err
	}
	view.Plan(e.Stdout, p)
	fmt.Fprintln(e.Stdout)
	r := state.NewRecord(plan.Up, p.Release, string(s.Of().Text), e.Now())
	r.Plan = p
	if err := e.execute(ctx, s, r, func() (*run.Run, error) { return e.steps(ctx, s, p, c, f) }); err != nil {
		return err
	}
	return e.answers(ctx, s)
}

// ready proves that a plan can be carried out, and makes the secrets that are missing. A plan has secrets in it, so that there is another one after
// that, unless this very one is to be carried out.
func (e *Env) ready(ctx context.Context, s installation.Site, p *plan.Plan, asItIs bool) (*plan.Plan, error) {
	if err := e.preflight(ctx, s, p); err != nil {
		return nil, err
	}
	made, err := e.Generate(ctx, s)
	if err != nil || !made || asItIs {
		return p, err
	}
	return e.planned(ctx, s)
}

// steps carries a plan out. Where there is data that nobody could ask for its release, the databases start first, alone, and are asked: data
// may have been restored since.
func (e *Env) steps(ctx context.Context, s installation.Site, p *plan.Plan, c compared, f upFlags) (*run.Run, error) {
	if first := p.Only(stack.Databases()); c.standing.Silent && c.From != "" && !first.Empty() {
		if r, err := e.Carry(ctx, s, first, f.timeout); err != nil {
			return r, err
		}
		if problems := e.ofRelease(ctx, s, p); len(problems) > 0 {
			problems[0].Detail = append(problems[0].Detail, "the databases were started to be asked; nothing else was touched")
			return nil, problems
		}
		if f.saved != "" {
			p = p.Without(first)
		} else {
			var err error
			if p, err = e.planned(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	r, err := e.Carry(ctx, s, p, f.timeout)
	var problems diag.List
	if errors.As(err, &problems) {
		// Where databases of another release are why, that is the cause to show.
		return r, append(e.ofRelease(context.WithoutCancel(ctx), s, p), problems...)
	}
	return r, err
}

// ofRelease asks the databases whether they are of the config's release.
func (e *Env) ofRelease(ctx context.Context, s installation.Site, p *plan.Plan) diag.List {
	answer, err := s.Databases(ctx, &e.Environment)
	if err != nil || !answer.Answered {
		return nil // nothing speaks against it
	}
	standing := upgrade.Standing{Databases: answer.Release, Postgres: answer.Postgres, Runs: p.Runs, Data: true}
	c := s.Of().Compare(e.Catalogue(), standing, nil)
	if c.Reached || c.Rolls {
		return nil
	}
	e.Asked.Release = c.From // the history is not to say otherwise
	return c.Problems
}

// roll upgrades over one hop that rolls, for up: the same journey as berth upgrade. The lock is held.
func (e *Env) roll(ctx context.Context, s installation.Site, f upgradeFlags) error {
	p, next, err := e.examined(ctx, s, f)
	if err != nil {
		return err
	}
	view.Journey(e.Stdout, p)
	if p.Problems.Failed() {
		return p.Problems
	}
	p.Problems.WriteText(e.Stderr, e.Color)
	return e.walk(ctx, s, next, f)
}

// planned is the plan of what a config asks for, with the program that made it.
func (e *Env) planned(ctx context.Context, s installation.Site) (*plan.Plan, error) {
	p, err := s.Plan(ctx, &e.Environment)
	if p != nil {
		p.Basis.Program, p.Basis.Steps = version, plan.Hash(p.Steps)
	}
	return p, err
}

// preflight proves that the plan can be carried out, before anything is touched.
func (e *Env) preflight(ctx context.Context, s installation.Site, p *plan.Plan) error {
	problems := s.Preflight(ctx, &e.Environment, p)
	if problems.Failed() {
		return problems
	}
	problems.WriteText(e.Stderr, e.Color)
	return nil
}

// execute does what is asked for, records it, and tells what was and was not done when it did not come to its end.
func (e *Env) execute(ctx context.Context, s installation.Site, record *state.Record, do func() (*run.Run, error)) error {
	var r *run.Run
	err := e.Ask(ctx, s.Store(), record, func() (err error) {
		r, err = do()
		return err
	})
	if err == nil {
		return nil
	}
	var problems diag.List
	_ = errors.As(err, &problems)
	problems.WriteText(e.Stderr, e.Color)
	if r != nil {
		done, undone := r.Undone()
		fmt.Fprintf(e.Stderr, "\ndone      %d of %d steps\n", len(done), len(done)+len(undone))
		fmt.Fprintf(e.Stderr, "not done  %s\n", listed(undone, 6))
		fmt.Fprintf(e.Stderr, "next      continue with: berth %s\n", goesOn(record.Action))
	}
	switch {
	case problems != nil:
		return exit(ExitError)
	case errors.Is(err, context.Canceled):
		return exit(ExitStopped)
	}
	return err
}

// goesOn is the command that goes on with an action. A revert has written the file before it began, so that up does.
func goesOn(a plan.Action) plan.Action {
	if a == plan.Revert {
		return plan.Up
	}
	return a
}

func listed(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
