package kubernetes

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// patches applies the admin's own changes, last. One that changes nothing is a problem: it no longer does what it was written for.
func (r *renderer) patches() {
	for _, service := range sortedKeys(r.cluster.Settings) {
		for _, p := range r.cluster.Settings[service].Patches {
			r.patch(service, p)
		}
	}
}

func (r *renderer) patch(service string, p stack.ObjectPatch) {
	var found []*Object
	for _, key := range sortedKeys(r.objects) {
		o := r.objects[key]
		home := o.Service == service || key == r.cluster.Containers[service].Object
		if home && (p.Kind == o.Kind() || p.Kind == "" && pods(o) != nil) {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		r.problem("BERTH1191", p.Range, fmt.Sprintf("patch of %s matches nothing in release %s: it has no %s", service, r.stack.Release, cmp.Or(p.Kind, "object with pods")),
			"take it out, or compare it with: berth render --as manifests")
		return
	}
	for _, o := range found {
		before := withoutNulls(o.Body)
		merge(o.Body, p.Change)
		if reflect.DeepEqual(before, withoutNulls(o.Body)) {
			r.problem("BERTH1191", p.Range, fmt.Sprintf("patch of %s changes nothing in release %s", service, r.stack.Release),
				"take it out, or compare it with: berth render --as manifests")
		}
		o.Origins = append(o.Origins, stack.Origin{Text: "your patch: " + cmp.Or(p.Reason, "patch"), Range: p.Range})
	}
}

// merge merges a change in: maps merge, lists of named things merge by what they are named by, other lists and values replace, null removes.
func merge(tree, change map[string]any) {
	for _, key := range sortedKeys(change) {
		value := change[key]
		there, isMap := tree[key].(map[string]any)
		sub, alsoMap := value.(map[string]any)
		list, isList := tree[key].([]any)
		with, alsoList := value.([]any)
		switch {
		case value == nil:
			delete(tree, key)
		case isMap && alsoMap:
			merge(there, sub)
		case isList && alsoList && mergeKey(list, with) != "":
			tree[key] = mergeLists(list, with, mergeKey(list, with))
		default:
			tree[key] = withoutNulls(value)
		}
	}
}

// ownName is the name of an object in a list, such as a claim template.
const ownName = "metadata.name"

// mergeKey is what the items of two lists are named by, as in the Kubernetes API; "" when they are not.
func mergeKey(lists ...[]any) string {
	for _, key := range []string{"mountPath", "name", "containerPort", "port", "key", ownName} {
		if !slices.ContainsFunc(slices.Concat(lists...), func(v any) bool { return nameBy(v, key) == nil }) {
			return key
		}
	}
	return ""
}

// nameBy is what a list's item is named by a key; nil when it is not.
func nameBy(item any, key string) any {
	m, _ := item.(map[string]any)
	if key == ownName {
		m, _ = m["metadata"].(map[string]any)
		key = "name"
	}
	return m[key]
}

// mergeLists merges items by name. An item with  $patch: delete  takes the other out.
func mergeLists(list, with []any, key string) []any {
	out := slices.Clone(list)
	for _, v := range with {
		change := v.(map[string]any)
		i := slices.IndexFunc(out, func(there any) bool { return nameBy(there, key) == nameBy(change, key) })
		switch {
		case i >= 0 && change["$patch"] == "delete":
			out = slices.Delete(out, i, i+1)
		case i >= 0:
			merge(out[i].(map[string]any), change)
		case change["$patch"] == nil:
			out = append(out, withoutNulls(change))
		}
	}
	return out
}

// migrator is the Job that brings the databases' schemas to the release, before anything reads them. The frontend's pods run the same once
// more and find nothing to do. It is made by a direct apply only: its name changes with what it runs, so it runs once for each release.
func (r *renderer) migrator() {
	place, ok := r.cluster.Containers["migrator"]
	if !ok || r.objects[place.Object] == nil {
		return
	}
	home := at(pods(r.objects[place.Object]), "spec")
	c := withoutNulls(container(r.objects[place.Object], place)).(map[string]any)
	spec := map[string]any{"restartPolicy": "Never", "containers": []any{c}}
	for _, key := range []string{"imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName", "securityContext", "volumes"} {
		if home[key] != nil {
			spec[key] = withoutNulls(home[key])
		}
	}
	labels := map[string]any{"app": "migrator", "deploy": "sourcegraph"}
	annotations := map[string]any{}
	if r.options.Mesh != "" {
		// A sidecar would keep the Job from ending.
		annotations["sidecar.istio.io/inject"], annotations["linkerd.io/inject"] = "false", "disabled"
	}
	template := map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}, "spec": spec}
	name := "migrator-" + strings.ReplaceAll(r.stack.Release, ".", "-") + "-" + shortHash(yaml.Block(template, 0))
	o := r.add("migrator", map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph"}},
		"spec": map[string]any{"backoffLimit": 3, "template": template}})
	o.OneShot = true
	r.label(o.Key(), o)
}
