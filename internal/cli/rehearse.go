package cli

import (
	"context"
	"fmt"

	"berth/internal/plan"
	"berth/internal/rehearse"
	"berth/internal/upgrade/survey"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// rehearseFlags are what berth rehearse can be told.
type rehearseFlags struct {
	file, to    string
	keep, clean bool
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
			r, err := env.rehearse(cmd.Context(), f)
			if r == nil {
				return err
			}
			if env.out.result = r; !env.out.machine() {
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
	cmd.Flags().BoolVar(&f.keep, "keep", false, "keep the clone at the end")
	cmd.Flags().BoolVar(&f.clean, "clean", false, "only delete a clone that is there")
	cmd.MarkFlagsMutuallyExclusive("clean", "keep")
	cmd.MarkFlagsMutuallyExclusive("clean", "to")
	placeFlags(env, cmd, &f.file)
	return cmd
}

// rehearse tries an upgrade on a clone, and gives what came of it; nil when nothing was begun.
func (e *Env) rehearse(ctx context.Context, f rehearseFlags) (*rehearse.Report, error) {
	s, err := e.look(ctx, f.file)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &rehearse.Rehearsal{Env: &e.Environment, Open: e.open, Original: s.Installation, Keep: f.keep, Say: func(line string) { fmt.Fprintln(e.Stdout, line) }}
	if f.clean {
		found, err := r.Clean(ctx, string(s.Text))
		if err == nil && !found {
			fmt.Fprintln(e.Stdout, "there is no clone")
		}
		return nil, err
	}
	if err := s.idle(); err != nil {
		return nil, err
	}
	p, err := survey.Plan(ctx, &e.Environment, s.Installation, s.records, survey.Wish{To: f.to, Action: plan.Rehearse})
	switch {
	case err != nil:
		return nil, err
	case p.Problems.Failed():
		return nil, p.Problems
	case len(p.Hops) == 0:
		view.Upgrade(e.Stdout, p)
		return nil, nil
	}
	return r.Run(ctx, p)
}
