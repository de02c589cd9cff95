package site

import (
	"context"
	"errors"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/view"
)

// Carry runs a plan and records it. Problems are a diag.List; a run that was stopped gives context.Canceled.
func (e *Environment) Carry(ctx context.Context, s Site, p *plan.Plan, timeout time.Duration) (*run.Run, error) {
	usual, err := usually(ctx, s.Store())
	if err != nil {
		return nil, err
	}
	record, err := s.Store().Begin(ctx, p.Action, s.Of().Text, p, e.Now())
	if err != nil {
		return nil, err
	}
	journal, err := s.Store().Journal(ctx)
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	progress := &view.Progress{Out: e.Stdout, Terminal: e.Terminal, Now: e.Now, Usual: usual}
	r := &run.Run{
		Plan: p, Journal: journal, Record: record, Now: e.Now, Watch: progress.Show,
		Target: s.Runner(e, timeout),
	}
	err = r.Execute(ctx)
	progress.Close()
	if err == nil {
		err = s.Settle(ctx)
	}
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx) // the lock may have been lost
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
	if saveErr := s.Store().Finish(context.WithoutCancel(ctx), record, result, problems, e.Now()); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	return r, err
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
			if t.Done && t.Step <= len(r.Plan.Steps) {
				usual[r.Plan.Steps[t.Step-1].Object] = t.Seconds
			}
		}
	}
	return usual, nil
}
