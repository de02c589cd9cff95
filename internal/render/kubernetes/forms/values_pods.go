package forms

import (
	"slices"
	"strings"

	"berth/internal/render/kubernetes"
	"berth/internal/tree"
)

// shippedVariables are the variables that are among the chart's default values, and so can be changed. Others are in its templates.
var shippedVariables = map[string][]string{"frontend": {"DEPLOY_TYPE", "GRAFANA_SERVER_URL", "JAEGER_SERVER_URL", "PROMETHEUS_URL"}, "preciseCodeIntel": {"NUM_WORKERS"}}

// workload translates the differences of an object with pods.
func (t *translation) workload(o *kubernetes.Object, there map[string]any) {
	name := chartName(o.Name())
	mine, theirs := tree.Pods(o.Body), tree.At(there, "spec", "template")
	t.sums(mine, theirs)
	t.add(name+".podAnnotations", &kubernetes.Object{Body: mine, Origins: o.Origins}, theirs, "metadata", "annotations")
	t.add(name+".podLabels", &kubernetes.Object{Body: mine, Origins: o.Origins}, theirs, "metadata", "labels")
	if slices.Contains(scaled, name) {
		t.replace(name+".replicaCount", o, there, "spec", "replicas")
	}
	if o.Kind() == "StatefulSet" {
		t.claim(name, o, there)
	}
	t.places(name, o, there)
	t.volumes(name, tree.At(mine, "spec"), tree.At(theirs, "spec"), o)
	if name == "frontend" && !t.since("5.9") {
		t.migratorVariables(tree.At(mine, "spec"), tree.At(theirs, "spec"))
	}
	shipped := tree.WithoutNulls(tree.At(theirs, "spec")).(map[string]any)
	t.sidecars(name, tree.At(mine, "spec"), tree.At(theirs, "spec"), o)
	for _, c := range tree.Containers(tree.At(mine, "spec")) {
		for _, group := range []string{"initContainers", "containers"} {
			if same := tree.Named(tree.At(theirs, "spec")[group], tree.Text(c, "name")); same != nil && tree.Named(shipped[group], tree.Text(c, "name")) != nil {
				t.container(name, o, c, same)
			}
		}
	}
}

// sidecars adds containers. The chart has no values for further init containers.
func (t *translation) sidecars(name string, mine, theirs map[string]any, o *kubernetes.Object) {
	if strings.Contains(name, ".") {
		return
	}
	var more []any
	for _, c := range tree.Items(mine["containers"]) {
		if tree.Named(theirs["containers"], tree.Text(c, "name")) == nil {
			more = append(more, c)
			theirs["containers"] = append(tree.List(theirs["containers"]), c)
		}
	}
	if more != nil {
		t.want(name+".extraContainers", nil, more, o)
	}
}

// migratorVariables gives the migrator the frontend's variables, as older charts do.
func (t *translation) migratorVariables(mine, theirs map[string]any) {
	migrator, shipped := tree.Named(mine["initContainers"], "migrator"), tree.Named(theirs["initContainers"], "migrator")
	variables := tree.Named(mine["containers"], "frontend")["env"]
	if migrator == nil || shipped == nil {
		return
	}
	for _, e := range tree.Items(variables) {
		name := tree.Text(e, "name")
		if tree.Named(tree.Named(theirs["containers"], "frontend")["env"], name) != nil || tree.Named(shipped["env"], name) != nil {
			continue
		}
		tree.Put(shipped, "env", e)
		if tree.Named(migrator["env"], name) == nil {
			tree.Put(migrator, "env", e)
			t.beside("gives the migrator the variable " + name + ", too, which it does not read")
		}
	}
	for _, name := range shippedVariables["frontend"] {
		if tree.Named(variables, name) == nil && tree.Named(migrator["env"], name) == nil {
			shipped["env"] = slices.DeleteFunc(tree.List(shipped["env"]), func(v any) bool { return tree.Text(v.(map[string]any), "name") == name })
		}
	}
}

// sums copies the hashes with which the chart restarts pods.
func (t *translation) sums(mine, theirs map[string]any) {
	annotations, shipped := tree.At(mine, "metadata", "annotations"), tree.At(theirs, "metadata", "annotations")
	for key := range shipped {
		if strings.HasPrefix(key, sums) {
			annotations[key] = shipped[key]
		}
	}
}

