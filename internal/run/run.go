// Package run carries plans out: stage by stage, and in a stage the steps in waves. It keeps the journal, waits until everything is ready, and
// stops in an orderly way. There is one runner for all plans. Where steps are done and tasks are run is behind Target and Tasks, which it defines.
//
// The files: run.go is the loop; begin.go starts steps; ready.go looks how far they are; stage.go knows stages and fallbacks; record.go keeps
// history and journal.
package run

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"golang.org/x/sync/errgroup"
)

// Target is where steps are done.
type Target interface {
	// Do does some steps of one verb together. It returns when they are done, not when what they started is ready. Cancelling ctx stops only
	// pulls and steps that lead to several changes.
	Do(ctx context.Context, verb plan.Verb, steps []plan.Step, progress func(plan.Step, int64, int64)) error
	// Ready reports how far what some steps started is.
	Ready(ctx context.Context, steps []plan.Step) (map[int]Readiness, error)
	// Explain says why a step failed, or why what it started is not ready.
	Explain(ctx context.Context, step plan.Step, err error) diag.Diagnostic
	// Patience is how long what a step started may take to be ready.
	Patience(step plan.Step) time.Duration
}

// Readiness is how far a started step is.
type Readiness struct {
	Ready  bool
	Failed bool     // it will not get ready by waiting
	How    string   // in a word: "healthy", "starting"; of a step that leads to several changes, what was found
	Made   string   // the name of what the step made, such as a backup
	Said   []string // lines that it wrote since the look before, of what runs to its end
}

const (
	// poll is how often readiness is asked for.
	poll = 200 * time.Millisecond
	// pulls is how many images are fetched at once: more would share the same line.
	pulls = 3
	// absence is how long the engine may be gone, as when it is restarted, before the run gives up.
	absence = 90 * time.Second
)

// Run is a run that is in progress.
type Run struct {
	Plan    *plan.Plan
	Target  Target
	Journal state.Journal
	Record  *state.Record // what it has done before is not done again
	In      int           // the step of another plan that the whole run is a part of; 0: none
	Now     func() time.Time
	Watch   func(Event)        // called from several goroutines
	Usual   map[string]float64 // seconds that objects usually take, for who watches
	Book    *sync.Mutex        // held while record and journal change; runs at the same time have the same one. nil: it is alone
	// Until is closed when nobody waits any more until all is ready: then the run ends as soon as it has begun all that it can. nil: it waits.
	Until <-chan struct{}

	works    []*work // in the order of the plan's steps
	byID     map[int]*work
	stage    int // the current one
	entered  time.Time
	problems diag.List
	busy     int // running batches
	pulling  int // of which pull
	urging   int // of which make what others wait for
	results  chan outcome
	looks    chan look
	looking  bool      // a look is under way
	due      bool      // it is time for the next one
	looked   bool      // one was begun since the last step was done
	lost     time.Time // since when the engine does not answer; zero: it does
}

// work is a step and how far it is.
type work struct {
	step    plan.Step
	began   time.Time
	since   time.Time // when its patience began
	applied bool
	ready   bool
	urgent  bool   // others wait for it, or people do
	early   bool   // it began beside what it needs, and is not given up yet
	resumed bool   // it was early, and what it needs is ready now
	failed  bool   // and is in the record as such
	how     string // what was said of it last
}

// waiting reports whether what the step started is waited for.
func (w *work) waiting() bool { return !w.began.IsZero() && !w.ready }

// outcome is what became of a batch.
type outcome struct {
	works    []*work
	failed   map[*work]bool
	stopped  bool // on demand
	problems diag.List
}

// Execute carries the plan out. Cancelling ctx lets running steps come to their end, begins no others, and gives context.Canceled;
// images that are being pulled are left, since pulling goes on from where it was. Problems are a diag.List.
func (r *Run) Execute(ctx context.Context) error {
	if problems := endless(r.Plan); problems.Failed() {
		return problems
	}
	r.begins()
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	r.Watch(Event{Kind: Started, Usual: r.Usual, Plan: r.Plan, In: r.In})
	defer r.Watch(Event{Kind: Ended, In: r.In})
	said := false
	for r.busy > 0 || r.left() {
		if r.idle() {
			return r.end(ctx)
		}
		switch {
		case len(r.problems) > 0:
			cancel()
		case ctx.Err() != nil && !said:
			said = true
			r.Watch(Event{Kind: Stopping, In: r.In})
		}
		if work.Err() == nil {
			r.enter()
			r.begin(ctx, work)
			r.resume(work)
			r.look(work)
		} else if r.busy == 0 {
			r.lastLook(ctx)
			return r.end(ctx)
		}
		select {
		case o := <-r.results:
			r.take(o)
			r.due, r.looked = true, false
		case l := <-r.looks:
			r.looking = false
			if work.Err() == nil {
				r.judge(ctx, l)
			}
		case <-tick.C:
			r.due = true
			r.report()
		}
	}
	if len(r.problems) == 0 {
		r.leave()
	}
	return r.problems.Err()
}

