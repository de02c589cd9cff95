// Package run carries plans out: it does the steps in waves, keeps the journal, waits until everything is ready, and stops in an orderly
// way. There is one runner for all plans. Where steps are done and tasks are run is behind Target and Tasks, which it defines.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"golang.org/x/sync/errgroup"
)

// Target is where steps are done.
type Target interface {
	// Do does some steps of one verb together. It returns when they are done, not when what they started is ready.
	Do(ctx context.Context, verb plan.Verb, steps []plan.Step, progress func(plan.Step, int64, int64)) error
	// Ready tells how far what some steps started is.
	Ready(ctx context.Context, steps []plan.Step) (map[int]Readiness, error)
	// Explain says why a step failed, or why what it started is not ready.
	Explain(ctx context.Context, step plan.Step, err error) diag.Diagnostic
	// Patience is how long what a step started may take to be ready.
	Patience(step plan.Step) time.Duration
}

// Journal is where a run writes down what it does.
type Journal interface {
	Add(entries ...state.Entry) error
}

// Readiness is how far a started step is.
type Readiness struct {
	Ready  bool
	Failed bool     // it will not get ready by waiting
	How    string   // in a word: "healthy", "starting"
	Said   []string // lines that it wrote since the look before, of what runs to its end
}

// Event is something that people who watch a run want to know.
type Event struct {
	Kind    Kind
	Step    plan.Step
	Text    string
	Seconds float64
	Done    int64 // bytes, of a pull
	Total   int64
	Waiting []string // names of what is waited for

	Usual    map[string]float64 // seconds that objects usually take, at the start of a run
	Problems diag.List          // why, of a warning
}

// Kind of an event.
type Kind string

// The kinds.
const (
	Begun    Kind = "begun"
	Progress Kind = "progress"
	Finished Kind = "finished" // and ready
	Said     Kind = "said"     // a line of its log
	Waiting  Kind = "waiting"
	Stopping Kind = "stopping"
	Started  Kind = "started" // the run itself
	Ended    Kind = "ended"   // the run itself, in whatever way
	Noted    Kind = "noted"   // a line about what goes on beside the steps of a run
	Warned   Kind = "warned"  // something can't be had as it should be, and why
)

const (
	// poll is how often readiness is asked for.
	poll = 200 * time.Millisecond
	// pulls is how many images are fetched at once: more would share the same line.
	pulls = 3
	// absence is how long the engine may be gone, as when it is restarted, before the run gives up.
	absence = 90 * time.Second
)

// Run is a run in hand.
type Run struct {
	Plan    *plan.Plan
	Target  Target
	Journal Journal
	Record  *state.Record
	Now     func() time.Time
	Watch   func(Event)        // called from several goroutines
	Usual   map[string]float64 // seconds that objects usually take, for who watches

	began    map[int]time.Time
	since    map[int]time.Time // when its patience began
	applied  map[int]bool
	ready    map[int]bool
	problems diag.List
	busy     int          // batches in hand
	pulling  int          // of which pull
	urging   int          // of which make what others wait for
	urgent   map[int]bool // steps that others wait for
	early    map[int]bool // steps that began beside what they need, and are not given up yet
	resumed  map[int]bool // those of which what they need is ready now
	results  chan outcome
	looks    chan look
	looking  bool           // a look is under way
	due      bool           // it is time for the next one
	lost     time.Time      // since when the engine does not answer; zero: it does
	how      map[int]string // what was said last of a step that is waited for
}

// outcome is what became of a batch.
type outcome struct {
	steps    []plan.Step
	done     []plan.Step
	failed   []plan.Step
	problems diag.List
}

// look is what is known of the steps that are waited for.
type look struct {
	steps []plan.Step
	how   map[int]Readiness
	err   error
}

// Execute carries the plan out. Cancelling ctx lets steps in hand come to their end, begins no others, and gives context.Canceled;
// images that are being pulled are left, since pulling goes on from where it was. Problems are a diag.List.
func (r *Run) Execute(ctx context.Context) error {
	if problems := endless(r.Plan); problems.Failed() {
		return problems
	}
	r.began, r.since = map[int]time.Time{}, map[int]time.Time{}
	r.applied, r.ready, r.urgent = map[int]bool{}, map[int]bool{}, waitedFor(r.Plan)
	r.how, r.early, r.resumed = map[int]string{}, map[int]bool{}, map[int]bool{}
	r.results, r.looks = make(chan outcome, len(r.Plan.Steps)), make(chan look, 1)
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	r.Watch(Event{Kind: Started, Usual: r.Usual})
	defer r.Watch(Event{Kind: Ended})
	told := false
	for r.busy > 0 || len(r.ready) < len(r.Plan.Steps) {
		switch {
		case len(r.problems) > 0:
			cancel()
		case ctx.Err() != nil && !told:
			told = true
			r.Watch(Event{Kind: Stopping})
		}
		if work.Err() == nil {
			r.begin(work)
			r.resume(work)
			r.look(work)
		} else if r.busy == 0 {
			r.lastLook(ctx)
			return r.end(ctx)
		}
		select {
		case o := <-r.results:
			r.take(o)
			r.due = true
		case l := <-r.looks:
			r.looking = false
			if work.Err() == nil {
				r.judge(ctx, l)
			}
		case <-tick.C:
			r.due = true
			r.tell()
		}
	}
	return r.problems.Err()
}

