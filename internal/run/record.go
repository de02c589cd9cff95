package run

import (
	"context"
	"errors"
	"time"

	"berth/internal/diag"
	"berth/internal/state"
)

// Recorded adds what somebody asks for to the history, does it, and writes down how it ended. A record that has a number goes on: it was stopped
// or killed before. The record's release and config may change while it is done. An error that cancelling caused becomes its cause: the lock may
// have been lost.
func Recorded(ctx context.Context, log state.Log, r *state.Record, now func() time.Time, do func() error) error {
	var err error
	if r.Number == 0 {
		err = log.Add(ctx, r)
	} else {
		r.Resume()
		err = log.Save(ctx, r)
	}
	if err != nil {
		return err
	}
	err = do()
	if errors.Is(err, context.Canceled) && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	var problems diag.List
	result := state.Done
	switch {
	case errors.As(err, &problems):
		result = state.Failed
	case errors.Is(err, context.Canceled):
		result = state.Interrupted
	case err != nil:
		result = state.Failed
	}
	r.End(result, problems, now())
	return errors.Join(err, log.Save(context.WithoutCancel(ctx), r))
}

// begun notes steps that begin.
func (r *Run) begun(works ...*work) { r.note(state.Began, nil, works...) }

// finished notes steps that are done and ready.
func (r *Run) finished(how map[int]Readiness, works ...*work) {
	if len(works) == 0 {
		return
	}
	r.note(state.Finished, how, works...)
	r.Book.Lock()
	defer r.Book.Unlock()
	for _, w := range works {
		w.ready = true
		t := r.timed(w)
		t.Done = true
		if h := how[w.step.ID]; !w.step.Verb.Single() {
			t.Note, t.Made = h.How, h.Made
		}
		r.Record.Steps = append(r.Record.Steps, t)
		r.Watch(Event{Kind: Finished, Step: w.step, In: r.In, Text: how[w.step.ID].How, Seconds: t.Seconds})
	}
}

// failed notes steps that failed.
func (r *Run) failed(works ...*work) {
	if len(works) == 0 {
		return
	}
	r.note(state.Broke, nil, works...)
	r.Book.Lock()
	defer r.Book.Unlock()
	for _, w := range works {
		w.failed = true
		t := r.timed(w)
		t.Failed = true
		r.Record.Steps = append(r.Record.Steps, t)
	}
}

// keep notes steps that were begun, and of which nobody knows how they end.
func (r *Run) keep(works []*work) {
	r.Book.Lock()
	defer r.Book.Unlock()
	for _, w := range works {
		r.Record.Steps = append(r.Record.Steps, r.timed(w))
	}
}

// timed is how long a step has taken until now.
func (r *Run) timed(w *work) state.StepTime {
	return state.StepTime{Step: w.step.ID, In: r.In, Object: w.step.Object, Seconds: r.Now().Sub(w.began).Seconds(), Ended: r.Now()}
}

// note writes the journal. A journal that can't be written stops the run: nobody could tell later what it did.
func (r *Run) note(event string, how map[int]Readiness, works ...*work) {
	entries := make([]state.Entry, len(works))
	for i, w := range works {
		entries[i] = state.Entry{Time: r.Now(), Run: r.Record.Number, Event: event, Step: w.step.ID, In: r.In, Verb: w.step.Verb, What: w.step.Object}
		if !w.step.Verb.Single() {
			entries[i].Note, entries[i].Made = how[w.step.ID].How, how[w.step.ID].Made
		}
	}
	r.Book.Lock()
	err := r.Journal.Add(entries...)
	r.Book.Unlock()
	var known diag.List
	switch {
	case err == nil || len(r.problems) > 0:
	case errors.As(err, &known):
		r.problems = append(r.problems, known...)
	default:
		r.problems = append(r.problems, diag.Diagnostic{Code: "BERTH3202", Severity: diag.Error, Subject: "journal", Summary: "the journal can't be written",
			Detail: []string{err.Error()}, Hint: "make room on the disk"})
	}
}
