package cli

import (
	"context"
	"fmt"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newDownCmd(env *Env) *cobra.Command {
	var file, data string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop everything; the data is kept",
		Long: `Stop and remove the installation's containers and network, or its objects in the cluster. Its volumes, and so its data, are kept: berth up
starts everything again.

  berth down --delete-data NAME   also deletes the volumes and the generated passwords, for good; NAME is the installation's name`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.down(cmd.Context(), file, data) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&data, "delete-data", "", "delete all data for good; must be the installation's name")
	return cmd
}

func (e *Env) down(ctx context.Context, file, data string) error {
	s, err := e.OpenToStop(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	name := s.Of().Stack.Name
	if data != "" && data != name {
		return diag.List{{Code: "BERTH3106", Severity: diag.Error, Subject: "--delete-data", Range: s.Of().Doc.At("name"),
			Summary: fmt.Sprintf("this installation is named %s, not %s; nothing was touched", name, data),
			Hint:    "to delete its data for good: berth down --delete-data " + name}}
	}
	if data == "" {
		if err := settled(ctx, s); err != nil {
			return err
		}
	}
	ctx, release, err := s.Store().Lock(ctx, "down", e.Now)
	if err != nil {
		return err
	}
	defer release()
	p, err := s.Teardown(ctx, &e.Environment, data != "")
	if err != nil {
		return err
	}
	if !p.Empty() {
		view.Plan(e.Stdout, p)
		fmt.Fprintln(e.Stdout)
		r := state.NewRecord(plan.Down, p.Release, string(s.Of().Text), e.Now())
		r.Plan = p
		if err := e.execute(ctx, s, r, func() (*run.Run, error) { return e.Carry(ctx, s, p, 0) }); err != nil {
			return err
		}
	}
	left, err := s.Teardown(ctx, &e.Environment, false)
	if err != nil {
		return err
	}
	for _, step := range left.Steps {
		if step.Verb == plan.RemoveNetwork {
			fmt.Fprintf(e.Stdout, "the network %s is left: nothing uses it, but the engine keeps it until the engine restarts\n", step.Object)
		}
	}
	if data != "" {
		fmt.Fprintf(e.Stdout, "%s is deleted, with its data and passwords\n", name)
		return s.Store().Forget(ctx)
	}
	fmt.Fprintf(e.Stdout, "%s is stopped; its data is kept. Start it again with: berth up\n", name)
	return nil
}
