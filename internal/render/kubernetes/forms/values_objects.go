package forms

import (
	"slices"
	"strings"

	"berth/internal/render/kubernetes"
	"berth/internal/tree"
)

// chartNames are the chart's names for the values of an object's service, where they differ from the object's name.
//
// Source: charts/sourcegraph/values.yaml of https://github.com/sourcegraph/deploy-sourcegraph-helm, releases 5.0 to 7.5.
var chartNames = map[string]string{"sourcegraph-frontend": "frontend", "indexed-search": "indexedSearch", "precise-code-intel-worker": "preciseCodeIntel",
	"syntactic-code-intel-worker": "syntacticCodeIntel", "syntect-server": "syntectServer", "redis-cache": "redisCache", "redis-store": "redisStore",
	"codeintel-db": "codeIntelDB", "codeinsights-db": "codeInsightsDB", "otel-collector": "openTelemetry.gateway", "otel-agent": "openTelemetry.agent",
	"node-exporter": "nodeExporter", "repo-updater": "repoUpdater", "github-proxy": "githubProxy"}

// chartName is the chart's name for an object's service.
func chartName(object string) string {
	if name, ok := chartNames[object]; ok {
		return name
	}
	return object
}

// scaled are the services whose number of pods is a value.
var scaled = []string{"frontend", "gitserver", "indexedSearch", "jaeger", "preciseCodeIntel", "searcher", "symbols", "syntacticCodeIntel", "syntectServer", "worker"}

// switched are the services that a value turns off, each by an object that only it has.
var switched = []string{"DaemonSet/cadvisor", "StatefulSet/codeinsights-db", "StatefulSet/codeintel-db", "StatefulSet/pgsql", "StatefulSet/grafana", "Deployment/blobstore",
	"DaemonSet/node-exporter", "Deployment/otel-collector", "Deployment/prometheus", "Deployment/redis-cache", "Deployment/redis-store", "Deployment/embeddings",
	"StatefulSet/qdrant"}

// switches turns off the services that our objects don't have.
func (t *translation) switches() {
	for _, key := range switched {
		if t.chart[key] == nil || t.ours[key] != nil {
			continue
		}
		name := strings.TrimSuffix(chartName(strings.SplitN(key, "/", 2)[1]), ".gateway")
		t.set(name+".enabled", false)
		services := []string{strings.SplitN(key, "/", 2)[1]}
		switch name {
		case "openTelemetry":
			services = append(services, "otel-agent")
			t.withoutVariables(func(e map[string]any) bool {
				return strings.HasPrefix(tree.Text(e, "name"), "OTEL_") || tree.Text(e, "name") == "OPENTELEMETRY_DISABLED"
			})
		case "blobstore":
			t.withoutVariables(func(e map[string]any) bool { return e["value"] == "blobstore" || e["value"] == "http://blobstore:9000" })
		}
		for _, service := range services {
			t.turnedOff(service)
		}
	}
	t.insights()
	t.agent()
	if t.chart["ClusterRole/prometheus"] != nil && t.ours["ClusterRole/prometheus"] == nil && t.since("6.6") {
		t.set("prometheus.privileged", false)
		t.set("prometheus.createRoleBinding", false)
		delete(t.chart, "ClusterRole/prometheus")
		delete(t.chart, "ClusterRoleBinding/prometheus")
	}
	if t.ours["StorageClass/"+kubernetes.ChartStorageClass] == nil {
		t.set("storageClass.create", false)
		delete(t.chart, "StorageClass/"+kubernetes.ChartStorageClass)
	}
}

// turnedOff removes the objects of a service from the chart's. Secrets stay: other services read from them where to connect.
func (t *translation) turnedOff(service string) {
	s := t.release.Services[service]
	if s.Kubernetes == nil {
		return
	}
	for key := range s.Kubernetes.Objects {
		if !strings.HasPrefix(key, "Secret/") {
			delete(t.chart, key)
		}
	}
}

// withoutVariables removes variables from all of the chart's containers.
func (t *translation) withoutVariables(which func(map[string]any) bool) {
	for _, body := range t.chart {
		template := tree.Pods(body)
		if template == nil {
			continue
		}
		for _, c := range tree.Containers(tree.At(template, "spec")) {
			c["env"] = slices.DeleteFunc(tree.List(c["env"]), func(v any) bool {
				e, _ := v.(map[string]any)
				return which(e)
			})
		}
	}
}

