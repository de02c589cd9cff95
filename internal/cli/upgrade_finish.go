package cli

import (
	"context"
	"fmt"

	"berth/internal/journey"
	"berth/internal/plan"
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
is touched. Backups are kept, and berth shows where they are.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.finishUpgrade(cmd.Context(), file, yes) },
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (e *Env) finishUpgrade(ctx context.Context, file string, yes bool) error {
	s, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := settled(ctx, s); err != nil {
		return err
	}
	j, err := journey.Load(ctx, s.Store())
	if err != nil {
		return err
	}
	if !j.Holds() {
		return noUpgrade(j, file)
	}
	fmt.Fprintf(e.Stdout, "the rollback from %s to %s is given up; nothing that runs is touched\n", j.To, j.From)
	if err := e.agree(yes, "give it up?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "upgrade finish", j)
	if err != nil {
		return err
	}
	defer release()
	r := state.NewRecord(plan.Finish, j.To, string(s.Of().Text), e.Now())
	r.From = j.From
	err = e.Ask(ctx, s.Store(), r, func() error {
		j.Status = journey.Finished
		return s.Store().SetNote(ctx, journey.NoteName, j)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%s stays\n", j.To)
	for _, b := range j.Backups {
		fmt.Fprintf(e.Stdout, "backup %s of %s is kept in the volume %s\n", b.Name, b.Release, s.Backups())
	}
	return nil
}
