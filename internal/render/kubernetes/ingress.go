package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/stack"
	"berth/internal/tree"
)

// frontend is the service that people reach.
const frontend = "sourcegraph-frontend"

// ingress configures the Ingress: hosts, class, certificate, and what its controller needs. On OpenShift it is a Route.
func (r *renderer) ingress() {
	key := "Ingress/" + frontend
	o := r.objects[key]
	if o == nil {
		return
	}
	i := cmp.Or(r.options.Ingress, &config.Ingress{})
	if i.Enabled != nil && !*i.Enabled {
		delete(r.objects, key)
		return
	}
	secret := cmp.Or(i.TLSSecret, r.certificate())
	if r.options.OpenShift {
		delete(r.objects, key)
		r.routes(secret)
		return
	}
	spec := tree.At(o.Body, "spec")
	if names := r.names(); len(names) > 0 {
		spec["rules"] = rules(tree.Items(spec["rules"]), names)
	}
	if secret != "" {
		tls := map[string]any{"secretName": secret}
		if names := r.names(); len(names) > 0 {
			tls["hosts"] = tree.OfList(names)
		}
		spec["tls"] = []any{tls}
	}
	r.controller(o, i, secret != "")
}

// names are the host names that an Ingress or a Route answers for. Kubernetes takes no addresses there, and of this machine there is no name.
func (r *renderer) names() []string {
	a := r.stack.Address
	if a.IP.IsValid() || a.Local() {
		return a.Hosts
	}
	return a.Names()
}

// rules are the release's rules, once for each name.
func rules(shipped []map[string]any, names []string) []any {
	var out []any
	for _, name := range names {
		for _, rule := range shipped {
			rule = maps.Clone(rule)
			rule["host"] = name
			out = append(out, rule)
		}
	}
	return out
}

// controller sets the class, and what the controller needs. The config's own annotations come last.
func (r *renderer) controller(o *Object, i *config.Ingress, secret bool) {
	annotations := tree.At(o.Body, "metadata", "annotations")
	if i.Class != "" {
		// The annotation is the old form of the same.
		tree.At(o.Body, "spec")["ingressClassName"] = i.Class
		delete(annotations, classAnnotation)
	}
	c := catalogue.ControllerOf(i.ControllerName())
	if c != nil {
		if c.Name != catalogue.DefaultController {
			for name := range catalogue.ControllerOf(catalogue.DefaultController).Annotations {
				delete(annotations, name)
			}
		}
		if c.ClassAnnotation != "" && i.Class == c.Name {
			delete(tree.At(o.Body, "spec"), "ingressClassName")
			annotations[classAnnotation] = c.ClassAnnotation
		}
		for k, v := range c.Ingress(secret, r.stack.Address.Scheme == "https", r.stack.Address.Allow) {
			annotations[k] = v
		}
	}
	for k, v := range i.Annotations {
		annotations[k] = v
	}
}

// classAnnotation is the old form of ingressClassName.
const classAnnotation = "kubernetes.io/ingress.class"

// certificate writes the admin's certificate into a Secret, and returns its name; "" when there is none.
func (r *renderer) certificate() string {
	if r.cluster.Certificate == "" {
		return ""
	}
	const name = frontend + "-tls"
	o := r.add(frontend, map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph"}}})
	o.Values = map[string][]stack.Part{"tls.crt": {{Text: r.cluster.Certificate}}, "tls.key": {{Secret: r.cluster.TLSKey}}}
	return name
}

// routes are OpenShift's form of an Ingress, one for each name. Its router ends TLS with its own certificate: to read one from a Secret it would
// need further rights.
//
// Source: https://docs.openshift.com/container-platform/latest/networking/routes/route-configuration.html
func (r *renderer) routes(secret string) {
	https := r.stack.Address.Scheme == "https"
	names := r.names()
	if len(names) == 0 {
		names = []string{""}
	}
	for n, host := range names {
		spec := map[string]any{"to": map[string]any{"kind": "Service", "name": frontend, "weight": 100}, "port": map[string]any{"targetPort": "http"},
			"wildcardPolicy": "None"}
		if host != "" {
			spec["host"] = host
		}
		if secret != "" || https {
			tls := map[string]any{"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
			if secret != "" {
				tls["externalCertificate"] = map[string]any{"name": secret}
			}
			spec["tls"] = tls
		}
		name := frontend
		if n > 0 {
			name += "-" + strconv.Itoa(n)
		}
		metadata := map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph"},
			"annotations": tree.OfTexts(catalogue.ControllerOf("openshift").Ingress(secret != "", https, r.stack.Address.Allow))}
		r.add(frontend, map[string]any{"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": metadata, "spec": spec})
	}
}

// frontService configures the frontend's Service, where people reach it directly: on the port of url, and on no other. The release's Service
// has the port of the frontend's debug pages, too, which Prometheus finds without it.
func (r *renderer) frontService() {
	f := r.options.Service
	o := r.objects["Service/"+frontend]
	if f == nil || o == nil {
		return
	}
	spec := tree.At(o.Body, "spec")
	kind := f.Kind()
	spec["type"] = kind
	for k, v := range f.Annotations {
		tree.At(o.Body, "metadata", "annotations")[k] = v
	}
	if kind == "ClusterIP" {
		return
	}
	http := tree.Named(spec["ports"], "http")
	spec["ports"] = []any{http}
	if kind == "NodePort" {
		if port := f.NodePortFor(r.stack.Address.Port); port > 0 {
			http["nodePort"] = port
		}
		return
	}
	if f.NodePort != nil {
		http["nodePort"] = *f.NodePort
	}
	r.move(http, f.PortFor(r.stack.Address.Port))
	if ranges := slices.Concat(f.SourceRanges, r.stack.Address.Allow); len(ranges) > 0 {
		spec["loadBalancerSourceRanges"] = tree.OfList(ranges)
	}
}

// move changes the port of the frontend's Service, and what refers to it: the Ingress, and the address that executors ask.
func (r *renderer) move(http map[string]any, port int) {
	before := "http://" + frontend + ":" + fmt.Sprint(http["port"])
	http["port"] = port
	if o := r.objects["Ingress/"+frontend]; o != nil {
		for _, rule := range tree.Items(tree.At(o.Body, "spec")["rules"]) {
			for _, path := range tree.Items(tree.At(rule, "http")["paths"]) {
				tree.At(path, "backend", "service", "port")["number"] = port
			}
		}
	}
	for _, o := range r.objects {
		if o.Kind() != "ConfigMap" {
			continue
		}
		for key, value := range tree.At(o.Body, "data") {
			if value == before {
				tree.At(o.Body, "data")[key] = "http://" + frontend + ":" + strconv.Itoa(port)
				r.touch(o.Key())
			}
		}
	}
}

// pullSecrets gives pods the logins to registries.
func (r *renderer) pullSecrets() {
	names := r.cluster.PullSecrets()
	if r.cluster.RegistryLogin != nil {
		o := r.add("", map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
			"metadata": map[string]any{"name": stack.RegistrySecret, "labels": map[string]any{"deploy": "sourcegraph"}}})
		o.Values = map[string][]stack.Part{".dockerconfigjson": r.cluster.RegistryLogin}
	}
	if len(names) == 0 {
		return
	}
	var refs []any
	for _, name := range names {
		refs = append(refs, map[string]any{"name": name})
	}
	for _, o := range r.objects {
		if template := tree.Pods(o.Body); template != nil {
			tree.At(template, "spec")["imagePullSecrets"] = refs
		}
	}
}
