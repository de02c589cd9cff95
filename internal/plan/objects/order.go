package objects

import (
	"slices"

	"berth/internal/plan"
	"berth/internal/plan/fields"
)

// order numbers the steps: what objects need first, whether they say so or not, and removals last.
func (b *differ) order() {
	var base []int // steps of what workloads stand on: rights, settings, claims, Services
	for i := range b.desired.Objects {
		o := &b.desired.Objects[i]
		if k, ok := b.byKey[o.Key]; ok && podsOf(o.Body) == nil && kindOf(o.Key) != "Ingress" {
			base = append(base, k)
		}
	}
	// What workloads stand on comes first, since it may wait for one of them: a Service for the page that it is to lead to.
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
		if s.Verb != plan.Remove {
			continue
		}
		for k, other := range b.plan.Steps {
			// What ends may still use the Service, or the settings, that go with it.
			if other.Verb != plan.Remove || runsPods(kindOf(other.Object)) && !runsPods(kindOf(s.Object)) {
				b.needs[i] = append(b.needs[i], k)
			}
		}
	}
	b.plan.Steps = plan.Ordered(b.plan.Steps, b.needs)
	b.beside()
}

// after says what comes before the step that makes an object what it should be. A workload whose needs have steps waits for these only:
// they wait for the base.
func (b *differ) after(o *Object, step int, base []int) {
	if b.plan.Steps[step].Verb == plan.Wait {
		return
	}
	var needs []int
	if !b.begins(o) {
		needs = b.steps(o.Needs)
	}
	switch {
	case podsOf(o.Body) != nil && !slices.ContainsFunc(needs, func(k int) bool { return b.plan.Steps[k].Verb != plan.Wait }):
		for _, k := range base {
			if !slices.Contains(b.needs[k], step) { // what waits for this one is not waited for
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

// steps are the steps that make objects what they should be.
func (b *differ) steps(keys []string) []int {
	var steps []int
	for _, key := range keys {
		if k, ok := b.byKey[key]; ok {
			steps = append(steps, k)
		}
	}
	return steps
}

// begins reports whether an object may be made before what it needs is ready: its pods wait for that by themselves, and nothing runs yet that
// they could meet instead, such as the frontend of an older release in front of a schema that is too old for them.
func (b *differ) begins(o *Object) bool {
	return o.Patient && b.cluster.Seen[o.Key].Live == nil && !slices.ContainsFunc(b.desired.Objects, func(other Object) bool {
		return !other.Patient && b.cluster.Seen[other.Key].Live != nil && slices.ContainsFunc(other.Needs, func(key string) bool { return slices.Contains(o.Needs, key) })
	})
}

// beside notes which steps begin beside what they need.
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

// parts are a step and those that only prepare it: a StatefulSet is not deleted before its time to be made again has come.
func (b *differ) parts(step int) []int {
	out := []int{step}
	for i := 0; i < len(out); i++ {
		for _, k := range b.needs[out[i]] {
			if v := b.plan.Steps[k].Verb; v == plan.Orphan || v == plan.Grow {
				out = append(out, k)
			}
		}
	}
	return out
}

// named are the objects that one without pods is about: the API server wants a role before it gives it to anybody.
func named(o *Object) []string {
	if ref := fields.Tree(o.Body, "roleRef"); ref != nil {
		return []string{fields.Text(ref, "kind") + "/" + fields.Text(ref, "name")}
	}
	if class := fields.Text(o.Body, "spec", "storageClassName"); class != "" && kindOf(o.Key) == "PersistentVolumeClaim" {
		return []string{"StorageClass/" + class}
	}
	return nil
}

// afterNamespace puts everything after the namespace, when there is a step for it.
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
