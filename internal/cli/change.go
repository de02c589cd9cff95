package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/stores"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/support"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
)

// seen is an installation as a command found it, before it changes anything.
type seen struct {
	*installation.Installation
	records []state.Record
	move    *state.Move // the part that it has in a move; nil: none
	survey.Known
	plan *plan.Plan // of what the config asks for
	// saidBeside says that what is wrong with the files beside the config was said already.
	saidBeside bool
}

// look opens the installation of a file and reads its history. Whoever gets it closes it.
func (e *Env) look(ctx context.Context, file string) (*seen, error) {
	i, err := e.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	s := &seen{Installation: i}
	if err := s.remember(ctx); err != nil {
		i.Close()
		return nil, err
	}
	return s, nil
}

// remember reads the history, and the part that the installation has in a move.
func (s *seen) remember(ctx context.Context) (err error) {
	if s.records, err = s.Store.History(ctx); err != nil {
		return err
	}
	s.Upgrade = stages.Last(s.records)
	s.move, err = state.MoveOf(ctx, s.Store)
	return err
}

// complete notes that the last run is done, where it was killed after its last step: there was nothing left to do. same reports whether the run was
// to do what was just asked for.
func (s *seen) complete(ctx context.Context, e *Env, same func(*state.Record) bool) error {
	if len(s.records) == 0 {
		return nil
	}
	last := &s.records[len(s.records)-1]
	if last.Result != state.Killed || !same(last) {
		return nil
	}
	last.End(state.Done, nil, e.Now())
	return s.Store.Save(ctx, last)
}

// idle refuses to change an installation while an upgrade is under way, and one that a move led away from or does not have filled yet.
func (s *seen) idle() error {
	if s.Upgrade.Open() {
		return diag.List{underway(s.Upgrade, s.File)}
	}
	return s.move.Stands(s.File).Err()
}

