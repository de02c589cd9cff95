// Package agent is what berth agent does: it looks once for a newer release, decides by the config's policy, and carries an upgrade out in its window.
// What it saw is a Report, which is kept with the installation.
package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/policy"
	"berth/internal/state"
	"berth/internal/upgrade"
	"berth/internal/upgrade/execute"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
	"berth/internal/window"
)

// Agent looks after one installation.
type Agent struct {
	*execute.Conductor
	// Continue says why an upgrade that is under way can't be continued; nil: it can.
	Continue func(*stages.Progress) error
	// Upgrade carries out the upgrade of a record, and says how it ended.
	Upgrade func(context.Context, *state.Record) error
	Out     func(format string, a ...any) // says what it does
	Err     func(format string, a ...any)
	Warn    func(diag.List)

	policy  policy.Policy
	report  *Report // this time's
	records []state.Record
	open    *stages.Progress
	next    *plan.Plan    // of an upgrade that would begin
	takes   time.Duration // the next one, estimated
}

// Report is what berth agent saw and did. The last one is kept with the installation.
type Report struct {
	Format   int             `json:"format"`
	Checked  time.Time       `json:"checked"`
	Release  string          `json:"release"` // that runs
	Newest   string          `json:"newest"`  // that is offered
	Decision policy.Decision `json:"decision"`
	// Held is about the newest release where the decision is about an older one.
	Held     *policy.Decision `json:"held,omitempty"`
	Outcome  Outcome          `json:"outcome,omitempty"` // of what was begun or continued
	Summary  string           `json:"summary"`           // all of it in one line
	Problems diag.List        `json:"problems,omitempty"`
	Takes    float64          `json:"takesSeconds,omitempty"` // of that one, as it was estimated
	Left     []string         `json:"left,omitempty"`         // releases that somebody rolled back from
}

// Outcome is how an upgrade ended.
type Outcome string

// The outcomes of an upgrade.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	Stopped Outcome = "stopped"
)

// note is the name of the note that the last report is kept in.
const note = "agent"

// Last is the report of the last time.
func Last(ctx context.Context, notes state.Notes) (r Report, err error) {
	return r, notes.Note(ctx, note, &r)
}

// About is what the report says of a release that runs; "" when it is about another one. One of more than a day ago says so: it is made every hour.
func (r *Report) About(release string, now time.Time) string {
	if r.Summary == "" || r.Release != release {
		return ""
	}
	if now.Sub(r.Checked) > 24*time.Hour {
		return r.Summary + " (berth agent last ran " + r.Checked.Format(time.DateTime) + ")"
	}
	return r.Summary
}

// Look decides, and acts. Whoever calls it holds the lock. The report is nil when nothing could be seen.
func (a *Agent) Look(ctx context.Context) (*Report, error) {
	a.policy = policyOf(a.At.Doc.Config)
	var err error
	if a.records, err = a.At.Store.History(ctx); err != nil {
		return nil, err
	}
	a.open = stages.Last(a.records)
	if err := a.remember(ctx); err != nil {
		return nil, err
	}
	if a.report.Decision, err = a.decide(ctx); err != nil {
		return nil, err
	}
	a.Warn(a.report.Problems)
	if err := a.save(ctx); err != nil {
		return nil, err
	}
	switch a.report.Decision.Action {
	case policy.Upgrade:
		a.Out("upgrade from %s to %s, in the window %s\n", a.next.From, a.next.Release, a.policy.Window)
		a.report.Takes = a.takes.Seconds()
		if err := a.save(ctx); err != nil {
			return nil, err
		}
		record := execute.Begin(a.next, a.Env.Now())
		record.Agent = true
		err = a.carry(ctx, record)
	case policy.Resume:
		a.Out("continuing the upgrade from %s to %s: %s\n", a.open.Plan.From, a.open.Plan.Release, a.open.Describe())
		err = a.carry(ctx, a.open.Record)
	default:
		return a.report, nil
	}
	return a.report, errors.Join(err, a.save(context.WithoutCancel(ctx)))
}

// policyOf is what a config allows; its window was checked before.
func policyOf(c *config.Config) policy.Policy {
	if c.Upgrades == nil {
		return policy.Policy{}
	}
	w, _ := window.Parse(c.Upgrades.Window) // without one nothing is automatic
	return policy.Policy{Automatic: policy.Automatic(c.Upgrades.Automatic), Window: w}
}

// remember begins this time's report with what of the last one still counts.
func (a *Agent) remember(ctx context.Context) error {
	last, err := Last(ctx, a.At.Store)
	if err != nil {
		return err
	}
	a.report = &Report{Format: 1, Checked: a.Env.Now(), Takes: last.Takes, Left: last.Left}
	if a.open != nil {
		for _, release := range a.open.Left {
			if !slices.Contains(a.report.Left, release) {
				a.report.Left = append(a.report.Left, release)
			}
		}
	}
	return nil
}

func (a *Agent) save(ctx context.Context) error {
	r := a.report
	switch {
	case r.Outcome == Done:
		r.Summary = fmt.Sprintf("upgraded to %s", r.Decision.To)
	case r.Outcome != "":
		r.Summary = fmt.Sprintf("the upgrade to %s %s", r.Decision.To, r.Outcome)
		if len(r.Problems) > 0 {
			r.Summary += ": " + r.Problems[0].Code + ": " + r.Problems[0].Summary
		}
	default:
		r.Summary = r.Decision.String()
		if !r.Decision.Opens.IsZero() {
			r.Summary += ", which opens " + r.Decision.Opens.Format("Mon 2 Jan 15:04 MST")
		}
		if r.Held != nil {
			r.Summary += "; " + r.Held.String()
		}
	}
	return a.At.Store.SetNote(ctx, note, r)
}

