package objects

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// Difference is the work that turns a cluster's objects into the desired ones. It reports what can't be done as problems; the plan has the
// rest, so that both can be shown. A plan with errors, or with undecided conflicts, must not be carried out.
//
// A step's Object is an object's key. Create, Update and Recreate apply its whole body without the fields that are Yielded. Grow only sets
// the size of a claim, either one of the objects or one that a StatefulSet created. TakeOver is an Update of an object that another tool
// deployed, after it is ours. Recreate deletes first and waits until the object no longer exists; so does Execute of a Job that exists. A
// namespace that does not exist gets a Create step, even if it is none of the objects.
func Difference(d Desired, c Cluster) (*plan.Plan, diag.List) {
	b := &differ{desired: &d, cluster: &c, byKey: map[string]int{}, first: -1}
	held := make([][]plan.Conflict, len(d.Objects))
	var all []plan.Conflict
	for i := range d.Objects {
		seen := c.Seen[d.Objects[i].Key]
		held[i] = conflicts(&d.Objects[i], &seen, d.Rules)
		all = append(all, held[i]...)
	}
	b.plan = d.empty(&c, all)
	b.namespace()
	for i := range d.Objects {
		o, seen := withoutYielded(d.Objects[i], c.Seen[d.Objects[i].Key], held[i])
		b.object(&o, &seen, held[i])
	}
	b.leftBehind()
	b.undecided()
	b.unread()
	b.unwanted()
	b.order()
	b.problems.Sort()
	return b.plan, b.problems
}

type differ struct {
	desired  *Desired
	cluster  *Cluster
	plan     *plan.Plan
	problems diag.List
	byKey    map[string]int // index of the step after which a wanted object is as desired
	rivals   []string       // keys of workloads that are removed before others take their place
	needs    [][]int        // by step, indexes of the steps before it, beside those that its object needs
	first    int            // index of the step that creates the namespace, or -1
}

func (b *differ) add(s plan.Step, after ...int) int {
	if s.Why == nil {
		s.Why = []plan.Cause{}
	}
	b.plan.Steps = append(b.plan.Steps, s)
	b.needs = append(b.needs, after)
	return len(b.plan.Steps) - 1
}

// namespace creates the namespace, unless it is one of the wanted objects.
func (b *differ) namespace() {
	key := "Namespace/" + b.desired.Namespace
	wanted := slices.ContainsFunc(b.desired.Objects, func(o Object) bool { return o.Key == key })
	if !b.cluster.Namespace && !wanted && b.desired.Namespace != "" {
		b.first = b.add(plan.Step{Verb: plan.Create, Object: key, Effect: plan.None, Why: []plan.Cause{{Text: "does not exist yet"}}})
	}
}

// object decides what to do with one object.
func (b *differ) object(o *Object, seen *Seen, held []plan.Conflict) {
	if seen.Live == nil {
		b.missing(o, seen)
		return
	}
	if tree.Text(seen.Live, "metadata", "deletionTimestamp") != "" {
		b.deleting(o, seen)
		return
	}
	all := changes(o, seen)
	if len(all) == 0 && seen.Refused == nil && fields.Predecessors(seen.Live) == nil {
		b.asWanted(o, seen)
		return
	}
	step := update(o, seen, all, held)
	if o.OneShot && seen.Applied == nil {
		step.Verb, step.Yields, step.Why = plan.Execute, nil, append(b.why(o, seen, all, held), plan.Cause{Text: "a Job can't be changed: it is recreated"})
		b.byKey[o.Key] = b.add(step)
		return
	}
	switch kindOf(o.Key) {
	case "PersistentVolumeClaim":
		b.claim(o, seen, all, held)
		return
	case "StatefulSet":
		if b.remake(o, seen, all, held) {
			return
		}
		if b.unsolved(o, seen, false) {
			return
		}
	default:
		if seen.Applied == nil {
			if step.Why = replaced(o, seen, all); step.Why != nil {
				step.Verb, step.Yields = plan.Recreate, nil
			} else if b.unsolved(o, seen, false) {
				return
			}
		}
	}
	step.Effect = b.effectOf(o, seen, step.Verb, all)
	step.Why = append(b.why(o, seen, all, held), step.Why...)
	b.byKey[o.Key] = b.add(step)
}

// update is the step that changes an object in place. If another tool deployed the object, the step takes it over first.
func update(o *Object, seen *Seen, all []plan.Change, held []plan.Conflict) plan.Step {
	s := plan.Step{Verb: plan.Update, Object: o.Key, Service: o.Service, Effect: plan.None, Changes: all}
	if fields.Predecessors(seen.Live) == nil {
		return s
	}
	s.Verb = plan.TakeOver
	for _, c := range held {
		if c.Decision == plan.Yield {
			s.Yields = append(s.Yields, c.Field)
		}
	}
	return s
}

