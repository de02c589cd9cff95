package kubernetes

import (
	"slices"
	"strings"

	"berth/internal/stack"
	"berth/internal/tree"
)

// existingSecrets points pods to the admin's own Secrets.
func (r *renderer) existingSecrets() {
	for ours, theirs := range r.options.ExistingSecrets {
		delete(r.objects, "Secret/"+ours)
		for _, o := range r.objects {
			template := tree.Pods(o.Body)
			if template == nil {
				continue
			}
			for _, c := range tree.Containers(tree.At(template, "spec")) {
				for _, e := range tree.Items(c["env"]) {
					if tree.Text(e, "valueFrom", "secretKeyRef", "name") == ours {
						tree.At(e, "valueFrom", "secretKeyRef")["name"] = theirs
					}
				}
			}
		}
	}
}

// serviceAccounts sets the accounts of pods. A service with an account in the release keeps it; another gets one when the config has
// settings for it.
func (r *renderer) serviceAccounts() {
	for _, name := range tree.Keys(r.cluster.Settings) {
		o, service := r.objects[r.cluster.Containers[name].Object], r.cluster.Settings[name].Service
		account := r.cluster.Settings[name].Pods.ServiceAccount
		if account == nil || o == nil || o.Service != service {
			continue
		}
		spec := tree.At(tree.Pods(o.Body), "spec")
		shipped := tree.Text(spec, "serviceAccountName")
		if account.Name != "" {
			spec["serviceAccountName"] = account.Name
			if shipped != "" {
				delete(r.objects, "ServiceAccount/"+shipped)
				r.rebind(shipped, account.Name)
			}
			continue
		}
		if shipped == "" {
			shipped = service
			spec["serviceAccountName"] = service
			if r.objects["ServiceAccount/"+service] == nil { // a pool of workers has the worker's
				r.add(service, map[string]any{"apiVersion": "v1", "kind": "ServiceAccount",
					"metadata": map[string]any{"name": service, "labels": map[string]any{"deploy": "sourcegraph"}}})
			}
		}
		for k, v := range account.Annotations {
			if sa := r.objects["ServiceAccount/"+shipped]; sa != nil {
				tree.At(sa.Body, "metadata", "annotations")[k] = v
			}
		}
	}
}

// rebind moves the rights of one account to another.
func (r *renderer) rebind(from, to string) {
	for _, o := range r.objects {
		for _, subject := range tree.Items(o.Body["subjects"]) {
			if subject["kind"] == "ServiceAccount" && subject["name"] == from {
				subject["name"] = to
			}
		}
	}
}

// hostServices read the node itself, which only the pod security level privileged allows.
var hostServices = []string{"cadvisor", "node-exporter"}

// plainUser is the user of a container for which older charts leave it to the image: otel-collector's, as in later charts.
const plainUser, plainGroup = 100, 101

// security makes pods satisfy a level of Kubernetes' pod security standards, and sets the config's users.
//
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func (r *renderer) security() {
	restricted := r.options.PodSecurity == "restricted" || r.options.OpenShift
	if restricted || r.options.PodSecurity == "baseline" {
		r.leaveOut(hostServices...)
		r.withoutAgent()
	}
	for _, o := range r.objects {
		template := tree.Pods(o.Body)
		if template == nil {
			continue
		}
		spec := tree.At(template, "spec")
		r.runAs(spec)
		if restricted {
			context := tree.At(spec, "securityContext")
			context["runAsNonRoot"] = true
			context["seccompProfile"] = map[string]any{"type": "RuntimeDefault"}
			for _, c := range tree.Containers(spec) {
				own := tree.At(c, "securityContext")
				own["allowPrivilegeEscalation"] = false
				own["capabilities"] = map[string]any{"drop": []any{"ALL"}}
				if !r.options.OpenShift && own["runAsUser"] == nil && context["runAsUser"] == nil {
					own["runAsUser"], own["runAsGroup"] = plainUser, plainGroup
				}
			}
		}
	}
}

// runAs sets the users of a pod. On OpenShift, without users in the config, the namespace's own range decides.
func (r *renderer) runAs(spec map[string]any) {
	who := r.options.RunAs
	if who == nil && !r.options.OpenShift {
		return
	}
	contexts := []map[string]any{tree.At(spec, "securityContext")}
	for _, c := range tree.Containers(spec) {
		contexts = append(contexts, tree.At(c, "securityContext"))
	}
	for i, context := range contexts {
		for _, key := range []string{"runAsUser", "runAsGroup", "fsGroup"} {
			delete(context, key)
		}
		if who == nil || who.User == nil {
			continue
		}
		group := *who.User
		if who.Group != nil {
			group = *who.Group
		}
		context["runAsUser"], context["runAsGroup"] = *who.User, group
		if i == 0 {
			context["fsGroup"] = group
			if who.FSGroup != nil {
				context["fsGroup"] = *who.FSGroup
			}
		}
	}
}

