package objects

import (
	"maps"
	"slices"

	"berth/internal/plan"
	"berth/internal/tree"
)

// order numbers the steps: first what objects need, explicitly or not, and removals last.
func (b *differ) order() {
	var base []int // steps that workloads depend on: rights, settings, claims, Services
	for i := range b.desired.Objects {
		o := &b.desired.Objects[i]
		if k, ok := b.byKey[o.Key]; ok && podsOf(o.Body) == nil && kindOf(o.Key) != "Ingress" {
			base = append(base, k)
		}
	}
	// The base comes first, although a part of it may wait for a workload: a Service for the page that it will point to.
	for _, pods := range []bool{false, true} {
		for i := range b.desired.Objects {
			o := &b.desired.Objects[i]
			if k, ok := b.byKey[o.Key]; ok && (podsOf(o.Body) != nil) == pods {
				b.after(o, k, base)
			}
		}
	}
	b.afterNamespace()
	for i, s := range b.plan.Steps {
		if s.Verb != plan.Remove || slices.Contains(b.rivals, s.Object) {
			continue
		}
		for k, other := range b.plan.Steps {
			// A workload that is removed may still use a Service, or settings, that are removed too.
			if other.Verb != plan.Remove || runsPods(kindOf(other.Object)) && !runsPods(kindOf(s.Object)) {
				b.needs[i] = append(b.needs[i], k)
			}
		}
	}
	b.plan.Steps = plan.Ordered(b.plan.Steps, b.needs)
	b.beside()
}

// after lists the steps before the step that makes an object as desired. A workload whose needs have steps waits only for these, because
// they wait for the base.
func (b *differ) after(o *Object, step int, base []int) {
	if b.plan.Steps[step].Verb == plan.Wait {
		return
	}
	var needs []int
	if !b.begins(o) && !b.leads(o) {
		needs = b.steps(o.Needs)
	}
	switch {
	case podsOf(o.Body) != nil && !slices.ContainsFunc(needs, func(k int) bool { return b.plan.Steps[k].Verb != plan.Wait }):
		for _, k := range base {
			if !slices.Contains(b.needs[k], step) { // a step does not wait for those that wait for it
				needs = append(needs, k)
			}
		}
	case podsOf(o.Body) == nil:
		needs = append(needs, b.steps(named(o))...)
	}
	for _, k := range b.parts(step) {
		b.needs[k] = append(b.needs[k], needs...)
	}
}

// steps are the steps that make objects as desired.
func (b *differ) steps(keys []string) []int {
	var steps []int
	for _, key := range keys {
		if k, ok := b.byKey[key]; ok {
			steps = append(steps, k)
		}
	}
	return steps
}

// begins reports whether an object may be created before what it needs is ready. Its pods then wait by themselves, and nothing runs yet
// that they could reach instead, such as the frontend of an older release in front of an older schema.
func (b *differ) begins(o *Object) bool {
	return o.Patient && b.cluster.Seen[o.Key].Live == nil && !slices.ContainsFunc(b.desired.Objects, func(other Object) bool {
		return !other.Patient && b.cluster.Seen[other.Key].Live != nil && slices.ContainsFunc(other.Needs, func(key string) bool { return slices.Contains(o.Needs, key) })
	})
}

// leads reports whether a Service leads to its pods already. It goes on leading to them while they are replaced, so nothing has to wait for that.
func (b *differ) leads(o *Object) bool {
	live := b.cluster.Seen[o.Key].Live
	return kindOf(o.Key) == "Service" && live != nil && maps.Equal(tree.At(live, "spec", "selector"), tree.At(o.Body, "spec", "selector"))
}

// beside records which steps start beside what they need.
func (b *differ) beside() {
	ids := map[string]int{}
	for _, s := range b.plan.Steps {
		ids[s.Object] = s.ID
	}
	for i := range b.desired.Objects {
		o := &b.desired.Objects[i]
		if ids[o.Key] == 0 || !b.begins(o) {
			continue
		}
		s := &b.plan.Steps[ids[o.Key]-1]
		for _, key := range o.Needs {
			if ids[key] != 0 {
				s.Beside = append(s.Beside, ids[key])
			}
		}
	}
}

// parts are a step and those that only prepare it: a StatefulSet is deleted right before it is recreated, and a workload right before another one takes its place.
func (b *differ) parts(step int) []int {
	out := []int{step}
	for i := 0; i < len(out); i++ {
		for _, k := range b.needs[out[i]] {
			if v := b.plan.Steps[k].Verb; v == plan.Orphan || v == plan.Grow || v == plan.Remove {
				out = append(out, k)
			}
		}
	}
	return out
}

// named are the objects that an object without pods refers to: a binding needs its role first.
func named(o *Object) []string {
	if ref := tree.Branch(o.Body, "roleRef"); ref != nil {
		return []string{tree.Text(ref, "kind") + "/" + tree.Text(ref, "name")}
	}
	if class := tree.Text(o.Body, "spec", "storageClassName"); class != "" && kindOf(o.Key) == "PersistentVolumeClaim" {
		return []string{"StorageClass/" + class}
	}
	return nil
}

// afterNamespace orders everything after the namespace, when there is a step for it.
func (b *differ) afterNamespace() {
	first, wanted := b.byKey["Namespace/"+b.desired.Namespace]
	if b.first >= 0 {
		first, wanted = b.first, true
	}
	if !wanted {
		return
	}
	for i := range b.plan.Steps {
		if i != first && len(b.needs[i]) == 0 {
			b.needs[i] = append(b.needs[i], first)
		}
	}
}
