package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/installation/cluster"
	"berth/internal/state"
	"github.com/spf13/cobra"
)

func newHistoryCmd(env *Env) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what was done, when, by whom, and how it ended",
		Long:  "Show one line for each run, and its stages below it.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			records, err := env.history(cmd.Context(), file)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(records)
			}
			writeHistory(env.Stdout, records)
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON, with each run's config, plan and times")
	return cmd
}

func writeHistory(w io.Writer, records []state.Record) {
	if len(records) == 0 {
		fmt.Fprintln(w, "nothing was done here yet")
		return
	}
	// It fits 80 columns where the user's name is short.
	const minute = "2006-01-02 15:04"
	fmt.Fprintf(w, "%-3s  %-16s  %-30s  %-11s  %6s  %s\n", "run", "started", "what", "result", "took", "who")
	for _, r := range records {
		took := "?"
		if !r.Ended.IsZero() {
			took = r.Ended.Sub(r.Started).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%-3d  %-16s  %-30s  %-11s  %6s  %s\n", r.Number, r.Started.Format(minute), r.What(), r.Result, took, r.Who.User)
		for _, p := range r.Parts {
			// The hop of an upgrade over one alone is in the line above.
			name := strings.TrimPrefix(strings.TrimPrefix(p.Name, r.From+" to "+r.Release+": "), r.Release+" to "+r.From+": ")
			fmt.Fprintf(w, "%-3s  %-16s    %-41s  %6s\n", "", p.Ended.Format(minute), name, time.Duration(p.Seconds*float64(time.Second)).Round(100*time.Millisecond))
		}
	}
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
