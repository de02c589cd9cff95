package objects

import (
	"cmp"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// fixed are the fields that the API server never changes, by kind. An object of these kinds is replaced when one of them has to change: it
// costs time, but no data. StatefulSets and claims, which hold data, have their own rules.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/
var fixed = map[string][]string{
	"Deployment":         {"spec.selector"},
	"DaemonSet":          {"spec.selector"},
	"Service":            {"spec.clusterIP", "spec.clusterIPs"},
	"Job":                {"spec.template", "spec.selector", "spec.completions", "spec.completionMode"},
	"RoleBinding":        {"roleRef"},
	"ClusterRoleBinding": {"roleRef"},
	"StorageClass":       {"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"},
	"PriorityClass":      {"value", "preemptionPolicy"},
	"Secret":             {"type"},
	"ConfigMap":          {},
}

// invalid is the status of an object that the API server rejects as invalid.
const invalid = 422

// costs say what replacing an object of a kind means, where that is not obvious.
var costs = map[string]string{
	"Deployment":         "its pods stop before the new ones start",
	"DaemonSet":          "its pods stop before the new ones start",
	"Service":            "it gets another address in the cluster",
	"RoleBinding":        "its rights are missing for a moment",
	"ClusterRoleBinding": "its rights are missing for a moment",
	"StorageClass":       "volumes that exist stay as they are",
}

// replaced says why an object has to be replaced rather than changed; nothing when it can be changed.
func replaced(o *Object, seen *Seen, all []plan.Change) []plan.Cause {
	kind := kindOf(o.Key)
	reasons := []string{}
	for _, c := range all {
		if slices.ContainsFunc(fixed[kind], func(f string) bool { return fields.Within(c.Field, f) }) || sealed(kind, seen.Live, c.Field) {
			reasons = append(reasons, firstPart(c.Field))
		}
	}
	if _, may := fixed[kind]; may && len(reasons) == 0 && seen.Refused.immutable() {
		for _, cause := range seen.Refused.Causes {
			reasons = append(reasons, fields.FromMessage(cause.Field))
		}
		if len(reasons) == 0 {
			reasons = []string{"what differs"}
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	slices.Sort(reasons)
	why := []plan.Cause{{Text: strings.Join(slices.Compact(reasons), ", ") + " can't be changed in place"}}
	if cost := costs[kind]; cost != "" {
		why = append(why, plan.Cause{Text: cost})
	}
	if kind == "Service" && tree.Text(seen.Live, "spec", "type") == "LoadBalancer" {
		why = append(why, plan.Cause{Text: "its load balancer may get another address"})
	}
	return why
}

// sealed reports whether a field is in a ConfigMap or Secret that is marked immutable.
func sealed(kind string, live map[string]any, field string) bool {
	if kind != "ConfigMap" && kind != "Secret" || live["immutable"] != true {
		return false
	}
	return fields.Within(field, "data") || fields.Within(field, "binaryData") || field == "immutable"
}

// firstPart is a field up to its second name: "spec.selector".
func firstPart(field string) string {
	parts := strings.SplitN(field, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// immutable reports whether the API server refused to change an immutable field, for fields that we don't know of.
func (r *Refusal) immutable() bool {
	if r == nil || r.Status != invalid {
		return false
	}
	message := r.Message
	for _, c := range r.Causes {
		message += " " + c.Message
	}
	return slices.ContainsFunc([]string{"immutable", "may not be changed", "may not change", "can not be unset", "may not be unset", "cannot change"},
		func(words string) bool { return strings.Contains(message, words) })
}

// refused is a refusal as a problem.
func refused(o *Object, r *Refusal) diag.Diagnostic {
	d := diag.Diagnostic{Code: "BERTH3504", Severity: diag.Error, Subject: o.Key, Summary: "the cluster refuses " + o.Key + " as planned",
		Hint: "fix the cause shown above; see: berth explain BERTH3504", Range: originOf(o, "")}
	for _, c := range r.Causes {
		d.Detail = append(d.Detail, strings.TrimSpace(fields.FromMessage(c.Field)+": "+c.Message))
	}
	if len(d.Detail) == 0 || r.Status != invalid {
		d.Detail = []string{r.Message}
	}
	if strings.Contains(r.Message, "failed calling webhook") {
		d.Summary, d.Hint = "the cluster could not check "+o.Key+": an admission webhook does not answer", "check that the webhook's own pods run; the message names it"
	}
	if strings.HasPrefix(o.Key, "Secret/") {
		d.Detail = []string{cmp.Or(r.Reason, "refused") + "; its message is not shown, because it may contain the secret"}
	}
	return d
}

// originOf is the place of the config's line about a word; without one, of the object's first line.
func originOf(o *Object, word string) diag.Range {
	for _, origin := range o.Origins {
		if strings.HasPrefix(origin.Text, word) {
			return origin.Range
		}
	}
	return diag.Range{}
}

func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "/")
	return kind
}

func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}
