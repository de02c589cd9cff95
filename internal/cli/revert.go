package cli

import (
	"context"
	"fmt"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/upgrade/survey"
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
	ownConfigFlag(cmd, &f.file)
	cmd.Flags().IntVar(&f.to, "to", 0, "the run whose config to go back to (default: the one before the last change)")
	yesFlag(cmd, &f.yes)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	placeFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) revert(ctx context.Context, f revertFlags) error {
	s, err := e.lookIdle(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	to, problems := state.Before(s.records, f.to)
	if problems.Failed() {
		return problems
	}
	want, err := e.Accepted(s.Want, to.Config, nil)
	if err != nil {
		return err
	}
	old := &seen{records: s.records, Known: s.Known}
	if old.Installation, err = e.open(ctx, want); err != nil {
		return err
	}
	defer old.Close()
	if err := old.observe(ctx, e, survey.IfQuick, ""); err != nil {
		return err
	}
	switch {
	case old.From != "" && old.From != old.To:
		return anotherRelease(to, old)
	case old.Problems.Failed():
		return old.Problems
	}
	e.showRevert(s, to, old.plan)
	if err := e.agree(ctx, f.yes, "go back?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "revert")
	if err != nil {
		return err
	}
	defer release()
	return e.revertTo(ctx, old, to, f)
}

// showRevert writes what a revert would do.
func (e *Env) showRevert(s *seen, to *state.Record, p *plan.Plan) {
	fmt.Fprintf(e.Stdout, "back to the config of run %d, of %s\n", to.Number, to.Started.Format(time.DateTime))
	if last := state.Last(s.records); last != nil && last.Config != string(s.Text) {
		fmt.Fprintf(e.Stdout, "%s has changes that were not carried out: they are lost\n", s.File)
	}
	fmt.Fprintln(e.Stdout)
	p.Action = plan.Revert
	view.Plan(e.Stdout, p, view.Folded)
}

// revertTo carries a revert out. The lock is held.
func (e *Env) revertTo(ctx context.Context, old *seen, to *state.Record, f revertFlags) error {
	p, err := planned(ctx, old.Installation)
	if err != nil {
		return err
	}
	if len(plan.Stale(old.plan.Basis, p.Basis)) > 0 {
		return diag.List{{Code: "BERTH3738", Severity: diag.Error, Subject: f.file, Summary: "what runs has changed since the plan was shown; nothing was changed",
			Hint: "look again: berth revert"}}
	}
	if p, err = e.ready(ctx, old.Installation, p); err != nil {
		return err
	}
	p.Action = plan.Revert
	// The file first: berth up continues from wherever this stops.
	if err := e.Rewrite(f.file, to.Config); err != nil {
		return err
	}
	r := state.NewRecord(plan.Revert, p.Release, to.Config, e.Now())
	r.Plan, r.Restores = p, to.Number
	err = e.execute(ctx, old.Installation, r, f.timeout, func(runner *installation.Runner) (*run.Run, error) { return runner.Run(ctx, old.Installation, p, 0) })
	if err != nil {
		return err
	}
	return e.answers(ctx, old.Installation)
}

// anotherRelease refuses to go back to a config of another release.
func anotherRelease(to *state.Record, s *seen) error {
	hint := "see what was done: berth history   to a run with " + s.From + ": berth revert --to RUN"
	if s.Upgrade.Holds() {
		hint = "to roll back the last upgrade: berth rollback   to " + hint
	}
	return diag.List{{Code: "BERTH3736", Severity: diag.Error, Subject: fmt.Sprintf("run %d", to.Number),
		Summary: fmt.Sprintf("run %d had %s, and %s is installed: a revert does not change the release", to.Number, to.Release, s.From),
		Hint:    hint}}
}
