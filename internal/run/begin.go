package run

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/plan"
)

// waitedFor are the steps that others wait for, but for removals, which wait for everything.
func waitedFor(p *plan.Plan) map[int]bool {
	out := map[int]bool{}
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
					Summary: fmt.Sprintf("step %d (%s %s) of the plan waits for step %d, which does not come before it; nothing was touched", s.ID, s.Verb, s.Object, id),
					Hint:    "this is a bug in berth: report it with the output of berth plan --json"})
			}
		}
		before[s.ID] = true
	}
	return problems
}

// begin starts all steps whose needs are met, those of one verb together: a call of Docker Compose costs as much for one as for ten.
// Containers that others wait for are made first, and the rest while those get ready: that is a tenth of a first start.
func (r *Run) begin(ctx context.Context) {
	var free []plan.Step
	for _, s := range r.Plan.Steps {
		if r.began[s.ID].IsZero() && r.allReady(s.After) {
			free = append(free, s)
		}
	}
	hurry := r.urging > 0 || slices.ContainsFunc(free, func(s plan.Step) bool { return makes(s) && r.urgent[s.ID] })
	batches := map[plan.Verb][]plan.Step{}
	var verbs []plan.Verb
	for _, s := range free {
		switch {
		case s.Verb == plan.Pull && r.pulling < pulls:
			r.batch(ctx, s.Verb, []plan.Step{s})
			continue
		case s.Verb == plan.Pull, hurry && makes(s) && !r.urgent[s.ID]:
			continue
		case batches[s.Verb] == nil:
			verbs = append(verbs, s.Verb)
		}
		batches[s.Verb] = append(batches[s.Verb], s)
	}
	for _, v := range verbs {
		// A step in hand is finished, whatever happens: ctx does not stop it.
		r.batch(context.WithoutCancel(ctx), v, batches[v])
	}
}

func (r *Run) allReady(steps []int) bool {
	return !slices.ContainsFunc(steps, func(id int) bool { return !r.ready[id] })
}

// resume waits anew for steps that began beside what they need, once that is ready: what broke meanwhile is made anew, and from now on they are
// given up like all others.
func (r *Run) resume(ctx context.Context) {
	var steps []plan.Step
	for _, s := range r.Plan.Steps {
		if r.early[s.ID] && r.applied[s.ID] && !r.ready[s.ID] && !r.resumed[s.ID] && r.allReady(s.Beside) {
			r.resumed[s.ID], r.applied[s.ID], r.since[s.ID] = true, false, r.Now()
			steps = append(steps, s)
		}
	}
	if len(steps) > 0 {
		r.do(context.WithoutCancel(ctx), plan.Wait, steps)
	}
}

// makes reports whether a step makes a container that is to stay.
func makes(s plan.Step) bool { return s.Verb == plan.Create || s.Verb == plan.Recreate }

// count keeps count of the batches in hand; by is 1 at the begin of one and -1 at its end.
func (r *Run) count(by int, steps []plan.Step) {
	r.busy += by
	if steps[0].Verb == plan.Pull {
		r.pulling += by
	}
	if makes(steps[0]) && r.urgent[steps[0].ID] {
		r.urging += by
	}
}

// batch does steps of one verb in the background.
func (r *Run) batch(ctx context.Context, verb plan.Verb, steps []plan.Step) {
	r.note("begin", steps...)
	for _, s := range steps {
		r.began[s.ID] = r.Now()
		r.since[s.ID] = r.began[s.ID]
		r.early[s.ID] = !r.allReady(s.Beside)
		r.Watch(Event{Kind: Begun, Step: s})
	}
	r.do(ctx, verb, steps)
}

func (r *Run) do(ctx context.Context, verb plan.Verb, steps []plan.Step) {
	r.count(1, steps)
	go func() {
		err := r.Target.Do(ctx, verb, steps, func(s plan.Step, done, total int64) {
			r.Watch(Event{Kind: Progress, Step: s, Done: done, Total: total})
		})
		r.results <- r.outcome(ctx, steps, err)
	}()
}
