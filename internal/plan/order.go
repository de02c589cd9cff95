package plan

import (
	"cmp"
	"slices"
)

// order numbers the steps so that each comes after those that it needs: half-done leftovers, images, files, units by their conditions,
// removals. Before a page comes, only what answers nobody is removed.
func (b *differ) order() {
	steps := b.plan.Steps
	needs := make([][]int, len(steps))
	for _, u := range b.desired.Units {
		i, ok := b.byUnit[u.Name]
		if !ok {
			continue
		}
		needs[i] = append(needs[i], b.first...)
		if k, ok := b.image[u.Image]; ok && steps[i].Verb != Wait {
			needs[i] = append(needs[i], k)
		}
		if b.writes >= 0 && steps[i].Verb != Wait {
			needs[i] = append(needs[i], b.writes)
		}
		for _, n := range u.Needs {
			if k, ok := b.byUnit[n.Name]; ok {
				needs[i] = append(needs[i], k)
			}
		}
	}
	b.apart(needs)
	b.frontProxyLast(needs)
	b.afterTeardown(needs)
	page := b.proxy() // which the front proxy shows
	for i, s := range steps {
		switch {
		case s.Verb != Remove || b.torn != nil || slices.Contains(b.first, i):
		case page >= 0 && steps[page].Verb != Wait && slices.Contains(b.desired.Unasked, s.Service):
			needs[page] = append(needs[page], i)
		default:
			for k := range steps {
				if steps[k].Verb != Remove {
					needs[i] = append(needs[i], k)
				}
			}
		}
	}
	b.plan.Steps = Ordered(steps, needs)
}

// apart keeps a service answering that has several containers, where Sourcegraph does not answer without it: one is replaced after the
// other.
func (b *differ) apart(needs [][]int) {
	last := map[string]int{}
	for _, u := range b.desired.Units {
		i, ok := b.byUnit[u.Name]
		if !ok || !Vital(u.Service) {
			continue
		}
		if v := b.plan.Steps[i].Verb; v != Recreate && v != Restart {
			continue
		}
		if before, ok := last[u.Service]; ok {
			needs[i] = append(needs[i], before)
		}
		last[u.Service] = i
	}
}

// proxy is the step about the front proxy; -1: there is none.
func (b *differ) proxy() int {
	for _, u := range b.desired.Units {
		if i, ok := b.byUnit[u.Name]; ok && u.Service == frontProxy {
			return i
		}
	}
	return -1
}

// frontProxy is the service that answers people.
const frontProxy = "caddy"

// frontProxyLast replaces the front proxy after everything else: it answers meanwhile, and is away for no longer than its own replacement
// takes. Where it only shows a page, nobody loses anything.
func (b *differ) frontProxyLast(needs [][]int) {
	if !slices.ContainsFunc(b.desired.Units, func(u Unit) bool { return u.Service == "sourcegraph-frontend" }) {
		return
	}
	proxy := b.proxy()
	if proxy < 0 || b.plan.Steps[proxy].Verb != Recreate {
		return
	}
	for i, s := range b.plan.Steps {
		if i != proxy && (s.Verb == Recreate || s.Verb == Create || s.Verb == Execute) && !reaches(needs, i, proxy) {
			needs[proxy] = append(needs[proxy], i)
		}
	}
}

// reaches reports whether a step needs another one, directly or through others.
func reaches(needs [][]int, from, to int) bool {
	return from == to || slices.ContainsFunc(needs[from], func(n int) bool { return reaches(needs, n, to) })
}

// rank orders steps that are free to come in any order as people would read them.
func rank(s Step, needs []int) int {
	switch {
	case s.Verb == Remove && len(needs) > 0:
		return 4
	case s.Verb == Remove:
		return 0
	case s.Verb == Pull:
		return 1
	case s.Verb == Write:
		return 2
	}
	return 3
}

// Ordered numbers steps in an order that respects what each needs: by step, the indexes of those that come before it. Needs are between units
// of one release and can't form a ring: the catalogue's test proves that.
func Ordered(steps []Step, needs [][]int) []Step {
	position := make([]int, len(steps)) // 1-based; 0: not placed yet
	var out []Step
	var place func(i int)
	place = func(i int) {
		if position[i] != 0 {
			return
		}
		position[i] = -1
		slices.Sort(needs[i])
		needs[i] = slices.Compact(needs[i])
		for _, n := range needs[i] {
			place(n)
		}
		s := steps[i]
		for _, n := range needs[i] {
			s.After = append(s.After, position[n])
		}
		slices.Sort(s.After)
		s.ID = len(out) + 1
		position[i] = s.ID
		out = append(out, s)
	}
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(steps[a], needs[a]), rank(steps[b], needs[b])), cmp.Compare(steps[a].Object, steps[b].Object))
	})
	for _, i := range order {
		place(i)
	}
	return out
}
