package cli

import (
	"context"
	"fmt"
	"time"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/site"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newRollbackCmd(env *Env) *cobra.Command {
	var file string
	var yes bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Go back to before the last upgrade, or the last change",
		Long: `Go back to the release before the last hop of an upgrade, whether it arrived or stopped on the way. What that costs is told before it asks:

  one release        the release before is deployed again; the databases stay, and nothing is lost
  several releases   the migrator takes the databases back, or, where a step can't be undone, the backup that was made before is restored

Where no upgrade was the last change, the config of the run before is deployed again, and written into your file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.rollback(cmd.Context(), file, yes, timeout) },
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long a service may take to be ready (default: as the release says)")
	return cmd
}

func (e *Env) rollback(ctx context.Context, file string, yes bool, timeout time.Duration) error {
	s, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	j, err := journey.Load(ctx, s.Store())
	if err != nil {
		return err
	}
	runs, err := s.Store().History(ctx)
	if err != nil {
		return err
	}
	if j == nil || !j.Open() && (j.Status != journey.Arrived || changedSince(runs, j)) {
		return e.revert(ctx, s, j, runs, yes, timeout)
	}
	way, problems := j.Back()
	if problems.Failed() {
		return problems
	}
	view.Back(e.Stdout, j, way)
	if err := e.agree(yes, "go back to "+way.To+"?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "rollback", j)
	if err != nil {
		return err
	}
	defer release()
	if err := e.walker(s, timeout, 0).Return(ctx, j, way); err != nil {
		return e.stopped(ctx, j, err)
	}
	fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs again\n", way.To)
	return nil
}

// changedSince reports whether something else was done to an installation after a journey ended.
func changedSince(runs []state.Record, j *journey.Journey) bool {
	return len(runs) > 0 && runs[len(runs)-1].Started.After(j.Ended)
}

// revert deploys the config of the run before the last one.
func (e *Env) revert(ctx context.Context, s site.Site, seen *journey.Journey, runs []state.Record, yes bool, timeout time.Duration) error {
	current, before := lastTwo(runs)
	if before == nil {
		return diag.List{{Code: "BERTH3735", Severity: diag.Error, Subject: s.Of().File, Summary: "there is no run before this one to go back to",
			Hint: "see what was done: berth history"}}
	}
	if current.Release != before.Release {
		return diag.List{{Code: "BERTH3736", Severity: diag.Error, Subject: s.Of().File,
			Summary: fmt.Sprintf("the last run went from %s to %s without berth upgrade, so nothing is known of a way back", before.Release, current.Release),
			Hint:    "see https://sourcegraph.com/docs/admin/how-to/rollback-database; from now on: berth upgrade"}}
	}
	at := site.NewPlace(&e.Environment, s.Of(), timeout)
	old, err := at.At(ctx, before.Config, "", "")
	if err != nil {
		return err
	}
	defer old.Close()
	p, err := old.Plan(ctx, &e.Environment)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "back to the config of run %d, of %s\n\n", before.Number, before.Started.Format(time.DateTime))
	view.Plan(e.Stdout, p)
	if err := e.agree(yes, "go back?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "rollback", seen)
	if err != nil {
		return err
	}
	defer release()
	if !p.Empty() {
		if err := e.execute(ctx, old, p, timeout); err != nil {
			return err
		}
	}
	if err := e.Rewrite(s.Of().File, before.Config); err != nil {
		return err
	}
	return e.answers(ctx, old)
}

// lastTwo are the last run that brought the installation up, and the one before it with another config.
func lastTwo(runs []state.Record) (current, before *state.Record) {
	for i := len(runs) - 1; i >= 0; i-- {
		r := &runs[i]
		switch {
		case r.Action != plan.Up:
		case current == nil:
			current = r
		case r.Config != current.Config && r.Result == state.Done:
			return current, r
		}
	}
	return current, nil
}
