package cli

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/installation"
	"berth/internal/stack"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// rehearseFlags are what berth rehearse can be told.
type rehearseFlags struct {
	file, to          string
	json, keep, clean bool
}

func newRehearseCmd(env *Env) *cobra.Command {
	var f rehearseFlags
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: "Try an upgrade on a clone of the data, and measure it",
		Long: `Dump the databases and restore the dump into a clone beside the installation. Run there what an upgrade does to the databases: checks,
the conversion of Postgres, the migrator, drift, background migrations. berth reports what it finds and keeps the time of each stage for
the next berth upgrade --plan. It deletes the clone at the end, also after a failure or Ctrl-C.

berth only reads from the installation: Sourcegraph answers meanwhile, and nothing of it changes. berth first checks disk and memory.

  berth rehearse                   an upgrade to the newest release that is offered
  berth rehearse --to 7.5          to the newest patch of 7.5; with --json for machines
  berth rehearse --keep            keep the clone, to look at it
  berth rehearse --clean           delete a clone that was kept, or that a killed rehearsal left; the next rehearsal does this, too

Exit codes: 1 a stage failed; 3 a problem was found and nothing was started.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			to := *env
			if f.json {
				to.Stdout, to.Terminal = env.Stderr, false // the report alone is the result
			}
			r, err := to.rehearse(cmd.Context(), f)
			if r == nil {
				return err
			}
			if f.json {
				err = errors.Join(env.printJSON(r), err)
			} else {
				fmt.Fprintln(env.Stdout)
				view.Rehearsal(env.Stdout, r)
			}
			if err == nil && !r.Arrived {
				return exit(ExitError)
			}
			return err
		},
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.to, "to", "", "the release to upgrade to, or a minor release (default: the newest available)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the report as JSON, and only that")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "keep the clone at the end")
	cmd.Flags().BoolVar(&f.clean, "clean", false, "only delete a clone that is there")
	cmd.MarkFlagsMutuallyExclusive("clean", "keep")
	cmd.MarkFlagsMutuallyExclusive("clean", "to")
	return cmd
}

// rehearse walks an upgrade on a clone, and gives what came of it; nil when nothing was begun.
func (e *Env) rehearse(ctx context.Context, f rehearseFlags) (*journey.Rehearsal, error) {
	s, err := e.Open(ctx, f.file)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	c := installation.CloneOf(&e.Environment, s)
	if f.clean {
		found, err := e.clean(ctx, c)
		if err == nil && !found {
			fmt.Fprintln(e.Stdout, "there is no clone")
		}
		return nil, err
	}
	if err := settled(ctx, s); err != nil {
		return nil, err
	}
	p, j, err := e.planJourney(ctx, s, upgradeFlags{file: f.file, to: f.to})
	if err != nil {
		return nil, err
	}
	if p.Problems.Failed() {
		return nil, p.Problems
	}
	if len(p.Hops) == 0 {
		view.Journey(e.Stdout, p)
		return nil, nil
	}
	c.Text = j.Config // the release that is installed, whatever the file names
	if _, err := e.clean(ctx, c); err != nil {
		return nil, err
	}
	return e.onClone(ctx, s, c, j, f.keep)
}

// clean deletes a clone that is there, unless a rehearsal is at work on it.
func (e *Env) clean(ctx context.Context, c *installation.Clone) (found bool, err error) {
	s, err := c.Open(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	if found, err = s.Left(ctx, c.Original.Stack.Name); err != nil || !found {
		return false, err
	}
	ctx, release, err := s.Store().Lock(ctx, "rehearse", e.Now)
	if err != nil {
		return true, err
	}
	defer release()
	fmt.Fprintf(e.Stdout, "deleting the clone %s, which an earlier rehearsal left\n", c.Name())
	return true, s.Wipe(ctx, &e.Environment)
}

// onClone makes the clone, rehearses a journey on it, and deletes it.
func (e *Env) onClone(ctx context.Context, original installation.Site, c *installation.Clone, j *journey.Journey, keep bool) (r *journey.Rehearsal, err error) {
	s, err := c.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	held, release, err := s.Seize(ctx, &e.Environment, c.Original.Stack.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	defer func() {
		if keep && r != nil {
			return
		}
		if e.wipe(ctx, s, c) != nil {
			err = errors.Join(err, exit(ExitError))
		} else if r != nil {
			r.Deleted = true
		}
	}()
	asked, err := s.Asking(held, &e.Environment, original)
	if err != nil {
		return nil, err
	}
	from := c.Source(asked, original)
	before, err := journey.Inspect(held, from, c.Text, "")
	if err != nil {
		return nil, c.Unreached(err)
	}
	c.Room = journey.NewRoom(before)
	taken, problems, err := s.Room(held, c.Room)
	if err == nil {
		err = problems.Err()
	}
	if err == nil {
		err = c.Ready(held, c.Text, stack.Bare)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(e.Stdout, "rehearsing %s -> %s on the clone %s; the installation is only read\n", j.From, j.To, c.Name())
	fmt.Fprintf(e.Stdout, "it needs %s, and deletes all of it at the end; Ctrl-C stops and deletes it, too\n", taken)
	progress := &view.Walk{Out: e.Stdout}
	walker := &journey.Walker{Site: c, Now: e.Now, Tell: progress.Show}
	after, err := walker.Rehearse(held, j, from)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(held) // the lock may have been lost
	}
	r, more := e.report(context.WithoutCancel(ctx), original, j, before, after)
	r.Clone, r.Kept = c.Name(), keep
	if list := (diag.List)(nil); errors.As(err, &list) {
		err = nil // the report has them
	}
	return r, errors.Join(err, more)
}

// wipe deletes the clone, whatever became of the rehearsal.
func (e *Env) wipe(ctx context.Context, s installation.Site, c *installation.Clone) error {
	fmt.Fprintf(e.Stdout, "\ndeleting the clone %s\n", c.Name())
	err := s.Wipe(context.WithoutCancel(ctx), &e.Environment)
	if err != nil {
		diag.List{{Code: "BERTH3905", Severity: diag.Error, Subject: c.Name(), Summary: "the clone " + c.Name() + " could not be deleted",
			Detail: []string{err.Error()}, Hint: "fix the cause, then: berth rehearse --clean"}}.WriteText(e.Stderr, e.Color)
	}
	return err
}

// report keeps the times for the next plan, and tells what came of the rehearsal with them.
func (e *Env) report(ctx context.Context, original installation.Site, j *journey.Journey, before, after *journey.Facts) (*journey.Rehearsal, error) {
	l := original.Of()
	times, err := keepTimes(ctx, original.Store(), j)
	again := journey.Planned(l.Stack.Name, l.Stack.Target, l.Doc.Config.Held(), journey.New(j.Config, j.Hops, "", e.Now()), before, times)
	return j.Report(again, before, after), err
}
