package objects

import (
	"slices"
	"strconv"
	"strings"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// effectOf says what people notice when an object changes:
//
//   - Pods are replaced: nothing where other pods answer meanwhile, else a pause of the service, and downtime where Sourcegraph does not
//     answer without it.
//   - An object is replaced as a whole: the same as if all its pods were replaced at once. This includes a Service, since nothing reaches
//     its pods meanwhile.
//   - Anything else changes in place, such as labels, numbers of pods, files: nothing.
func (b *differ) effectOf(o *Object, seen *Seen, verb plan.Verb, all []plan.Change) plan.Effect {
	if b.plan.From == "" || verb == plan.Create && len(all) == 0 || verb == plan.Wait || verb == plan.Grow || verb == plan.Orphan {
		return plan.None
	}
	kind := kindOf(o.Key)
	if kind == "StatefulSet" && dropsClaims(seen.Live, all) {
		return plan.Data
	}
	stops := verb == plan.Recreate && (podsOf(o.Body) != nil || kind == "Service") ||
		slices.ContainsFunc(all, func(c plan.Change) bool { return c.Field == plan.ReplicasField && c.To == "0" }) ||
		touchesPods(all) && pauses(o, seen)
	switch {
	case !stops || kind == "Job":
		return plan.None
	case plan.Vital(o.Service):
		return plan.Downtime
	}
	return plan.Brief
}

// touchesPods reports whether changes replace pods.
func touchesPods(all []plan.Change) bool {
	return slices.ContainsFunc(all, func(c plan.Change) bool { return strings.HasPrefix(c.Field, "spec.template.") })
}

// pauses reports whether a workload has a moment without any pod while its pods are replaced one after the other.
func pauses(o *Object, seen *Seen) bool {
	spec := tree.Branch(o.Body, "spec")
	replicas := count(spec["replicas"])
	if seen.Live != nil {
		replicas = max(1, min(replicas, count(tree.Branch(seen.Live, "spec")["replicas"])))
	}
	switch kindOf(o.Key) {
	case "Deployment":
		if tree.Text(spec, "strategy", "type") == "Recreate" {
			return true
		}
		return unavailable(tree.Branch(spec, "strategy", "rollingUpdate")["maxUnavailable"], replicas) >= replicas
	case "StatefulSet":
		// Each of its pods has its own shard of the data, or it has only one.
		return tree.Text(spec, "updateStrategy", "type") != "OnDelete"
	}
	return false // a DaemonSet pauses on one node after the other
}

// unavailable is how many pods may be missing at once, as Kubernetes counts: a percentage is rounded down, and the default is a quarter.
func unavailable(limit any, replicas int) int {
	if limit == nil {
		limit = "25%"
	}
	if share, ok := strings.CutSuffix(fields.Plain(limit), "%"); ok {
		n, _ := strconv.Atoi(share)
		return replicas * n / 100
	}
	n, _ := strconv.Atoi(fields.Plain(limit))
	return n
}

// count is a number of pods; 1 when it is not set.
func count(v any) int {
	if n, ok := fields.Float(v); ok {
		return int(n)
	}
	return 1
}

// podsOf is the pod template of a workload, or nil.
func podsOf(body map[string]any) map[string]any { return tree.Branch(body, "spec", "template", "spec") }

// unread lists the pods that don't read changed files again by themselves: nothing in their template changes with the files.
func (b *differ) unread() {
	for i, s := range b.plan.Steps {
		if s.Verb != plan.Update && s.Verb != plan.TakeOver || !slices.Contains([]string{"ConfigMap", "Secret"}, kindOf(s.Object)) || !contentChanges(s.Changes) {
			continue
		}
		var names []string
		for k := range b.desired.Objects {
			o := &b.desired.Objects[k]
			at, changed := b.byKey[o.Key]
			if !reads(podsOf(o.Body), s.Object) || changed && touchesPods(b.plan.Steps[at].Changes) {
				continue
			}
			names = append(names, o.Key)
		}
		if len(names) > 0 {
			b.plan.Steps[i].Why = append(b.plan.Steps[i].Why, plan.Cause{Text: "does not restart " + strings.Join(names, ", ") + "; programs that read it only when they start keep the old content"})
		}
	}
}

func contentChanges(all []plan.Change) bool {
	return slices.ContainsFunc(all, func(c plan.Change) bool { return !fields.Within(c.Field, "metadata") })
}

// reads reports whether pods have a ConfigMap or Secret as files or variables.
func reads(pods map[string]any, key string) bool {
	kind, name := kindOf(key), nameOf(key)
	for _, v := range tree.Items(pods["volumes"]) {
		if kind == "ConfigMap" && tree.Text(v, "configMap", "name") == name || kind == "Secret" && tree.Text(v, "secret", "secretName") == name {
			return true
		}
	}
	from, ref := map[string]string{"ConfigMap": "configMapKeyRef", "Secret": "secretKeyRef"}[kind], map[string]string{"ConfigMap": "configMapRef", "Secret": "secretRef"}[kind]
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range tree.Items(pods[list]) {
			for _, e := range tree.Items(c["env"]) {
				if tree.Text(e, "valueFrom", from, "name") == name {
					return true
				}
			}
			for _, e := range tree.Items(c["envFrom"]) {
				if tree.Text(e, ref, "name") == name {
					return true
				}
			}
		}
	}
	return false
}
