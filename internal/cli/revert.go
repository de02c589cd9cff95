package cli

import (
	"context"
	"fmt"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/installation"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// revertFlags are what berth revert can be told.
type revertFlags struct {
	file    string
	to      int
	yes     bool
	timeout time.Duration
}

func newRevertCmd(env *Env) *cobra.Command {
	var f revertFlags
	cmd := &cobra.Command{
		Use:   "revert",
		Short: "Revert the last change of the config, with the same release",
		Long: `Write the config of an earlier run into your file, and carry it out as berth up does. Each revert undoes one more change; berth history
lists the runs.

  berth revert            to the config before the last change
  berth revert --to 12    to the config that run 12 ended with

The release stays. To roll back an upgrade: berth rollback.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.revert(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().IntVar(&f.to, "to", 0, "the run whose config to go back to (default: the one before the last change)")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	return cmd
}

func (e *Env) revert(ctx context.Context, f revertFlags) error {
	s, err := e.Open(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := settled(ctx, s); err != nil {
		return err
	}
	records, err := s.Store().History(ctx)
	if err != nil {
		return err
	}
	to, problems := state.Before(records, f.to)
	if problems.Failed() {
		return problems
	}
	at := installation.NewPlace(&e.Environment, s.Of(), f.timeout)
	old, err := at.At(ctx, to.Config, "", "")
	if err != nil {
		return err
	}
	defer old.Close()
	shown, c, err := e.observe(ctx, old, installation.IfQuick, "")
	switch {
	case err != nil:
		return err
	case c.From != "" && c.From != c.To:
		return anotherRelease(to, c)
	case c.Problems.Failed():
		return c.Problems
	}
	fmt.Fprintf(e.Stdout, "back to the config of run %d, of %s\n", to.Number, to.Started.Format(time.DateTime))
	if last := state.Last(records); last != nil && last.Config != string(s.Of().Text) {
		fmt.Fprintf(e.Stdout, "%s has changes that were not carried out: they are lost\n", f.file)
	}
	fmt.Fprintln(e.Stdout)
	shown.Action = plan.Revert
	view.Plan(e.Stdout, shown)
	if err := e.agree(f.yes, "go back?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "revert", c.upgrade)
	if err != nil {
		return err
	}
	defer release()
	if err := old.Lost(ctx); err != nil {
		return err
	}
	p, err := e.planned(ctx, old)
	if err != nil {
		return err
	}
	if p.Action = plan.Revert; len(plan.Stale(shown.Basis, p.Basis)) > 0 {
		return diag.List{{Code: "BERTH3738", Severity: diag.Error, Subject: f.file, Summary: "what runs has changed since the plan was shown; nothing was touched",
			Hint: "look again: berth revert"}}
	}
	if p, err = e.ready(ctx, old, p, false); err != nil {
		return err
	}
	p.Action = plan.Revert
	// The file first: berth up goes on from wherever this stops.
	if err := e.Rewrite(s.Of().File, to.Config); err != nil {
		return err
	}
	r := state.NewRecord(plan.Revert, p.Release, to.Config, e.Now())
	r.Plan, r.Restores = p, to.Number
	err = e.execute(ctx, old, r, func() (*run.Run, error) { return e.Carry(ctx, old, p, f.timeout) })
	if err != nil {
		return err
	}
	return e.answers(ctx, old)
}

// anotherRelease refuses to go back to a config of another release.
func anotherRelease(to *state.Record, c compared) error {
	hint := "see what was done: berth history   to a run with " + c.From + ": berth revert --to RUN"
	if c.upgrade.Holds() {
		hint = "to roll back the last upgrade: berth rollback   to " + hint
	}
	return diag.List{{Code: "BERTH3736", Severity: diag.Error, Subject: fmt.Sprintf("run %d", to.Number),
		Summary: fmt.Sprintf("run %d had %s, and %s is installed: a revert does not change the release", to.Number, to.Release, c.From),
		Hint:    hint}}
}
