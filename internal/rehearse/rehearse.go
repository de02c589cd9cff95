// Package rehearse tries an upgrade on a clone of an installation's databases, and measures it. The clone is a second installation beside the first, of
// databases alone, with passwords of its own. The upgrade is the same plan, without the stages that are about services.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade/execute"
	"berth/internal/upgrade/stages"
)

// Rehearsal rehearses upgrades of an installation.
type Rehearsal struct {
	Env      *installation.Environment
	Open     installation.Open
	Original *installation.Installation
	Keep     bool         // the clone stays, to be looked at
	Say      func(string) // takes what goes on beside the plan
}

// Report is what came of a rehearsal.
type Report struct {
	Format       int              `json:"format"`
	Installation string           `json:"installation"`
	Target       catalogue.Target `json:"target"`
	From         string           `json:"from"`
	To           string           `json:"to"`
	Began        time.Time        `json:"began"`
	Ended        time.Time        `json:"ended"`
	Arrived      bool             `json:"arrived"` // every upgrade step was done
	Stages       []Stage          `json:"stages"`  // that came to their end, in order
	// Stopped is the stage that failed or was stopped; nil when all came to their end.
	Stopped  *Stage          `json:"stopped,omitempty"`
	Before   []data.Database `json:"before"`          // the databases as they were dumped
	After    []data.Database `json:"after,omitempty"` // and at the end
	Problems diag.List       `json:"problems,omitempty"`
	// Downtime is what the real run is expected to take behind its page, in seconds, with what was measured.
	Downtime float64  `json:"downtimeSeconds"`
	Migrator float64  `json:"migratorSeconds,omitempty"` // of it, the migrator's
	Not      []string `json:"notRehearsed"`              // what the real run does beside
	Clone    string   `json:"clone"`                     // its name
	Kept     bool     `json:"kept"`                      // the clone is there, as it was asked to be
	Deleted  bool     `json:"deleted"`                   // nothing is left of it
}

// Stage is one stage of a rehearsal.
type Stage struct {
	From    string  `json:"from"` // of its upgrade step
	To      string  `json:"to"`
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
	Note    string  `json:"note,omitempty"` // what was found, in a few words
}

// clone opens the clone as a config of a plan asks for it. Its tasks know the databases where the front is open: what runs is less.
func (r *Rehearsal) clone(ctx context.Context, text string, front stack.Front) (*installation.Installation, error) {
	w, err := r.Env.Accepted(r.Original.Want, text, clone(r.Original.Want, data.Room{}))
	if err != nil {
		return nil, err
	}
	return r.Open(ctx, w.With(front, ""))
}

// Clean deletes a clone that is there, unless a rehearsal is at work on it. text is the config that it is found by.
func (r *Rehearsal) Clean(ctx context.Context, text string) (found bool, err error) {
	c, err := r.clone(ctx, text, stack.DatabasesOnly)
	if err != nil {
		return false, err
	}
	defer c.Close()
	if found, err = c.Clone.Left(ctx, r.Original.Stack.Name); err != nil || !found {
		return false, err
	}
	ctx, release, err := c.Store.Lock(ctx, "rehearse", r.Env.Now)
	if err != nil {
		return true, err
	}
	defer release()
	r.Say("deleting the clone " + Name(r.Original.Want) + ", which an earlier rehearsal left")
	return true, c.Clone.Wipe(ctx)
}

