package catalogue

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Workload is where a service runs on Kubernetes, according to a release's objects.
type Workload struct {
	Service   string
	Home      string         // the service in whose pods it runs: usually itself
	Object    string         // the object of these pods: "StatefulSet/gitserver"
	Spec      map[string]any // of that object
	Container map[string]any // the service's own
	Name      string         // of the container
	Init      bool           // the container runs before the others
	Claim     map[string]any // of its disk; nil without one
	PerPod    bool           // each pod has its own claim
	Kinds     []string       // of the service's objects, ordered
	Overlay   string         // the overlay that has it; "": it always runs
}

// Workload finds a service's pods and its container in them; nil when the release has none for Kubernetes.
func (r *Release) Workload(service string) *Workload {
	k := r.Services[service].Kubernetes
	if k == nil {
		return nil
	}
	w := &Workload{Service: service, Home: cmp.Or(k.In, service), Overlay: k.Overlay}
	objects := r.Services[w.Home].Kubernetes.Objects
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		kind, _, _ := strings.Cut(key, "/")
		if !slices.Contains(w.Kinds, kind) {
			w.Kinds = append(w.Kinds, kind)
		}
		switch kind {
		case "Deployment", "StatefulSet", "DaemonSet":
			w.Object, w.Spec = key, Branch(objects[key], "spec")
			w.find(Branch(w.Spec, "template", "spec"))
			if templates := Maps(w.Spec["volumeClaimTemplates"]); len(templates) > 0 {
				w.Claim, w.PerPod = Branch(templates[0], "spec"), true
			}
		case "PersistentVolumeClaim":
			w.Claim = Branch(objects[key], "spec")
		}
	}
	return w
}

// find finds the service's container in its pods: the container of that name, or the metrics container beside a database, or the first of
// its own.
func (w *Workload) find(pods map[string]any) {
	for _, group := range []string{"initContainers", "containers"} {
		for _, c := range Maps(pods[group]) {
			name, _ := c["name"].(string)
			if name == w.Service || w.Guest() && strings.HasSuffix(w.Service, "-exporter") && strings.HasSuffix(name, "-exporter") {
				w.Container, w.Name, w.Init = c, name, group == "initContainers"
				return
			}
		}
	}
	if first := Maps(pods["containers"]); !w.Guest() && len(first) > 0 {
		w.Container = first[0]
		w.Name, _ = w.Container["name"].(string)
	}
}

// Guest reports whether the service runs in the pods of another service.
func (w *Workload) Guest() bool { return w.Home != w.Service }

// singletons can't share their state: Grafana has it on its own disk, Jaeger in memory, and the executor knows which jobs it started.
var singletons = []string{"grafana", "jaeger", "executor"}

// Scalable reports whether several of its pods can run: they share no disk, and it is no DaemonSet.
func (w *Workload) Scalable() bool {
	kind, _, _ := strings.Cut(w.Object, "/")
	return w.Object != "" && kind != "DaemonSet" && (w.Claim == nil || w.PerPod) && !slices.Contains(singletons, w.Home)
}

// containers finds the services' containers, and where their variables lead.
func (r *Release) containers() {
	leads := r.Leads()
	for name, s := range r.Services {
		w := r.Workload(name)
		if w == nil || w.Container == nil {
			continue
		}
		k := *s.Kubernetes
		k.Container = Container{Object: w.Object, Name: w.Name, Init: w.Init}
		env := Maps(w.Container["env"])
		for _, e := range env {
			k.Container.Variables = append(k.Container.Variables, textOf(e["name"]))
		}
		k.Container.Leads = leads.variables(env)
		s.Kubernetes = &k
		r.Services[name] = s
	}
}

// Branch returns a part of a tree of maps, such as an object; nil when there is none. Callers must not change it.
func Branch(tree any, path ...string) map[string]any {
	m, _ := tree.(map[string]any)
	if e, ok := tree.(encoded); ok {
		m = e.tree()
	}
	for _, key := range path {
		m, _ = m[key].(map[string]any)
	}
	return m
}

// Maps returns the maps of a list.
func Maps(v any) []map[string]any {
	items, _ := v.([]any)
	var list []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}