// leaveOut removes services.
func (r *renderer) leaveOut(services ...string) {
	for key, o := range r.objects {
		if slices.Contains(services, o.Service) {
			delete(r.objects, key)
		}
	}
}

// withoutAgent sends traces directly to the collector: the agent listens on the nodes' own addresses, which needs rights.
func (r *renderer) withoutAgent() {
	r.leaveOut("otel-agent")
	for _, o := range r.objects {
		template := tree.Pods(o.Body)
		if template == nil {
			continue
		}
		for _, c := range tree.Containers(tree.At(template, "spec")) {
			if e := tree.Named(c["env"], "OTEL_EXPORTER_OTLP_ENDPOINT"); e != nil {
				e["value"] = "http://otel-collector:4317"
			}
			env := slices.DeleteFunc(tree.List(c["env"]), func(v any) bool {
				m, _ := v.(map[string]any)
				return m["name"] == "OTEL_AGENT_HOST"
			})
			if len(env) > 0 {
				c["env"] = env
			}
		}
	}
}

// scope removes everything outside the namespace. Prometheus then observes only its own namespace, with rights there only.
func (r *renderer) scope() {
	if r.options.ClusterScoped == nil || *r.options.ClusterScoped {
		r.ownNames()
		return
	}
	r.leaveOut(hostServices...)
	r.withoutAgent() // its ports are the nodes' own
	for key, o := range r.objects {
		switch {
		case o.Kind() == "ClusterRole":
			delete(r.objects, key)
			role := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
				"metadata": map[string]any{"name": o.Name(), "labels": tree.At(o.Body, "metadata", "labels")}, "rules": namespacedRules(o.Body["rules"])}
			r.add(o.Service, role)
		case o.Kind() == "ClusterRoleBinding":
			delete(r.objects, key)
			ref := tree.At(o.Body, "roleRef")
			ref["kind"] = "Role"
			r.add(o.Service, map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
				"metadata": map[string]any{"name": o.Name(), "labels": tree.At(o.Body, "metadata", "labels")}, "roleRef": ref, "subjects": o.Body["subjects"]})
		case clusterScoped[o.Kind()]:
			delete(r.objects, key)
		}
	}
	r.ownNamespaceOnly()
}

// ownNames gives the release's objects outside the namespace names that no other installation has, where the installation has a name of its own.
// The first in a cluster keeps the chart's.
func (r *renderer) ownNames() {
	if r.stack.Name == stack.DefaultName {
		return
	}
	own := func(name string) string { return r.cluster.Namespace + "-" + r.stack.Name + "-" + name }
	for _, key := range tree.Keys(r.objects) {
		o := r.objects[key]
		if o.Service == "" || o.Kind() != "ClusterRole" && o.Kind() != "ClusterRoleBinding" {
			continue
		}
		delete(r.objects, key)
		if role := tree.Text(o.Body, "roleRef", "name"); r.cluster.Objects["ClusterRole/"+role] != nil {
			tree.At(o.Body, "roleRef")["name"] = own(role)
		}
		tree.At(o.Body, "metadata")["name"] = own(o.Name())
		r.objects[o.Key()] = o
	}
}

// namespacedRules are the rules that have an effect inside a namespace.
func namespacedRules(rules any) []any {
	var out []any
	for _, rule := range tree.Items(rules) {
		resources := slices.DeleteFunc(slices.Clone(tree.List(rule["resources"])), func(v any) bool {
			name, _ := v.(string)
			return strings.HasPrefix(name, "nodes") || name == "namespaces"
		})
		if len(resources) > 0 {
			copied := tree.WithoutNulls(rule).(map[string]any)
			copied["resources"] = resources
			out = append(out, copied)
		}
	}
	return out
}

// ownNamespaceOnly restricts Prometheus to targets in its own namespace, as its Role allows.
func (r *renderer) ownNamespaceOnly() {
	o := r.objects["ConfigMap/prometheus"]
	if o == nil {
		return
	}
	if tree.At(o.Body, "data")["prometheus.yml"] == nil {
		return
	}
	tree.At(o.Body, "data")["prometheus.yml"] = ownNamespace(tree.Text(o.Body, "data", "prometheus.yml"), r.cluster.Namespace)
	r.touch("ConfigMap/prometheus")
}