// Run carries out the plan of a rehearsal on a clone that it makes, and deletes at the end. It gives what came of it; nil when nothing was begun. Problems
// that it met are in the report.
func (r *Rehearsal) Run(ctx context.Context, p *plan.Plan) (report *Report, err error) {
	start := first(p)
	if _, err := r.Clean(ctx, start); err != nil {
		return nil, err
	}
	c, err := r.clone(ctx, start, stack.DatabasesOnly)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	held, release, err := c.Clone.Mark(ctx, r.Original.Stack.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	defer func() {
		if r.Keep && report != nil {
			return
		}
		problems := r.wipe(ctx, c)
		if report != nil {
			report.Deleted = problems == nil
		}
		err = errors.Join(err, problems)
	}()
	return r.onClone(held, c, p)
}

// first is the config that a clone begins with.
func first(p *plan.Plan) string {
	if text := p.Configs[plan.ConfigStart]; text != "" {
		return text
	}
	return p.Configs[p.From]
}

// onClone does the plan's steps on a clone that is marked.
func (r *Rehearsal) onClone(ctx context.Context, c *installation.Installation, p *plan.Plan) (*Report, error) {
	access, err := r.Original.Access(ctx)
	if err != nil {
		return nil, err
	}
	source, err := c.Clone.Reading(ctx, access)
	if err != nil {
		return nil, err
	}
	before, err := (&data.Worker{Tasks: source}).Inspect(ctx, c.Image("pgsql"))
	if err != nil {
		return nil, r.unreached(err)
	}
	room := data.NewRoom(before)
	taken, problems, err := c.Room(ctx, room)
	if err == nil {
		err = problems.Err()
	}
	if err != nil {
		return nil, err
	}
	r.Say(fmt.Sprintf("rehearsing %s -> %s on the clone %s; the installation is only read\nit needs %s, and deletes all of it at the end; Ctrl-C stops and deletes it, too",
		p.From, p.Release, Name(r.Original.Want), taken))
	record := state.NewRecord(plan.Rehearse, p.Release, p.Configs[p.From], r.Env.Now())
	record.Plan, record.From = p, p.From
	runner := &installation.Runner{Open: r.Open, Record: record, Now: r.Env.Now, Watch: r.Env.Watch}
	if runner.Journal, err = c.Store.Journal(ctx, 0); err != nil {
		return nil, err
	}
	defer runner.Journal.Close()
	steps := &execute.Steps{Env: r.Env, Base: r.Original.Want, Runner: runner, Plan: p, Clone: &execute.Clone{
		Alter: clone(r.Original.Want, room), Ready: r.ready,
		Source: func(ctx context.Context, do func(run.Tasks) error) error { return r.reading(ctx, record, source, do) }}}
	err = execute.Carry(ctx, steps)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx) // the lock may have been lost
	}
	var after *data.Facts
	if err == nil {
		after, err = r.after(ctx, p)
	}
	return r.report(context.WithoutCancel(ctx), record, before, after, err)
}

// reading lends tasks that reach the original's databases. Nobody else works on the original meanwhile: a dump keeps a migrator waiting. The rehearsal
// gets its place in the original's history then.
func (r *Rehearsal) reading(ctx context.Context, record *state.Record, source run.Tasks, do func(run.Tasks) error) error {
	ctx, release, err := r.Original.Store.Lock(ctx, "rehearse", r.Env.Now)
	if err != nil {
		return err
	}
	defer release()
	if err := r.Original.Store.Add(ctx, record); err != nil {
		return err
	}
	return do(source)
}

// ready proves that the images of a whole release are available.
func (r *Rehearsal) ready(ctx context.Context, w *installation.Want) error {
	if r.Original.Images == nil {
		return nil // the clone's own checks have asked as far as they can
	}
	return r.Original.Images(ctx, w).Err()
}

// unreached says of problems at the first question to the original's databases what a clone has to do with them.
func (r *Rehearsal) unreached(err error) error {
	var problems diag.List
	k := r.Original.Doc.Config.Kubernetes
	if !errors.As(err, &problems) || k == nil || !k.NetworkPolicy {
		return err
	}
	namespace := r.Original.Stack.Cluster.Namespace
	return append(problems, diag.Diagnostic{Code: "BERTH3906", Severity: diag.Error, Subject: namespace, Range: r.Original.Doc.At("kubernetes.networkPolicy"),
		Summary: "with networkPolicy, pods of another namespace can't reach the databases, and the clone is in " + namespace + installation.CloneSuffix,
		Hint:    "allow them with your own NetworkPolicy in kubernetes.objects, for pods with the label app of each database; run berth up, then: berth rehearse"})
}

