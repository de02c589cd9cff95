package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/logs"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// logsFlags are what berth logs can be told.
type logsFlags struct {
	file       string
	since      string
	tail       int
	level      string
	follow     bool
	previous   bool
	timestamps bool
}

// tailOfAll is how many lines of each instance are shown where nothing says how many.
const tailOfAll = 100

func newLogsCmd(env *Env) *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:     "logs [SERVICE...]",
		Aliases: []string{"log"},
		Short:   "Show the logs of services, by time",
		Long: fmt.Sprintf(`Show the logs of all services, or of some, as one log by time.

  berth logs                                    the last %d lines of each instance
  berth logs gitserver -f --since 10m           follow all instances of gitserver
  berth logs gitserver-0 --previous             of its run before the last restart
  berth logs --level error --since 1h           only errors, from everything

A name is that of a service, of one instance, or of a container of yours. A line without a level has that of the line before it.
With --output json, each line is one JSON object.`, tailOfAll),
		RunE: func(cmd *cobra.Command, names []string) error {
			if !cmd.Flags().Changed("tail") && f.since == "" {
				f.tail = tailOfAll
			}
			return env.logs(cmd.Context(), f, names)
		},
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "follow new lines until Ctrl-C")
	cmd.Flags().StringVar(&f.since, "since", "", "lines from then on: 10m, 2h, 3d, or a time such as 2026-11-28T10:00:00Z")
	cmd.Flags().IntVar(&f.tail, "tail", 0, fmt.Sprintf("this many lines from the end of each instance; 0 is all (default %d without --since)", tailOfAll))
	cmd.Flags().StringVar(&f.level, "level", "", "lines of at least this level: "+strings.Join(logs.Levels, ", "))
	cmd.Flags().BoolVarP(&f.previous, "previous", "p", false, "of the run before the last restart, such as the one that crashed")
	cmd.Flags().BoolVarP(&f.timestamps, "timestamps", "t", false, "the time of each line before it")
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(logs.Levels, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	insideFlags(env, cmd, &f.file)
	return cmd
}

// query reads the flags.
func (f logsFlags) query(now time.Time) (q logs.Query, err error) {
	q.Follow, q.Previous, q.Tail, q.Level = f.follow, f.previous, f.tail, logs.Level(strings.ToLower(f.level))
	switch {
	case f.tail < 0:
		return q, usageError("--tail", "it can't be negative", "0 is all lines")
	case f.follow && f.previous:
		return q, usageError("--previous", "a run that ended has no new lines to follow", "leave one of --previous and --follow out")
	case f.level != "" && !slices.Contains(logs.Levels, string(q.Level)):
		return q, usageError("--level", fmt.Sprintf("there is no level %q", f.level), "choose one of "+strings.Join(logs.Levels, ", "))
	}
	if q.Since, err = sinceWhen(f.since, now); err != nil {
		return q, usageError("--since", fmt.Sprintf("%q is no time", f.since), "write 10m, 2h, 3d, or a time such as 2026-11-28T10:00:00Z")
	}
	return q, nil
}

// sinceWhen reads a time, or how long ago it was.
func sinceWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	days := strings.TrimSuffix(text, "d")
	if days != text {
		text = days + "h"
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		if days != text && strings.TrimSuffix(text, "h") == days {
			ago *= 24
		}
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Parse(time.RFC3339, text)
}

func (e *Env) logs(ctx context.Context, f logsFlags, names []string) error {
	q, err := f.query(e.Now())
	if err != nil {
		return err
	}
	if e.out.format == view.YAML {
		return usageError("--output", "logs have no YAML form", "berth logs --output json gives one JSON object a line")
	}
	i, err := e.inside(ctx, f.file)
	if err != nil {
		return err
	}
	defer i.Close()
	chosen, problems := i.Choose(i.all, names)
	if problems.Failed() {
		return problems
	}
	if q.Previous {
		if chosen = slices.DeleteFunc(slices.Clone(chosen), func(c installation.Instance) bool { return c.Restarts == 0 }); len(chosen) == 0 {
			return neverRestarted(names)
		}
	}
	names = nil
	for _, c := range chosen {
		names = append(names, c.Name)
	}
	e.out.streams = e.out.machine()
	out := e.raw()
	if e.out.streams {
		out = e.out.stdout
	}
	if err := writing(ctx, out, func(ctx context.Context, w io.Writer) error {
		return logs.Read(ctx, i, chosen, q, view.LogLines(w, names, view.LogForm{JSON: e.out.streams, Color: e.Color, Timestamps: f.timestamps}))
	}); err != nil && (ctx.Err() == nil || !q.Follow) {
		return err
	}
	return nil // Ctrl-C is how one stops to follow
}

// neverRestarted says that there is no run before this one.
func neverRestarted(names []string) diag.List {
	subject := "logs"
	hint := "see the log of this run: berth logs"
	if len(names) > 0 {
		subject, hint = strings.Join(names, ", "), hint+" "+names[0]
	}
	return diag.List{{Code: "BERTH4406", Severity: diag.Error, Subject: subject, Summary: "it did not restart in place, so there is no earlier log", Hint: hint}}
}

// writing ends what writes when nobody reads any more, as in  berth logs | head.
func writing(ctx context.Context, out io.Writer, do func(context.Context, io.Writer) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := &watchedWriter{out: out, stop: stop}
	err := do(ctx, w)
	if w.failed != nil {
		return nil
	}
	return err
}

type watchedWriter struct {
	out    io.Writer
	stop   func()
	failed error
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	n, err := w.out.Write(p)
	if err != nil {
		w.failed = err
		w.stop()
	}
	return n, err
}
