package kubernetes

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/stack"
	"berth/internal/tree"
)

type options = config.KubernetesOptions

// readable is the mode of secret files: every process in the container may read them. They belong to root there, and ssh requires stricter
// rights only for a key that belongs to its own user.
const readable = 0o444

// instance changes a service's container as the config says: variables, files, command.
func (r *renderer) instance(inst stack.Instance) {
	if inst.Own {
		r.own(inst)
		return
	}
	place, ok := r.cluster.Containers[inst.Name]
	if !ok {
		return
	}
	o := r.objects[place.Object]
	c := container(o, place)
	for _, origin := range inst.Origins {
		if !slices.Contains(o.Origins, origin) { // what is set for all services is so once for each container
			o.Origins = append(o.Origins, origin)
		}
	}
	r.environment(inst, c)
	r.mounts(inst, o, c)
	if o.Service == inst.Service {
		attributes(o, inst)
	}
	if inst.Command != nil {
		c["command"] = tree.OfList(inst.Command)
	}
	if len(inst.Args) > 0 {
		c["args"] = append(slices.Clone(tree.List(c["args"])), tree.OfList(inst.Args)...)
	}
}

// container finds a container in its object.
func container(o *Object, place stack.Container) map[string]any {
	group := "containers"
	if place.Init {
		group = "initContainers"
	}
	return tree.Named(tree.At(tree.Pods(o.Body), "spec")[group], place.Name)
}

// drop takes a container out of its pods, and what leads to its ports out of their Services.
func (r *renderer) drop(off stack.Dropped) {
	o := r.objects[off.Object]
	spec := tree.At(tree.Pods(o.Body), "spec")
	group := "containers"
	if off.Init {
		group = "initContainers"
	}
	spec[group] = slices.DeleteFunc(tree.List(spec[group]), func(c any) bool { return tree.Text(c.(map[string]any), "name") == off.Name })
	o.Origins = append(o.Origins, off.Origin)
	open := map[string]bool{} // ports of the other containers, by number and by name
	for _, c := range tree.Items(spec["containers"]) {
		for _, port := range tree.Items(c["ports"]) {
			open[fmt.Sprint(port["containerPort"])], open[fmt.Sprint(port["name"])] = true, true
		}
	}
	for _, service := range r.objects {
		body := service.Body
		if service.Kind() != "Service" || service.Service != o.Service {
			continue
		}
		if annotations := tree.Branch(body, "metadata", "annotations"); annotations[scrapePort] != nil && !open[fmt.Sprint(annotations[scrapePort])] {
			delete(annotations, scrapePort)
			delete(annotations, scrapeWanted)
			service.Origins = append(service.Origins, off.Origin)
		}
		ports := tree.At(body, "spec")
		ports["ports"] = slices.DeleteFunc(tree.List(ports["ports"]), func(p any) bool {
			to := p.(map[string]any)["targetPort"]
			return to != nil && !open[fmt.Sprint(to)]
		})
	}
}

// The annotations by which Prometheus finds what it scrapes.
const scrapePort, scrapeWanted = "prometheus.io/port", "sourcegraph.prometheus/scrape"

// environment sets the variables that differ from the release, and removes those that are no longer wanted.
func (r *renderer) environment(inst stack.Instance, c map[string]any) {
	wanted := map[string]stack.EnvVar{}
	for _, e := range inst.Env {
		wanted[e.Name] = e
	}
	var env []any
	done := map[string]bool{}
	for _, there := range tree.Items(c["env"]) {
		name := tree.Text(there, "name")
		e, ok := wanted[name]
		switch {
		case !ok:
			continue
		case e.Shipped:
			env = append(env, there)
		default:
			env = append(env, r.variable(inst.Service, e))
		}
		done[name] = true
	}
	for _, e := range inst.Env {
		if !done[e.Name] {
			env = append(env, r.variable(inst.Service, e))
		}
	}
	if env != nil {
		c["env"] = env
	} else {
		delete(c, "env")
	}
}

