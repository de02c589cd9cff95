package cli

import (
	"cmp"
	"context"
	"fmt"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/plan"
	render "berth/internal/render/compose"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/target/compose"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newDownCmd(env *Env) *cobra.Command {
	var file, data string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop everything; the data is kept",
		Long: `Stop and remove the installation's containers and network. Its volumes, and so its data, are kept: berth up brings everything back.

  berth down --delete-data NAME   also deletes the volumes and the generated passwords, for good; NAME is the installation's name`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.down(cmd.Context(), file, data) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&data, "delete-data", "", "delete all data for good; must be the installation's name")
	return cmd
}

func (e *Env) down(ctx context.Context, file, data string) error {
	i, err := e.openToStop(ctx, file)
	if err != nil {
		return err
	}
	defer i.engine.Close()
	if data != "" && data != i.stack.Name {
		return diag.List{{Code: "BERTH3106", Severity: diag.Error, Subject: "--delete-data", Range: i.doc.At("name"),
			Summary: fmt.Sprintf("this installation is named %s, not %s; nothing was touched", i.stack.Name, data),
			Hint:    "to delete its data for good: berth down --delete-data " + i.stack.Name}}
	}
	ctx, release, err := i.state.Lock(ctx, "down", e.Now)
	if err != nil {
		return err
	}
	defer release()
	s, err := i.observe(ctx)
	if err != nil {
		return err
	}
	network, err := i.engine.Network(ctx, i.stack.Name)
	if err != nil {
		return err
	}
	var volumes []string
	if data != "" {
		if volumes, err = i.engine.Volumes(ctx, i.stack.Name); err != nil {
			return err
		}
	}
	p := plan.Teardown(plan.Desired{Installation: i.stack.Name, Target: i.stack.Target, Catalogue: e.catalogue().Digest()}, s, network, volumes)
	if !p.Empty() {
		view.Plan(e.Stdout, p)
		fmt.Fprintln(e.Stdout)
		if err := e.execute(ctx, i, p, 0); err != nil {
			return err
		}
	}
	if data != "" {
		fmt.Fprintf(e.Stdout, "%s is gone, with its data and passwords\n", i.stack.Name)
		return i.state.Forget(ctx)
	}
	fmt.Fprintf(e.Stdout, "%s is stopped; its data is kept. Back with: berth up\n", i.stack.Name)
	return nil
}

// openToStop finds an installation by its name alone. What it would be given to run need not be there: an installation must be possible to
// stop when a secret is missing or its release is not known.
func (e *Env) openToStop(ctx context.Context, file string) (*installation, error) {
	l, problems, err := e.text(file)
	if err != nil {
		return nil, err
	}
	if l != nil {
		l.doc, problems = config.Load(file, l.text)
	}
	if problems.Failed() {
		return nil, problems
	}
	if problems := targetProblems(l.doc); problems != nil {
		return nil, problems
	}
	l.stack = &stack.Stack{Name: cmp.Or(l.doc.Config.Name, stack.DefaultName), Target: l.doc.Config.On}
	i := &installation{loaded: l, state: state.At(l.dir, l.stack.Name), project: &render.Project{Name: l.stack.Name}}
	i.engine, err = compose.Connect(ctx, e.Getenv)
	return i, err
}
