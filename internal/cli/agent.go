package cli

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/agent"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/policy"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
	"github.com/spf13/cobra"
)

// agentFlags are what berth agent can be told.
type agentFlags struct {
	file, configMap    string
	waitingOK          bool
	render, out, image string
}

func newAgentCmd(env *Env) *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Upgrade automatically as the config's policy allows, in its window",
		Long: `Look once for a newer release and plan the upgrade. Carry it out if the config allows it and its window is open:

  upgrades:
    automatic: patch                          # or minor, or off
    window: Sun 02:00-05:00 Europe/Berlin

It stops at anything that needs a person: an upgrade step over several minor releases, one that can't be undone, manual work, edits of your
file, problems that the checks found, and upgrades that somebody else started. Then it runs the checks of berth doctor. berth status shows
the results of the last run and of the doctor.

Run it every hour:

  berth agent --render systemd --out DIR                  a service and a timer, for a Docker host
  berth agent --render cronjob --image IMAGE --out DIR    a CronJob, for a cluster

Exit codes: 0 nothing to do, or done; 2 an upgrade waits for the window or for a person; 1 an upgrade failed; 3 a problem was found and
nothing was changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.render != "" {
				return env.renderAgent(f)
			}
			return env.agent(cmd.Context(), f)
		},
	}
	ownConfigFlag(cmd, &f.file)
	cmd.Flags().BoolVar(&f.waitingOK, "waiting-ok", false, "exit with 0 even when an upgrade waits: for schedulers that treat 2 as a failure")
	cmd.Flags().StringVar(&f.configMap, "config-map", "", "read the config from this ConfigMap of the cluster, and write the release there")
	cmd.Flags().StringVar(&f.render, "render", "", "write the files that run it every hour: systemd or cronjob")
	cmd.Flags().StringVar(&f.out, "out", "", "with --render: the folder to write to")
	cmd.Flags().StringVar(&f.image, "image", "", "with --render cronjob: your image with berth in it")
	cmd.MarkFlagsRequiredTogether("render", "out")
	cmd.MarkFlagsMutuallyExclusive("render", "config-map")
	placeFlags(env, cmd, &f.file)
	for _, elsewhere := range []string{"config-map", "render"} { // the first names its place by its pod, the second goes nowhere
		cmd.MarkFlagsMutuallyExclusive(elsewhere, "context")
		cmd.MarkFlagsMutuallyExclusive(elsewhere, "namespace")
	}
	return cmd
}

// agent runs once, prints what came of it, and gives the exit code for it.
func (e *Env) agent(ctx context.Context, f agentFlags) error {
	to := *e
	if f.configMap != "" {
		done, err := to.fromConfigMap(ctx, f)
		if err != nil {
			return err
		}
		defer done()
	}
	r, err := to.lookAfter(ctx, f)
	var problems diag.List
	if errors.As(err, &problems) && problems[0].Code == state.Locked {
		e.warn(problems) // what the doctor would find in the middle of a run is no news
		return f.waits()
	}
	said, kept := to.examineAndKeep(ctx, f.file)
	if r == nil {
		return err
	}
	e.out.result = r
	fmt.Fprintln(e.Stdout, r.Summary)
	if kept == nil {
		fmt.Fprintf(e.Stdout, "doctor: %s\n", said)
	} else if ctx.Err() == nil {
		e.warn(diag.List{{Code: "BERTH3814", Severity: diag.Warning, Subject: "doctor", Summary: "its result could not be saved", Detail: []string{kept.Error()},
			Hint: "see what it finds: berth doctor"}})
	}
	if err != nil {
		return err
	}
	return f.end(r)
}

// examineAndKeep looks as berth doctor does, and keeps what came of it for berth status. On a Docker host it is kept while the engine is away, too.
func (e *Env) examineAndKeep(ctx context.Context, file string) (said doctor.Summary, err error) {
	report, err := e.examine(ctx, file, nil)
	if err != nil {
		return said, err
	}
	said = report.Summary()
	named, err := e.LoadNamed(file)
	if err != nil {
		return said, err
	}
	i, err := e.Targets.Stored(ctx, &e.Environment, named)
	if err != nil {
		return said, err
	}
	defer i.Close()
	return said, agent.Keep(ctx, i.Store, said)
}

// lookAfter takes the lock, and lets the agent look once.
func (e *Env) lookAfter(ctx context.Context, f agentFlags) (*agent.Report, error) {
	i, err := e.Open(ctx, f.file)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	ctx, release, err := i.Store.Lock(ctx, "agent", e.Now)
	if err != nil {
		return nil, err
	}
	defer release()
	s := &seen{Installation: i}
	if err := s.remember(ctx); err != nil {
		return nil, err
	}
	if err := s.move.Stands(i.File).Err(); err != nil {
		return nil, err
	}
	e.sayFirstSearch(ctx, i)
	flags := upgradeFlags{file: f.file, patience: usualPatience}
	a := &agent.Agent{Conductor: e.conductor(s, flags),
		Continue: func(u *stages.Progress) error { return resumable(u, string(i.Text), flags) },
		Upgrade:  func(ctx context.Context, r *state.Record) error { return e.carry(ctx, s, r, flags) },
		Out:      func(format string, a ...any) { fmt.Fprintf(e.Stdout, format, a...) },
		Err:      func(format string, a ...any) { fmt.Fprintf(e.Stderr, format, a...) },
		Warn:     func(problems diag.List) { e.warn(problems) }}
	return a.Look(ctx)
}

// end is the exit code for what came of a run.
func (f agentFlags) end(r *agent.Report) error {
	switch {
	case r.Outcome == agent.Failed:
		return exit(ExitError)
	case r.Outcome == agent.Stopped:
		return exit(ExitStopped)
	case r.Decision.Action == policy.Refused:
		return exit(ExitChecks)
	case r.Decision.Action == policy.Wait || r.Decision.Action == policy.Person:
		return f.waits()
	}
	return nil
}

// waits is how a run ends when something waits.
func (f agentFlags) waits() error {
	if f.waitingOK {
		return nil
	}
	return exit(ExitChanges)
}
