package kubernetes

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/stack"
	"berth/internal/tree"
)

// ownStorage is the size of a volume of the admin's own containers.
const ownStorage = "10Gi"

// own adds the objects of a container of the admin's own: a Deployment, a Service for its ports, and claims for its volumes.
func (r *renderer) own(inst stack.Instance) {
	labels := map[string]any{"app": inst.Name, "deploy": "sourcegraph"} // network policies let pods with the second one reach each other
	metadata := func() map[string]any { return map[string]any{"name": inst.Name, "labels": tree.WithoutNulls(labels)} }
	c := r.ownContainer(inst)
	pod := map[string]any{"containers": []any{c}}
	strategy := map[string]any{"type": "RollingUpdate"}
	for _, m := range inst.Mounts {
		if m.Volume == "" {
			continue
		}
		strategy = map[string]any{"type": "Recreate"} // a volume has one pod
		r.add(inst.Name, map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": m.Volume, "labels": tree.WithoutNulls(labels)},
			"spec": map[string]any{"accessModes": []any{"ReadWriteOnce"},
				"resources": map[string]any{"requests": map[string]any{"storage": cmp.Or(string(inst.Storage), ownStorage)}}}})
		tree.Put(pod, "volumes", map[string]any{"name": m.Volume, "persistentVolumeClaim": map[string]any{"claimName": m.Volume}})
		mount(c, map[string]any{"name": m.Volume, "mountPath": m.Path})
	}
	o := r.add(inst.Name, map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(),
		"spec": map[string]any{"replicas": 1, "strategy": strategy, "selector": map[string]any{"matchLabels": map[string]any{"app": inst.Name}},
			"template": map[string]any{"metadata": map[string]any{"labels": tree.WithoutNulls(labels)}, "spec": pod}}})
	r.ownFiles(inst, "", o, c)
	for name, value := range inst.Attributes.Labels {
		tree.At(tree.Pods(o.Body), "metadata", "labels")[name] = value
	}
	if len(inst.Expose) > 0 {
		var ports []any
		for _, port := range inst.Expose {
			n, _ := strconv.Atoi(port) // check.Read has read it
			ports = append(ports, map[string]any{"name": "port-" + port, "port": n, "targetPort": n})
		}
		r.add(inst.Name, map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": metadata(),
			"spec": map[string]any{"type": "ClusterIP", "selector": map[string]any{"app": inst.Name}, "ports": ports}})
	}
	r.place(o, r.options.Pods)
	for _, o := range r.objects {
		if o.Service == inst.Name {
			o.Origins = inst.Origins
			for _, front := range []stack.Front{stack.Closed, stack.Ahead, stack.Stopped, stack.DatabasesOnly} {
				if r.stack.Serving(front)[inst.Name] {
					o.Behind = append(o.Behind, front)
				}
			}
		}
	}
}

// ownContainer is a container of the admin's own, without its files.
func (r *renderer) ownContainer(inst stack.Instance) map[string]any {
	c := map[string]any{"name": inst.Name, "image": inst.Image}
	if inst.Entrypoint != nil {
		c["command"] = dollars(inst.Entrypoint)
	}
	if inst.Command != nil {
		c["args"] = dollars(inst.Command)
	}
	for _, port := range inst.Expose {
		n, _ := strconv.Atoi(port) // check.Read has read it
		c["ports"] = append(tree.List(c["ports"]), map[string]any{"containerPort": n})
	}
	if probe := ownProbe(inst); probe != nil {
		c["readinessProbe"] = probe
	}
	if user, group, _ := strings.Cut(inst.User, ":"); user != "" {
		context := tree.At(c, "securityContext")
		for key, text := range map[string]string{"runAsUser": user, "runAsGroup": group} {
			if id, err := strconv.Atoi(text); err == nil {
				context[key] = id
			}
		}
	}
	limits := map[string]any{}
	if inst.CPUs > 0 {
		limits["cpu"] = strconv.FormatFloat(inst.CPUs, 'f', -1, 64)
	}
	if inst.Memory > 0 {
		limits["memory"] = strconv.FormatInt(inst.Memory, 10)
	}
	if len(limits) > 0 {
		c["resources"] = map[string]any{"limits": limits}
	}
	return c
}

// dollars are texts that Kubernetes does not change.
func dollars(texts []string) []any {
	var out []any
	for _, text := range texts {
		out = append(out, literal(text))
	}
	return out
}

// literal is a text that Kubernetes does not change: for it $(NAME) means a variable, and $$ a dollar.
//
// Source: https://pkg.go.dev/k8s.io/kubernetes/third_party/forked/golang/expansion
func literal(text string) string {
	return strings.NewReplacer("$$", "$$$$", "$(", "$$(").Replace(text)
}

// ownProbe asks a container of the admin's own whether it is healthy; nil: it is when it runs.
func ownProbe(inst stack.Instance) map[string]any {
	probe := map[string]any{"periodSeconds": 5, "timeoutSeconds": 5}
	switch {
	case inst.Health != nil:
		probe["exec"] = map[string]any{"command": tree.OfList(inst.Health.Exec)}
	case inst.Probe != nil && inst.Probe.Path != "":
		probe["httpGet"] = map[string]any{"port": inst.Probe.Port, "path": inst.Probe.Path}
	case inst.Probe != nil:
		probe["tcpSocket"] = map[string]any{"port": inst.Probe.Port}
	default:
		return nil
	}
	return probe
}

