package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/execute"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newRollbackCmd(env *Env) *cobra.Command {
	var f rollbackFlags
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Roll back the last upgrade, to the release before it",
		Long: `Roll back the last step of the last upgrade, whether it is complete or stopped. berth shows what is lost before it
asks:

  one release        berth deploys the release before again; the databases stay, and nothing is lost
  several releases   the migrator takes the databases back, or, if that is impossible, berth restores the backup that it made before

Changes that you made in your file since the upgrade are kept, if the release before allows them. To revert such a change instead, with the
same release: berth revert. Exit code 2 with --plan: there is something to roll back.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.rollback(cmd.Context(), f) },
	}
	ownConfigFlag(cmd, &f.file)
	yesFlag(cmd, &f.yes)
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done, and what is lost")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	placeFlags(env, cmd, &f.file)
	return cmd
}

// rollbackFlags are what berth rollback can be told.
type rollbackFlags struct {
	file      string
	plan, yes bool
	timeout   time.Duration
}

func (e *Env) rollback(ctx context.Context, f rollbackFlags) error {
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.move.Stands(f.file).Err(); err != nil {
		return err
	}
	u := s.Upgrade
	if !u.Holds() {
		return noUpgrade(u, "to roll back", f.file)
	}
	way, problems := u.Back()
	if problems.Failed() {
		return problems
	}
	if err := e.stillThere(ctx, s); err != nil {
		return err
	}
	record, note, err := e.back(s, way)
	if err != nil {
		return err
	}
	conductor := e.conductor(s, upgradeFlags{timeout: f.timeout})
	if len(way.Stages) > 0 {
		// The release before has to be there still: its images, its secrets, room on the host.
		if err := conductor.Verified(ctx, record.Plan, plan.ConfigBack); err != nil {
			return err
		}
	}
	view.Back(e.Stdout, record.Plan, way)
	if note != "" {
		fmt.Fprintf(e.Stdout, "file     %s\n", note)
	}
	if f.plan {
		e.out.result = record.Plan
		return exit(ExitChanges)
	}
	if err := e.sameAsAgreed(record.Plan); err != nil {
		return err
	}
	if err := e.agree(ctx, f.yes, "go back to "+way.To+"?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "rollback")
	if err != nil {
		return err
	}
	defer release()
	return e.carryBack(ctx, s, conductor, record)
}

// carryBack carries a rollback out, and says how it ended. The lock is held.
func (e *Env) carryBack(ctx context.Context, s *seen, conductor *execute.Conductor, record *state.Record) error {
	e.out.result = record
	if err := conductor.Carry(ctx, record); err != nil {
		return ended(e.stopped(ctx, s, err))
	}
	fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs again\n", record.Release)
	if err := s.remember(ctx); err != nil || !s.Upgrade.Holds() {
		return err
	}
	if next, none := s.Upgrade.Back(); len(none) == 0 {
		fmt.Fprintf(e.Stdout, "to roll back further, to %s: berth rollback (%s)\n", next.To, next.Cost)
	}
	return nil
}

// back is the record of a rollback that is to be carried out; that of the one under way, where there is one. note says what becomes of the file.
func (e *Env) back(s *seen, way stages.WayBack) (r *state.Record, note string, err error) {
	u := s.Upgrade
	back, now, note, err := e.keepChanges(s.Want, u, way)
	if err != nil {
		return nil, "", err
	}
	if u.Rollback != nil {
		return u.Rollback, "", nil
	}
	return execute.Return(u, way, back, now, e.Now()), note, nil
}

// noUpgrade says why there is nothing "to roll back", or "to finish".
func noUpgrade(u *stages.Progress, to, file string) error {
	why := "no upgrade was made here"
	if u != nil {
		switch u.Status {
		case stages.Returned:
			why = fmt.Sprintf("the upgrade from %s was rolled back on %s", u.Plan.From, u.Ended.Format(time.DateTime))
		case stages.Finished:
			why = fmt.Sprintf("the rollback from %s to %s was given up with berth upgrade finish", u.Plan.Release, u.Plan.From)
		}
	}
	return diag.List{{Code: "BERTH3735", Severity: diag.Error, Subject: file, Summary: "there is no upgrade " + to + ": " + why,
		Hint: "to revert a change of your file: berth revert   to see what was done: berth history"}}
}

// stillThere proves that an installation is where its last upgrade arrived: data that was restored since is of another release, perhaps, and then the
// way back leads nowhere.
func (e *Env) stillThere(ctx context.Context, s *seen) error {
	u := s.Upgrade
	if u.Status != stages.Arrived {
		return nil
	}
	services, err := s.Services(ctx)
	if err != nil {
		return err
	}
	standing, err := survey.Stand(ctx, s.Installation, s.records, services.Runs(), survey.Always)
	release := standing.Installed(e.Catalogue(), s.Stack.Target, survey.Facts(s.Want, nil))
	if err != nil || standing.Databases == "" || catalogue.Minor(release) == catalogue.Minor(u.Plan.Release) {
		return err
	}
	return diag.List{{Code: "BERTH3707", Severity: diag.Error, Subject: "databases",
		Summary: fmt.Sprintf("the databases are of Sourcegraph %s, but the last upgrade arrived at %s: its rollback does not fit them", release, u.Plan.Release),
		Hint:    "when you restored them: write  release: " + release + "  and run berth up"}}
}

// keepChanges gives the config that a rollback leads to, and the config of what runs: the admin's file as it is now, with the release of then, where the
// file was changed since the upgrade began, or since it arrived. note says what becomes of the file; "": nothing that needs saying.
func (e *Env) keepChanges(w *installation.Want, u *stages.Progress, way stages.WayBack) (back, now, note string, err error) {
	h := u.Hop()
	back, now = u.Config(way.To), u.Config(h.To)
	if u.Rollback != nil || u.Expects(string(w.Text)) {
		return back, now, "", nil
	}
	since := "since the upgrade began"
	if u.Status == stages.Arrived {
		since = "since the upgrade"
	}
	text, err := config.WithRelease(w.File, w.Text, way.To)
	if err != nil {
		return "", "", "", err
	}
	var problems diag.List
	switch _, err := e.Accepted(w, string(text), nil); {
	case errors.As(err, &problems):
		return back, now, fmt.Sprintf("your changes %s do not work with %s (%s), so your file becomes what it was before the upgrade", since, way.To, problems[0].Summary), nil
	case err != nil:
		return "", "", "", err
	}
	back, note = string(text), "keeps your changes "+since
	if u.Status != stages.Arrived {
		return back, now, note, nil
	}
	if text, err = config.WithRelease(w.File, w.Text, h.To); err != nil {
		return "", "", "", err
	}
	if _, err := e.Accepted(w, string(text), nil); err == nil {
		now = string(text)
	}
	if len(h.Edits) > 0 {
		note += "; keys that the upgrade removed are not put back: berth history --json has them"
	}
	return back, now, note, nil
}
