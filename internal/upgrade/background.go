package upgrade

import (
	"slices"

	"berth/catalogue"
	"berth/internal/plan"
)

// interrupts schedules the out-of-band migrations of a hop as the migrator does: each must end between the release that introduced
// it and the last one that works without it. The schedule has as few halts as possible, and each as late as possible.
func (p *planner) interrupts(from, to Version) []plan.Interrupt {
	type span struct {
		id          int
		first, last Version
	}
	var open []span
	for _, m := range p.rules.Background {
		first, err := Parse(m.Introduced)
		if m.Deprecated == "" || err != nil || !crosses(from, to, m.Deprecated) {
			continue
		}
		end, err := Parse(m.Deprecated)
		if err == nil {
			open = append(open, span{m.ID, first, p.before(end)})
		}
	}
	slices.SortFunc(open, func(a, b span) int { return a.last.compare(b.last) })
	var halts []plan.Interrupt
	for len(open) > 0 {
		// The one that ends first says where to halt; all that have begun by then are done there.
		at := open[0].last
		halt := plan.Interrupt{At: at.String()}
		open = slices.DeleteFunc(open, func(s span) bool {
			if s.first.compare(at) > 0 {
				return false
			}
			halt.IDs = append(halt.IDs, s.id)
			return true
		})
		slices.Sort(halt.IDs)
		halts = append(halts, halt)
	}
	return halts
}

// before is the minor release before one.
func (p *planner) before(v Version) Version {
	if v.numbers[1] > 0 {
		return Version{numbers: [3]int{v.numbers[0], v.numbers[1] - 1, -1}}
	}
	return Version{numbers: [3]int{v.numbers[0] - 1, p.rules.LastMinors[v.numbers[0]-1], -1}}
}

// exists reports whether there can be a release of a version's minor.
func exists(rules *catalogue.Upgrades, v Version) bool {
	last, closed := rules.LastMinors[v.numbers[0]]
	return !closed || v.numbers[1] <= last
}
