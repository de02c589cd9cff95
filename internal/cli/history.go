package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/state"
	"berth/internal/upgrade/stages"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newHistoryCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what was done, when, by whom, and how it ended",
		Long:  "Show one line for each run, and its stages below it. --json also has each run's config, plan and times.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			records, err := env.history(cmd.Context(), file)
			if err != nil {
				return err
			}
			return env.give(records, func() { writeHistory(env.Stdout, records) })
		},
	}
	configFlag(cmd, &file)
	placeFlags(env, cmd, &file)
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
	for i := range records {
		r := &records[i]
		took := "?"
		if !r.Ended.IsZero() {
			took = r.Ended.Sub(r.Started).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%-3d  %-16s  %-30s  %-11s  %6s  %s\n", r.Number, r.Started.Format(minute), r.What(), r.Result, took, r.Who.User)
		if text := r.Pause(); text != "" {
			fmt.Fprintf(w, "%-3s  %-16s    %s\n", "", "", text)
		}
		if c := stages.Compared(r); c != nil {
			writeCompared(w, c)
		}
		for _, t := range r.Stages() {
			stage := r.Plan.Stages[t.Stage]
			name := stage.Name
			if len(r.Plan.Hops) > 1 { // an upgrade step alone is in the line above
				name = r.Plan.Hops[stage.Hop].From + " to " + r.Plan.Hops[stage.Hop].To + ": " + name
			}
			foreseen := ""
			if stage.Seconds > 0 {
				foreseen = "about " + view.About(stage.Seconds)
			}
			fmt.Fprintf(w, "%-3s  %-16s    %-27s  %12s  %6s\n", "", t.Ended.Format(minute), name, foreseen, measured(t.Seconds))
		}
	}
}

// writeCompared writes what an upgrade took beside what was foreseen.
func writeCompared(w io.Writer, c *stages.Comparison) {
	say := func(what string, p stages.Pair) {
		if p.Took > 0 {
			fmt.Fprintf(w, "%-3s  %-16s    %s %s; the estimate was about %s\n", "", "", what, measured(p.Took), view.About(p.Foreseen))
		}
	}
	say("all stages took", c.Duration)
	say("the downtime was", c.Downtime)
	say("of that the migrator", c.Migrator)
}

// measured is how long something took.
func measured(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
}

// history reads what was done.
func (e *Env) history(ctx context.Context, file string) ([]state.Record, error) {
	w, err := e.LoadUsable(file)
	if err != nil {
		return nil, err
	}
	i, err := e.Targets.Stored(ctx, &e.Environment, w)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	return i.Store.History(ctx)
}
