package plan

import (
	"cmp"
	"fmt"
	"slices"

	"berth/internal/diag"
)

// network replaces a network that must be made another way: no engine changes one, and none removes one that containers use. Volumes stay.
func (b *differ) network() {
	n := b.state.Network
	if n == nil || n.Made == b.desired.Network {
		return
	}
	for _, c := range b.state.Containers {
		b.torn = append(b.torn, b.add(Step{Verb: Remove, Object: cmp.Or(c.Unit, c.Name), Service: c.Service, Container: c.Name, Effect: Downtime,
			Why: []Cause{{Text: "its network is replaced; its volumes are kept"}}}))
	}
	b.torn = append(b.torn, b.add(Step{Verb: RemoveNetwork, Object: n.Name, Effect: Downtime,
		Why: orElse(b.desired.Origins, "the config no longer sets it")}))
}

// afterTeardown orders the replacement of a network: images and files first, then everything is removed, then it is made again.
func (b *differ) afterTeardown(needs [][]int) {
	if b.torn == nil {
		return
	}
	last := len(b.torn) - 1
	for i, s := range b.plan.Steps {
		switch {
		case slices.Contains(b.torn[:last], i):
			needs[b.torn[last]] = append(needs[b.torn[last]], i)
		case s.Verb == Pull, s.Verb == Write:
			for _, k := range b.torn {
				needs[k] = append(needs[k], i)
			}
		case i != b.torn[last]:
			needs[i] = append(needs[i], b.torn[last])
		}
	}
}

// source is where the data of a unit's volume is now; "" when there is none yet.
func (s State) source(u Unit, path string) string {
	i := slices.IndexFunc(s.Containers, u.is)
	if i < 0 {
		return s.Kept[u.Name][path]
	}
	return s.Containers[i].Volumes[path]
}

// moves are the volumes of a unit that are elsewhere than its data.
func (s State) moves(u Unit) (moved []Volume) {
	for _, v := range u.Volumes {
		if was := s.source(u, v.Path); was != "" && was != v.Source {
			moved = append(moved, v)
		}
	}
	return moved
}

// stays says of each volume that is elsewhere now what becomes of the data.
func (b *differ) stays(u Unit) []Cause {
	var out []Cause
	for _, v := range b.state.moves(u) {
		was, becomes := b.state.source(u, v.Path), "the data stays in the old place"
		if v.Holds {
			becomes = "the new place holds the data, as the config says; the old one is kept"
		}
		out = append(out, Cause{Text: fmt.Sprintf("volume %s -> %s: %s", was, v.Source, becomes)})
	}
	return located(out, u.Origins)
}

// LeftBehind are the problems of volumes that would start without their data, where that is lost or takes hours to make again.
func LeftBehind(d Desired, s State) diag.List {
	var problems diag.List
	for _, u := range d.Units {
		for _, v := range s.moves(u) {
			if v.Holds || v.Keeps == "" {
				continue
			}
			was := s.source(u, v.Path)
			p := diag.Diagnostic{Code: "BERTH1661", Severity: diag.Error, Subject: u.Name,
				Summary: fmt.Sprintf("its data is in %s and would stay there; the service would start without data in %s", was, v.Source),
				Detail:  []string{u.Service + " keeps " + v.Keeps},
				Hint:    fmt.Sprintf("copy %s while Sourcegraph is stopped (berth down), then write  holdsData: true  beside the new place; or remove the change", was)}
			i := slices.IndexFunc(u.Origins, func(o Cause) bool { return o.Text == "volume" })
			if i >= 0 {
				p.Range = u.Origins[i].Range
			} else {
				p.Hint = fmt.Sprintf("keep it there with  services: {%s: {volume: ...}}; or copy it while Sourcegraph is stopped, and write  volume: {name: %s, holdsData: true}", u.Service, v.Source)
			}
			problems = append(problems, p)
		}
	}
	return problems
}