// undecided reports conflicts without a decision.
func (b *differ) undecided() {
	for _, c := range b.plan.Undecided() {
		b.problems = append(b.problems, diag.Diagnostic{Code: "BERTH3508", Severity: diag.Error, Subject: c.Object,
			Summary: fmt.Sprintf("%s set %s to %s, but the config asks for %s", c.Manager, c.Field, orNone(c.Theirs), orNone(c.Ours)),
			Hint:    "decide who owns it: take makes berth the owner, yield leaves it to " + c.Manager})
	}
}

// unsolved reports a refusal that nothing we know explains: then no step would work.
func (b *differ) unsolved(o *Object, seen *Seen, explained bool) bool {
	if seen.Refused == nil || explained {
		return false
	}
	b.problems = append(b.problems, refused(o, seen.Refused))
	return true
}

// missing creates an object that does not exist.
func (b *differ) missing(o *Object, seen *Seen) {
	if b.unsolved(o, seen, seen.Soon) {
		return
	}
	step := plan.Step{Verb: plan.Create, Object: o.Key, Service: o.Service, Effect: plan.None, Why: o.Origins}
	switch {
	case seen.Soon && b.cluster.Namespace:
		step.Why = append(slices.Clone(o.Origins), plan.Cause{Text: "(its kind does not exist yet)"})
	case seen.Soon:
		step.Why = append(slices.Clone(o.Origins), plan.Cause{Text: "(its namespace does not exist yet)"})
	case o.OneShot:
		step.Why = []plan.Cause{{Text: "has not run for this release"}}
	case b.plan.From != "" && len(o.Origins) == 0:
		step.Why = []plan.Cause{{Text: "is not there"}}
	}
	if o.OneShot {
		step.Verb = plan.Execute
	}
	b.byKey[o.Key] = b.add(step, b.rival(o, seen)...)
}

// rival removes a workload whose place an object takes, before the object is created: two databases must never use one volume.
func (b *differ) rival(o *Object, seen *Seen) []int {
	if seen.Rival == nil {
		return nil
	}
	key := tree.Text(seen.Rival, "kind") + "/" + nameOf(o.Key)
	if claimsGoAlong(seen.Rival) {
		b.problems = append(b.problems, goAlong(key))
		return nil
	}
	effect := plan.Brief
	if plan.Vital(o.Service) {
		effect = plan.Downtime
	}
	b.rivals = append(b.rivals, key)
	return []int{b.add(plan.Step{Verb: plan.Remove, Object: key, APIVersion: tree.Text(seen.Rival, "apiVersion"), Service: o.Service, Effect: effect,
		Why: []plan.Cause{{Text: o.Key + " takes its place; its pods stop first, and its claims are kept"}}})}
}

// deleting handles an object that is being deleted. It is recreated afterwards, unless it holds data.
func (b *differ) deleting(o *Object, seen *Seen) {
	if slices.Contains(stays, kindOf(o.Key)) {
		b.problems = append(b.problems, diag.Diagnostic{Code: "BERTH3507", Severity: diag.Error, Subject: o.Key,
			Summary: "somebody is deleting it, with its data", Detail: []string{"Kubernetes deletes it as soon as nothing uses it"},
			Hint: "save the data now, before its pods stop; then find out who deleted it"})
		return
	}
	verb := plan.Recreate
	if o.OneShot {
		verb = plan.Execute
	}
	b.byKey[o.Key] = b.add(plan.Step{Verb: verb, Object: o.Key, Service: o.Service, Effect: b.effectOf(o, seen, verb, nil), Why: []plan.Cause{{Text: "is being deleted"}}})
}

// asWanted handles an object without a difference. Only workloads are waited for: a claim may stay unbound until its pod starts.
func (b *differ) asWanted(o *Object, seen *Seen) {
	switch {
	case podsOf(o.Body) == nil || seen.Health.Ready:
		b.plan.Unchanged = append(b.plan.Unchanged, o.Key)
	case o.OneShot && seen.Health.Failed:
		b.byKey[o.Key] = b.add(plan.Step{Verb: plan.Execute, Object: o.Key, Service: o.Service, Effect: plan.None, Why: []plan.Cause{{Text: cmp.Or(seen.Health.How, "failed")}}})
	default:
		b.byKey[o.Key] = b.add(plan.Step{Verb: plan.Wait, Object: o.Key, Service: o.Service, Effect: plan.None, Why: []plan.Cause{{Text: cmp.Or(seen.Health.How, "is not ready")}}})
	}
}

