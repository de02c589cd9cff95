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

// stays are kinds that are never removed: they hold data.
var stays = []string{"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"}

// remake is how a StatefulSet's immutable fields change: its claims grow, it is deleted without its pods, and recreated around them.
type remake struct {
	grow     []plan.Step
	why      []plan.Cause
	recreate bool // its pods can't be kept
}

// statefulSet says how a StatefulSet changes; nil when it changes in place. Only its replicas, its template and its update strategy can
// change in place. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
func statefulSet(o *Object, seen *Seen, all []plan.Change, c *Cluster) (*remake, diag.List) {
	r := &remake{}
	var problems diag.List
	var parts []string
	for _, change := range all {
		switch part := firstPart(change.Field); {
		case part == "spec.serviceName", part == "spec.podManagementPolicy":
			parts = append(parts, part)
		case part == "spec.selector":
			parts, r.recreate = append(parts, part), true
		case strings.HasPrefix(part, "spec.volumeClaimTemplates"):
			parts = append(parts, "spec.volumeClaimTemplates")
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	slices.Sort(parts)
	r.why = []plan.Cause{{Text: strings.Join(slices.Compact(parts), ", ") + " can't be changed in place"}}
	if claimsGoAlong(seen.Live) {
		problems = append(problems, goAlong(o.Key))
	}
	if slices.Contains(parts, "spec.volumeClaimTemplates") {
		for _, template := range templates(o.Body) {
			problems = append(problems, r.template(o, template, templateOf(seen.Live, tree.Text(template, "metadata", "name")), c)...)
		}
	}
	return r, problems
}

// template handles one claim template: its live claims grow when it wants more.
func (r *remake) template(o *Object, want, live map[string]any, c *Cluster) diag.List {
	var problems diag.List
	size, class := sizeOf(want), tree.Text(want, "spec", "storageClassName")
	if live != nil && fields.Larger(sizeOf(live), size) > 0 {
		return diag.List{shrinks(o, o.Key, sizeOf(live), size)}
	}
	prefix := tree.Text(want, "metadata", "name") + "-" + nameOf(o.Key) + "-"
	for _, claim := range c.Claims {
		if shard, ok := strings.CutPrefix(claim.Name, prefix); !ok || !digits(shard) {
			continue
		}
		key := "PersistentVolumeClaim/" + claim.Name
		switch {
		case class != "" && claim.Class != "" && class != claim.Class:
			problems = append(problems, otherClass(o, key, claim.Class, class))
		case fields.Larger(size, claim.Size) > 0:
			step, list := grow(o, key, plan.Change{Field: plan.SizeField, From: claim.Size, To: size}, claim.Class, c.Classes)
			r.grow, problems = append(r.grow, step), append(problems, list...)
		}
	}
	return problems
}

// grow is the step that makes a claim larger; a problem when its class does not allow it.
func grow(o *Object, key string, change plan.Change, class string, classes []Class) (plan.Step, diag.List) {
	step := plan.Step{Verb: plan.Grow, Object: key, Service: o.Service, Effect: plan.None, Changes: []plan.Change{change},
		Why: []plan.Cause{{Text: "storage " + change.From + " -> " + change.To, Range: originOf(o, "storage")}}}
	i := slices.IndexFunc(classes, func(c Class) bool { return c.Name == class || class == "" && c.Default })
	switch {
	case i < 0:
		step.Why = append(step.Why, plan.Cause{Text: "berth could not read whether its storage class allows growth"})
	case !classes[i].Expandable:
		return step, diag.List{{Code: "BERTH3502", Severity: diag.Error, Subject: key, Range: originOf(o, "storage"),
			Summary: fmt.Sprintf("it can't grow from %s to %s: its storage class %s does not let volumes grow", change.From, change.To, classes[i].Name),
			Hint:    fmt.Sprintf(`if its storage can, allow it:  kubectl patch storageclass %s -p '{"allowVolumeExpansion": true}'`, classes[i].Name)}}
	}
	return step, nil
}

// claim says how a claim changes: it can grow, and its labels can change. It returns the step that makes it grow, if it has to, and the
// other changes.
func claim(o *Object, seen *Seen, all []plan.Change, c *Cluster) (grown []plan.Step, rest []plan.Change, problems diag.List) {
	for _, change := range all {
		switch {
		case change.Field == plan.SizeField && fields.Larger(change.From, change.To) > 0:
			problems = append(problems, shrinks(o, o.Key, change.From, change.To))
		case change.Field == plan.SizeField:
			step, list := grow(o, o.Key, change, tree.Text(seen.Live, "spec", "storageClassName"), c.Classes)
			grown, problems = append(grown, step), append(problems, list...)
		case change.Field == "spec.storageClassName" && change.From != "" && change.To != "":
			problems = append(problems, otherClass(o, o.Key, change.From, change.To))
		case fields.Within(change.Field, "spec") && !fields.Within(change.Field, "spec.resources") && seen.Applied == nil:
			problems = append(problems, diag.Diagnostic{Code: "BERTH3505", Severity: diag.Error, Subject: o.Key, Range: originOf(o, ""),
				Summary: fmt.Sprintf("%s of a claim can't change: %s -> %s", change.Field, orNone(change.From), orNone(change.To)),
				Hint:    "set it back, or copy the data to a new claim"})
		default:
			rest = append(rest, change)
		}
	}
	return grown, rest, problems
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func shrinks(o *Object, key, from, to string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3501", Severity: diag.Error, Subject: key, Range: originOf(o, "storage"),
		Summary: fmt.Sprintf("a volume can't shrink: %s -> %s", from, to),
		Hint:    fmt.Sprintf("set storage back to %s", from)}
}

func otherClass(o *Object, key, from, to string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3503", Severity: diag.Error, Subject: key, Range: originOf(o, "storageClass"),
		Summary: fmt.Sprintf("the storage class of a claim can't change: it has %s, but the config asks for %s", from, to),
		Hint:    fmt.Sprintf("set storageClass back to %s; to move the data, copy it to a new claim", from)}
}

// claimsGoAlong reports whether a StatefulSet's claims are deleted with it.
func claimsGoAlong(live map[string]any) bool {
	return tree.Text(live, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete"
}

func goAlong(key string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3506", Severity: diag.Error, Subject: key, Summary: "its claims, and the data in them, would be deleted with it",
		Hint: fmt.Sprintf(`keep them first:  kubectl patch statefulset %s -p '{"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}}}'`, nameOf(key))}
}

// dropsClaims reports whether scaling down deletes the claims of removed pods.
func dropsClaims(live map[string]any, all []plan.Change) bool {
	return tree.Text(live, "spec", "persistentVolumeClaimRetentionPolicy", "whenScaled") == "Delete" &&
		slices.ContainsFunc(all, func(c plan.Change) bool {
			return c.Field == plan.ReplicasField && fields.Larger(cmp.Or(c.From, "1"), c.To) > 0
		})
}

func templates(body map[string]any) []map[string]any {
	return tree.Items(tree.Branch(body, "spec")["volumeClaimTemplates"])
}

func templateOf(body map[string]any, name string) map[string]any {
	for _, t := range templates(body) {
		if tree.Text(t, "metadata", "name") == name {
			return t
		}
	}
	return nil
}

func sizeOf(claim map[string]any) string {
	v := tree.Branch(claim, "spec", "resources", "requests")["storage"]
	if v == nil {
		return ""
	}
	return fields.Plain(v)
}