// sameSums keeps the hashes that running pods have. The chart makes them of its values, such as the name of an existing Secret, so pods would
// restart although they read the same. Its templates write annotations of values behind their own, and the later one counts.
func (t *translation) sameSums() {
	if !t.Running {
		return
	}
	for _, o := range t.Input.objects() {
		template := tree.Pods(o.Body)
		if template == nil || t.chart[o.Key()] == nil {
			continue
		}
		annotations := tree.Branch(template, "metadata", "annotations")
		for _, key := range tree.Keys(annotations) {
			if strings.HasPrefix(key, sums) && t.summed(key) {
				tree.At(t.values, append(strings.Split(chartName(o.Name()), "."), "podAnnotations")...)[key] = annotations[key]
			}
		}
	}
}

// summed reports whether there are values of which the chart makes a hash; those of the default ones are as they were.
func (t *translation) summed(key string) bool {
	for name, part := range map[string]string{"redisCache": "connection", "redisStore": "connection", "pgsql": "auth", "codeIntelDB": "auth", "codeInsightsDB": "auth"} {
		if (key == sums+"redis") == (part == "connection") && len(tree.Branch(t.values, name, part)) > 0 {
			return true
		}
	}
	return false
}

// sums begin the annotations with which the chart restarts pods.
const sums = "checksum/"

// places translates where pods run, and with which users.
func (t *translation) places(name string, o *kubernetes.Object, there map[string]any) {
	spec := []string{"spec", "template", "spec"}
	mine, theirs := tree.At(o.Body, spec...), tree.At(there, spec...)
	home, _, nested := strings.Cut(name, ".") // both of OpenTelemetry's share these
	fields := []string{"nodeSelector", "tolerations", "affinity"}
	if t.since("6.12") {
		fields = append(fields, "priorityClassName")
	}
	for _, field := range fields {
		wanted := mine[field]
		if field == "affinity" {
			wanted = escaped(wanted) // a template
		}
		t.want(home+"."+field, theirs[field], wanted, o)
		theirs[field] = mine[field]
	}
	if !nested {
		t.replace(name+".podSecurityContext", o, there, append(spec, "securityContext")...)
	}
	t.want("sourcegraph.imagePullSecrets", nil, mine["imagePullSecrets"], o)
	theirs["imagePullSecrets"] = mine["imagePullSecrets"]
}

// volumes adds volumes.
func (t *translation) volumes(name string, mine, theirs map[string]any, o *kubernetes.Object) {
	if strings.Contains(name, ".") {
		return
	}
	var more []any
	for _, v := range tree.Items(mine["volumes"]) {
		if tree.Named(theirs["volumes"], tree.Text(v, "name")) == nil {
			more = append(more, v)
			theirs["volumes"] = append(tree.List(theirs["volumes"]), v)
		}
	}
	if more != nil {
		t.want(name+".extraVolumes", nil, more, o)
	}
}

// containerValues are the chart's values of a container: its image, its resources, its security context, its variables, its mounts. ""
// where there are none.
type containerValues struct{ image, resources, security, env, mounts string }

// valuesOfContainer finds them. Some containers are in the pods of several services, and share one set of values.
func (t *translation) valuesOfContainer(service, container string) containerValues {
	switch {
	case container == "migrator":
		v := containerValues{"migrator", "migrator", "migrator", "migrator", "migrator"}
		if !t.since("5.3") {
			v.mounts = ""
		}
		return v
	case container == "zoekt-indexserver":
		return containerValues{"indexedSearchIndexer", "indexedSearchIndexer", "indexedSearchIndexer", "indexedSearchIndexer", "indexedSearchIndexer"}
	case container == "redis-exporter":
		return containerValues{"redisExporter", "redisExporter", "redisExporter", "redisExporter", ""}
	case strings.HasSuffix(container, "-exporter") && container != "node-exporter":
		return containerValues{"postgresExporter", "postgresExporter", "postgresExporter", service + ".postgresExporter", ""}
	case container == "correct-data-dir-permissions" && service == "codeInsightsDB":
		return containerValues{"alpine", "alpine", "codeInsightsDB.init", "", ""}
	case container == "correct-data-dir-permissions":
		return containerValues{"alpine", "alpine", "alpine", "", ""}
	case strings.Contains(service, "."):
		v := containerValues{"openTelemetry", service, service, service, ""}
		if !t.since("5.7") {
			v.security = ""
		}
		return v
	}
	return containerValues{service, service, service, service, service}
}