// decide says what to do. What is wrong with the installation is a decision, too, with its problems in the report.
func (a *Agent) decide(ctx context.Context) (policy.Decision, error) {
	a.report.Newest = a.Env.Catalogue().Newest(a.At.Stack.Target)
	services, err := a.At.Services(ctx)
	if err != nil {
		return policy.Decision{}, err
	}
	from := services.Release
	a.report.Release = from
	if a.open.Open() {
		return a.goOn(), nil
	}
	if from == "" {
		return policy.Decision{}, survey.NotRunning(ctx, a.At, a.records)
	}
	pick, held := a.policy.Choose(a.candidates(from), a.report.Left)
	switch {
	case pick == nil && held.Action == policy.Nothing:
		return policy.Decision{Action: policy.Nothing, To: from}, nil
	case pick == nil:
		return held, nil
	case held.Action != policy.Nothing:
		a.report.Held = &held
	}
	u, err := a.checked(ctx, from, pick.Release)
	var problems diag.List
	if err != nil && !errors.As(err, &problems) {
		return policy.Decision{}, err
	}
	u.Problems = append(u.Problems, problems...)
	a.report.Problems = u.Problems
	return a.policy.Decide(a.Env.Now(), u), nil
}

// goOn decides about an upgrade that is under way.
func (a *Agent) goOn() policy.Decision {
	u := a.open
	a.report.Problems = u.Problems
	var changed diag.List
	if err := a.Continue(u); errors.As(err, &changed) {
		a.report.Problems = append(a.report.Problems, changed...)
	}
	way, none := u.Back()
	return a.policy.Continue(a.Env.Now(), policy.Unfinished{To: u.Plan.Release, Kind: u.Hop().Kind, Ours: u.Agent, Returning: u.Status == stages.Returning,
		Touched: len(none) > 0 || len(way.Stages) > 0, Takes: seconds(a.report.Takes), Problems: a.report.Problems, Where: u.Describe()})
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// candidates are the releases worth a look, each with the path to it.
func (a *Agent) candidates(from string) []policy.Candidate {
	target := a.At.Stack.Target
	var offered []string
	for _, r := range a.Env.Catalogue().Versions(target) {
		if r.Offered(target) {
			offered = append(offered, r.Version)
		}
	}
	var out []policy.Candidate
	for _, to := range policy.Releases(offered, from) {
		way, refused := upgrade.Path(a.Env.Catalogue(), upgrade.Request{From: from, To: to, Target: target, Facts: survey.Facts(a.At.Want, nil)})
		out = append(out, policy.Candidate{Release: to, Way: way, Refused: refused})
	}
	return out
}

// checked checks the installation as an upgrade would. Nothing is changed. Problems are a diag.List.
func (a *Agent) checked(ctx context.Context, from, to string) (policy.Checked, error) {
	u := policy.Checked{To: to}
	var err error
	if u.Pending, err = a.pending(ctx, from); err != nil || u.Pending != "" {
		return u, err
	}
	p, err := survey.Plan(ctx, a.Env, a.At, a.records, survey.Wish{To: to})
	if err != nil {
		return u, err
	}
	for _, h := range p.Hops {
		u.Edits = append(u.Edits, h.Edits...)
	}
	for _, s := range p.Stages {
		u.Takes += seconds(s.Seconds)
	}
	a.takes, u.Problems = u.Takes, p.Problems
	if u.Problems.Failed() || len(p.Hops) == 0 {
		return u, nil
	}
	a.next = p
	// What the release needs of the host or the cluster, and its images: better known now than in the night.
	return u, a.Ready(ctx, p)
}

// pending says what the admin's file asks for and was not carried out: an upgrade would carry it out along the way, and nobody decided that.
func (a *Agent) pending(ctx context.Context, from string) (string, error) {
	switch wanted := a.At.Release.Version; {
	case wanted != from && !a.At.Doc.Has("release"):
		return fmt.Sprintf("your file names no release; write  release: %s", from), nil
	case wanted != from:
		return fmt.Sprintf("your file asks for %s, and %s runs: berth plan", wanted, from), nil
	}
	p, err := a.At.Plan(ctx)
	if err != nil || p.Empty() {
		return "", err
	}
	return fmt.Sprintf("your file has changes that were not carried out (%d steps): berth plan", len(p.Steps)), nil
}

// carry carries an upgrade out, and writes into the report how it ended. One that failed before it touched anything is given up, so that it stands in
// nobody's way; one that was interrupted stays, to be continued.
func (a *Agent) carry(ctx context.Context, record *state.Record) error {
	err := a.Upgrade(ctx, record)
	a.report.Problems = record.Problems
	switch {
	case err == nil:
		a.report.Outcome, a.report.Release = Done, record.Plan.Release
	case len(record.Problems) == 0:
		a.report.Outcome = Stopped
	default:
		a.report.Outcome = Failed
		u := stages.Last([]state.Record{*record})
		if way, none := u.Back(); len(none) == 0 && len(way.Stages) == 0 {
			if err := a.GiveUp(ctx, record); err != nil {
				return err
			}
			a.Err("given up  %s runs as before; fix the cause, then: berth upgrade\n", way.To)
		}
	}
	if errors.As(err, new(diag.List)) || errors.Is(err, context.Canceled) {
		return nil // the report has it
	}
	return err
}
