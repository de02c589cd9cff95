package installation

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
)

// Runner runs plans, all of them as parts of what somebody asked for.
type Runner struct {
	Open    Open
	Record  *state.Record // of what was asked for
	Journal state.Journal
	Now     func() time.Time
	Watch   func(run.Event)
	Usual   map[string]float64
	Timeout time.Duration // how long a service may take to be ready; 0: as the release says

	book *sync.Mutex // held while Record and Journal change: runs may go on at the same time
}

// Recorded adds what somebody asks for to the history, does it with a Runner, and writes down how it ended.
func Recorded(ctx context.Context, i *Installation, r Runner, do func(*Runner) error) error {
	records, err := i.Store.History(ctx)
	if err != nil {
		return err
	}
	r.Usual, r.book = state.Usually(records), &sync.Mutex{}
	return run.Recorded(ctx, i.Store, r.Record, r.Now, func() error {
		journal, err := i.Store.Journal(ctx, r.Record.Number)
		if err != nil {
			return err
		}
		defer journal.Close()
		r.Journal = journal
		return do(&r)
	})
}

// Run carries out a plan of an installation. in is the step of another plan that it is a part of; 0: none.
func (r *Runner) Run(ctx context.Context, i *Installation, p *plan.Plan, in int) (*run.Run, error) {
	return r.run(ctx, i, p, in, nil)
}

func (r *Runner) run(ctx context.Context, i *Installation, p *plan.Plan, in int, until <-chan struct{}) (*run.Run, error) {
	target := i.Executor(p, r.Timeout)
	one := r.New(p, target, in)
	one.Until = until
	err := one.Execute(ctx)
	if err == nil {
		err = i.Conclude(ctx, p)
	}
	if h, holds := target.(interface{ Waited() time.Duration }); holds {
		defer r.booking()()
		r.Record.Waited = max(r.Record.Waited, h.Waited().Seconds())
	}
	return one, err
}

// New is a run of a plan that somebody else does the steps of.
func (r *Runner) New(p *plan.Plan, target run.Target, in int) *run.Run {
	return &run.Run{Plan: p, Target: target, Journal: r.Journal, Record: r.Record, In: in, Now: r.Now, Watch: r.Watch, Usual: r.Usual, Book: r.book}
}

// HasBegun reports whether a step was begun before, and was seen to fail.
func (r *Runner) HasBegun(step int) (begun, failed bool) {
	defer r.booking()()
	return r.Record.HasBegun(step)
}

// booking holds the record for whoever reads or changes it, and gives what lets go of it.
func (r *Runner) booking() (done func()) {
	if r.book == nil {
		return func() {} // there is no other run
	}
	r.book.Lock()
	return r.book.Unlock
}

// Reach makes what runs what a config asks for, and waits until it is ready.
func (r *Runner) Reach(ctx context.Context, w *Want, in int) error {
	_, err := r.reach(ctx, w, in, nil)
	return err
}

// Begin is Reach that waits only until until is closed: what is not ready then is left as it is. Problems are warnings: a later step leads to the same, and
// says what is missing then.
func (r *Runner) Begin(ctx context.Context, w *Want, in int, until <-chan struct{}) error {
	_, err := r.reach(ctx, w, in, until)
	var problems diag.List
	if errors.As(err, &problems) {
		r.Watch(run.Event{Kind: run.Warned, Text: "not all of it could start early, so it starts later", Problems: problems})
		return nil
	}
	return err
}

// reach also gives the run; nil when none was begun.
func (r *Runner) reach(ctx context.Context, w *Want, in int, until <-chan struct{}) (*run.Run, error) {
	i, err := r.Open(ctx, w)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	if _, err := i.Generate(ctx); err != nil {
		return nil, err
	}
	p, err := i.Plan(ctx)
	if err != nil {
		return nil, err
	}
	if p.Empty() {
		return nil, i.Conclude(ctx, p)
	}
	return r.run(ctx, i, p, in, until)
}

// Roll is Reach while people work with it. In a cluster requests go through a holding proxy meanwhile, where they wait for what exists once. Where
// that can't be made, they don't wait, and fail. On an engine the front proxy is there already.
func (r *Runner) Roll(ctx context.Context, w *Want, in int) error {
	if w.Stack.Cluster != nil && w.Doc.Config.HoldsRequests() {
		one, err := r.reach(ctx, w.With(stack.HoldsRequests, ""), in, nil)
		var why diag.List
		switch {
		case errors.As(err, &why) && one.OnlyFailed(stack.HoldingProxy): // nothing else was changed then: all waits for it
			r.Watch(run.Event{Kind: run.Warned, Text: "requests can't be held, so they fail while a service restarts", Problems: why})
		case err != nil:
			return err
		}
	}
	return r.Reach(ctx, w.With(stack.Open, ""), in)
}

// Fetch brings the images that a config asks for to where they will be needed, as far as that is known, and does nothing else.
func (r *Runner) Fetch(ctx context.Context, w *Want, in int) error {
	i, err := r.Open(ctx, w)
	if err != nil {
		return err
	}
	defer i.Close()
	p, err := i.Plan(ctx)
	if err != nil {
		return err
	}
	if pulls := p.Pulls(); !pulls.Empty() {
		if err := r.New(pulls, i.Executor(pulls, r.Timeout), in).Execute(ctx); err != nil {
			return err
		}
	}
	return i.Fetch(ctx, p, func(line string) { r.Watch(run.Event{Kind: run.Noted, Text: line}) })
}

// Worker works on the databases of an installation for a step of the run. kind is the letter that tells its tasks from those of other kinds of runs.
func (r *Runner) Worker(i *Installation, kind string, step plan.Step) *data.Worker {
	return &data.Worker{Tasks: i.Tasks, ID: kind + data.Stamp(r.Record.Started), Again: "berth " + r.Record.GoesOn(), Databases: i.Stack.Databases,
		Say: func(line string) { r.Watch(run.Event{Kind: run.Said, Step: step, Text: line}) }}
}
