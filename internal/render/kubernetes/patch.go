package kubernetes

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// patches applies the admin's changes, last. A patch that changes nothing is a problem: it no longer does what it was written for.
func (r *renderer) patches() {
	for _, service := range tree.Keys(r.cluster.Settings) {
		for _, p := range r.cluster.Settings[service].Patches {
			r.patch(service, p)
		}
	}
}

func (r *renderer) patch(service string, p stack.ObjectPatch) {
	var found []*Object
	for _, key := range tree.Keys(r.objects) {
		o := r.objects[key]
		home := o.Service == service || key == r.cluster.Containers[service].Object
		if home && (p.Kind == o.Kind() || p.Kind == "" && tree.Pods(o.Body) != nil) {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		r.problem("BERTH1191", p.Range, fmt.Sprintf("patch of %s matches nothing in release %s: it has no %s", service, r.stack.Release, cmp.Or(p.Kind, "object with pods")),
			"remove it, or compare it with: berth render --as manifests")
		return
	}
	for _, o := range found {
		before := tree.WithoutNulls(o.Body)
		tree.Merge(o.Body, p.Change)
		if reflect.DeepEqual(before, tree.WithoutNulls(o.Body)) {
			r.problem("BERTH1191", p.Range, fmt.Sprintf("patch of %s changes nothing in release %s", service, r.stack.Release),
				"remove it, or compare it with: berth render --as manifests")
		}
		o.Origins = append(o.Origins, stack.Origin{Text: "your patch: " + cmp.Or(p.Reason, "patch"), Range: p.Range})
	}
}

// migrator is the Job that migrates the databases' schemas to the release, before anything reads them. The frontend's pods run the migrator
// once more and find nothing to do. Only a direct apply has the Job: its name changes with what it runs, so it runs once for each release.
func (r *renderer) migrator() {
	place, ok := r.cluster.Containers["migrator"]
	if !ok || r.objects[place.Object] == nil {
		return
	}
	home := tree.At(tree.Pods(r.objects[place.Object].Body), "spec")
	c := tree.WithoutNulls(container(r.objects[place.Object], place)).(map[string]any)
	spec := map[string]any{"restartPolicy": "Never", "containers": []any{c}}
	for _, key := range []string{"imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName", "securityContext", "volumes"} {
		if home[key] != nil {
			spec[key] = tree.WithoutNulls(home[key])
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
	r.label(o)
}