// lastLook notes what is ready of what was begun, when a run stops before its end, so that people are told how things are.
func (r *Run) lastLook(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	var steps []plan.Step
	for _, s := range r.Plan.Steps {
		if r.applied[s.ID] && !r.ready[s.ID] {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return
	}
	how, err := r.Target.Ready(ctx, steps)
	if err != nil {
		return // the engine may be why the run stops
	}
	for _, s := range steps {
		if how[s.ID].Ready {
			r.finished(how, s)
		}
	}
}

// finished notes steps that are done and ready.
func (r *Run) finished(how map[int]Readiness, steps ...plan.Step) {
	if len(steps) == 0 {
		return
	}
	r.note("end", steps...)
	for _, s := range steps {
		r.ready[s.ID] = true
		took := r.Now().Sub(r.began[s.ID]).Seconds()
		r.Record.Steps = append(r.Record.Steps, state.StepTime{Step: s.ID, Object: s.Object, Seconds: took, Done: true})
		r.Watch(Event{Kind: Finished, Step: s, Text: how[s.ID].How, Seconds: took})
	}
}

func (r *Run) end(ctx context.Context) error {
	if len(r.problems) > 0 {
		return r.problems
	}
	return ctx.Err()
}

// outcome sorts what was done from what failed. A failure that names no step is one of the whole batch.
func (r *Run) outcome(ctx context.Context, steps []plan.Step, err error) outcome {
	o := outcome{steps: steps}
	if err != nil && ctx.Err() != nil {
		return o // stopped on demand
	}
	bad := map[int]bool{}
	for _, e := range flatten(err) {
		s := steps[0]
		var one *StepError
		if errors.As(e, &one) {
			s = one.Step
			bad[s.ID] = true
		} else {
			for _, s := range steps {
				bad[s.ID] = true
			}
		}
		o.problems = append(o.problems, r.Target.Explain(context.WithoutCancel(ctx), s, e))
	}
	for _, s := range steps {
		if bad[s.ID] {
			o.failed = append(o.failed, s)
		} else {
			o.done = append(o.done, s)
		}
	}
	return o
}

// take notes what became of a batch.
func (r *Run) take(o outcome) {
	r.count(-1, o.steps)
	for _, s := range o.done {
		r.applied[s.ID] = true
	}
	r.problems = append(r.problems, o.problems...)
	r.failed(o.failed...)
}

// failed records steps that failed.
func (r *Run) failed(steps ...plan.Step) {
	r.note("failed", steps...)
	for _, s := range steps {
		r.Record.Steps = append(r.Record.Steps, state.StepTime{Step: s.ID, Object: s.Object, Seconds: r.Now().Sub(r.began[s.ID]).Seconds()})
	}
}

// look asks, in the background, how far the begun steps are.
func (r *Run) look(ctx context.Context) {
	if r.looking || !r.due {
		return
	}
	var steps []plan.Step
	for _, s := range r.Plan.Steps {
		if r.resumed[s.ID] && r.applied[s.ID] {
			delete(r.early, s.ID) // this look is the first one after what was broken is gone
		}
		// What is made new can be looked at while it is made. What is replaced can't: it would be the old one that looks ready.
		begun := !r.began[s.ID].IsZero() && (r.applied[s.ID] || s.Verb == plan.Create)
		if begun && !r.ready[s.ID] {
			steps = append(steps, s)
		}
	}
	r.due = false
	if len(steps) == 0 {
		return
	}
	r.looking = true
	go func() {
		how, err := r.Target.Ready(ctx, steps)
		r.looks <- look{steps, how, err}
	}()
}

// judge notes which steps are ready, and which never will be.
func (r *Run) judge(ctx context.Context, l look) {
	if l.err != nil {
		r.away(ctx, l)
		return
	}
	r.lost = time.Time{}
	var ready []plan.Step
	for _, s := range l.steps {
		h := l.how[s.ID]
		r.how[s.ID] = h.How
		for _, line := range h.Said {
			r.Watch(Event{Kind: Said, Step: s, Text: line})
		}
		took := r.Now().Sub(r.since[s.ID])
		switch {
		case h.Ready:
			ready = append(ready, s)
		case r.applied[s.ID] && !r.early[s.ID] && (h.Failed || took > r.Target.Patience(s)):
			err := fmt.Errorf("%w after %s: %s", ErrNotReady, took.Round(time.Second), h.How)
			r.problems = append(r.problems, r.Target.Explain(context.WithoutCancel(ctx), s, err))
			r.failed(s)
		}
	}
	r.finished(l.how, ready...)
}

// inHand says what is done to an object by a step of which nothing else is known yet.
var inHand = map[plan.Verb]string{plan.Write: "being written", plan.Create: "being made", plan.Execute: "being started", plan.Update: "being changed", plan.TakeOver: "being taken over",
	plan.Start: "being started", plan.Restart: "being restarted", plan.Recreate: "being replaced", plan.Remove: "being removed",
	plan.RemoveNetwork: "being removed", plan.Delete: "being deleted"}

// mostHow is how much of a state is told while it is waited for: a cluster's reasons can be long.
const mostHow = 90

func brief(how string) string {
	if r := []rune(how); len(r) > mostHow {
		return string(r[:mostHow-3]) + "..."
	}
	return how
}

// tell says what is waited for. Pulls tell of themselves.
func (r *Run) tell() {
	var names []string
	for _, s := range r.Plan.Steps {
		if !r.began[s.ID].IsZero() && !r.ready[s.ID] && s.Verb != plan.Pull {
			names = append(names, s.Object+" ("+brief(cmp.Or(r.how[s.ID], inHand[s.Verb]))+")")
		}
	}
	if !r.lost.IsZero() {
		names = []string{"the engine (does not answer)"}
	}
	if len(names) > 0 {
		r.Watch(Event{Kind: Waiting, Waiting: names})
	}
}

// away waits for an engine that does not answer, such as one that is being restarted, but not for ever.
func (r *Run) away(ctx context.Context, l look) {
	now := r.Now()
	if r.lost.IsZero() {
		r.lost = now
	}
	if now.Sub(r.lost) > absence {
		r.problems = append(r.problems, r.Target.Explain(context.WithoutCancel(ctx), l.steps[0], l.err))
	}
}

// StepError is a failure of one step of several that were done together.
type StepError struct {
	Step plan.Step
	Err  error
}

func (e *StepError) Error() string { return e.Step.Object + ": " + e.Err.Error() }

// Unwrap gives the failure itself.
func (e *StepError) Unwrap() error { return e.Err }

// Each does steps at once, as many as limit, and collects every failure with its step.
func Each(ctx context.Context, limit int, steps []plan.Step, do func(context.Context, plan.Step) error) error {
	errs := make([]error, len(steps))
	var g errgroup.Group
	g.SetLimit(limit)
	for i, s := range steps {
		g.Go(func() error {
			if err := do(ctx, s); err != nil {
				errs[i] = &StepError{Step: s, Err: err}
			}
			return nil
		})
	}
	_ = g.Wait() // failures are in errs
	return errors.Join(errs...)
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// ErrNotReady is why a step fails whose service does not get ready.
var ErrNotReady = errors.New("not ready")

// note writes the journal. A journal that can't be written stops the run: nobody could tell later what it did.
func (r *Run) note(event string, steps ...plan.Step) {
	var entries []state.Entry
	for _, s := range steps {
		entries = append(entries, state.Entry{Time: r.Now(), Event: event, Step: s.ID, Verb: s.Verb, What: s.Object})
	}
	err := r.Journal.Add(entries...)
	var told diag.List
	switch {
	case err == nil || len(r.problems) > 0:
	case errors.As(err, &told):
		r.problems = append(r.problems, told...)
	default:
		r.problems = append(r.problems, diag.Diagnostic{Code: "BERTH3202", Severity: diag.Error, Subject: "journal", Summary: "the journal can't be written",
			Detail: []string{err.Error()}, Hint: "make room on the disk"})
	}
}

// Undone names the steps that were not done, for the message of a run that stopped.
func (r *Run) Undone() (done, undone []string) {
	for _, s := range r.Plan.Steps {
		text := string(s.Verb) + " " + s.Object
		if r.ready[s.ID] {
			done = append(done, text)
		} else if r.applied[s.ID] {
			undone = append(undone, text+" (not ready yet)")
		} else if !r.began[s.ID].IsZero() {
			undone = append(undone, text+" (begun)")
		} else {
			undone = append(undone, text)
		}
	}
	return done, undone
}