// insights leaves out where Code Insights' database is, where nothing of ours says it. The chart always says it; nothing reads it.
func (t *translation) insights() {
	const secret = "Secret/codeinsights-db-auth"
	front := t.ours["Deployment/"+frontend]
	if t.ours["StatefulSet/codeinsights-db"] != nil || front == nil || tree.Named(tree.Named(tree.At(tree.Pods(front.Body), "spec")["containers"], "frontend")["env"], "CODEINSIGHTS_PGHOST") != nil {
		return
	}
	delete(t.chart, secret)
	t.withoutVariables(func(e map[string]any) bool { return strings.HasPrefix(tree.Text(e, "name"), "CODEINSIGHTS_PG") })
	t.beside("makes the Secret codeinsights-db-auth, and variables from it, which nothing reads")
}

// agent sends traces directly to the collector where ours go there.
func (t *translation) agent() {
	if t.chart["DaemonSet/otel-agent"] == nil || t.ours["DaemonSet/otel-agent"] != nil || !t.since("7.3") {
		return
	}
	t.set("openTelemetry.agent.kind", "Deployment")
	t.turnedOff("otel-agent")
	t.beside("makes the ConfigMap otel-agent, which nothing reads")
	t.withoutVariables(func(e map[string]any) bool {
		if e["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			e["value"] = "http://otel-collector:4317"
		}
		return e["name"] == "OTEL_AGENT_HOST"
	})
}

// ingress translates the Ingress.
func (t *translation) ingress() {
	const key, values = "Ingress/" + frontend, "frontend.ingress."
	there := t.chart[key]
	if there == nil {
		return
	}
	o := t.ours[key]
	if o == nil {
		t.set(values+"enabled", false)
		delete(t.chart, key)
		return
	}
	t.replace(values+"annotations", o, there, "metadata", "annotations")
	if class := tree.Text(o.Body, "spec", "ingressClassName"); class != "" {
		t.set(values+"ingressClassName", class)
		tree.At(there, "spec")["ingressClassName"] = class
	}
	rules := tree.Items(tree.At(o.Body, "spec")["rules"])
	if len(rules) != 1 || tree.Text(rules[0], "host") == "" {
		return
	}
	host := tree.Text(rules[0], "host")
	t.set(values+"host", host)
	for _, rule := range tree.Items(tree.At(there, "spec")["rules"]) {
		rule["host"] = host
	}
	for _, tls := range tree.Items(tree.At(o.Body, "spec")["tls"]) {
		t.set(values+"tlsSecret", tls["secretName"])
		tree.At(there, "spec")["tls"] = []any{map[string]any{"hosts": []any{host}, "secretName": tls["secretName"]}}
	}
}

// replace sets a value to a part of our object, and puts that part into the chart's object.
func (t *translation) replace(value string, o *kubernetes.Object, there map[string]any, path ...string) {
	last := path[len(path)-1]
	mine, theirs := tree.At(o.Body, path[:len(path)-1]...), tree.At(there, path[:len(path)-1]...)
	t.want(value, theirs[last], mine[last], o)
	theirs[last] = mine[last]
}

// secretValues are the chart's values of its Secrets.
var secretValues = map[string]string{"pgsql-auth": "pgsql.auth", "codeintel-db-auth": "codeIntelDB.auth", "codeinsights-db-auth": "codeInsightsDB.auth",
	"grafana-auth": "grafana.auth", "redis-cache": "redisCache.connection", "redis-store": "redisStore.connection"}

// secrets names Secrets that exist, and sets the values of Secrets without a secret.
func (t *translation) secrets() {
	for _, name := range tree.Keys(secretValues) {
		key := keyOf("Secret", name)
		there := t.chart[key]
		if there == nil {
			continue
		}
		o := t.ours[key]
		if o != nil && !o.Secret() {
			for _, k := range tree.Keys(o.Values) {
				if value := plainValue(o.Values[k]); value != decoded(tree.At(there, "data")[k]) {
					t.set(secretValues[name]+"."+k, value)
				}
			}
			delete(t.chart, key)
			delete(t.ours, key)
			continue
		}
		theirs := name
		if o == nil {
			theirs = t.refersTo(name)
		}
		if theirs == "" {
			continue
		}
		t.set(secretValues[name]+".existingSecret", theirs)
		t.rename(name, theirs)
		delete(t.chart, key)
		delete(t.ours, key)
	}
}

