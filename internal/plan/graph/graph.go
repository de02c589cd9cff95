// Package graph is what of a plan waits for what, and when each step begins and ends, by what was measured. Pure.
package graph

import (
	"slices"

	"berth/internal/plan"
)

// Graph is a plan in time.
type Graph struct {
	Rows    []Row
	Seconds float64 // from the begin of the first step to the end of the last one
	Guessed bool    // not every step was measured
}

// Row is a step; or a stage, whose steps are below it.
type Row struct {
	Hop     int // the upgrade step that it belongs to
	Stage   string
	Step    *plan.Step // nil: it is a stage
	After   []int      // the steps that it waits for, without those that these wait for
	Begins  float64
	Seconds float64
	// Known says that the time was measured here, or is the stage's estimate and the step's own. Else the step has its part of its stage's time.
	Known    bool
	Down     bool // Sourcegraph does not answer meanwhile
	NoReturn bool // the point of no return is at its begin
	Critical bool // it is on the critical path: if one of these takes less time, so does the plan
}

// Of is a plan in time. usual is how many seconds objects took before, by their names.
func Of(p *plan.Plan, usual map[string]float64) *Graph {
	g := &Graph{}
	if len(p.Stages) == 0 {
		g.stage(p, plan.Stage{}, p.Steps, usual)
	}
	for i, s := range p.Stages {
		if steps := p.Of(i); len(steps) > 0 {
			g.stage(p, s, steps, usual)
		}
	}
	g.longest()
	return g
}

// stage adds a stage with its steps, after all that are there.
func (g *Graph) stage(p *plan.Plan, s plan.Stage, steps []plan.Step, usual map[string]float64) {
	begins, before := g.Seconds, g.ends()
	first := len(g.Rows)
	head := Row{Hop: s.Hop, Stage: s.Name, Begins: begins, Known: s.Seconds > 0, Down: s.Effect == plan.Downtime, NoReturn: s.NoReturn}
	if s.Name != "" {
		g.Rows = append(g.Rows, head)
		first++
	}
	guess := guessed(s, steps, usual)
	for i := range steps {
		r := Row{Hop: s.Hop, Stage: s.Name, Step: &steps[i], Begins: begins, Down: head.Down || steps[i].Effect == plan.Downtime}
		r.Seconds, r.Known = took(s, steps, i, usual)
		if !r.Known {
			r.Seconds, g.Guessed = guess, true
		}
		within := g.Rows[first:]
		r.After = reduced(steps[i].After, within)
		if len(r.After) == 0 {
			r.After = before
		}
		for _, other := range within {
			if slices.Contains(r.After, other.Step.ID) {
				r.Begins = max(r.Begins, other.Begins+other.Seconds)
			}
		}
		g.Rows = append(g.Rows, r)
		g.Seconds = max(g.Seconds, r.Begins+r.Seconds)
	}
	if s.Name != "" {
		g.Rows[first-1].Seconds = g.Seconds - begins
	}
}

// took is how long a step takes, if that is known: as it was measured, or as its stage takes where that is one step, beside which others are done.
func took(s plan.Stage, steps []plan.Step, i int, usual map[string]float64) (seconds float64, known bool) {
	if steps[i].Seconds > 0 {
		return steps[i].Seconds, true
	}
	if seconds := usual[steps[i].Object]; seconds > 0 && steps[i].Verb.Single() {
		return seconds, true
	}
	alone := i == 0 && !slices.ContainsFunc(steps, func(o plan.Step) bool { return len(o.After) > 0 })
	return s.Seconds, alone && s.Seconds > 0
}

// guessed is how long a step takes that was not measured: its part of what its stage takes; without an estimate, as long as others on the average.
func guessed(s plan.Stage, steps []plan.Step, usual map[string]float64) float64 {
	var sum float64
	var known, open int // of them, those that are done one after the other
	for i := range steps {
		if seconds, ok := took(s, steps, i, usual); ok {
			sum += seconds
			known++
		} else if len(steps[i].After) > 0 || i == 0 {
			open++
		}
	}
	switch {
	case s.Seconds > 0 && open > 0:
		return max(s.Seconds-sum, 0) / float64(open)
	case s.Seconds > 0:
		return s.Seconds
	case known > 0:
		return sum / float64(known)
	}
	return 1
}

// ends are the steps of the last stage that no other one of it waits for.
func (g *Graph) ends() (ids []int) {
	if len(g.Rows) == 0 {
		return nil
	}
	last := g.Rows[len(g.Rows)-1]
	for _, r := range g.Rows {
		if r.Step == nil || r.Step.Stage != last.Step.Stage {
			continue
		}
		if !slices.ContainsFunc(g.Rows, func(o Row) bool { return o.Step != nil && slices.Contains(o.After, r.Step.ID) }) {
			ids = append(ids, r.Step.ID)
		}
	}
	return ids
}

// reduced are the steps that a step waits for, without those that others of these wait for.
func reduced(after []int, rows []Row) []int {
	var through []int // that others of them wait for
	var follow func(id int)
	follow = func(id int) {
		for _, r := range rows {
			if r.Step.ID != id {
				continue
			}
			for _, a := range r.After {
				if !slices.Contains(through, a) {
					through = append(through, a)
					follow(a)
				}
			}
		}
	}
	for _, id := range after {
		follow(id)
	}
	return slices.DeleteFunc(slices.Clone(after), func(id int) bool { return slices.Contains(through, id) })
}

// longest marks the steps that decide how long all of it takes: back from the one that ends last, the one that each of them waited for. One whose time is
// known comes before one that has its length by a guess.
func (g *Graph) longest() {
	end, wanted := g.Seconds, []int(nil) // nil: it is any
	for {
		best := -1
		for i, r := range g.Rows {
			late := r.Step != nil && r.Begins+r.Seconds > end-0.001 && r.Begins+r.Seconds < end+0.001
			if late && (wanted == nil || slices.Contains(wanted, r.Step.ID)) && (best < 0 || r.Known && !g.Rows[best].Known) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		r := &g.Rows[best]
		r.Critical = true
		if end, wanted = r.Begins, r.After; len(wanted) == 0 {
			return
		}
	}
}
