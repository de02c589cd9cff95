package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/view"

	"github.com/spf13/cobra"
)

// restartFlags are what berth restart can be told.
type restartFlags struct {
	file    string
	yes     bool
	timeout time.Duration
}

func newRestartCmd(env *Env) *cobra.Command {
	var f restartFlags
	cmd := &cobra.Command{
		Use:   "restart SERVICE...",
		Short: "Restart services, as they are, and wait until they are ready",
		Long: `Stop and start services as they are, one instance of a service after the other, and wait until each is ready. The config is not deployed:
berth up does that. It shows what people notice, asks on a terminal, holds the lock, and is in the history.

On Docker Compose a name can be that of one instance. On Kubernetes the pods of a service are replaced, as kubectl rollout restart does it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd.CommandPath(), "it needs the name of a service", "see the services: berth status")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			return env.restart(cmd.Context(), f, names, func(p *plan.Plan) error { return env.approve(cmd.Context(), f.yes, p) })
		},
	}
	yesFlag(cmd, &f.yes)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	insideFlags(env, cmd, &f.file)
	return cmd
}

// restart restarts services, if somebody approves the plan.
func (e *Env) restart(ctx context.Context, f restartFlags, names []string, approve func(*plan.Plan) error) error {
	s, err := e.lookIdle(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Instances(ctx)
	if err != nil {
		return err
	}
	chosen, problems := s.Choose(all, names)
	if problems.Failed() {
		return problems
	}
	p, problems := restarts(s.Installation, all, chosen, names, state.Usually(s.records))
	if problems.Failed() {
		return problems
	}
	view.Plan(e.Stdout, p, view.All)
	if err := approve(p); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "restart "+strings.Join(names, " "))
	if err != nil {
		return err
	}
	defer release()
	fmt.Fprintln(e.Stdout)
	r := state.NewRecord(plan.RestartOnly, p.Release, string(s.Text), e.Now())
	r.Plan = p
	return e.execute(ctx, s.Installation, r, f.timeout, func(runner *installation.Runner) (*run.Run, error) { return runner.Run(ctx, s.Installation, p, 0) })
}

// restarts is the plan that restarts what was chosen.
func restarts(i *installation.Installation, all, chosen []installation.Instance, names []string, usual map[string]float64) (*plan.Plan, diag.List) {
	var what []plan.Restarted
	var problems diag.List
	release := ""
	for _, c := range chosen {
		r := plan.Restarted{Object: c.Name, Service: c.Service, Container: c.Container, Keeps: len(c.Mounts) > 0}
		if c.Pod != "" {
			// Of a pod with several containers, all restart: the workload is what has a name.
			r.Object, r.Container = c.Workload, ""
		}
		switch {
		case c.Once || c.Init:
			if slices.Contains(names, c.Service) && !c.Init {
				problems = append(problems, diag.Diagnostic{Code: "BERTH4408", Severity: diag.Error, Subject: c.Name, Summary: "it runs once and ends, so there is nothing to restart",
					Hint: "to run it again where that is needed: berth up"})
			}
			continue
		case c.Pod != "" && !slices.Contains(names, c.Service) && slices.Contains(names, c.Name):
			problems = append(problems, diag.Diagnostic{Code: "BERTH4408", Severity: diag.Error, Subject: c.Name, Summary: "in a cluster, all pods of a service restart, one after the other",
				Hint: "to restart all of them: berth restart " + c.Service})
			continue
		}
		r.Usual = usual[r.Object]
		r.Alone = alone(all, c)
		if release = c.Release; release == "" {
			release = i.Stack.Release
		}
		if !slices.ContainsFunc(what, func(o plan.Restarted) bool { return o.Object == r.Object }) {
			what = append(what, r)
		}
	}
	return plan.Restarts(i.Stack.Name, i.Stack.Target, release, what), problems
}

// alone reports whether no other instance of a service is up.
func alone(all []installation.Instance, one installation.Instance) bool {
	return !slices.ContainsFunc(all, func(o installation.Instance) bool { return o.Service == one.Service && o.Name != one.Name && o.Up() })
}
