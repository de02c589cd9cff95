package cli

import (
	"context"
	"fmt"

	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"

	"github.com/spf13/cobra"
)

func newUpgradeFinishCmd(env *Env) *cobra.Command {
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Give up the rollback of the last upgrade",
		Long: `Give up the rollback of the last upgrade: berth rollback can no longer undo it. Do it when you are sure of the new release. Nothing that runs
is changed. Backups are kept, and berth shows where they are.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.finishUpgrade(cmd.Context(), file, yes) },
	}
	configFlag(cmd, &file)
	yesFlag(cmd, &yes)
	placeFlags(env, cmd, &file)
	return cmd
}

func (e *Env) finishUpgrade(ctx context.Context, file string, yes bool) error {
	s, err := e.lookIdle(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	u := s.Upgrade
	if !u.Holds() {
		return noUpgrade(u, "to finish", file)
	}
	fmt.Fprintf(e.Stdout, "the rollback from %s to %s is given up; nothing that runs is changed\n", u.Plan.Release, u.Plan.From)
	if err := e.agree(ctx, yes, "give it up?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "upgrade finish")
	if err != nil {
		return err
	}
	defer release()
	r := state.NewRecord(plan.Finish, u.Plan.Release, string(s.Text), e.Now())
	r.From = u.Plan.From
	e.out.result = r
	if err := run.Recorded(ctx, s.Store, r, e.Now, func() error { return nil }); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%s stays\n", u.Plan.Release)
	for _, b := range u.Backups {
		fmt.Fprintf(e.Stdout, "backup %s of %s is kept in the volume %s\n", b.Name, b.Release, s.Backups)
	}
	return nil
}