// references returns the Secrets that an object's variables refer to, by container and variable.
func references(body map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	template := tree.Pods(body)
	if template == nil {
		return out
	}
	for _, c := range tree.Containers(tree.At(template, "spec")) {
		for _, e := range tree.Items(c["env"]) {
			if tree.Text(e, "valueFrom", "secretKeyRef", "name") != "" {
				out[tree.Text(c, "name")+" "+tree.Text(e, "name")] = tree.At(e, "valueFrom", "secretKeyRef")
			}
		}
	}
	return out
}

// refersTo is the Secret that our pods use where the chart's use another.
func (t *translation) refersTo(name string) string {
	for _, key := range tree.Keys(t.ours) {
		mine := references(t.ours[key].Body)
		for variable, reference := range references(t.chart[key]) {
			if reference["name"] == name && mine[variable] != nil {
				return tree.Text(mine[variable], "name")
			}
		}
	}
	return name
}

// rename points the chart's pods to another Secret.
func (t *translation) rename(from, to string) {
	for _, body := range t.chart {
		for _, reference := range references(body) {
			if reference["name"] == from {
				reference["name"] = to
			}
		}
	}
}

// configs are the chart's ConfigMaps that the admin's own can replace.
var configs = map[string]string{"pgsql-conf": "pgsql", "codeintel-db-conf": "codeIntelDB", "codeinsights-db-conf": "codeInsightsDB", "grafana": "grafana",
	"prometheus": "prometheus"}

// configMaps sets settings of databases, and adds other ConfigMaps as our own, which the chart then doesn't make.
func (t *translation) configMaps() {
	for _, name := range tree.Keys(configs) {
		key := keyOf("ConfigMap", name)
		o, there := t.ours[key], t.chart[key]
		if o == nil || there == nil || same(o.Body, there) {
			continue
		}
		if lines, ok := addedSettings(tree.Text(there, "data", "postgresql.conf"), tree.Text(o.Body, "data", "postgresql.conf")); ok {
			t.set(configs[name]+".additionalConfig", escaped(lines))
			tree.At(there, "data")["postgresql.conf"] = tree.Text(o.Body, "data", "postgresql.conf")
			continue
		}
		t.set(configs[name]+".existingConfig", name)
		t.bring(key)
		delete(t.chart, key)
	}
}

// addedSettings are the lines of one postgresql.conf that another does not have. It is not ok when the other has settings that this one
// lacks.
func addedSettings(shipped, wanted string) (lines string, ok bool) {
	if shipped == "" || wanted == "" {
		return "", false
	}
	names := map[string]bool{}
	for line := range strings.Lines(wanted) {
		name, _, _ := strings.Cut(line, " = ")
		names[name] = true
		if !strings.Contains("\n"+shipped, "\n"+line) {
			lines += line
		}
	}
	for line := range strings.Lines(shipped) {
		if name, _, _ := strings.Cut(line, " = "); !names[name] {
			return "", false
		}
	}
	return lines, true
}

// bring adds an object of ours beside the chart's.
func (t *translation) bring(key string) {
	for _, o := range t.Input.objects() {
		if o.Key() == key {
			t.extra = append(t.extra, escaped(plain(o)))
		}
	}
	delete(t.ours, key)
}

// added adds the objects that the chart does not have. People create Secrets with secret values.
func (t *translation) added() {
	for _, o := range t.Input.objects() {
		key := o.Key()
		if t.ours[key] == nil || t.chart[key] != nil {
			continue
		}
		if o.Secret() {
			delete(t.ours, key)
			continue
		}
		t.bring(key)
	}
}