// variable is an environment variable; one with a secret reads it from a Secret.
func (r *renderer) variable(service string, e stack.EnvVar) map[string]any {
	if e.Field != "" {
		return map[string]any{"name": e.Name, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": e.Field}}}
	}
	if len(e.Value) == 1 && e.Value[0].Object != "" {
		from := e.Value[0]
		kind, name, _ := strings.Cut(from.Object, "/")
		field := map[string]string{"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}[kind]
		return map[string]any{"name": e.Name, "valueFrom": map[string]any{field: map[string]any{"name": name, "key": from.Key}}}
	}
	plain := ""
	secret := false
	for _, p := range e.Value {
		plain += literal(p.Text)
		if p.Variable != "" {
			plain += "$(" + p.Variable + ")"
		}
		secret = secret || p.Secret != ""
	}
	if !secret {
		return map[string]any{"name": e.Name, "value": plain}
	}
	key := "env-" + e.Name
	o := r.ownSecret(service)
	o.Values[key] = e.Value
	return map[string]any{"name": e.Name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": o.Name(), "key": key}}}
}

// ownSecret is the Secret with the config's secrets for a service.
func (r *renderer) ownSecret(service string) *Object {
	return r.ownMap("Secret", service)
}

// ownMap is the ConfigMap or Secret with the config's additions for a service.
func (r *renderer) ownMap(kind, service string) *Object {
	name := service + "-berth"
	key := kind + "/" + name
	if o := r.objects[key]; o != nil {
		return o
	}
	body := map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph", "app": service}}}
	if kind == "Secret" {
		body["type"] = "Opaque"
	}
	o := r.add(service, body)
	if kind == "Secret" {
		o.Values = map[string][]stack.Part{}
	}
	r.touch(key)
	return o
}

// mounts mounts the files that the config adds, each by itself, so that the image's other files beside it stay.
func (r *renderer) mounts(inst stack.Instance, o *Object, c map[string]any) {
	spec := tree.At(tree.Pods(o.Body), "spec")
	guest := ""
	if inst.Service != o.Service {
		guest = "-" + inst.Service // the pod's own service has volumes too
	}
	for _, m := range inst.Mounts {
		key := strings.ReplaceAll(strings.Trim(m.Path, "/"), "/", "-")
		key = strings.TrimLeft(strings.ReplaceAll(key, "-.", "-"), ".-")
		var volume string
		switch {
		case m.Secret != "":
			own := r.ownMap("Secret", inst.Service)
			own.Values[key] = []stack.Part{{Secret: m.Secret}}
			volume = "berth-secret" + guest
			tree.Put(spec, "volumes", map[string]any{"name": volume, "secret": map[string]any{"secretName": own.Name(), "defaultMode": readable}})
		case m.File != "":
			own := r.ownMap("ConfigMap", inst.Service)
			tree.At(own.Body, "data")[key] = string(r.file(m.File))
			volume = "berth-config" + guest
			tree.Put(spec, "volumes", map[string]any{"name": volume, "configMap": map[string]any{"name": own.Name()}})
		case m.Object != "" || m.Host != "":
			mount(c, own(spec, m))
			continue
		default:
			continue
		}
		mount(c, map[string]any{"name": volume, "mountPath": m.Path, "subPath": key, "readOnly": true})
	}
}

// mount mounts something at a path, in place of any other mount there.
func mount(c, m map[string]any) {
	mounts := slices.DeleteFunc(tree.List(c["volumeMounts"]), func(there any) bool {
		other, _ := there.(map[string]any)
		return other["mountPath"] == m["mountPath"]
	})
	c["volumeMounts"] = append(mounts, m)
}

// file is a file of the stack's settings.
func (r *renderer) file(name string) []byte {
	for _, f := range r.stack.Settings.Files {
		if f.Path == path.Clean(name) {
			return f.Content
		}
	}
	return nil
}

// settings applies the config's settings of single services: numbers, resources, places.
func (r *renderer) settings() {
	r.small()
	for _, name := range tree.Keys(r.cluster.Settings) {
		w := r.cluster.Settings[name]
		place, ok := r.cluster.Containers[name]
		if !ok {
			continue
		}
		o := r.objects[place.Object]
		o.Origins = append(o.Origins, w.Origins...)
		r.resources(container(o, place), w)
		if o.Service != w.Service {
			continue // it runs in another service's pods
		}
		if w.Replicas != nil && o.Kind() != "DaemonSet" {
			tree.At(o.Body, "spec")["replicas"] = *w.Replicas
		}
		r.place(o, w.Pods)
	}
}

// The requests of a container in an installation on a single machine, where the release has higher ones. All of them together then fit one
// machine, and may use what is free up to their limits.
const smallCPU, smallMemory = "50m", "128Mi"

// small reduces the release's resources: no limits for a trial, and small requests on a single machine.
func (r *renderer) small() {
	for _, o := range r.objects {
		template := tree.Pods(o.Body)
		if template == nil || o.Own {
			continue
		}
		for _, c := range tree.Containers(tree.At(template, "spec")) {
			resources, _ := c["resources"].(map[string]any)
			requests, _ := resources["requests"].(map[string]any)
			switch {
			case r.cluster.Demo:
				delete(c, "resources")
			case r.options.SingleNode:
				for name, most := range map[string]string{"cpu": smallCPU, "memory": smallMemory} {
					if more(tree.Text(requests, name), most) {
						requests[name] = most
					}
				}
			}
		}
	}
}

// resources sets limits and requests. Kubernetes refuses a request above its limit, so a lower limit lowers the request too.
func (r *renderer) resources(c map[string]any, w stack.Wanted) {
	set := func(name string, limit, request config.Quantity) {
		if limit == "" && request == "" {
			return
		}
		res := tree.At(c, "resources")
		if limit != "" {
			tree.At(res, "limits")[name] = string(limit)
			if there := tree.Text(res, "requests", name); there != "" && more(there, string(limit)) {
				tree.At(res, "requests")[name] = string(limit)
			}
		}
		if request != "" {
			tree.At(res, "requests")[name] = string(request)
		}
	}
	set("cpu", w.CPU, w.CPURequest)
	set("memory", w.Memory, w.MemoryRequest)
}

// more reports whether one quantity is more than another.
func more(a, b string) bool { return amount(a) > amount(b) }

// amount is a quantity as a number.
func amount(q string) float64 {
	end := strings.IndexFunc(q, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
	if end < 0 {
		end = len(q)
	}
	n, _ := strconv.ParseFloat(q[:end], 64)
	return n * map[string]float64{"": 1, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50}[q[end:]]
}

// place sets where pods run.
func (r *renderer) place(o *Object, p config.Pods) {
	template := tree.Pods(o.Body)
	spec := tree.At(template, "spec")
	for k, v := range p.NodeSelector {
		tree.At(spec, "nodeSelector")[k] = v
	}
	if p.Tolerations != nil {
		spec["tolerations"] = append(slices.Clone(tree.List(spec["tolerations"])), tree.OfList(p.Tolerations)...)
	}
	if p.Affinity != nil {
		spec["affinity"] = p.Affinity
	}
	for _, c := range p.TopologySpread {
		constraint := tree.WithoutNulls(c).(map[string]any)
		if constraint["labelSelector"] == nil {
			constraint["labelSelector"] = tree.At(o.Body, "spec", "selector")
		}
		spec["topologySpreadConstraints"] = append(tree.List(spec["topologySpreadConstraints"]), constraint)
	}
	if p.PriorityClass != "" {
		spec["priorityClassName"] = p.PriorityClass
	}
	for k, v := range p.Labels {
		tree.At(template, "metadata", "labels")[k] = v
	}
	for k, v := range p.Annotations {
		tree.At(template, "metadata", "annotations")[k] = v
	}
}
