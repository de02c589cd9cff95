package kubernetes

import (
	"cmp"
	"net/url"

	"berth/internal/stack"
	"berth/internal/tree"
)

// frontend is the service that people reach.
const frontend = "sourcegraph-frontend"

// ingress configures the Ingress: host, class, annotations, certificate. On OpenShift it is a Route.
func (r *renderer) ingress() {
	key := "Ingress/" + frontend
	o := r.objects[key]
	if o == nil {
		return
	}
	i := r.options.Ingress
	if i != nil && i.Enabled != nil && !*i.Enabled {
		delete(r.objects, key)
		return
	}
	host := ""
	if u, err := url.Parse(r.stack.URL); err == nil {
		host = u.Hostname()
	}
	secret := r.certificate()
	if i != nil {
		secret = cmp.Or(i.TLSSecret, secret)
	}
	if r.options.OpenShift {
		delete(r.objects, key)
		r.route(host, secret)
		return
	}
	if host != "" && host != "localhost" {
		for _, rule := range tree.Items(tree.At(o.Body, "spec")["rules"]) {
			rule["host"] = host
		}
	}
	if secret != "" {
		tls := map[string]any{"secretName": secret}
		if host != "" {
			tls["hosts"] = []any{host}
		}
		tree.At(o.Body, "spec")["tls"] = []any{tls}
	}
	if i == nil {
		return
	}
	annotations := tree.At(o.Body, "metadata", "annotations")
	if i.Class != "" {
		// The annotation is the old form of the same.
		tree.At(o.Body, "spec")["ingressClassName"] = i.Class
		delete(annotations, "kubernetes.io/ingress.class")
		if i.Class != "nginx" {
			delete(annotations, "nginx.ingress.kubernetes.io/proxy-body-size")
		}
	}
	for k, v := range i.Annotations {
		annotations[k] = v
	}
}

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

// route is OpenShift's form of an Ingress. Its router ends TLS with its own certificate: to read one from a Secret it would need further
// rights.
//
// Source: https://docs.openshift.com/container-platform/latest/networking/routes/route-configuration.html
func (r *renderer) route(host, secret string) {
	spec := map[string]any{"to": map[string]any{"kind": "Service", "name": frontend, "weight": 100}, "port": map[string]any{"targetPort": "http"},
		"wildcardPolicy": "None"}
	if host != "" && host != "localhost" {
		spec["host"] = host
	}
	u, err := url.Parse(r.stack.URL)
	if secret != "" || err == nil && u.Scheme == "https" {
		tls := map[string]any{"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
		if secret != "" {
			tls["externalCertificate"] = map[string]any{"name": secret}
		}
		spec["tls"] = tls
	}
	metadata := map[string]any{"name": frontend, "labels": map[string]any{"deploy": "sourcegraph"},
		"annotations": map[string]any{"haproxy.router.openshift.io/timeout": "5m"}}
	r.add(frontend, map[string]any{"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": metadata, "spec": spec})
}

// frontService configures the frontend's Service, where people reach it directly.
func (r *renderer) frontService() {
	f := r.options.Service
	o := r.objects["Service/"+frontend]
	if f == nil || o == nil {
		return
	}
	spec := tree.At(o.Body, "spec")
	if f.Type != "" {
		spec["type"] = f.Type
	}
	if f.NodePort != nil {
		spec["type"] = cmp.Or(f.Type, "NodePort")
		if port := tree.Named(spec["ports"], "http"); port != nil {
			port["nodePort"] = *f.NodePort
		}
	}
	if f.SourceRanges != nil {
		spec["loadBalancerSourceRanges"] = tree.OfList(f.SourceRanges)
	}
	for k, v := range f.Annotations {
		tree.At(o.Body, "metadata", "annotations")[k] = v
	}
}

// pullSecrets gives pods the logins to registries.
func (r *renderer) pullSecrets() {
	names := r.options.ImagePullSecrets
	if r.cluster.RegistryLogin != nil {
		const name = "berth-registry"
		o := r.add("", map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
			"metadata": map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph"}}})
		o.Values = map[string][]stack.Part{".dockerconfigjson": r.cluster.RegistryLogin}
		names = append([]string{name}, names...)
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