// container translates the differences of a container.
func (t *translation) container(service string, o *kubernetes.Object, mine, theirs map[string]any) {
	values := t.valuesOfContainer(service, tree.Text(mine, "name"))
	t.image(values.image, o, mine, theirs)
	for _, f := range []struct{ value, home, field string }{{"resources", values.resources, "resources"}, {"containerSecurityContext", values.security, "securityContext"}} {
		if f.home != "" {
			t.want(f.home+"."+f.value, theirs[f.field], mine[f.field], o)
			theirs[f.field] = mine[f.field]
		}
	}
	if tree.Text(mine, "name") == "migrator" {
		t.want("migrator.args", theirs["args"], mine["args"], o)
		theirs["args"] = mine["args"]
	}
	if values.env != "" {
		t.variables(values.env, o, mine, theirs)
	}
	if values.mounts != "" {
		t.mountsOf(values.mounts, o, mine, theirs)
	}
}

// image translates another registry, name or tag.
func (t *translation) image(values string, o *kubernetes.Object, mine, theirs map[string]any) {
	registry, name, tag := splitImage(tree.Text(mine, "image"))
	shippedRegistry, shippedName, shippedTag := splitImage(tree.Text(theirs, "image"))
	t.want("sourcegraph.image.repository", shippedRegistry, registry, o)
	t.want(values+".image.name", shippedName, name, o)
	if tag != shippedTag {
		t.want(values+".image.tag", nil, tag, o)
	}
	theirs["image"] = mine["image"]
}

// splitImage splits a reference.
func splitImage(reference string) (registry, name, tag string) {
	slash := strings.LastIndexByte(reference[:len(reference)-len(afterAt(reference))], '/')
	name, tag, _ = strings.Cut(reference[slash+1:], ":")
	return reference[:max(slash, 0)], name, tag
}

func afterAt(reference string) string {
	_, digest, _ := strings.Cut(reference, "@")
	return digest
}

// variables translates environment variables. Those of the chart's templates can't be changed.
func (t *translation) variables(values string, o *kubernetes.Object, mine, theirs map[string]any) {
	var list []any
	for _, e := range tree.Items(mine["env"]) {
		name := tree.Text(e, "name")
		there := tree.Named(theirs["env"], name)
		list = append(list, e)
		switch {
		case there == nil:
			t.want(values+".env."+name, nil, without(e, "name"), o)
			t.moved[o.Key()] = true
		case !same(e, there) && slices.Contains(shippedVariables[values], name):
			t.want(values+".env."+name, without(there, "name"), without(e, "name"), o)
		case !same(e, there):
			list[len(list)-1] = there
			t.unsupported(o, "can't change the variable "+name+" of "+tree.Text(mine, "name"))
		}
	}
	for _, e := range tree.Items(theirs["env"]) {
		name := tree.Text(e, "name")
		switch {
		case tree.Named(mine["env"], name) != nil:
		case slices.Contains(shippedVariables[values], name):
			t.want(values+".env."+name, e, nil, o)
		default:
			t.unsupported(o, "can't leave out the variable "+name+" of "+tree.Text(mine, "name"))
		}
	}
	mine["env"], theirs["env"] = list, list
}

func without(m map[string]any, key string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// mountsOf adds mounts.
func (t *translation) mountsOf(values string, o *kubernetes.Object, mine, theirs map[string]any) {
	var more []any
	for _, m := range tree.Items(mine["volumeMounts"]) {
		there := slices.ContainsFunc(tree.Items(theirs["volumeMounts"]), func(other map[string]any) bool { return other["mountPath"] == m["mountPath"] })
		if !there {
			more = append(more, m)
			theirs["volumeMounts"] = append(tree.List(theirs["volumeMounts"]), m)
		}
	}
	if more != nil {
		t.want(values+".extraVolumeMounts", nil, more, o)
	}
}
