package run

import (
	"context"
	"fmt"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
)

// Acts is a Target of steps that lead to several changes: each is done when its function returns, and ready then.
type Acts struct {
	By map[plan.Verb]func(context.Context, plan.Step) (Readiness, error) // what the verbs do, and what they find

	mu    sync.Mutex
	found map[int]Readiness // by the steps that are done
}

var _ Target = (*Acts)(nil)

// Do does steps one after the other.
func (a *Acts) Do(ctx context.Context, verb plan.Verb, steps []plan.Step, _ func(plan.Step, int64, int64)) error {
	do, known := a.By[verb]
	if !known {
		return fmt.Errorf("no part of berth does %s", verb)
	}
	for _, step := range steps {
		found, err := do(ctx, step)
		if err != nil {
			return err
		}
		found.Ready = true
		a.mu.Lock()
		if a.found == nil {
			a.found = map[int]Readiness{}
		}
		a.found[step.ID] = found
		a.mu.Unlock()
	}
	return nil
}

// Ready gives what steps found: they are ready when they are done.
func (a *Acts) Ready(_ context.Context, steps []plan.Step) (map[int]Readiness, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[int]Readiness{}
	for _, step := range steps {
		out[step.ID] = a.found[step.ID]
	}
	return out, nil
}

// Explain says why a step failed.
func (a *Acts) Explain(_ context.Context, step plan.Step, err error) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3203", Severity: diag.Error, Subject: step.Object, Summary: fmt.Sprintf("%s %s failed", step.Verb, step.Object),
		Detail: []string{err.Error()}, Hint: "fix the cause shown above"}
}

// Patience is not asked for: steps are ready when they are done.
func (a *Acts) Patience(plan.Step) time.Duration { return time.Hour }
