package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/site"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newUpCmd(env *Env) *cobra.Command {
	var file, saved string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Carry the plan out, and wait until everything is healthy",
		Long: `What it does, in this order:

  1  checks the config and this host, and that every image can be had; refuses before anything is touched
  2  takes the lock, so that nobody else works on the installation meanwhile
  3  makes the passwords that are missing, and writes the rendered project beside the config
  4  pulls images, starts the databases, runs the migrator, then the frontends and the rest, as soon as what they need is ready
  5  waits until every service is ready by the release's own checks
  6  removes what the config asks for no longer; volumes are kept

Ctrl-C finishes the step in hand and says what was and was not done. Running it again goes on from there, also after a crash.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.up(cmd.Context(), file, saved, timeout) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&saved, "plan", "", "carry out this saved plan, and nothing else")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long a service may take to be ready (default: as the release says, 5 minutes at least)")
	return cmd
}

func (e *Env) up(ctx context.Context, file, saved string, timeout time.Duration) error {
	s, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	if refused, err := e.withdrawn(ctx, s); err != nil || refused.Failed() {
		return cmp.Or(err, refused.Err())
	}
	if err := s.Prepare(ctx, &e.Environment); err != nil {
		return err
	}
	if err := underway(ctx, s); err != nil {
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
	if saved == "" {
		// A saved plan was made with the secrets that there were; new ones would make it stale.
		if err := e.Generate(ctx, s); err != nil {
			return err
		}
	}
	p, err := s.Plan(ctx, &e.Environment)
	if err != nil {
		return err
	}
	if saved != "" {
		if err := e.saved(saved, p); err != nil {
			return err
		}
	}
	if p.Empty() {
		view.Plan(e.Stdout, p)
		return s.Settle(ctx)
	}
	if err := e.preflight(ctx, s, p); err != nil {
		return err
	}
	if saved != "" {
		if err := e.Generate(ctx, s); err != nil {
			return err
		}
	}
	view.Plan(e.Stdout, p)
	fmt.Fprintln(e.Stdout)
	if err := e.execute(ctx, s, p, timeout); err != nil {
		return err
	}
	return e.answers(ctx, s)
}

// preflight proves that the plan can be carried out, before anything is touched.
func (e *Env) preflight(ctx context.Context, s site.Site, p *plan.Plan) error {
	problems := s.Preflight(ctx, &e.Environment, p)
	if problems.Failed() {
		return problems
	}
	problems.WriteText(e.Stderr, e.Color)
	return nil
}

// execute runs a plan, records it, and tells what was and was not done when it did not come to its end.
func (e *Env) execute(ctx context.Context, s site.Site, p *plan.Plan, timeout time.Duration) error {
	r, err := e.Carry(ctx, s, p, timeout)
	if err == nil || r == nil {
		return err
	}
	var problems diag.List
	_ = errors.As(err, &problems)
	done, undone := r.Undone()
	problems.WriteText(e.Stderr, e.Color)
	fmt.Fprintf(e.Stderr, "\ndone      %d of %d steps\n", len(done), len(done)+len(undone))
	fmt.Fprintf(e.Stderr, "not done  %s\n", listed(undone, 6))
	fmt.Fprintf(e.Stderr, "next      berth %s goes on from here\n", p.Action)
	switch {
	case problems != nil:
		return exit(ExitError)
	case errors.Is(err, context.Canceled):
		return exit(ExitStopped)
	}
	return err
}

func listed(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