// claim adds the steps for a claim: one that sets its size, and one for the rest.
func (b *differ) claim(o *Object, seen *Seen, all []plan.Change, held []plan.Conflict) {
	grown, rest, problems := claim(o, seen, all, b.cluster)
	b.problems = append(b.problems, problems...)
	if len(problems) > 0 || b.unsolved(o, seen, len(grown) > 0) {
		return
	}
	var after []int
	for _, s := range grown {
		after = append(after, b.add(s))
		b.byKey[o.Key] = after[0]
	}
	if step := update(o, seen, rest, held); len(rest) > 0 || step.Verb == plan.TakeOver {
		step.Why = b.why(o, seen, rest, held)
		b.byKey[o.Key] = b.add(step, after...)
	}
}

// remake adds the steps for a StatefulSet that can't be changed in place; it reports whether the object is one.
func (b *differ) remake(o *Object, seen *Seen, all []plan.Change, held []plan.Conflict) bool {
	if seen.Applied != nil {
		return false
	}
	r, problems := statefulSet(o, seen, all, b.cluster)
	b.problems = append(b.problems, problems...)
	if r == nil || len(problems) > 0 {
		return r != nil
	}
	var grown []int
	for _, s := range r.grow {
		grown = append(grown, b.add(s))
	}
	why := b.why(o, seen, all, held)
	if r.recreate {
		why = append(why, append(r.why, plan.Cause{Text: "its pods stop before the new ones start; its claims stay"})...)
		b.byKey[o.Key] = b.add(plan.Step{Verb: plan.Recreate, Object: o.Key, Service: o.Service, Changes: all, Why: why, Effect: b.effectOf(o, seen, plan.Recreate, all)}, grown...)
		return true
	}
	orphan := b.add(plan.Step{Verb: plan.Orphan, Object: o.Key, Service: o.Service, Effect: plan.None,
		Why: append(r.why, plan.Cause{Text: "deleted alone: its pods and its claims stay"})}, grown...)
	b.byKey[o.Key] = b.add(plan.Step{Verb: plan.Create, Object: o.Key, Service: o.Service, Changes: all, Why: append(why, plan.Cause{Text: "recreated around its pods"}),
		Effect: b.effectOf(o, seen, plan.Create, all)}, orphan)
	return true
}

// unwanted removes what is no longer desired, unless it holds data.
func (b *differ) unwanted() {
	for _, u := range b.cluster.Unwanted {
		kind := kindOf(u.Key)
		switch {
		case slices.Contains(b.rivals, u.Key):
			continue // it goes earlier
		case slices.Contains(stays, kind):
			b.plan.Kept = append(b.plan.Kept, u.Key)
			continue
		case kind == "StatefulSet" && claimsGoAlong(u.Live):
			b.problems = append(b.problems, goAlong(u.Key))
			continue
		}
		step := plan.Step{Verb: plan.Remove, Object: u.Key, Service: u.Service, Effect: plan.None, Why: []plan.Cause{{Text: "no longer needed"}}}
		if podsOf(u.Live) != nil && kind != "Job" {
			step.Effect = plan.Brief
		}
		if kind == "StatefulSet" {
			step.Why = []plan.Cause{{Text: "no longer needed; its claims are kept"}}
		}
		b.add(step)
	}
	slices.Sort(b.plan.Kept)
}

// shapes are words of the config, and the fields that they set.
var shapes = []struct{ word, field string }{
	{"cpu", ".cpu"}, {"memory", ".memory"}, {"replicas", "spec.replicas"}, {"storage", "storage"}, {"storageClass", "storageClassName"},
	{"image", ".image"}, {"env", ".env["}, {"pods", "spec.template"}, {"your patch", ""}, {"", ""},
}

// why says why an object differs: changes by others, another image, and the config's lines about fields that differ.
func (b *differ) why(o *Object, seen *Seen, all []plan.Change, held []plan.Conflict) []plan.Cause {
	var out []plan.Cause
	before := fields.Predecessors(seen.Live)
	if before != nil {
		out = []plan.Cause{{Text: "taken over from " + fields.Names(before)}}
	}
	out = append(out, drift(seen, all, held)...)
	for _, c := range all {
		if strings.HasSuffix(c.Field, ".image") && c.From != "" && c.To != "" {
			cause := plan.AnotherImage(c.From, c.To)
			if !slices.Contains(out, cause) {
				out = append(out, cause)
			}
		}
	}
	for _, origin := range o.Origins {
		word, _, _ := strings.Cut(origin.Text, " ")
		i := slices.IndexFunc(shapes, func(s struct{ word, field string }) bool {
			return s.word == word || s.word == "" || strings.HasPrefix(origin.Text, s.word+":")
		})
		if slices.ContainsFunc(all, func(c plan.Change) bool { return contentField(c.Field) && strings.Contains(c.Field, shapes[i].field) }) {
			out = append(out, origin)
		}
	}
	return out
}

// contentField reports whether a field is more than a label of the object itself, such as that of its release.
func contentField(field string) bool { return !fields.Within(field, "metadata.labels") }
