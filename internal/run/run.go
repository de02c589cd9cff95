// Package run carries plans out: it takes the lock, keeps the journal and the history, does the steps in waves, waits until everything
// is ready, and stops in an orderly way. There is one runner for all plans.
package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
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

// Readiness is how far a started step is.
type Readiness struct {
	Ready  bool
	Failed bool   // it will not get ready by waiting
	How    string // in a word: "healthy", "starting"
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
}

// Kind of an event.
type Kind string

// The kinds.
const (
	Begun    Kind = "begun"
	Progress Kind = "progress"
	Finished Kind = "finished" // and ready
	Waiting  Kind = "waiting"
	Stopping Kind = "stopping"
)

// poll is how often readiness is asked for.
const poll = 200 * time.Millisecond

// Run is a run in hand.
type Run struct {
	Plan    *plan.Plan
	Target  Target
	Journal *state.Journal
	Record  *state.Record
	Now     func() time.Time
	Watch   func(Event)

	began    map[int]time.Time
	applied  map[int]bool
	ready    map[int]bool
	problems diag.List
	busy     int // batches in hand
	results  chan outcome
}

// outcome is what became of a batch.
type outcome struct {
	steps    []plan.Step
	failed   []plan.Step
	problems diag.List
}

// Execute carries the plan out. Cancelling ctx lets steps in hand come to their end, begins no others, and gives context.Canceled.
// Problems are a diag.List.
func (r *Run) Execute(ctx context.Context) error {
	r.began, r.applied, r.ready = map[int]time.Time{}, map[int]bool{}, map[int]bool{}
	r.results = make(chan outcome)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for len(r.ready) < len(r.Plan.Steps) {
		stopping := ctx.Err() != nil || len(r.problems) > 0
		if !stopping {
			r.begin(ctx)
		}
		if stopping && r.busy == 0 {
			return r.end(ctx)
		}
		select {
		case o := <-r.results:
			r.take(o)
		case <-tick.C:
		case <-done(ctx, stopping):
			r.Watch(Event{Kind: Stopping})
			continue
		}
		if !stopping {
			if err := r.wait(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// done is closed when the run is asked to stop; once it knows, it waits for nothing but steps in hand.
func done(ctx context.Context, stopping bool) <-chan struct{} {
	if stopping {
		return nil
	}
	return ctx.Done()
}

func (r *Run) end(ctx context.Context) error {
	if len(r.problems) > 0 {
		return r.problems
	}
	return ctx.Err()
}

// begin starts all steps whose needs are met, those of one verb together.
func (r *Run) begin(ctx context.Context) {
	batches := map[plan.Verb][]plan.Step{}
	var verbs []plan.Verb
	for _, s := range r.Plan.Steps {
		if !r.began[s.ID].IsZero() || slices.ContainsFunc(s.After, func(id int) bool { return !r.ready[id] }) {
			continue
		}
		r.began[s.ID] = r.Now()
		if batches[s.Verb] == nil {
			verbs = append(verbs, s.Verb)
		}
		batches[s.Verb] = append(batches[s.Verb], s)
	}
	for _, v := range verbs {
		r.batch(ctx, v, batches[v])
	}
}

// batch does steps of one verb in the background. It is not stopped by ctx: a step in hand is finished.
func (r *Run) batch(ctx context.Context, verb plan.Verb, steps []plan.Step) {
	for _, s := range steps {
		r.note("begin", s)
		r.Watch(Event{Kind: Begun, Step: s})
	}
	r.busy++
	ctx = context.WithoutCancel(ctx)
	go func() {
		o := outcome{steps: steps}
		err := r.Target.Do(ctx, verb, steps, func(s plan.Step, done, total int64) {
			r.Watch(Event{Kind: Progress, Step: s, Done: done, Total: total})
		})
		for _, e := range flatten(err) {
			s := steps[0]
			var se *StepError
			if errors.As(e, &se) {
				s = se.Step
			}
			o.failed = append(o.failed, s)
			o.problems = append(o.problems, r.Target.Explain(ctx, s, e))
		}
		r.results <- o
	}()
}

// take notes what became of a batch.
func (r *Run) take(o outcome) {
	r.busy--
	for _, s := range o.failed {
		r.note("failed", s)
	}
	r.problems = append(r.problems, o.problems...)
	for _, s := range o.steps {
		r.applied[s.ID] = true
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

// wait asks how far the begun steps are, and notes those that are ready.
func (r *Run) wait(ctx context.Context) error {
	var waiting []plan.Step
	for _, s := range r.Plan.Steps {
		// What is made new can be looked at while it is made. What is replaced can't: it would be the old one that looks ready.
		begun := !r.began[s.ID].IsZero() && (r.applied[s.ID] || s.Verb == plan.Create)
		if begun && !r.ready[s.ID] {
			waiting = append(waiting, s)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	how, err := r.Target.Ready(ctx, waiting)
	if err != nil {
		if ctx.Err() != nil {
			return nil // the loop ends the run in its orderly way
		}
		return err
	}
	var names []string
	for _, s := range waiting {
		h := how[s.ID]
		took := r.Now().Sub(r.began[s.ID])
		switch {
		case h.Ready:
			r.ready[s.ID] = true
			r.note("end", s)
			r.Record.Steps = append(r.Record.Steps, state.StepTime{Step: s.ID, Seconds: took.Seconds(), Done: true})
			r.Watch(Event{Kind: Finished, Step: s, Text: h.How, Seconds: took.Seconds()})
		case r.applied[s.ID] && (h.Failed || took > r.Target.Patience(s)):
			r.note("failed", s)
			r.problems = append(r.problems, r.Target.Explain(context.WithoutCancel(ctx), s, fmt.Errorf("%w after %s: %s", ErrNotReady, took.Round(time.Second), h.How)))
		default:
			names = append(names, s.Object+" ("+h.How+")")
		}
	}
	if len(names) > 0 {
		r.Watch(Event{Kind: Waiting, Waiting: names})
	}
	return nil
}

// ErrNotReady is why a step fails whose service does not get ready.
var ErrNotReady = errors.New("not ready")

// note writes the journal. A journal that can't be written stops the run: nobody could tell later what it did.
func (r *Run) note(event string, s plan.Step) {
	err := r.Journal.Add(state.Entry{Time: r.Now(), Event: event, Step: s.ID, Verb: s.Verb, What: s.Object})
	if err != nil && len(r.problems) == 0 {
		r.problems = append(r.problems, diag.Diagnostic{Code: "BERTH3202", Severity: diag.Error, Subject: "journal", Summary: "the journal can't be written",
			Detail: []string{err.Error()}, Hint: "make room on the disk, then run berth up again"})
	}
}

// Undone names the steps that were not done, for the message of a run that stopped.
func (r *Run) Undone() (done, undone []string) {
	for _, s := range r.Plan.Steps {
		text := string(s.Verb) + " " + s.Object
		if r.ready[s.ID] {
			done = append(done, text)
		} else if !r.began[s.ID].IsZero() {
			undone = append(undone, text+" (begun)")
		} else {
			undone = append(undone, text)
		}
	}
	return done, undone
}

// Masked replaces secret values in lines that are shown.
func Masked(lines []string, secrets []string) []string {
	out := slices.Clone(lines)
	for i := range out {
		for _, s := range secrets {
			if s != "" {
				out[i] = strings.ReplaceAll(out[i], s, "***")
			}
		}
	}
	return out
}
