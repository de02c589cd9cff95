package cli

import (
	"context"
	"fmt"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newDownCmd(env *Env) *cobra.Command {
	var file, data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop everything; the data is kept",
		Long: `Stop and remove the installation's containers and network, or its objects in the cluster. Its volumes, and so its data, are kept: berth up
starts everything again. On a terminal it asks first; --yes confirms in advance.

  berth down --delete-data NAME   also deletes the volumes and the generated passwords, for good; NAME is the installation's name`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.down(cmd.Context(), file, data, yes) },
	}
	configFlag(cmd, &file)
	yesFlag(cmd, &yes)
	cmd.Flags().StringVar(&data, "delete-data", "", "delete all data for good; must be the installation's name")
	placeFlags(env, cmd, &file)
	return cmd
}

func (e *Env) down(ctx context.Context, file, data string, yes bool) error {
	w, err := e.LoadNamed(file)
	if err != nil {
		return err
	}
	i, err := e.Targets.Named(ctx, &e.Environment, w)
	if err != nil {
		return err
	}
	defer i.Close()
	name := i.Stack.Name
	if data != "" && data != name {
		return diag.List{{Code: "BERTH3106", Severity: diag.Error, Subject: "--delete-data", Range: i.Doc.At("name"),
			Summary: fmt.Sprintf("this installation is named %s, not %s; nothing was changed", name, data),
			Hint:    "to delete its data for good: berth down --delete-data " + name}}
	}
	s := &seen{Installation: i}
	if data == "" {
		if err := s.remember(ctx); err != nil {
			return err
		}
		if err := s.idle(); err != nil {
			return err
		}
	}
	ctx, release, err := i.Store.Lock(ctx, "down", e.Now)
	if err != nil {
		return err
	}
	defer release()
	if err := e.teardown(ctx, s, installation.Volumes(data != ""), func(p *plan.Plan) error { return e.approve(ctx, yes, p) }); err != nil {
		return err
	}
	if data != "" {
		fmt.Fprintf(e.Stdout, "%s is deleted, with its data and passwords\n", name)
		return i.Store.Forget(ctx)
	}
	fmt.Fprintf(e.Stdout, "%s is stopped; its data is kept. Start it again with: berth up\n", name)
	return nil
}

// teardown stops everything, if somebody approves it. The lock is held.
func (e *Env) teardown(ctx context.Context, s *seen, volumes installation.Volumes, approve func(*plan.Plan) error) error {
	i := s.Installation
	p, err := i.Teardown(ctx, volumes)
	if err != nil {
		return err
	}
	if p.Empty() {
		if err := s.complete(ctx, e, func(r *state.Record) bool { return r.Action == plan.Down }); err != nil {
			return err
		}
	} else {
		view.Plan(e.Stdout, p, view.Folded)
		if err := approve(p); err != nil {
			return err
		}
		fmt.Fprintln(e.Stdout)
		r := state.NewRecord(plan.Down, p.Release, string(i.Text), e.Now())
		r.Plan = p
		err := e.execute(ctx, i, r, 0, func(runner *installation.Runner) (*run.Run, error) { return runner.Run(ctx, i, p, 0) })
		if err != nil {
			return err
		}
	}
	left, err := i.Teardown(ctx, installation.KeepVolumes)
	if err != nil {
		return err
	}
	for _, step := range left.Steps {
		if step.Verb == plan.RemoveNetwork {
			fmt.Fprintf(e.Stdout, "the network %s is left: nothing uses it, but the engine keeps it until the engine restarts\n", step.Object)
		}
	}
	return nil
}
