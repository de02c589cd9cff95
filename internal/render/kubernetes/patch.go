package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/diag"
	"berth/internal/render/kubernetes/api"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// reserved are places of an object that a patch must not set, each with what to write instead.
var reserved = []struct{ path, instead string }{
	{"apiVersion", "remove it"},
	{"kind", "write  kind: KIND  beside the patch, to change another object"},
	{"status", "remove it: the cluster writes it"},
	{"metadata.name", "remove it: Sourcegraph's services find each other by their names"},
	{"metadata.namespace", "set kubernetes.namespace"},
	{"spec.selector", "remove it: a selector can't change"},
}

// named are lists to which a patch adds nothing without saying so: a misspelt name would be a second item.
var named = []string{"containers", "initContainers", "volumes", "volumeMounts", "volumeDevices", "volumeClaimTemplates"}

// patches applies the admin's changes, last. A patch that changes nothing is a problem: it no longer does what it was written for.
func (r *renderer) patches() {
	for _, p := range r.stack.Patches {
		found := r.patchable(p)
		if len(found) == 0 {
			r.problem("BERTH1191", p.At(), fmt.Sprintf("patch of %s matches nothing in release %s: it %s", p.Service, r.stack.Release, r.without(p)), compareHint)
			continue
		}
		changed := false
		for _, o := range found {
			changed = r.patch(p, o) || changed
		}
		if !changed {
			r.problem("BERTH1191", p.At(), fmt.Sprintf("patch of %s changes nothing in release %s", p.Service, r.stack.Release), compareHint)
		}
	}
}

const compareHint = "remove it, or compare it with: berth render --as manifests"

// patchable are the objects that a patch is for.
func (r *renderer) patchable(p stack.Patch) []*Object {
	var found []*Object
	for _, key := range tree.Keys(r.objects) {
		o := r.objects[key]
		home := p.Names(o.Service, "") && o.Service != "" && !o.Own || key == r.cluster.Containers[p.Service].Object
		if home && (p.Kind == o.Kind() || p.Kind == "" && tree.Pods(o.Body) != nil) {
			found = append(found, o)
		}
	}
	return found
}

// without says what the service of a patch lacks.
func (r *renderer) without(p stack.Patch) string {
	for _, o := range r.objects {
		if p.Names(o.Service, "") && !o.Own {
			return "has no " + cmp.Or(p.Kind, "object with pods")
		}
	}
	return "does not run here"
}

// patch applies a patch to one object, and reports whether that changed something, or failed. An object that the patch does not fit stays as it is.
func (r *renderer) patch(p stack.Patch, o *Object) bool {
	problems := 0
	refuse := func(code string, path []string, summary, hint string) {
		problems++
		r.problem(code, p.At(indexed(p.Change, path)...), "patch of "+p.Service+": "+summary, hint)
	}
	for _, place := range reserved {
		path := strings.Split(place.path, ".")
		if value := tree.Branch(p.Change, path[:len(path)-1]...)[path[len(path)-1]]; value != nil && (place.path != "spec.selector" || tree.Pods(o.Body) != nil) {
			refuse("BERTH1190", path, "it can't set "+place.path, place.instead)
		}
	}
	after := tree.WithoutNulls(o.Body).(map[string]any)
	before := tree.WithoutNulls(o.Body).(map[string]any)
	found := api.Merge(o.Kind(), after, p.Change)
	changes := tree.Changes(before, after)
	r.reserves(p, o, changes, refuse)
	if len(found) == 0 {
		found = append(api.Prove(o.Kind(), after), loose(after)...)
	}
	for _, wrong := range found {
		refuse("BERTH1197", wrong.Path, strings.Join(wrong.Path, ".")+" "+wrong.Text, cmp.Or(wrong.Hint, compareHint))
	}
	for _, what := range unsaid(changes) {
		if !p.Add {
			r.problem("BERTH1196", p.At(), "patch of "+p.Service+": release "+r.stack.Release+" has no "+what, "correct the name; or add  add: true  if it is to be new")
		}
	}
	for _, name := range shared(before, after) {
		refuse("BERTH1670", []string{"spec", "template", "spec", "volumes", name}, fmt.Sprintf("all pods of %s would write into the volume %q", p.Service, name),
			"mount it with  subPathExpr: $(POD_NAME)  and that variable, for a folder of each pod; or with  readOnly: true")
	}
	if problems > 0 {
		return true
	}
	o.Body = after
	if len(changes) > 0 {
		o.Origins = append(o.Origins, stack.Origin{Text: tree.Summary("your patch: "+cmp.Or(p.Reason, "patch"), changes), Range: p.At()})
	}
	return len(changes) > 0
}

