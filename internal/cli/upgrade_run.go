package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/installation"
	"berth/internal/state"
	"berth/internal/view"
)

// upgradeFlags are what berth upgrade can be told.
type upgradeFlags struct {
	file, to, trust    string
	plan, json, ticket bool
	yes                bool
	timeout, patience  time.Duration
}

// upgrade plans a journey, asks, and walks it; or goes on with the one that is under way.
func (e *Env) upgrade(ctx context.Context, f upgradeFlags) error {
	s, err := e.Open(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	seen, err := journey.Load(ctx, s.Store())
	if err != nil {
		return err
	}
	switch {
	case seen.Open() && f.plan:
		return diag.List{underway(seen, f.file)}
	case seen.Open():
		return e.goOn(ctx, s, seen, f)
	}
	return e.upgradeFrom(ctx, s, seen, f)
}

// upgradeFrom plans a journey from what is there, and walks it where more is asked for than a plan. seen is the journey that was there before.
func (e *Env) upgradeFrom(ctx context.Context, s installation.Site, seen *journey.Journey, f upgradeFlags) error {
	p, next, err := e.examined(ctx, s, f)
	if err != nil {
		return err
	}
	switch {
	case f.json:
		if err := e.printJSON(p); err != nil {
			return err
		}
	case f.ticket:
		view.Ticket(e.Stdout, p)
	default:
		view.Journey(e.Stdout, p)
		if len(p.Problems) > 0 && !p.Problems.Failed() {
			fmt.Fprintln(e.Stdout)
			p.Problems.WriteText(e.Stderr, e.Color)
		}
	}
	if p.Problems.Failed() {
		if f.json || f.ticket {
			return exit(ExitChecks)
		}
		return p.Problems
	}
	if len(p.Hops) == 0 {
		return nil
	}
	if f.plan || f.json || f.ticket {
		return exit(ExitChanges)
	}
	if err := e.agree(f.yes, "upgrade from "+p.From+" to "+p.To+"?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "upgrade", seen)
	if err != nil {
		return err
	}
	defer release()
	if err := s.Lost(ctx); err != nil {
		return err
	}
	return e.walk(ctx, s, next, f)
}

// examined plans a journey, and looks at what every hop would meet. Nothing is touched.
func (e *Env) examined(ctx context.Context, s installation.Site, f upgradeFlags) (*journey.Plan, *journey.Journey, error) {
	p, next, err := e.planJourney(ctx, s, f)
	if err != nil || next == nil || p.Problems.Failed() {
		return p, next, err
	}
	looking := e.walker(ctx, s, nil, 0, 0)
	looking.Tag = e.Tag()
	looking.Tell = func(event journey.Event) { fmt.Fprintln(e.Stderr, event.Line) }
	return p, next, looking.Examine(ctx, next, p)
}

// lockAsSeen takes the lock, and proves that file and journey are as they were when they were looked at: people take their time to say yes.
func (e *Env) lockAsSeen(ctx context.Context, store state.Store, l *installation.Want, command string, seen *journey.Journey) (context.Context, func(), error) {
	ctx, release, err := store.Lock(ctx, command, e.Now)
	if err != nil {
		return nil, nil, err
	}
	now, err := journey.Load(ctx, store)
	changed := ""
	if !reflect.DeepEqual(now, seen) {
		changed = "the upgrade continued, or another one started"
	}
	if text, readErr := os.ReadFile(e.Abs(l.File)); err == nil && (readErr != nil || string(text) != string(l.Text)) {
		changed = l.File + " was changed"
	}
	if err == nil && changed != "" {
		err = diag.List{{Code: "BERTH3738", Severity: diag.Error, Subject: l.File, Summary: "since the plan was shown, " + changed + "; nothing was touched",
			Hint: "look again: berth " + command}}
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return ctx, release, nil
}

// goOn walks a journey that is under way.
func (e *Env) goOn(ctx context.Context, s installation.Site, j *journey.Journey, f upgradeFlags) error {
	if err := resumable(s, j, f); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s.Store(), s.Of(), "upgrade", j)
	if err != nil {
		return err
	}
	defer release()
	j.Agent = false // a person took it over
	fmt.Fprintf(e.Stdout, "continuing the upgrade from %s to %s: %s\n", j.From, j.To, j.Describe())
	if err := s.Lost(ctx); err != nil {
		return err
	}
	return e.walk(ctx, s, j, f)
}

// resumable says why a journey that is under way can't be gone on with.
func resumable(s installation.Site, j *journey.Journey, f upgradeFlags) error {
	if j.Status == journey.Returning {
		return diag.List{returning(j, f.file)}
	}
	if f.to != "" && f.to != j.To && !strings.HasPrefix(j.To, f.to+".") {
		return diag.List{{Code: "BERTH3731", Severity: diag.Error, Subject: "--to", Summary: fmt.Sprintf("an upgrade to %s is in progress: %s", j.To, j.Describe()),
			Hint: "continue with: berth upgrade   or roll back: berth rollback"}}
	}
	if !j.Expects(string(s.Of().Text)) {
		return diag.List{{Code: "BERTH3732", Severity: diag.Error, Subject: f.file, Summary: f.file + " was changed since the upgrade started",
			Detail: []string{"berth carries out exactly what it planned: change the file before an upgrade or after it"},
			Hint:   "undo the change, then: berth upgrade"}}
	}
	return nil
}

// walk walks a journey, records it, and tells how it ended. The lock is held.
func (e *Env) walk(ctx context.Context, s installation.Site, j *journey.Journey, f upgradeFlags) error {
	began := e.Now()
	r, err := e.record(ctx, s.Store(), j, plan.Upgrade)
	if err != nil {
		return err
	}
	r.From = j.From
	err = e.Ask(ctx, s.Store(), r, func() error {
		j.Record = r.Number
		err := e.walker(ctx, s, r, f.timeout, f.patience).Walk(ctx, j)
		r.Release, r.Config = j.Release(), j.Running()
		return err
	})
	if _, timesErr := keepTimes(context.WithoutCancel(ctx), s.Store(), j); err == nil {
		err = timesErr
	}
	if err == nil {
		fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs; from %s it took %s\n", j.To, j.From, e.Now().Sub(began).Round(time.Second))
		way, problems := j.Back()
		if len(problems) == 0 {
			fmt.Fprintf(e.Stdout, "back to %s with: berth rollback (%s)   to give that up: berth upgrade finish\n", way.To, way.Cost)
		}
		return nil
	}
	return e.stopped(ctx, j, err)
}

// record is the history's record of what is done with a journey: the one that was begun, where it goes on.
func (e *Env) record(ctx context.Context, log state.Log, j *journey.Journey, a plan.Action) (*state.Record, error) {
	records, err := log.History(ctx)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if r := &records[i]; r.Number == j.Record && r.Action == a && r.Result != state.Done {
			return r, nil
		}
	}
	return state.NewRecord(a, j.To, j.Running(), e.Now()), nil
}

// stopped tells how things are after a journey stopped.
func (e *Env) stopped(ctx context.Context, j *journey.Journey, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && cause != nil {
		err = cause
	}
	var problems diag.List
	if errors.As(err, &problems) {
		problems.WriteText(e.Stderr, e.Color)
	}
	fmt.Fprintf(e.Stderr, "\nstopped   %s\n", j.Describe())
	fmt.Fprintf(e.Stderr, "now       %s\n", j.Now())
	if j.Status == journey.Returning {
		fmt.Fprintf(e.Stderr, "next      continue with: berth rollback\n")
	} else {
		fmt.Fprintf(e.Stderr, "next      continue with: berth upgrade\n")
	}
	if way, none := j.Back(); len(none) == 0 && j.Status != journey.Returning {
		fmt.Fprintf(e.Stderr, "          to roll back to %s (%s): berth rollback\n", way.To, way.Cost)
	}
	switch {
	case problems != nil:
		return exit(ExitError)
	case errors.Is(err, context.Canceled):
		return exit(ExitStopped)
	}
	return err
}

// walker walks a journey of a site. Its stages become parts of a record; nil: it only looks.
func (e *Env) walker(ctx context.Context, s installation.Site, r *state.Record, timeout, patience time.Duration) *journey.Walker {
	progress := &view.Walk{Out: e.Stdout}
	tell := func(event journey.Event) {
		progress.Show(event)
		if event.Done == nil || r == nil {
			return
		}
		r.Parts = append(r.Parts, state.Part{Name: event.Hop.From + " to " + event.Hop.To + ": " + string(event.Place.Stage),
			Ended: event.Done.Ended, Seconds: event.Done.Seconds, Note: event.Done.Note})
		_ = s.Store().Save(context.WithoutCancel(ctx), r) // written again at the end, which says what is wrong
	}
	return &journey.Walker{Site: installation.NewPlace(&e.Environment, s.Of(), timeout), Notes: s.Store(), Now: e.Now, Tell: tell, Patience: patience}
}

// keepTimes remembers how long the stages of a journey took, for the next plan, and gives all that is remembered.
func keepTimes(ctx context.Context, notes state.Notes, j *journey.Journey) ([]journey.Time, error) {
	var times []journey.Time
	if err := notes.Note(ctx, journey.TimesName, &times); err != nil {
		return nil, err
	}
	times = j.Times(times)
	return times, notes.SetNote(ctx, journey.TimesName, times)
}

// agree asks for a yes. Where nobody can be asked, it has to be given beforehand.
func (e *Env) agree(yes bool, question string) error {
	if yes {
		return nil
	}
	if !e.Interactive {
		return diag.List{{Code: "BERTH3733", Severity: diag.Error, Subject: "--yes", Summary: "there is no terminal to ask at; nothing was touched",
			Hint: "confirm in advance: --yes"}}
	}
	fmt.Fprintf(e.Stdout, "\n%s [y/N] ", question)
	answer, _ := bufio.NewReader(e.Stdin).ReadString('\n') // an end of input is a no
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		fmt.Fprintln(e.Stdout, "nothing was touched")
		return exit(ExitChecks)
	}
	return nil
}

// settled refuses to change an installation that is on a journey.
func settled(ctx context.Context, s installation.Site) error {
	j, err := journey.Load(ctx, s.Store())
	if err != nil || !j.Open() {
		return err
	}
	return diag.List{underway(j, s.Of().File)}
}

// underway says that an upgrade is under way, and what to do about it.
func underway(j *journey.Journey, file string) diag.Diagnostic {
	if j.Status == journey.Returning {
		return returning(j, file)
	}
	return diag.Diagnostic{Code: "BERTH3734", Severity: diag.Error, Subject: file,
		Summary: fmt.Sprintf("an upgrade from %s to %s is in progress: %s", j.From, j.To, j.Describe()),
		Hint:    "continue with: berth upgrade   or roll back: berth rollback"}
}

// returning says that an installation is on its way back, which is gone on with first.
func returning(j *journey.Journey, file string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3730", Severity: diag.Error, Subject: file, Summary: "the installation is rolling back to " + j.Hop().From,
		Hint: "continue that first: berth rollback"}
}