// ownFiles gives a container of the admin's own its variables and files. home is the service in whose pods it runs; "": it has pods of its own.
func (r *renderer) ownFiles(inst stack.Instance, home string, o *Object, c map[string]any) {
	owner := strings.TrimPrefix(home+"-"+inst.Name, "-")
	var env []any
	for _, e := range inst.Env {
		env = append(env, r.variable(owner, e))
	}
	if env != nil {
		c["env"] = env
	}
	secrets := slices.Clone(inst.Mounts)
	r.mounts(stack.Instance{Service: owner, Mounts: slices.DeleteFunc(secrets, func(m stack.Mount) bool { return m.Secret == "" })}, o, c)
}

// sidecars adds the admin's own containers to the pods of services.
func (r *renderer) sidecars() {
	for _, key := range tree.Keys(r.cluster.Settings) {
		w := r.cluster.Settings[key]
		o := r.objects[r.cluster.Containers[key].Object]
		if o == nil || o.Service != w.Service {
			continue
		}
		for _, side := range w.Sidecars {
			r.sidecar(side, w.Service, o)
		}
	}
}

// sidecar adds one. One that serves the others is a native sidecar: an init container that runs on, in front of all that wait for it. Its probe
// also says when the next one may start.
func (r *renderer) sidecar(side stack.Instance, service string, o *Object) {
	spec := tree.At(tree.Pods(o.Body), "spec")
	c := r.ownContainer(side)
	for _, m := range side.Mounts {
		if m.Volume == "" {
			continue
		}
		if tree.Named(spec["volumes"], m.Volume) == nil {
			tree.Put(spec, "volumes", map[string]any{"name": m.Volume, "emptyDir": map[string]any{}})
		}
		mount(c, map[string]any{"name": m.Volume, "mountPath": m.Path})
	}
	r.ownFiles(side, service, o, c)
	if own := r.objects["Secret/"+service+"-"+side.Name+"-berth"]; own != nil {
		own.Service = service
		if side.Serves && r.runsMigrator(o) {
			own.Behind = []stack.Front{stack.DatabasesOnly} // tasks of a clone have the sidecar, too
		}
	}
	group := "containers"
	if side.Serves {
		group = "initContainers"
		c["restartPolicy"] = "Always"
		if probe, ok := c["readinessProbe"].(map[string]any); ok {
			started := tree.WithoutNulls(probe).(map[string]any)
			started["periodSeconds"], started["failureThreshold"] = 1, 300
			c["startupProbe"] = started
		}
		spec[group] = slices.Insert(slices.Clone(tree.List(spec[group])), NativeSidecars(spec), any(c))
	} else {
		spec[group] = append(tree.List(spec[group]), c)
	}
	o.Origins = append(o.Origins, side.Origins...)
}

// NativeSidecars is how many native sidecars come first in a pod: init containers that run on beside all that come after them.
func NativeSidecars(spec map[string]any) (n int) {
	for _, c := range tree.Items(spec["initContainers"]) {
		if c["restartPolicy"] != "Always" {
			break
		}
		n++
	}
	return n
}

// runsMigrator reports whether the migrator runs in an object's pods.
func (r *renderer) runsMigrator(o *Object) bool {
	return r.cluster.Containers["migrator"].Object == o.Key()
}

// order has what the admin's own containers are before wait for them, and they for what they are after.
func (r *renderer) order() {
	for _, inst := range r.stack.Instances {
		if !inst.Own {
			continue
		}
		key := "Deployment/" + inst.Name
		for _, service := range inst.Before {
			for _, o := range r.workloads(service) {
				o.Needs = append(o.Needs, key)
				o.Origins = append(o.Origins, stack.Origin{Text: "starts after " + inst.Name, Range: inst.Origins[0].Range})
			}
		}
		for _, service := range inst.After {
			for _, o := range r.workloads(service) {
				r.objects[key].Needs = append(r.objects[key].Needs, o.Key())
			}
		}
	}
}

// workloads are the objects in whose pods a service runs, ordered. The migrator runs as a Job.
func (r *renderer) workloads(service string) []*Object {
	var out []*Object
	for _, key := range tree.Keys(r.objects) {
		o := r.objects[key]
		home := o.Service == service || service != "migrator" && key == r.cluster.Containers[service].Object
		if home && tree.Pods(o.Body) != nil {
			out = append(out, o)
		}
	}
	return out
}

// ownUsers gives the admin's own containers the users that the config has for them, over those for all containers.
func (r *renderer) ownUsers() {
	each := func(inst stack.Instance, o *Object) {
		user, _ := r.ownContainer(inst)["securityContext"].(map[string]any)
		if o == nil || user == nil {
			return
		}
		spec := tree.At(tree.Pods(o.Body), "spec")
		for _, c := range tree.Containers(spec) {
			if c["name"] == inst.Name {
				for key, id := range user {
					tree.At(c, "securityContext")[key] = id
				}
			}
		}
	}
	for _, inst := range r.stack.Instances {
		if inst.Own {
			each(inst, r.objects["Deployment/"+inst.Name])
		}
	}
	for key, w := range r.cluster.Settings {
		for _, side := range w.Sidecars {
			each(side, r.objects[r.cluster.Containers[key].Object])
		}
	}
}

// Mounted are the volumes of a pod that some of its containers mount.
func Mounted(volumes any, containers []map[string]any) []any {
	var out []any
	for _, v := range tree.Items(volumes) {
		if slices.ContainsFunc(containers, func(c map[string]any) bool {
			return slices.ContainsFunc(tree.Items(c["volumeMounts"]), func(m map[string]any) bool { return m["name"] == v["name"] })
		}) {
			out = append(out, v)
		}
	}
	return out
}
