package objects

import (
	"cmp"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/plan"
)

// Teardown is the plan that removes an installation's objects. live are the keys of those that exist, with their services. claims are the
// volumes to delete with all their data; none keeps the data.
func Teardown(d Desired, from string, live map[string]string, claims []string) *plan.Plan {
	state := plan.Hash(struct {
		Live   map[string]string
		Claims []string
	}{live, claims})
	p := &plan.Plan{Format: plan.Format, Action: plan.Down, Installation: d.Installation, Target: catalogue.Kubernetes, Release: from, From: from,
		Basis: plan.Basis{Catalogue: d.Catalogue, State: state}, Steps: []plan.Step{}, Unchanged: []string{}}
	var workloads, rest []string
	for key := range live {
		kind, _, _ := strings.Cut(key, "/")
		switch {
		case slices.Contains(stays, kind):
		case runsPods(kind):
			workloads = append(workloads, key)
		default:
			rest = append(rest, key)
		}
	}
	add := func(verb plan.Verb, effect plan.Effect, keys []string, after []int) []int {
		slices.Sort(keys)
		var ids []int
		for _, key := range keys {
			id := len(p.Steps) + 1
			p.Steps = append(p.Steps, plan.Step{ID: id, Verb: verb, Object: key, Service: live[key], Effect: effect, After: after,
				Why: []plan.Cause{{Text: cmp.Or(map[plan.Verb]string{plan.Delete: "its data is to be deleted"}[verb], "it is to be stopped")}}})
			ids = append(ids, id)
		}
		return ids
	}
	stopped := add(plan.Remove, plan.Downtime, workloads, nil)
	add(plan.Remove, plan.None, rest, stopped)
	add(plan.Delete, plan.Data, claims, stopped)
	return p
}

// runsPods reports whether objects of a kind have pods.
func runsPods(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Job"}, kind)
}
