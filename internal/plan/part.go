package plan

import "slices"

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
		if slices.Contains([]Verb{Update, Recreate, Remove, TakeOver, Grow}, s.Verb) {
			steps = append(steps, s)
		}
	}
	return steps
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
