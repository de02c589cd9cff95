package plan

import (
	"slices"
	"strconv"
	"strings"
)

// effects are what people notice of a change of an object:
//
//   - New pods in place of old ones: none where others answer meanwhile, else a pause of the service, and downtime where Sourcegraph does
//     not answer without it.
//   - Replacing an object whole: the same as if all its pods went at once. A Service, since nothing reaches its pods meanwhile, counts as
//     they do.
//   - Anything else in place, such as labels, numbers of pods, files: none.
func (b *objectDiffer) effectOf(o *Object, seen *Seen, verb Verb, all []Change) Effect {
	if b.plan.From == "" || verb == Create && len(all) == 0 || verb == Wait || verb == Grow || verb == Orphan {
		return None
	}
	kind := kindOf(o.Key)
	if kind == "StatefulSet" && dropsClaims(seen.Live, all) {
		return Data
	}
	stops := verb == Recreate && (podsOf(o.Body) != nil || kind == "Service") ||
		slices.ContainsFunc(all, func(c Change) bool { return c.Field == "spec.replicas" && c.To == "0" }) ||
		touchesPods(all) && pauses(o, seen)
	switch {
	case !stops || kind == "Job":
		return None
	case slices.Contains(vital, o.Service):
		return Downtime
	}
	return Brief
}

// touchesPods reports whether changes replace pods.
func touchesPods(all []Change) bool {
	return slices.ContainsFunc(all, func(c Change) bool { return strings.HasPrefix(c.Field, "spec.template.") })
}

// pauses reports whether replacing the pods of a workload one after the other leaves a moment without any.
func pauses(o *Object, seen *Seen) bool {
	spec := treeAt(o.Body, "spec")
	replicas := count(spec["replicas"])
	if seen.Live != nil {
		replicas = max(1, min(replicas, count(treeAt(seen.Live, "spec")["replicas"])))
	}
	switch kindOf(o.Key) {
	case "Deployment":
		if textAt(spec, "strategy", "type") == "Recreate" {
			return true
		}
		return unavailable(treeAt(spec, "strategy", "rollingUpdate")["maxUnavailable"], replicas) >= replicas
	case "StatefulSet":
		// Each of its pods has something that no other one has, its shard of the data, or is the only one.
		return textAt(spec, "updateStrategy", "type") != "OnDelete"
	}
	return false // a DaemonSet pauses on one node after the other
}

// unavailable is how many pods may be gone at once, as Kubernetes counts: a share is rounded down, and the default is a quarter.
func unavailable(limit any, replicas int) int {
	if limit == nil {
		limit = "25%"
	}
	if share, ok := strings.CutSuffix(plain(limit), "%"); ok {
		n, _ := strconv.Atoi(share)
		return replicas * n / 100
	}
	n, _ := strconv.Atoi(plain(limit))
	return n
}

// count is a number of pods; 1 when nothing is said.
func count(v any) int {
	if n, ok := float(v); ok {
		return int(n)
	}
	return 1
}

// podsOf is the pod template of a workload, or nil.
func podsOf(body map[string]any) map[string]any { return treeAt(body, "spec", "template", "spec") }

// unread says, of files that change, which pods do not read them anew by themselves: nothing in their template changes with the files.
func (b *objectDiffer) unread() {
	for i, s := range b.plan.Steps {
		if s.Verb != Update && s.Verb != TakeOver || !slices.Contains([]string{"ConfigMap", "Secret"}, kindOf(s.Object)) || !contentChanges(s.Changes) {
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
			b.plan.Steps[i].Why = append(b.plan.Steps[i].Why, Cause{Text: "does not restart " + strings.Join(names, ", ") + "; programs that read it only when they start keep the old content"})
		}
	}
}

func contentChanges(all []Change) bool {
	return slices.ContainsFunc(all, func(c Change) bool { return !within(c.Field, "metadata") })
}

// reads reports whether pods have a ConfigMap or Secret as files or variables.
func reads(pods map[string]any, key string) bool {
	kind, name := kindOf(key), nameOf(key)
	for _, v := range itemsOf(pods, "volumes") {
		if kind == "ConfigMap" && textAt(v, "configMap", "name") == name || kind == "Secret" && textAt(v, "secret", "secretName") == name {
			return true
		}
	}
	from, ref := map[string]string{"ConfigMap": "configMapKeyRef", "Secret": "secretKeyRef"}[kind], map[string]string{"ConfigMap": "configMapRef", "Secret": "secretRef"}[kind]
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range itemsOf(pods, list) {
			for _, e := range itemsOf(c, "env") {
				if textAt(e, "valueFrom", from, "name") == name {
					return true
				}
			}
			for _, e := range itemsOf(c, "envFrom") {
				if textAt(e, ref, "name") == name {
					return true
				}
			}
		}
	}
	return false
}

func itemsOf(tree map[string]any, name string) []map[string]any {
	items, _ := tree[name].([]any)
	out := make([]map[string]any, 0, len(items))
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
