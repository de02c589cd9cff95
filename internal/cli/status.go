package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/status"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newStatusCmd(env *Env) *cobra.Command {
	var file string
	var watch bool
	cmd := &cobra.Command{
		Use:     "status",
		Aliases: []string{"ps", "ls"},
		Short:   "Show versions, health, and the address (ps, ls)",
		Long:    "Show what runs, its health, and whether Sourcegraph answers at its address. In a new installation, the first search with a result is noted. Exit code 1: something is not ready.",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := func(ctx context.Context, w io.Writer) error { return env.status(ctx, w, file) }
			if watch {
				return env.watching(cmd.Context(), look)
			}
			return look(cmd.Context(), env.Stdout)
		},
	}
	watchFlag(cmd, &watch)
	configFlag(cmd, &file)
	placeFlags(env, cmd, &file)
	return cmd
}

func (e *Env) status(ctx context.Context, w io.Writer, file string) error {
	at, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer at.Close()
	s, err := status.Of(ctx, &e.Environment, at, e.open)
	if err != nil {
		return err
	}
	if s.Start.Waits() && s.Answers {
		s.Start, _ = e.firstSearch(ctx, at)
	}
	if e.out.result = s; !e.out.machine() {
		view.Status(w, s)
		if len(s.Problems) > 0 {
			fmt.Fprintln(w)
			s.Problems.WriteText(w, e.paper())
		}
	}
	if !s.Well() {
		return exit(ExitError)
	}
	return nil
}

// The patience of the look at everything after a run.
const (
	recovers = 5 * time.Minute        // a service that a run did not touch, but that needed what it did
	opens    = 30 * time.Second       // the front proxy, once everything is ready
	between  = 200 * time.Millisecond // between two looks
)

// answers waits until everything is as berth status wants it, and says where Sourcegraph answers. A run waits for what it starts; this
// waits for the rest as well: a frontend that stays becomes unhealthy when its database is away for long, and is ready again a while after it.
func (e *Env) answers(ctx context.Context, i *installation.Installation) error {
	begun, ready, said := e.Now(), time.Time{}, false
	for {
		services, err := i.Services(ctx)
		if err != nil {
			return err
		}
		unready := services.Unready()
		if len(unready) > 0 {
			ready = time.Time{}
		} else if ready.IsZero() {
			ready = e.Now()
		}
		answer := i.Answers(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case len(unready) > 0 && e.Now().Sub(begun) > recovers:
			return diag.List{{Code: "BERTH3208", Severity: diag.Error, Subject: i.Stack.Name,
				Summary: fmt.Sprintf("every step is done, but after %s not everything is ready", recovers), Detail: unready,
				Hint: "see the logs of these services, then look again: berth status"}}
		case len(unready) > 0 && !said && e.Now().Sub(begun) > time.Second:
			said = true
			fmt.Fprintf(e.Stdout, "waiting   for %s\n", listed(unready, 3))
		case len(unready) == 0 && answer.At == "":
			fmt.Fprintf(e.Stdout, "\nall services are ready; Sourcegraph's address is not reachable from here, so berth did not check it\n")
			return nil
		case len(unready) == 0 && answer.Healthy:
			fmt.Fprintf(e.Stdout, "\nSourcegraph answers at %s (in %d ms)\n", i.Stack.URL, answer.Took.Milliseconds())
			return nil
		case len(unready) == 0 && e.Now().Sub(ready) > opens:
			return fmt.Errorf("all services are ready, but Sourcegraph does not answer at %s; see: %s", answer.At, i.Hint)
		}
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
}
