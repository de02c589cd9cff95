package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/installation"
	"berth/internal/stack"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newRollbackCmd(env *Env) *cobra.Command {
	var file string
	var yes bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Roll back the last upgrade, to the release before it",
		Long: `Roll back the last step of the last upgrade, whether it is complete or stopped. berth shows what is lost before it
asks:

  one release        berth deploys the release before again; the databases stay, and nothing is lost
  several releases   the migrator takes the databases back, or, if that is impossible, berth restores the backup that it made before

Changes that you made in your file since the upgrade are kept, if the release before allows them. To revert such a change instead, with the
same release: berth revert.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.rollback(cmd.Context(), file, yes, timeout) },
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	return cmd
}

func (e *Env) rollback(ctx context.Context, file string, yes bool, timeout time.Duration) error {
	s, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	seen, err := journey.Load(ctx, s.Store())
	if err != nil {
		return err
	}
	if !seen.Holds() {
		return noUpgrade(seen, file)
	}
	j, err := journey.Load(ctx, s.Store()) // a second one, to be changed
	if err != nil {
		return err
	}
	way, problems := j.Back()
	if problems.Failed() {
		return problems
	}
	if err := e.stillThere(ctx, s, j); err != nil {
		return err
	}
	note, err := e.keepChanges(ctx, s, j, way)
	if err != nil {
		return err
	}
	if len(way.Stages) > 0 {
		// The release before has to be there still: its images, its secrets, room on the host.
		if err := installation.NewPlace(&e.Environment, s.Of(), timeout).Ready(ctx, j.BackTo(way), stack.Open); err != nil {
			return err
		}
	}
	view.Back(e.Stdout, j, way)
	if note != "" {
		fmt.Fprintf(e.Stdout, "file     %s\n", note)
	}
	if err := e.agree(yes, "go back to "+way.To+"?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "rollback", seen)
	if err != nil {
		return err
	}
	defer release()
	if err := s.Lost(ctx); err != nil {
		return err
	}
	r, err := e.record(ctx, s.Store(), j, plan.Rollback)
	if err != nil {
		return err
	}
	r.From, r.Release, r.Config = j.Hop().To, way.To, j.BackTo(way)
	err = e.Ask(ctx, s.Store(), r, func() error {
		j.Record = r.Number
		return e.walker(ctx, s, r, timeout, 0).Return(ctx, j, way)
	})
	if err != nil {
		return e.stopped(ctx, j, err)
	}
	fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs again\n", way.To)
	if next, none := j.Back(); j.Holds() && len(none) == 0 {
		fmt.Fprintf(e.Stdout, "to roll back further, to %s: berth rollback (%s)\n", next.To, next.Cost)
	}
	return nil
}

// noUpgrade says why there is no upgrade to go back over.
func noUpgrade(j *journey.Journey, file string) error {
	why := "no upgrade was made here"
	if j != nil {
		switch j.Status {
		case journey.Returned:
			why = fmt.Sprintf("the upgrade from %s was rolled back on %s", j.From, j.Ended.Format(time.DateTime))
		case journey.Finished:
			why = fmt.Sprintf("the rollback from %s to %s was given up with berth upgrade finish", j.To, j.From)
		}
	}
	return diag.List{{Code: "BERTH3735", Severity: diag.Error, Subject: file, Summary: "there is no upgrade to roll back: " + why,
		Hint: "to revert a change of your file: berth revert   to see what was done: berth history"}}
}

// stillThere proves that an installation is where its last upgrade arrived: data that was restored since is of another release, perhaps, and then the
// way back leads nowhere.
func (e *Env) stillThere(ctx context.Context, s installation.Site, j *journey.Journey) error {
	if j.Status != journey.Arrived {
		return nil
	}
	services, _, _, err := s.Services(ctx, &e.Environment)
	if err != nil {
		return err
	}
	standing, err := installation.Stand(ctx, &e.Environment, s, runs(services), installation.Always)
	release := standing.Installed(e.Catalogue(), s.Of().Stack.Target, s.Of().Known(nil))
	if err != nil || standing.Databases == "" || catalogue.Minor(release) == catalogue.Minor(j.To) {
		return err
	}
	return diag.List{{Code: "BERTH3707", Severity: diag.Error, Subject: "databases",
		Summary: fmt.Sprintf("the databases are of Sourcegraph %s, but the last upgrade arrived at %s: its way back does not fit them", release, j.To),
		Hint:    "when you restored them: write  release: " + release + "  and run berth up"}}
}

// keepChanges makes a journey's way back lead to the admin's file as it is now, with the release of then, where the file was changed since the
// upgrade began, or since it arrived. It says what becomes of the file; "": nothing that needs saying.
func (e *Env) keepChanges(ctx context.Context, s installation.Site, j *journey.Journey, way journey.Way) (note string, err error) {
	l := s.Of()
	if j.Expects(string(l.Text)) {
		return "", nil
	}
	since := "since the upgrade began"
	if j.Status == journey.Arrived {
		since = "since the upgrade"
	}
	set := func(release string) ([]byte, error) { return config.WithRelease(l.File, l.Text, release) }
	back, err := set(way.To)
	if err != nil {
		return "", err
	}
	at := installation.NewPlace(&e.Environment, l, 0)
	var problems diag.List
	switch err := at.Valid(string(back)); {
	case errors.As(err, &problems):
		return fmt.Sprintf("what you changed %s does not work with %s (%s), so your file becomes what it was before the upgrade", since, way.To, problems[0].Summary), nil
	case err != nil:
		return "", err
	}
	j.BackConfig = string(back)
	if j.Status != journey.Arrived {
		return "keeps what you changed " + since, nil
	}
	now, err := set(j.Hop().To)
	if err != nil {
		return "", err
	}
	if at.Valid(string(now)) == nil {
		j.Hop().Config = string(now)
	}
	if len(j.Hop().Edits) > 0 {
		return "keeps what you changed " + since + "; what the upgrade removed from it is not put back: berth history --json has it", nil
	}
	return "keeps what you changed " + since, nil
}