// idle reports whether nobody waits for what is not ready, and all has been begun that could be: the last look came after the last step.
func (r *Run) idle() bool {
	select {
	case <-r.Until:
	default:
		return false
	}
	begins := slices.ContainsFunc(r.works, func(w *work) bool { return w.began.IsZero() && !w.ready && r.allReady(w.step.After) })
	return r.busy == 0 && !begins && r.looked && !r.looking
}

// begins prepares a run. Stages that the record has done are left out.
func (r *Run) begins() {
	urgent := waitedFor(r.Plan)
	r.byID = map[int]*work{}
	if r.Book == nil {
		r.Book = &sync.Mutex{}
	}
	for _, s := range r.Plan.Steps {
		w := &work{step: s, urgent: urgent[s.ID], ready: r.In == 0 && stageDone(r.Plan, r.Record, s.Stage)}
		r.works, r.byID[s.ID] = append(r.works, w), w
	}
	r.results, r.looks, r.stage = make(chan outcome, len(r.works)), make(chan look, 1), -1
}

func (r *Run) left() bool { return len(r.those(func(w *work) bool { return !w.ready })) > 0 }

// those are the works that something is true of.
func (r *Run) those(is func(*work) bool) (out []*work) {
	for _, w := range r.works {
		if is(w) {
			out = append(out, w)
		}
	}
	return out
}

func steps(works []*work) []plan.Step {
	out := make([]plan.Step, len(works))
	for i, w := range works {
		out[i] = w.step
	}
	return out
}

func (r *Run) end(ctx context.Context) error {
	r.keep(r.those(func(w *work) bool { return w.waiting() && !w.failed }))
	if len(r.problems) > 0 {
		return r.problems
	}
	return ctx.Err()
}

// outcome sorts what was done from what failed. A failure that names no step is one of the whole batch.
func (r *Run) outcome(ctx context.Context, works []*work, err error) outcome {
	o := outcome{works: works, failed: map[*work]bool{}}
	if err != nil && ctx.Err() != nil {
		o.stopped = true
		return o
	}
	for _, e := range flatten(err) {
		w := works[0]
		var one *StepError
		if errors.As(e, &one) {
			w = r.byID[one.Step.ID]
			o.failed[w] = true
		} else {
			for _, w := range works {
				o.failed[w] = true
			}
		}
		var known diag.List
		if errors.As(e, &known) {
			o.problems = append(o.problems, known...)
		} else {
			o.problems = append(o.problems, r.Target.Explain(context.WithoutCancel(ctx), w.step, e))
		}
	}
	return o
}

// take notes what became of a batch.
func (r *Run) take(o outcome) {
	r.count(-1, o.works)
	r.problems = append(r.problems, o.problems...)
	if o.stopped {
		return
	}
	var failed []*work
	for _, w := range o.works {
		if o.failed[w] {
			failed = append(failed, w)
		} else {
			w.applied = true
		}
	}
	r.failed(failed...)
}

// Undone names the steps that were not done, for the message of a run that stopped.
func (r *Run) Undone() (done, undone []string) {
	for _, w := range r.works {
		text := string(w.step.Verb) + " " + w.step.Object
		switch {
		case w.ready:
			done = append(done, text)
		case w.applied:
			undone = append(undone, text+" (not ready yet)")
		case !w.began.IsZero():
			undone = append(undone, text+" (begun)")
		default:
			undone = append(undone, text)
		}
	}
	return done, undone
}

// OnlyFailed reports whether steps of a service failed, and no others.
func (r *Run) OnlyFailed(service string) bool {
	if r == nil {
		return false
	}
	failed := r.those(func(w *work) bool { return w.failed })
	return len(failed) > 0 && !slices.ContainsFunc(failed, func(w *work) bool { return w.step.Service != service })
}

// ErrNotReady is why a step fails whose service does not get ready.
var ErrNotReady = errors.New("not ready")

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