// reserves refuses to change what berth has a key for, and works with as the key says. Helpers in the pods of a service have images of their own.
// No pods at all is for maintenance, which no key allows.
func (r *renderer) reserves(p stack.Patch, o *Object, changes []tree.Change, refuse func(code string, path []string, summary, hint string)) {
	for _, change := range changes {
		path := strings.Join(change.Path, ".")
		if path == "spec.replicas" && fmt.Sprint(change.Is) != "0" && tree.Pods(o.Body) != nil {
			refuse("BERTH1190", change.Path, "it can't set spec.replicas", "set services."+p.Service+".replicas")
		}
		for service, c := range r.cluster.Containers {
			if c.Object == o.Key() && strings.HasPrefix(path, "spec.template.spec.") && strings.HasSuffix(strings.ToLower(path), "containers."+c.Name+".image") {
				refuse("BERTH1190", change.Path, "it can't set the image of "+service,
					"remove it, and set images.registry for all images; or record another digest with: berth lock")
			}
		}
	}
}

// indexed is a path of an object as one of a patch, which has items of lists by their number.
func indexed(v any, path []string) []string {
	out := slices.Clone(path)
	for i, key := range path {
		if list, isList := v.([]any); isList {
			at := slices.IndexFunc(list, func(item any) bool {
				by := tree.MergeKey([]any{item})
				return by != "" && fmt.Sprint(tree.Name(item, by)) == key
			})
			if at < 0 {
				return out[:i]
			}
			out[i], v = strconv.Itoa(at), list[at]
			continue
		}
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return out
}

// unsaid are the named things that changes add.
func unsaid(changes []tree.Change) (out []string) {
	for _, c := range changes {
		last := len(c.Path) - 1
		switch {
		case c.Was != nil:
		case last > 0 && slices.Contains(named, c.Path[last-1]):
			out = append(out, fmt.Sprintf("%q in %s", c.Path[last], strings.Join(c.Path[:last], ".")))
		case last >= 0 && slices.Contains(named, c.Path[last]):
			out = append(out, strings.Join(c.Path, "."))
		}
	}
	return out
}

// shared are volumes that a patch brings, that exist once, and that several pods would write into: each believes that it is alone there.
func shared(before, after map[string]any) (out []string) {
	spec := tree.Branch(after, "spec", "template", "spec")
	if fmt.Sprint(tree.Branch(after, "spec")["replicas"]) == "1" || after["kind"] == "DaemonSet" {
		return nil
	}
	for _, v := range tree.Items(spec["volumes"]) {
		once := v["hostPath"] != nil || v["nfs"] != nil || v["persistentVolumeClaim"] != nil
		name := tree.Text(v, "name")
		if !once || tree.Same(v, tree.Named(tree.Branch(before, "spec", "template", "spec")["volumes"], name)) {
			continue
		}
		if slices.ContainsFunc(tree.Containers(spec), func(c map[string]any) bool {
			return slices.ContainsFunc(tree.Items(c["volumeMounts"]), func(m map[string]any) bool {
				return m["name"] == name && m["readOnly"] != true && m["subPathExpr"] == nil
			})
		}) {
			out = append(out, name)
		}
	}
	return out
}

// loose finds mounts of volumes that a pod does not have.
func loose(object map[string]any) (out []api.Problem) {
	template := tree.Pods(object)
	if template == nil {
		return nil
	}
	spec := tree.Branch(template, "spec")
	var volumes []string
	for _, v := range tree.Items(spec["volumes"]) {
		volumes = append(volumes, tree.Text(v, "name"))
	}
	for _, claim := range tree.Items(tree.Branch(object, "spec")["volumeClaimTemplates"]) {
		volumes = append(volumes, tree.Text(claim, "metadata", "name"))
	}
	for _, c := range tree.Containers(spec) {
		for _, m := range tree.Items(c["volumeMounts"]) {
			if name := tree.Text(m, "name"); !slices.Contains(volumes, name) {
				hint := "add it to volumes"
				if guess := diag.Closest(name, volumes); guess != "" {
					hint = "did you mean " + guess + "?"
				}
				out = append(out, api.Problem{Path: []string{"spec", "template", "spec"}, Text: fmt.Sprintf("has no volume %q, which %s mounts", name, tree.Text(c, "name")), Hint: hint})
			}
		}
	}
	return out
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
	// Native sidecars serve the migrator here, too, and end with it.
	sidecars := tree.List(home["initContainers"])[:NativeSidecars(home)]
	spec := map[string]any{"restartPolicy": "Never", "containers": []any{c}}
	if len(sidecars) > 0 {
		spec["initContainers"] = tree.WithoutNulls(sidecars)
	}
	if volumes := Mounted(home["volumes"], append(tree.Items(sidecars), c)); volumes != nil {
		spec["volumes"] = tree.WithoutNulls(volumes)
	}
	for _, key := range []string{"imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName", "securityContext", "hostAliases", "dnsConfig"} {
		if home[key] != nil {
			spec[key] = tree.WithoutNulls(home[key])
		}
	}
	if r.cluster.Settings[frontend].Pods.ServiceAccount != nil && home["serviceAccountName"] != nil {
		spec["serviceAccountName"] = home["serviceAccountName"] // it signs in to databases by it
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
