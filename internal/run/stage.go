package run

import (
	"context"
	"errors"
	"slices"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
)

// stageDone reports whether every step of a stage came to its end. One that did not is done again from its first step.
func stageDone(p *plan.Plan, r *state.Record, stage int) bool {
	return len(p.Stages) > 0 && !slices.ContainsFunc(p.Of(stage), func(s plan.Step) bool { return !r.HasDone(s.ID) })
}

// enter begins the next stage once the current one is done.
func (r *Run) enter() {
	next := -1
	for _, w := range r.works {
		if !w.ready {
			next = w.step.Stage
			break
		}
	}
	if next < 0 || next == r.stage {
		return
	}
	r.leave()
	r.stage, r.entered = next, r.Now()
	if len(r.Plan.Stages) > 0 {
		r.Watch(Event{Kind: StageBegun, Plan: r.Plan, Stage: next, In: r.In})
	}
}

// leave ends the current stage.
func (r *Run) leave() {
	if r.stage < 0 || len(r.Plan.Stages) == 0 {
		return
	}
	r.Watch(Event{Kind: StageDone, Plan: r.Plan, Stage: r.stage, In: r.In, Seconds: r.Now().Sub(r.entered).Seconds(), Text: r.Record.Notes(r.Plan, r.stage)})
}

// Stage is the stage that a run stopped in; -1 when it began none.
func (r *Run) Stage() int { return r.stage }

// fallback stands for the step that a fallback is a part of: it is none of the plan's.
const fallback = -1

// Again lets a run that continues look whether what it had reached still runs: somebody may have changed it meanwhile, and the end says that it runs. A move
// may have reached something on each of its sides. Where nothing was changed there is nothing to do.
func (r *Run) Again() error {
	var steps []plan.Step
	for _, there := range []bool{false, true} {
		if s, is := reached(r.Plan, r.Record, there); is {
			steps = append(steps, s)
		}
	}
	return r.Repeat(steps...)
}

// reached is the step by which what runs answered people, here or at the destination of a move, if it is done and what is left changes nothing that runs.
func reached(p *plan.Plan, r *state.Record, there bool) (reached plan.Step, is bool) {
	for _, s := range p.Steps {
		begun, _ := r.HasBegun(s.ID)
		mine := begun && (s.Config == plan.ConfigTo) == there
		switch done := r.HasDone(s.ID); {
		case mine && (s.Verb == plan.Roll || s.Verb == plan.Reach && s.Front == ""):
			reached, is = s, done
		case mine && s.Verb == plan.Reach:
			is = false
		case !done:
			return reached, is && p.Stages[reached.Stage].Hop == p.Stages[s.Stage].Hop
		}
	}
	return reached, is // only the end was not noted
}

// Carry does the steps of a plan, and falls back where a stage fails. What was canceled can be continued, so it does not fall back.
func (r *Run) Carry(ctx context.Context) error {
	if err := r.Again(); err != nil {
		return err
	}
	err := r.Execute(ctx)
	var problems diag.List
	if !errors.As(err, &problems) || ctx.Err() != nil {
		return err
	}
	_, err = r.FallBack(ctx, problems)
	return err
}

// FallBack does what a stage asks for when it fails. Problems that are met on the way come after those that are known. again reports whether
// the upgrade step begins again from its first stage, with the release before.
func (r *Run) FallBack(ctx context.Context, problems diag.List) (again bool, err error) {
	if r.stage < 0 || len(r.Plan.Stages) == 0 {
		return false, problems.Err()
	}
	stage := r.Plan.Stages[r.stage]
	for _, s := range stage.Fallback {
		s.ID, s.Stage = fallback, r.stage
		r.Watch(Event{Kind: Noted, Text: s.Object, In: r.In})
		err := r.Target.Do(ctx, s.Verb, []plan.Step{s}, func(plan.Step, int64, int64) {})
		switch {
		case err != nil && !stage.Again:
			r.Watch(Event{Kind: Noted, Text: "this failed: " + err.Error(), In: r.In}) // the first problem is the one to fix
		case err != nil:
			return false, errors.Join(problems, err)
		}
	}
	if !stage.Again {
		return false, problems.Err()
	}
	return true, errors.Join(problems, r.takeBack(stage.Hop))
}

// takeBack notes that the stages of an upgrade step up to the current one are to be done again.
func (r *Run) takeBack(hop int) error {
	var all []plan.Step
	for _, s := range r.Plan.Steps {
		if r.Plan.Stages[s.Stage].Hop == hop && s.Stage <= r.stage {
			all = append(all, s)
		}
	}
	return r.Repeat(all...)
}

// Repeat notes that steps are to be done again, though they may have been done.
func (r *Run) Repeat(steps ...plan.Step) error {
	var entries []state.Entry
	for _, s := range steps {
		r.Record.TakeBack(s.ID)
		entries = append(entries, state.Entry{Time: r.Now(), Run: r.Record.Number, Event: state.TakenBack, Step: s.ID, Verb: s.Verb, What: s.Object})
	}
	return r.Journal.Add(entries...)
}
