package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
)

// workload is a service on Kubernetes, as a release's objects have it.
type workload struct {
	name      string
	home      string         // the service in whose pods it runs: itself, mostly
	key       string         // of the object with these pods: "StatefulSet/gitserver"
	spec      map[string]any // of that object
	container map[string]any // its own container
	claim     map[string]any // of its disk; nil without one
	template  bool           // the claim is made anew for each pod
	kinds     []string       // of the service's objects, ordered
}

// workloadOf reads a service's workload; nil when the release has none for Kubernetes.
func workloadOf(rel *catalogue.Release, name string) *workload {
	if rel == nil || rel.Services[name].Kubernetes == nil {
		return nil
	}
	w := &workload{name: name, home: cmp.Or(rel.Services[name].Kubernetes.In, name)}
	objects := rel.Services[w.home].Kubernetes.Objects
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		kind, _, _ := strings.Cut(key, "/")
		if !slices.Contains(w.kinds, kind) {
			w.kinds = append(w.kinds, kind)
		}
		switch spec := branch(objects[key], "spec"); kind {
		case "Deployment", "StatefulSet", "DaemonSet":
			w.key, w.spec = key, spec
			w.container = containerOf(name, w.home, branch(spec, "template", "spec"))
			if templates := mapsIn(spec["volumeClaimTemplates"]); len(templates) > 0 {
				w.claim, w.template = branch(templates[0], "spec"), true
			}
		case "PersistentVolumeClaim":
			w.claim = spec
		}
	}
	return w
}

// containerOf finds a service's container in its pods: the one with its name, or the one for metrics beside a database, or the first.
func containerOf(name, home string, pods map[string]any) map[string]any {
	for _, group := range []string{"initContainers", "containers"} {
		for _, c := range mapsIn(pods[group]) {
			own, _ := c["name"].(string)
			if own == name || name != home && strings.HasSuffix(name, "-exporter") && strings.HasSuffix(own, "-exporter") {
				return c
			}
		}
	}
	if first := mapsIn(pods["containers"]); name == home && len(first) > 0 {
		return first[0]
	}
	return nil
}

// guest reports whether the service runs in the pods of another.
func (w *workload) guest() bool { return w.home != w.name }

// singletons keep what they know on their disk, and would each know something else.
var singletons = []string{"grafana"}

// scalable reports whether several pods of it can run: they share no disk, and there is not one a node anyhow.
func (w *workload) scalable() bool {
	kind, _, _ := strings.Cut(w.key, "/")
	return w.key != "" && kind != "DaemonSet" && (w.claim == nil || w.template) && !slices.Contains(singletons, w.home)
}

// shipped is what the release has for one of the settings of a service; "" when it says nothing.
func (w *workload) shipped(setting string) string {
	resource := func(group, name string) string { return plain(branch(w.container, "resources", group)[name]) }
	switch setting {
	case "cpu":
		return orNone(resource("limits", "cpu"))
	case "memory":
		return orNone(resource("limits", "memory"))
	case "cpuRequest":
		return resource("requests", "cpu")
	case "memoryRequest":
		return resource("requests", "memory")
	case "storage":
		if w.guest() {
			return ""
		}
		return plain(branch(w.claim, "resources", "requests")["storage"])
	case "replicas":
		switch {
		case w.guest():
			return "as " + w.home + " has"
		case strings.HasPrefix(w.key, "DaemonSet/"):
			return "one on each node"
		}
		return cmp.Or(plain(w.spec["replicas"]), "1")
	case "enabled":
		return "true"
	}
	return ""
}

// variable is the value of an environment variable; "" where it comes from elsewhere.
func (w *workload) variable(name string) string {
	for _, e := range mapsIn(w.container["env"]) {
		if e["name"] == name {
			return plain(e["value"])
		}
	}
	return ""
}

// postgresSettings are those that a release ships for a built-in database.
func postgresSettings(rel *catalogue.Release, database string) map[string]string {
	if settings := rel.Files.Postgres[database]; settings != nil {
		return settings
	}
	k := rel.Services[database].Kubernetes
	if k == nil {
		return nil
	}
	settings := map[string]string{}
	for name, value := range branch(k.Objects["ConfigMap/"+database+"-conf"], "data", "postgresql.conf") {
		settings[name] = plain(value)
	}
	return settings
}

// branch goes down into a tree of maps; nil when there is none.
func branch(tree any, path ...string) map[string]any {
	m, _ := tree.(map[string]any)
	for _, key := range path {
		m, _ = m[key].(map[string]any)
	}
	return m
}

// mapsIn gives a list's maps.
func mapsIn(v any) []map[string]any {
	items, _ := v.([]any)
	var list []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// plain is a single value as text; "" for none.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// measure is a quantity as Kubernetes reads it, as a number: "500m", ".2", "8G", "4Gi".
func measure(q string) float64 {
	end := strings.IndexFunc(q, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(q)
	}
	n, _ := strconv.ParseFloat(q[:end], 64)
	switch unit := q[end:]; unit {
	case "":
		return n
	case "m":
		return n / 1000
	default:
		return n * bytesUnits[unit]
	}
}