// accounts translates service accounts. The chart's accounts that we don't have are turned off; those that differ are added.
func (t *translation) accounts() {
	pulls := false
	for key, there := range t.chart {
		o := t.ours[key]
		if o == nil || tree.Pods(o.Body) == nil {
			continue
		}
		spec := tree.At(tree.Pods(o.Body), "spec")
		pulls = pulls || len(tree.List(spec["imagePullSecrets"])) > 0
		mine, theirs := tree.Text(spec, "serviceAccountName"), tree.Text(there, "spec", "template", "spec", "serviceAccountName")
		if mine == theirs {
			continue
		}
		values := chartName(o.Name()) + ".serviceAccount."
		t.set(values+"create", false)
		t.set(values+"name", mine)
		tree.At(there, "spec", "template", "spec")["serviceAccountName"] = mine
		if theirs != "" && t.ours[keyOf("ServiceAccount", theirs)] == nil {
			delete(t.chart, keyOf("ServiceAccount", theirs))
			for _, body := range t.chart {
				for _, subject := range tree.Items(body["subjects"]) {
					if subject["name"] == theirs {
						subject["name"] = mine
					}
				}
			}
		}
	}
	for _, name := range []string{"cadvisor", "grafana", "prometheus", frontend} {
		key := keyOf("ServiceAccount", name)
		o, there := t.ours[key], t.chart[key]
		// The chart puts image pull secrets into two accounts, too.
		if o == nil || there == nil || same(o.Body, there) && (!pulls || name != "grafana" && name != frontend) {
			continue
		}
		values := chartName(name) + ".serviceAccount."
		t.set(values+"create", false)
		t.set(values+"name", name)
		t.bring(key)
		delete(t.chart, key)
	}
}

// objects translates the differences inside objects.
func (t *translation) objects() {
	for _, key := range tree.Keys(t.chart) {
		o, there := t.ours[key], t.chart[key]
		if o == nil {
			continue
		}
		switch {
		case tree.Pods(o.Body) != nil:
			t.workload(o, there)
		case o.Kind() == "Service":
			t.service(o, there)
		case o.Kind() == "PersistentVolumeClaim":
			t.claim(chartName(o.Name()), o, there)
		}
	}
}

// service translates a Service's type and annotations.
func (t *translation) service(o *kubernetes.Object, there map[string]any) {
	name := chartName(o.Name())
	if t.add(name+".serviceAnnotations", o, there, "metadata", "annotations") && name == "frontend" {
		t.beside("gives these annotations to the Service sourcegraph-frontend-internal, too")
	}
	t.add(name+".serviceLabels", o, there, "metadata", "labels")
	if name != "searcher" && name != "symbols" && tree.Text(o.Body, "spec", "type") != tree.Text(there, "spec", "type") {
		t.set(name+".serviceType", tree.Text(o.Body, "spec", "type"))
		tree.At(there, "spec")["type"] = tree.Text(o.Body, "spec", "type")
	}
}

// add adds the entries of a map that the chart's object lacks, and reports whether there are any. Entries that it has can't be changed.
func (t *translation) add(value string, o *kubernetes.Object, there map[string]any, path ...string) bool {
	mine, theirs := tree.At(o.Body, path...), tree.At(there, path...)
	more := map[string]any{}
	for key, v := range mine {
		if theirs[key] == nil {
			more[key] = v
			theirs[key] = v
		}
	}
	if len(more) > 0 {
		t.want(value, nil, more, o)
	}
	return len(more) > 0
}

// claim translates a volume's size and class. The chart has one class for all, and sizes caches as we do, but reads only sizes in Gi.
func (t *translation) claim(name string, o *kubernetes.Object, there map[string]any) {
	mine, template := o.Body, map[string]any{}
	if o.Kind() == "StatefulSet" {
		all, theirs := tree.Items(tree.At(o.Body, "spec")["volumeClaimTemplates"]), tree.Items(tree.At(there, "spec")["volumeClaimTemplates"])
		if len(all) != 1 || len(theirs) != 1 {
			return
		}
		mine, there, template = all[0], theirs[0], tree.Pods(there)
	}
	storage := func(body map[string]any) any { return tree.At(body, "spec", "resources", "requests")["storage"] }
	t.want(name+".storageSize", storage(there), storage(mine), o)
	if before, _ := storage(there).(string); strings.HasSuffix(tree.Text(mine, "spec", "resources", "requests", "storage"), "Gi") {
		kubernetes.ScaleCaches(template, tree.WithoutNulls(template).(map[string]any), before, tree.Text(mine, "spec", "resources", "requests", "storage"))
	}
	tree.At(there, "spec", "resources", "requests")["storage"] = storage(mine)
	t.want("storageClass.name", tree.At(there, "spec")["storageClassName"], tree.At(mine, "spec")["storageClassName"], o)
	tree.At(there, "spec")["storageClassName"] = tree.At(mine, "spec")["storageClassName"]
}
