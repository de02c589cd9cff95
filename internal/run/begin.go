package run

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/plan"
)

// waitedFor are the steps that others wait for, but for removals, which wait for everything. Where people wait for steps, it is these, and what they need.
func waitedFor(p *plan.Plan) map[int]bool {
	out := map[int]bool{}
	for _, s := range slices.Backward(p.Steps) {
		if out[s.ID] = out[s.ID] || slices.Contains(p.Awaited, s.Object); out[s.ID] {
			for _, id := range s.After {
				out[id] = true
			}
		}
	}
	if len(p.Awaited) > 0 {
		return out
	}
	for _, s := range p.Steps {
		if s.Verb != plan.Remove && s.Verb != plan.RemoveNetwork {
			for _, id := range s.After {
				out[id] = true
			}
		}
	}
	return out
}

// endless finds steps of a plan that would wait forever: for one that does not come before them, or that is not there. Such a plan is a fault
// of berth, and a run of it would never end.
func endless(p *plan.Plan) diag.List {
	var problems diag.List
	before := map[int]bool{}
	for _, s := range p.Steps {
		for _, id := range s.After {
			if !before[id] {
				problems = append(problems, diag.Diagnostic{Code: "BERTH3207", Severity: diag.Error, Subject: s.Object,
					Summary: fmt.Sprintf("step %d (%s %s) of the plan waits for step %d, which does not come before it; nothing was changed", s.ID, s.Verb, s.Object, id),
					Hint:    "this is a bug in berth: report it with the output of berth plan --json"})
			}
		}
		before[s.ID] = true
	}
	return problems
}

// begin starts all steps whose needs are met, those of one verb together: a call of Docker Compose costs as much for one as for ten.
// Containers that others wait for are made first, and the rest while those get ready: that is a tenth of a first start. What people wait for has the
// machine for itself until it is ready. asked ends when whoever asked for the run wants it to stop, and ctx also when a step failed.
func (r *Run) begin(asked, ctx context.Context) {
	free := r.those(func(w *work) bool {
		return w.began.IsZero() && !w.ready && w.step.Stage == r.stage && r.allReady(w.step.After)
	})
	hurry := r.urging > 0 || r.peopleWait() || slices.ContainsFunc(free, func(w *work) bool { return makes(w.step) && w.urgent })
	batches := map[plan.Verb][]*work{}
	var verbs []plan.Verb
	for _, w := range free {
		v := w.step.Verb
		switch {
		case v == plan.Begin:
			r.batch(asked, v, []*work{w}) // it ends with the step that it is beside, and is whole then
			continue
		case v == plan.Pull && r.pulling < pulls, !v.Single():
			r.batch(ctx, v, []*work{w}) // it can be stopped in the middle, and goes on from there
			continue
		case v == plan.Pull, hurry && makes(w.step) && !w.urgent:
			continue
		case batches[v] == nil:
			verbs = append(verbs, v)
		}
		batches[v] = append(batches[v], w)
	}
	for _, v := range verbs {
		// A running step is finished, whatever happens: ctx does not stop it.
		r.batch(context.WithoutCancel(ctx), v, batches[v])
	}
}

// peopleWait reports whether something of the current stage is not ready yet that people wait for.
func (r *Run) peopleWait() bool {
	return len(r.Plan.Awaited) > 0 && slices.ContainsFunc(r.works, func(w *work) bool { return w.urgent && !w.ready && w.step.Stage == r.stage })
}

func (r *Run) allReady(ids []int) bool {
	return !slices.ContainsFunc(ids, func(id int) bool { return !r.byID[id].ready })
}

// resume waits again for steps that began beside what they need, once that is ready: what broke meanwhile is replaced, and from now on they are
// given up like all others.
func (r *Run) resume(ctx context.Context) {
	again := r.those(func(w *work) bool { return w.early && w.applied && !w.ready && !w.resumed && r.allReady(w.step.Beside) })
	for _, w := range again {
		w.resumed, w.applied, w.since = true, false, r.Now()
	}
	if len(again) > 0 {
		r.do(context.WithoutCancel(ctx), plan.Wait, again)
	}
}

// makes reports whether a step makes a container that is to stay.
func makes(s plan.Step) bool { return s.Verb == plan.Create || s.Verb == plan.Recreate }

// count keeps count of the running batches; by is 1 at the begin of one and -1 at its end.
func (r *Run) count(by int, works []*work) {
	r.busy += by
	if works[0].step.Verb == plan.Pull {
		r.pulling += by
	}
	if makes(works[0].step) && works[0].urgent {
		r.urging += by
	}
}

// batch does steps of one verb in the background.
func (r *Run) batch(ctx context.Context, verb plan.Verb, works []*work) {
	for _, w := range works {
		w.began = r.Now()
		w.since = w.began
		w.early = !r.allReady(w.step.Beside)
	}
	r.begun(works...)
	for _, w := range works {
		r.Watch(Event{Kind: Begun, Step: w.step, In: r.In})
	}
	r.do(ctx, verb, works)
}

func (r *Run) do(ctx context.Context, verb plan.Verb, works []*work) {
	r.count(1, works)
	go func() {
		err := r.Target.Do(ctx, verb, steps(works), func(s plan.Step, done, total int64) {
			r.Watch(Event{Kind: Progress, Step: s, In: r.In, Done: done, Total: total})
		})
		r.results <- r.outcome(ctx, works, err)
	}()
}