// lookIdle is look for a command that changes the installation.
func (e *Env) lookIdle(ctx context.Context, file string) (*seen, error) {
	s, err := e.look(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := s.idle(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// observe makes the plan of what the config asks for, and holds the installation's release beside the one that the config names. dataOf is the release
// of the data as the admin says, for databases that can't be asked; "": they say nothing. What stands in the way of the plan is among the problems, where
// there is a plan at all.
func (s *seen) observe(ctx context.Context, e *Env, when survey.When, dataOf string) (err error) {
	s.plan, err = planned(ctx, s.Installation)
	var problems diag.List
	if s.plan == nil || err != nil && !errors.As(err, &problems) {
		return err
	}
	if s.Upgrade.Open() { // nobody may ask for a change before it has ended
		s.Problems = append(problems, underway(s.Upgrade, s.File))
		return nil
	}
	if s.Standing, err = survey.Stand(ctx, s.Installation, s.records, s.plan.Runs, when); err != nil {
		return err
	}
	if dataOf != "" {
		s.Standing.Recorded = dataOf
	}
	s.Change = survey.Change(e.Catalogue(), s.Want, s.Standing, s.Upgrade)
	s.Problems = append(problems, s.Problems...)
	if s.Reached && !s.Problems.Failed() {
		s.plan.Problems = s.Replaced(ctx, &e.Environment, s.plan)
		if stores.OpensDatabases(s.plan) {
			s.plan.Problems = append(s.plan.Problems, stores.Check(ctx, &e.Environment, s.Installation, s.plan)...)
		}
		s.Problems = append(s.Problems, s.plan.Problems...)
	}
	s.plan.Notice = plan.Forecast(s.plan, state.Usually(s.records))
	s.plan.Size = sizeOf(s.Want)
	var beside diag.List
	if s.plan.Support, beside, err = e.judged(s.Want, s.plan.From, s.plan.Release); err != nil {
		return err
	}
	if !s.saidBeside {
		e.warn(beside)
		s.saidBeside = true
	}
	if len(s.records) == 0 && s.plan.From == "" {
		s.Problems = append(s.Problems, support.PastItsLife(s.plan.Support)...)
	}
	return nil
}

// sizeOf is the config's size, with what wins over it; nil where it has none.
func sizeOf(w *installation.Want) *plan.Size {
	c := w.Doc.Config
	if c.Size == "" || c.Size == config.Demo {
		return nil
	}
	size := &plan.Size{Name: c.Size}
	_, won := config.WithSize(c, w.Release)
	for _, o := range won {
		size.Won = append(size.Won, fmt.Sprintf("%s (%s: %s)", o.Key, c.Size, o.Says))
	}
	return size
}

// planned is the plan of what a config asks for, with the program that made it.
func planned(ctx context.Context, i *installation.Installation) (*plan.Plan, error) {
	p, err := i.Plan(ctx)
	if p != nil {
		p.Basis.Program, p.Basis.Steps = version, plan.Hash(p.Steps)
	}
	return p, err
}

// lock keeps others away, and proves that generated passwords are there. After an update of berth, the schema beside the config is the new one.
func (e *Env) lock(ctx context.Context, i *installation.Installation, command string) (context.Context, func(), error) {
	ctx, release, err := i.Store.Lock(ctx, command, e.Now)
	if err != nil {
		return nil, nil, err
	}
	if err := i.Lost(ctx); err != nil {
		release()
		return nil, nil, err
	}
	e.refreshSchema(i.Dir)
	return ctx, release, nil
}

// lockAsSeen is lock, and proves that file and upgrade are as they were when they were looked at: people take their time to say yes.
func (e *Env) lockAsSeen(ctx context.Context, s *seen, command string) (context.Context, func(), error) {
	ctx, release, err := e.lock(ctx, s.Installation, command)
	if err != nil {
		return nil, nil, err
	}
	now, err := s.Store.History(ctx)
	changed := ""
	if !reflect.DeepEqual(stages.Last(now), stages.Last(s.records)) {
		changed = "the upgrade continued, or another one started"
	}
	if text, readErr := os.ReadFile(e.Abs(s.File)); err == nil && (readErr != nil || string(text) != string(s.Text)) {
		changed = s.File + " was changed"
	}
	if err == nil && changed != "" {
		err = diag.List{{Code: "BERTH3738", Severity: diag.Error, Subject: s.File, Summary: "since the plan was shown, " + changed + "; nothing was changed",
			Hint: "look again: berth " + command}}
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return ctx, release, nil
}

// ready proves that a plan can be carried out, and makes the secrets that are missing. A plan has secrets in it, so that there is another one after
// that.
func (e *Env) ready(ctx context.Context, i *installation.Installation, p *plan.Plan) (*plan.Plan, error) {
	problems := i.Preflight(ctx, p)
	if problems.Failed() {
		return nil, problems
	}
	e.warn(problems)
	made, err := i.Generate(ctx)
	if err != nil || !made {
		return p, err
	}
	return planned(ctx, i)
}

// execute does what is asked for, records it, and says what was and was not done when it did not come to its end.
func (e *Env) execute(ctx context.Context, i *installation.Installation, record *state.Record, timeout time.Duration, do func(*installation.Runner) (*run.Run, error)) error {
	var r *run.Run
	runner := installation.Runner{Open: e.open, Record: record, Now: e.Now, Watch: e.Watch, Timeout: timeout}
	e.out.result = record
	err := installation.Recorded(ctx, i, runner, func(runner *installation.Runner) (err error) {
		r, err = do(runner)
		return err
	})
	if err == nil {
		return nil
	}
	var problems diag.List
	_ = errors.As(err, &problems)
	e.warn(problems)
	if r != nil {
		done, undone := r.Undone()
		fmt.Fprintf(e.Stderr, "\ndone      %d of %d steps\n", len(done), len(done)+len(undone))
		fmt.Fprintf(e.Stderr, "not done  %s\n", listed(undone, 6))
		fmt.Fprintf(e.Stderr, "next      continue with: berth %s\n", record.GoesOn())
	}
	return ended(err)
}

// ended gives the exit code of an error whose problems were said.
func ended(err error) error {
	switch {
	case errors.As(err, new(diag.List)):
		return exit(ExitError)
	case errors.Is(err, context.Canceled):
		return exit(ExitStopped)
	}
	return err
}

func listed(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// underway says that an upgrade is under way, and what to do about it.
func underway(u *stages.Progress, file string) diag.Diagnostic {
	if u.Status == stages.Returning {
		return diag.Diagnostic{Code: "BERTH3730", Severity: diag.Error, Subject: file, Summary: "the installation is rolling back to " + u.Way.To,
			Hint: "continue that first: berth rollback"}
	}
	return diag.Diagnostic{Code: "BERTH3734", Severity: diag.Error, Subject: file,
		Summary: fmt.Sprintf("an upgrade from %s to %s is in progress: %s", u.Plan.From, u.Plan.Release, u.Describe()),
		Hint:    "continue with: berth upgrade   or roll back: berth rollback"}
}
