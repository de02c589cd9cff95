package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/site"
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
	note, err := e.keepChanges(ctx, s, j, way)
	if err != nil {
		return err
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

// keepChanges makes a journey's way back lead to the admin's file as it is now, with the release of then, where the upgrade arrived and the file
// was changed since. It says what becomes of the file; "": nothing that needs saying.
func (e *Env) keepChanges(ctx context.Context, s site.Site, j *journey.Journey, way journey.Way) (note string, err error) {
	l := s.Of()
	if j.Status != journey.Arrived || string(l.Text) == j.Hop().Config {
		return "", nil
	}
	set := func(release string) ([]byte, error) { return config.WithRelease(l.File, l.Text, release) }
	back, err := set(way.To)
	if err != nil {
		return "", err
	}
	at := site.NewPlace(&e.Environment, l, 0)
	var problems diag.List
	switch err := at.Valid(string(back)); {
	case errors.As(err, &problems):
		return fmt.Sprintf("your changes since the upgrade do not work with %s (%s), so your file becomes what it was before the upgrade", way.To, problems[0].Summary), nil
	case err != nil:
		return "", err
	}
	now, err := set(j.Hop().To)
	if err != nil {
		return "", err
	}
	if at.Valid(string(now)) == nil {
		j.Hop().Config = string(now)
	}
	j.BackConfig = string(back)
	if len(j.Hop().Edits) > 0 {
		return "keeps what you changed since the upgrade; what the upgrade removed from it is not put back: berth history --json has it", nil
	}
	return "keeps what you changed since the upgrade", nil
}