// wipe deletes the clone, whatever became of the rehearsal.
func (r *Rehearsal) wipe(ctx context.Context, c *installation.Installation) error {
	r.Say("\ndeleting the clone " + Name(r.Original.Want))
	if err := c.Clone.Wipe(context.WithoutCancel(ctx)); err != nil {
		return diag.List{{Code: "BERTH3905", Severity: diag.Error, Subject: Name(r.Original.Want), Summary: "the clone " + Name(r.Original.Want) + " could not be deleted",
			Detail: []string{err.Error()}, Hint: "fix the cause, then: berth rehearse --clean"}}
	}
	return nil
}

// after asks the clone's databases at the end.
func (r *Rehearsal) after(ctx context.Context, p *plan.Plan) (facts *data.Facts, err error) {
	c, err := r.clone(ctx, p.Configs[p.Release], stack.Open)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return (&data.Worker{Tasks: c.Tasks}).Inspect(ctx, c.Image("pgsql"))
}

// report keeps what came of the rehearsal in the history, for the estimates of the next plan, and says it.
func (r *Rehearsal) report(ctx context.Context, record *state.Record, before, after *data.Facts, err error) (*Report, error) {
	p := record.Plan
	out := &Report{Format: 1, Installation: p.Installation, Target: p.Target, From: p.From, To: p.Release, Began: record.Started, Ended: r.Env.Now(),
		Arrived: err == nil, Stages: []Stage{}, Before: before.Databases, Not: notRehearsed(p), Clone: Name(r.Original.Want), Kept: r.Keep}
	if errors.As(err, &out.Problems) {
		err = nil
	}
	result := map[bool]string{true: state.Done, false: state.Failed}[out.Arrived]
	if errors.Is(err, context.Canceled) {
		result = state.Interrupted
	}
	record.End(result, out.Problems, out.Ended)
	if record.Number != 0 {
		err = errors.Join(err, r.Original.Store.Save(ctx, record))
	}
	done := record.Stages()
	for _, t := range done {
		s := p.Stages[t.Stage]
		out.Stages = append(out.Stages, Stage{From: p.Hops[s.Hop].From, To: p.Hops[s.Hop].To, Stage: s.Name, Seconds: t.Seconds, Note: t.Note})
	}
	if !out.Arrived && len(done) < len(p.Stages) {
		s := p.Stages[len(done)]
		out.Stopped = &Stage{From: p.Hops[s.Hop].From, To: p.Hops[s.Hop].To, Stage: s.Name}
	}
	if after != nil {
		out.After = after.Databases
	}
	history, unread := r.Original.Store.History(ctx)
	again := stages.Upgrade(stages.Request{Installation: p.Installation, Target: p.Target, Hops: p.Hops, Configs: p.Configs, Facts: before,
		Measured: stages.Times(append(history, *record)), Usual: state.Usually(history)})
	out.Downtime, out.Migrator = again.Downtime, stages.MigratorShare(again)
	return out, errors.Join(err, unread)
}

// notRehearsed is what the real run does beside what a clone goes through.
func notRehearsed(p *plan.Plan) []string {
	out := []string{"the start of Sourcegraph's services in the new release, and a search there",
		"what people and the worker write meanwhile: the clone has the data of one moment, and nobody used it"}
	for i := range p.Hops {
		if !p.Hops[i].Rolls() {
			out = append(out, "stopping the services before the maintenance page starts, and the page itself")
			break
		}
	}
	out = append(out, "the worker's own speed in background migrations: the migrator ran them here")
	for _, h := range p.Hops {
		for _, b := range h.ByHand {
			out = append(out, fmt.Sprintf("by hand, for %s: %s", h.To, b.Text))
		}
	}
	return out
}
