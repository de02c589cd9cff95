package plan

import (
	"slices"
	"strings"
)

// Only is the part of a plan that brings up some services: their steps, and those that these come after.
func (p *Plan) Only(services []string) *Plan {
	keep := map[int]bool{}
	for _, s := range slices.Backward(p.Steps) {
		if keep[s.ID] || slices.Contains(services, s.Service) && s.Verb != Remove {
			keep[s.ID] = true
			for _, id := range s.After {
				keep[id] = true
			}
		}
	}
	return p.part(func(s Step) bool { return keep[s.ID] })
}

// Changes are the steps that make what runs match a config which differs from it. What only is missing, or does not run, takes none of them.
func (p *Plan) Changes() (steps []Step) {
	for _, s := range p.Steps {
		if slices.Contains([]Verb{Update, Recreate, Remove, TakeOver, Grow}, s.Verb) && !s.starts() {
			steps = append(steps, s)
		}
	}
	return steps
}

// starts reports whether a step only gives pods again to a workload that somebody took all of them from.
func (s Step) starts() bool {
	return s.Verb == Update && len(s.Changes) == 1 && s.Changes[0].Field == ReplicasField && s.Changes[0].From == "0"
}

// Reverts is what others changed of the step's object, where it only puts that back; "" where the config asks for one of its changes.
func (s Step) Reverts() string {
	ours := func(c Change) bool { return c.Owner == "" || slices.Contains(strings.Split(c.Owner, ", "), Manager) }
	if slices.ContainsFunc(s.Changes, ours) {
		return ""
	}
	var all []string
	for _, c := range s.Why {
		if c.Reverts != "" {
			all = append(all, c.Reverts)
		}
	}
	return strings.Join(all, "; ")
}

// Without is what is left of a plan after a part of it was carried out.
func (p *Plan) Without(done *Plan) *Plan {
	return p.part(func(s Step) bool {
		return !slices.ContainsFunc(done.Steps, func(d Step) bool { return d.Verb == s.Verb && d.Object == s.Object })
	})
}

// part is a plan of some of the steps. What they come after and is not among them counts as done.
func (p *Plan) part(keep func(Step) bool) *Plan {
	out := *p
	out.Steps = []Step{}
	ids := map[int]int{}
	moved := func(old []int) (now []int) {
		for _, id := range old {
			if ids[id] > 0 {
				now = append(now, ids[id])
			}
		}
		return now
	}
	for _, s := range p.Steps {
		if !keep(s) {
			continue
		}
		ids[s.ID] = len(out.Steps) + 1
		s.ID, s.After, s.Beside = ids[s.ID], moved(s.After), moved(s.Beside)
		out.Steps = append(out.Steps, s)
	}
	return &out
}
