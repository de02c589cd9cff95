package cli

import (
	"context"
	"fmt"
	"time"

	"berth/catalogue"
	"berth/internal/site/cluster"
	"berth/internal/state"
	"github.com/spf13/cobra"
)

func newHistoryCmd(env *Env) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what was done, when, by whom, and how it ended",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runs, err := env.history(cmd.Context(), file)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(runs)
			}
			if len(runs) == 0 {
				fmt.Fprintln(env.Stdout, "nothing was done here yet")
				return nil
			}
			fmt.Fprintf(env.Stdout, "%-4s  %-19s  %-6s  %-12s  %-11s  %6s  %5s  %s\n", "run", "started", "what", "release", "result", "took", "steps", "who")
			for _, r := range runs {
				took := "?"
				if !r.Ended.IsZero() {
					took = r.Ended.Sub(r.Started).Round(time.Second).String()
				}
				fmt.Fprintf(env.Stdout, "%-4d  %-19s  %-6s  %-12s  %-11s  %6s  %5d  %s@%s\n", r.Number, r.Started.Format(time.DateTime), r.Action,
					r.Release, r.Result, took, len(r.Plan.Steps), r.Who.User, r.Who.Host)
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, with each run's config, plan and times")
	return cmd
}

// history reads what was done. On a Docker host it needs no engine.
func (e *Env) history(ctx context.Context, file string) ([]state.Record, error) {
	l, err := e.LoadUsable(file)
	if err != nil {
		return nil, err
	}
	if l.Stack.Target == catalogue.Compose {
		return state.At(l.Dir, l.Stack.Name).History(ctx)
	}
	s, err := cluster.ByName(ctx, &e.Environment, l)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Store().History(ctx)
}
