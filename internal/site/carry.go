package site

import (
	"context"
	"errors"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
)

// Carry runs a plan, as a part of what is asked for. Problems are a diag.List; a run that was stopped gives context.Canceled.
func (e *Environment) Carry(ctx context.Context, s Site, p *plan.Plan, timeout time.Duration) (*run.Run, error) {
	usual, err := usually(ctx, s.Store())
	if err != nil {
		return nil, err
	}
	journal, err := s.Store().Journal(ctx)
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	record := e.Asked
	if record == nil {
		record = &state.Record{} // of a rehearsal's clone, which keeps no history
	}
	r := &run.Run{
		Plan: p, Journal: journal, Record: record, Now: e.Now, Watch: e.Watch, Usual: usual,
		Target: s.Runner(e, timeout),
	}
	err = r.Execute(ctx)
	if err == nil {
		err = s.Settle(ctx)
	}
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx) // the lock may have been lost
	}
	return r, err
}

// Ask adds what somebody asks for to the history, does it, and writes down how it ended. A record that has a number goes on: it was stopped
// or killed before. The record's release and config may change while it is done.
func (e *Environment) Ask(ctx context.Context, log state.Log, r *state.Record, do func() error) error {
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
	e.Asked = r
	defer func() { e.Asked = nil }()
	err = do()
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
	r.End(result, problems, e.Now())
	return errors.Join(err, log.Save(context.WithoutCancel(ctx), r))
}

// usually gives how many seconds each object took in the runs before, the last time that counts.
func usually(ctx context.Context, log state.Log) (map[string]float64, error) {
	runs, err := log.History(ctx)
	if err != nil {
		return nil, err
	}
	usual := map[string]float64{}
	for _, r := range runs {
		for _, t := range r.Steps {
			if t.Done {
				usual[t.Object] = t.Seconds
			}
		}
	}
	return usual, nil
}
