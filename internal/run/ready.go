package run

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"berth/internal/plan"
)

// look is what is known of the steps that are waited for.
type look struct {
	works []*work
	how   map[int]Readiness
	err   error
}

// look asks, in the background, how far the begun steps are.
func (r *Run) look(ctx context.Context) {
	if r.looking || !r.due {
		return
	}
	for _, w := range r.those(func(w *work) bool { return w.resumed && w.applied }) {
		w.early = false // this look is the first one after what was broken is gone
	}
	// What is made new can be looked at while it is made. What is replaced can't: it would be the old one that looks ready.
	works := r.those(func(w *work) bool { return w.waiting() && (w.applied || w.step.Verb == plan.Create) })
	r.due, r.looked = false, true
	if len(works) == 0 {
		return
	}
	r.looking = true
	go func() {
		how, err := r.Target.Ready(ctx, steps(works))
		r.looks <- look{works, how, err}
	}()
}

// lastLook notes what is ready of what was begun, when a run stops before its end, so that people see how things are.
func (r *Run) lastLook(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	works := r.those(func(w *work) bool { return w.applied && !w.ready })
	if len(works) == 0 {
		return
	}
	how, err := r.Target.Ready(ctx, steps(works))
	if err != nil {
		return // the engine may be why the run stops
	}
	for _, w := range works {
		if how[w.step.ID].Ready {
			r.finished(how, w)
		}
	}
}

// judge notes which steps are ready, and which never will be.
func (r *Run) judge(ctx context.Context, l look) {
	if l.err != nil {
		r.away(ctx, l)
		return
	}
	r.lost = time.Time{}
	var ready []*work
	for _, w := range l.works {
		h := l.how[w.step.ID]
		w.how = h.How
		for _, line := range h.Said {
			r.Watch(Event{Kind: Said, Step: w.step, In: r.In, Text: line})
		}
		took := r.Now().Sub(w.since)
		switch {
		case h.Ready:
			ready = append(ready, w)
		case w.applied && !w.early && (h.Failed || took > r.Target.Patience(w.step)):
			err := fmt.Errorf("%w after %s: %s", ErrNotReady, took.Round(time.Second), h.How)
			r.problems = append(r.problems, r.Target.Explain(context.WithoutCancel(ctx), w.step, err))
			r.failed(w)
		}
	}
	r.finished(l.how, ready...)
}

// started describes steps that have started and reported nothing yet.
var started = map[plan.Verb]string{plan.Write: "being written", plan.Create: "being made", plan.Execute: "being started", plan.Update: "being changed", plan.TakeOver: "being taken over", plan.GiveBack: "being returned",
	plan.Start: "being started", plan.Restart: "being restarted", plan.Recreate: "being replaced", plan.Remove: "being removed",
	plan.RemoveNetwork: "being removed", plan.Delete: "being deleted"}

// mostHow is how much of a state is shown while it is waited for: a cluster's reasons can be long.
const mostHow = 90

func brief(how string) string {
	if r := []rune(how); len(r) > mostHow {
		return string(r[:mostHow-3]) + "..."
	}
	return how
}

// report says what is waited for. Pulls, and steps that lead to several changes, report by themselves.
func (r *Run) report() {
	var names []string
	for _, w := range r.works {
		if w.waiting() && w.step.Verb != plan.Pull && w.step.Verb.Single() {
			names = append(names, w.step.Object+" ("+brief(cmp.Or(w.how, started[w.step.Verb]))+")")
		}
	}
	if !r.lost.IsZero() {
		names = []string{"the engine (does not answer)"}
	}
	if len(names) > 0 {
		r.Watch(Event{Kind: Waiting, Waiting: names, In: r.In})
	}
}

// away waits for an engine that does not answer, such as one that is being restarted, but not forever.
func (r *Run) away(ctx context.Context, l look) {
	now := r.Now()
	if r.lost.IsZero() {
		r.lost = now
	}
	if now.Sub(r.lost) > absence {
		r.problems = append(r.problems, r.Target.Explain(context.WithoutCancel(ctx), l.works[0].step, l.err))
	}
}
