package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/execute"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
	"berth/internal/view"
)

// upgradeFlags are what berth upgrade can be told.
type upgradeFlags struct {
	file, to, trust     string
	plan, ticket, graph bool
	out                 string // the file that the graph is written into; "": it is shown
	yes                 bool
	timeout, patience   time.Duration
}

// looks reports whether nothing is to be done but to look.
func (f upgradeFlags) looks() bool { return f.plan || f.ticket || f.graph }

// upgrade plans an upgrade, asks, and carries it out; or continues the one that is under way.
func (e *Env) upgrade(ctx context.Context, f upgradeFlags) error {
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.move.Stands(f.file).Err(); err != nil {
		return err
	}
	switch {
	case s.Upgrade.Open() && f.looks():
		e.out.result = s.Upgrade.Plan
		return diag.List{underway(s.Upgrade, f.file)}
	case s.Upgrade.Open():
		return e.goOn(ctx, s, f)
	}
	return e.upgradeFrom(ctx, s, f)
}

// upgradeFrom plans an upgrade from what is there, and carries it out where more is asked for than a plan.
func (e *Env) upgradeFrom(ctx context.Context, s *seen, f upgradeFlags) error {
	p, err := e.examined(ctx, s, f)
	if err != nil {
		return err
	}
	if err := e.show(p, f); err != nil {
		return err
	}
	if len(p.Hops) == 0 {
		return nil
	}
	if f.looks() {
		return exit(ExitChanges)
	}
	if err := e.sameAsAgreed(p); err != nil {
		return err
	}
	if err := e.agree(ctx, f.yes, "upgrade from "+p.From+" to "+p.Release+"?"); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "upgrade")
	if err != nil {
		return err
	}
	defer release()
	return e.begin(ctx, s, p, f)
}

// show writes the plan of an upgrade. Problems that stop it are the error.
func (e *Env) show(p *plan.Plan, f upgradeFlags) error {
	e.out.result = p
	if f.graph && len(p.Hops) > 0 {
		if err := e.graph(p, nil, f.out); err != nil {
			return err
		}
	}
	switch {
	case e.out.machine():
		if !p.Problems.Failed() { // else they are the error
			e.out.found = append(e.out.found, p.Problems...)
		}
	case f.ticket:
		view.Ticket(e.raw(), p)
	case f.graph && len(p.Hops) > 0: // it is shown
	default:
		view.Upgrade(e.Stdout, p)
		if len(p.Problems) > 0 && !p.Problems.Failed() {
			fmt.Fprintln(e.Stdout)
			e.warn(p.Problems)
		}
	}
	switch {
	case p.Problems.Failed() && f.ticket:
		return exit(ExitChecks)
	case p.Problems.Failed():
		return p.Problems
	}
	return nil
}

// examined plans an upgrade, and looks at what every step of it would meet. Nothing is changed.
func (e *Env) examined(ctx context.Context, s *seen, f upgradeFlags) (*plan.Plan, error) {
	p, err := survey.Plan(ctx, &e.Environment, s.Installation, s.records, survey.Wish{To: f.to, Trust: f.trust})
	if err != nil || len(p.Hops) == 0 {
		return p, err
	}
	judged, beside, err := e.judged(s.Want, p.From, p.Release)
	e.warn(beside)
	if p.Support = judged; err != nil || p.Problems.Failed() {
		return p, err
	}
	return p, e.conductor(s, f).Examine(ctx, p, func(line string) { fmt.Fprintln(e.Stderr, line) })
}

// conductor carries out upgrades of an installation.
func (e *Env) conductor(s *seen, f upgradeFlags) *execute.Conductor {
	return &execute.Conductor{Env: &e.Environment, Open: e.open, At: s.Installation, Timeout: f.timeout, Patience: f.patience}
}

// goOn continues the upgrade that is under way.
func (e *Env) goOn(ctx context.Context, s *seen, f upgradeFlags) error {
	u := s.Upgrade
	if err := resumable(u, string(s.Text), f); err != nil {
		return err
	}
	if err := e.sameAsAgreed(u.Plan); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "upgrade")
	if err != nil {
		return err
	}
	defer release()
	u.Record.Agent = false // a person took it over
	fmt.Fprintf(e.Stdout, "continuing the upgrade from %s to %s: %s\n", u.Plan.From, u.Plan.Release, u.Describe())
	return ended(e.carry(ctx, s, u.Record, f))
}

// resumable says why an upgrade that is under way can't be continued. text is the file's.
func resumable(u *stages.Progress, text string, f upgradeFlags) error {
	if u.Status == stages.Returning {
		return diag.List{underway(u, f.file)}
	}
	if f.to != "" && f.to != u.Plan.Release && !strings.HasPrefix(u.Plan.Release, f.to+".") {
		return diag.List{{Code: "BERTH3731", Severity: diag.Error, Subject: "--to", Summary: fmt.Sprintf("an upgrade to %s is in progress: %s", u.Plan.Release, u.Describe()),
			Hint: "continue with: berth upgrade   or roll back: berth rollback"}}
	}
	if !u.Expects(text) {
		return diag.List{{Code: "BERTH3732", Severity: diag.Error, Subject: f.file, Summary: f.file + " was changed since the upgrade started",
			Detail: []string{"berth carries out exactly what it planned: change the file before an upgrade or after it"},
			Hint:   "undo the change, then: berth upgrade"}}
	}
	return nil
}

// begin carries out the plan of an upgrade. The lock is held.
func (e *Env) begin(ctx context.Context, s *seen, p *plan.Plan, f upgradeFlags) error {
	return ended(e.carry(ctx, s, execute.Begin(p, e.Now()), f))
}

// carry carries out the upgrade of a record, and says how it ended. The lock is held.
func (e *Env) carry(ctx context.Context, s *seen, r *state.Record, f upgradeFlags) error {
	began := e.Now()
	err := e.conductor(s, f).Carry(ctx, r)
	e.out.result = r
	if err != nil {
		return e.stopped(ctx, s, err)
	}
	fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs; from %s it took %s\n", r.Plan.Release, r.Plan.From, e.Now().Sub(began).Round(time.Second))
	if way, problems := stages.Last([]state.Record{*r}).Back(); len(problems) == 0 {
		fmt.Fprintf(e.Stdout, "\nto roll back to %s: berth rollback\n  cost: %s\nto give that up: berth upgrade finish\n", way.To, way.Cost)
	}
	return nil
}

// stopped says how things are after an upgrade or a rollback stopped.
func (e *Env) stopped(ctx context.Context, s *seen, err error) error {
	var problems diag.List
	if errors.As(err, &problems) {
		e.warn(problems)
	}
	if known := s.remember(context.WithoutCancel(ctx)); known != nil || s.Upgrade == nil {
		return errors.Join(err, known)
	}
	u := s.Upgrade
	fmt.Fprintf(e.Stderr, "\nstopped   %s\n", u.Describe())
	fmt.Fprintf(e.Stderr, "now       %s\n", u.Now())
	if u.Status == stages.Returning {
		fmt.Fprintf(e.Stderr, "next      continue with: berth rollback\n")
		return err
	}
	fmt.Fprintf(e.Stderr, "next      continue with: berth upgrade\n")
	if way, none := u.Back(); len(none) == 0 {
		fmt.Fprintf(e.Stderr, "          to roll back to %s: berth rollback\n          cost: %s\n", way.To, way.Cost)
	}
	return err
}
