package check

import (
	"fmt"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
)

// outside: people come to the port that url says, where they reach the frontend's Service directly.
func (c *checker) outside(o *config.KubernetesOptions) {
	a, f := address.Of(c.Config), o.Service
	if a.Scheme == "" || c.TLS.External {
		return
	}
	key, port := "kubernetes.service.port", 0
	switch f.Kind() {
	case "LoadBalancer":
		port = f.PortFor(a.Port)
	case "NodePort":
		key, port = "kubernetes.service.nodePort", f.NodePortFor(a.Port)
	}
	if port == 0 || port == a.Port || !ingressOff(o) {
		return
	}
	c.warnf("BERTH1182", key, fmt.Sprintf("write  url: %s://%s:%d, unless something in front forwards port %d to it", a.Scheme, address.Bracketed(a.Host), port, a.Port),
		"%s is %d, and links lead to port %d, as url says", key, port, a.Port)
}

// controller: the config does what only the admin can do for the Ingress's controller.
func (c *checker) controller(o *config.KubernetesOptions) {
	known := catalogue.ControllerOf(o.Ingress.ControllerName())
	if ingressOff(o) || o.OpenShift || known == nil {
		return
	}
	var service map[string]string
	if o.Service != nil {
		service = o.Service.Annotations
	}
	for _, must := range known.Must {
		if !must.Done(service) {
			c.warnf("BERTH1185", "kubernetes.ingress.class", must.Do, "%s", must.What)
		}
	}
	files := c.TLS.Certificate != ""
	if known.NoSecrets != "" && (files || o.Ingress != nil && o.Ingress.TLSSecret != "" && known.NoSecretsFrom != "files") {
		key := map[bool]string{true: "tls.certificate", false: "kubernetes.ingress.tlsSecret"}[files]
		c.warnf("BERTH1185", key, known.NoSecrets, "%s reads no certificate from a Secret beside Sourcegraph, so %s has no effect", known.Title, key)
	}
}

// allowed: what leads to Sourcegraph can refuse addresses.
func (c *checker) allowed(o *config.KubernetesOptions) {
	if len(c.Front.Allow) == 0 {
		return
	}
	if o.Service != nil && len(o.Service.SourceRanges) > 0 {
		c.errorf("BERTH1185", "front.allow", "keep one", "both front.allow and kubernetes.service.sourceRanges set who may reach Sourcegraph")
	}
	name := o.Ingress.ControllerName()
	if o.OpenShift {
		name = "openshift"
	}
	known := catalogue.ControllerOf(name)
	switch {
	case ingressOff(o) && !o.OpenShift && o.Service.Kind() != "LoadBalancer":
		c.errorf("BERTH1185", "front.allow", "set the ranges in the proxy in front, and remove this", "front.allow has no effect: nothing here receives requests from outside, so nothing can refuse addresses")
	case ingressOff(o) && !o.OpenShift:
	case known == nil:
		c.errorf("BERTH1185", "front.allow", "name the controller with kubernetes.ingress.controller, or set its own annotation and remove this",
			"berth does not know how the controller of the class %s takes ranges of addresses", name)
	case known.Allow == nil:
		c.errorf("BERTH1185", "front.allow", "remove this, and use "+known.AllowBy, "%s has no annotation for which addresses may reach Sourcegraph", known.Title)
	}
}
