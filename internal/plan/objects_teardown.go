package plan

import (
	"cmp"
	"slices"
	"strings"

	"berth/catalogue"
)

// TeardownObjects is the plan that takes an installation's objects away. live are the keys of those that are there, with their services.
// claims are the volumes to delete with all that is in them; none keeps the data.
func TeardownObjects(d DesiredObjects, from string, live map[string]string, claims []string) *Plan {
	state := hash(struct {
		Live   map[string]string
		Claims []string
	}{live, claims})
	p := &Plan{Format: Format, Action: Down, Installation: d.Installation, Target: catalogue.Kubernetes, Release: from, From: from,
		Basis: Basis{Catalogue: d.Catalogue, State: state}, Steps: []Step{}, Unchanged: []string{}}
	var workloads, rest []string
	for key := range live {
		kind, _, _ := strings.Cut(key, "/")
		switch {
		case slices.Contains(stays, kind):
		case kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" || kind == "Job":
			workloads = append(workloads, key)
		default:
			rest = append(rest, key)
		}
	}
	add := func(verb Verb, effect Effect, keys []string, after []int) []int {
		slices.Sort(keys)
		var ids []int
		for _, key := range keys {
			id := len(p.Steps) + 1
			p.Steps = append(p.Steps, Step{ID: id, Verb: verb, Object: key, Service: live[key], Effect: effect, After: after,
				Why: []Cause{{Text: cmp.Or(map[Verb]string{Delete: "its data is to be deleted"}[verb], "it is to be stopped")}}})
			ids = append(ids, id)
		}
		return ids
	}
	stopped := add(Remove, Downtime, workloads, nil)
	add(Remove, None, rest, stopped)
	add(Delete, Data, claims, stopped)
	return p
}
