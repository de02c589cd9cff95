package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// kubernetesRules check the keys that only Kubernetes has.
var kubernetesRules = []func(*checker, *config.KubernetesOptions){
	(*checker).objectNames,
	(*checker).storageClasses,
	(*checker).frontendService,
	(*checker).ingressKeys,
	(*checker).wayIn,
	(*checker).certificates,
	(*checker).outside,
	(*checker).controller,
	(*checker).allowed,
	(*checker).hostServices,
	(*checker).existingSecrets,
	(*checker).runAs,
	(*checker).mesh,
	(*checker).conflicts,
}

// cluster checks the settings for Kubernetes, and how the rest of the config fits them.
func (c *checker) cluster() {
	if c.On != catalogue.Kubernetes {
		return
	}
	o := c.Kubernetes
	if o == nil {
		o = &config.KubernetesOptions{}
	}
	for _, rule := range kubernetesRules {
		rule(c, o)
	}
	c.allPods(o)
	c.executorRights(o)
	c.requests()
	c.guests()
}

var (
	labelForm     = lazy(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	subdomainForm = lazy(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// objectName reports a name that Kubernetes does not allow.
func (c *checker) objectName(path, name string) {
	if name != "" && (len(name) > 253 || !subdomainForm().MatchString(name)) {
		c.errorf("BERTH1301", path, nameInstead(path, name), "%s must be a name of lower-case letters, digits, dashes and dots, got %q", path, name)
	}
}

// nameInstead is the name that was most likely meant.
func nameInstead(path, name string) string {
	better := strings.Trim(strings.ToLower(strings.NewReplacer("_", "-", " ", "-").Replace(name)), "-.")
	if !subdomainForm().MatchString(better) {
		return ""
	}
	key := path[strings.LastIndexByte(path, '.')+1:]
	if _, err := strconv.Atoi(key); err == nil {
		return "write " + better
	}
	return "write  " + key + ": " + better
}

// Namespace is what is wrong with the name of a namespace; "" is none, which is right.
func Namespace(name string) diag.List {
	if name == "" || len(name) <= 63 && labelForm().MatchString(name) {
		return nil
	}
	return diag.List{{Code: "BERTH1301", Severity: diag.Error, Subject: "kubernetes.namespace", Hint: nameInstead("kubernetes.namespace", strings.ReplaceAll(name, ".", "-")),
		Summary: fmt.Sprintf("a namespace has at most 63 lower-case letters, digits and dashes, got %q", name)}}
}

// objectNames: Kubernetes allows the names of the namespace and of objects.
func (c *checker) objectNames(o *config.KubernetesOptions) {
	for _, d := range Namespace(o.Namespace) {
		c.errorf(d.Code, "kubernetes.namespace", d.Hint, "%s", d.Summary)
	}
	for i, name := range o.ImagePullSecrets {
		c.objectName("kubernetes.imagePullSecrets."+strconv.Itoa(i), name)
	}
	for ours, theirs := range o.ExistingSecrets {
		c.objectName("kubernetes.existingSecrets."+ours, theirs)
	}
	if o.StorageClass != nil {
		c.objectName("kubernetes.storageClass.name", o.StorageClass.Name)
	}
	if o.Ingress != nil {
		c.objectName("kubernetes.ingress.class", o.Ingress.Class)
		c.objectName("kubernetes.ingress.tlsSecret", o.Ingress.TLSSecret)
	}
	for _, name := range c.serviceNames() {
		c.objectName("services."+name+".storageClass", c.Services[name].StorageClass)
	}
}

// storageClasses: a class is named or created, and is created only with a provisioner.
func (c *checker) storageClasses(o *config.KubernetesOptions) {
	s, path := o.StorageClass, "kubernetes.storageClass"
	switch {
	case s == nil || s.Provisioner != "":
	case s.Name == "":
		c.missingf("BERTH1313", path, "add  name: CLASS  for one that exists, or  provisioner: NAME  to create one", "%s names no class and no provisioner to create one", path)
	default:
		for _, key := range []string{"parameters", "reclaimPolicy", "bindingMode"} {
			if c.doc.Has(path + "." + key) {
				c.keyf("BERTH1313", path+"."+key, "add  provisioner: NAME  to create the class, or remove this",
					"%s.%s is for a class that berth creates, but %s exists already", path, key, s.Name)
			}
		}
	}
	if o.ClusterScoped != nil && !*o.ClusterScoped && s != nil && s.Provisioner != "" {
		c.errorf("BERTH1313", path+".provisioner", "ask somebody with the right to create the class, and name it here",
			"a storage class is outside namespaces, and clusterScoped: false allows no such object")
	}
}

// frontendService: ports and ranges fit the type of the frontend's Service.
func (c *checker) frontendService(o *config.KubernetesOptions) {
	f, path := o.Service, "kubernetes.service"
	if f == nil {
		return
	}
	if p := f.NodePort; p != nil {
		switch {
		case f.Type == "ClusterIP":
			c.errorf("BERTH1306", path+".nodePort", "write  type: NodePort", "a Service of type ClusterIP has no node port")
		case *p < config.FirstNodePort || *p > config.LastNodePort:
			c.errorf("BERTH1306", path+".nodePort", "for example  nodePort: 30080", "%s.nodePort must be from %d to %d, got %d", path, config.FirstNodePort, config.LastNodePort, *p)
		}
	}
	if len(f.SourceRanges) > 0 && f.Type != "LoadBalancer" {
		c.keyf("BERTH1306", path+".sourceRanges", "add  type: LoadBalancer, or remove this", "%s.sourceRanges is for a load balancer", path)
	}
	if f.Port != nil && f.Type != "LoadBalancer" {
		c.keyf("BERTH1306", path+".port", "add  type: LoadBalancer, or remove this", "%s.port is for a load balancer", path)
	}
	for i, text := range f.SourceRanges {
		c.addressRange("BERTH1307", path+".sourceRanges."+strconv.Itoa(i), text)
	}
	c.annotations(path+".annotations", f.Annotations)
}

// ingressOff reports whether there is no Ingress.
func ingressOff(o *config.KubernetesOptions) bool {
	return o.Ingress != nil && o.Ingress.Enabled != nil && !*o.Ingress.Enabled
}

// ingressKeys: settings of an Ingress need an Ingress.
func (c *checker) ingressKeys(o *config.KubernetesOptions) {
	if o.Ingress == nil {
		return
	}
	c.annotations("kubernetes.ingress.annotations", o.Ingress.Annotations)
	why, keys := "", []string{"class", "annotations", "tlsSecret"}
	switch {
	case ingressOff(o):
		why = "the Ingress is disabled"
	case o.OpenShift:
		why, keys = "OpenShift gets a Route instead of an Ingress", keys[:2]
	default:
		return
	}
	for _, key := range keys {
		if c.doc.Has("kubernetes.ingress." + key) {
			c.keyf("BERTH1310", "kubernetes.ingress."+key, "remove it", "kubernetes.ingress.%s has no effect: %s", key, why)
		}
	}
}

// wayIn: the frontend is reachable from outside the cluster.
func (c *checker) wayIn(o *config.KubernetesOptions) {
	inside := o.Service == nil || cmp.Or(o.Service.Type, "ClusterIP") == "ClusterIP" && o.Service.NodePort == nil
	if ingressOff(o) && inside {
		c.warnf("BERTH1309", "kubernetes.ingress.enabled", "add  service: {type: LoadBalancer}, or your own entry with kubernetes.objects",
			"Sourcegraph can't be reached from outside the cluster")
	}
}

// certificates: the Ingress has one certificate, and its issuer knows which Secret to write it to.
func (c *checker) certificates(o *config.KubernetesOptions) {
	secret := ""
	if o.Ingress != nil {
		secret = o.Ingress.TLSSecret
		for _, name := range slices.Sorted(maps.Keys(o.Ingress.Annotations)) {
			if strings.HasPrefix(name, "cert-manager.io/") && strings.HasSuffix(name, "issuer") && secret == "" && !ingressOff(o) {
				c.keyf("BERTH1308", "kubernetes.ingress.annotations."+name, "add  tlsSecret: sourcegraph-tls  under kubernetes.ingress",
					"cert-manager creates no certificate for an Ingress that names no Secret for it")
			}
		}
	}
	own := c.TLS.Certificate != ""
	if own && secret != "" {
		c.errorf("BERTH1308", "kubernetes.ingress.tlsSecret", "keep one", "both tls.certificate and kubernetes.ingress.tlsSecret set a certificate")
	}
	if own && ingressOff(o) && !o.OpenShift {
		c.errorf("BERTH1310", "tls.certificate", "let the load balancer terminate TLS, with  tls: {external: true}", "tls.certificate is for the Ingress, and the Ingress is disabled")
	}
	switch u := c.parsedURL(); {
	case u == nil:
	case u.Scheme == "http" && secret != "":
		c.errorf("BERTH1132", "url", "write  url: https://"+u.Host, "kubernetes.ingress.tlsSecret is set, but the url begins with http://")
	case u.Scheme == "https" && !own && secret == "" && !c.TLS.External && c.TLS.LetsEncrypt == nil && !o.OpenShift && !c.doc.Broken():
		c.warnf("BERTH1132", "url", "set kubernetes.ingress.tlsSecret or tls.certificate, or  tls: {external: true}  if a load balancer terminates TLS",
			"the url begins with https://, but nothing here terminates TLS: Sourcegraph would speak HTTP")
	}
}

// hostServices: services that inspect the nodes run only with the rights for it.
func (c *checker) hostServices(o *config.KubernetesOptions) {
	why, names := "", []string{"cadvisor", "node-exporter", "otel-agent"}
	switch {
	case o.OpenShift:
		why = "OpenShift's default security does not allow it"
	case o.PodSecurity == "baseline" || o.PodSecurity == "restricted":
		why = "kubernetes.podSecurity is " + o.PodSecurity
	case o.ClusterScoped != nil && !*o.ClusterScoped:
		why = "clusterScoped is false"
	default:
		return
	}
	for _, name := range names {
		s, set := c.Services[name]
		if set && (s.Enabled == nil || *s.Enabled) {
			c.keyf("BERTH1311", "services."+name, "remove it", "%s does not run: %s", name, why)
		}
	}
}

// storeOfSecret is the store that one of Sourcegraph's own Secrets belongs to.
func storeOfSecret(secret string) string { return strings.TrimSuffix(secret, "-auth") }

// existingSecrets: only one of the admin's Secret and the config says where a store is.
func (c *checker) existingSecrets(o *config.KubernetesOptions) {
	for _, secret := range slices.Sorted(maps.Keys(o.ExistingSecrets)) {
		path, store := "kubernetes.existingSecrets."+secret, storeOfSecret(secret)
		if w := c.workload(store); c.rel != nil && (w == nil || !slices.Contains(w.Kinds, "Secret")) {
			c.keyf("BERTH1312", path, "remove it", "Sourcegraph %s has no Secret %s", c.rel.Version, secret)
		}
		if key := strings.TrimSuffix(storeKey(store), ".external") + ".external"; c.Databases[store].External != nil || c.Redis[store].External != nil {
			c.keyf("BERTH1312", path, "keep one; with the Secret, write  services: {"+store+": {enabled: false}}  instead of "+key,
				"your Secret replaces %s, so %s would be ignored", secret, key)
		}
	}
}

// elsewhere reports whether a store's own Secret says where it is, so that the built-in one need not run.
func (c *checker) elsewhere(store string) bool {
	if c.Kubernetes == nil {
		return false
	}
	for secret := range c.Kubernetes.ExistingSecrets {
		if storeOfSecret(secret) == store {
			return true
		}
	}
	return false
}

func (c *checker) runAs(o *config.KubernetesOptions) {
	if o.RunAs != nil && o.RunAs.User == nil {
		c.missingf("BERTH1314", "kubernetes.runAs", "add  user: 1000", "kubernetes.runAs names no user")
	}
}

// mesh: redirecting a pod's network needs rights, unless the mesh does it from outside the pods.
//
// Source: https://istio.io/latest/docs/setup/additional-setup/cni/ and https://linkerd.io/2/features/cni/
func (c *checker) mesh(o *config.KubernetesOptions) {
	if o.Mesh != "" && o.PodSecurity == "restricted" {
		c.warnf("BERTH1317", "kubernetes.mesh", "install the mesh's CNI plugin, unless it exists already",
			"%s's containers need rights that podSecurity restricted does not give, unless you use its CNI plugin", o.Mesh)
	}
}

// conflicts: each decision says for which objects it is, and what to do.
func (c *checker) conflicts(o *config.KubernetesOptions) {
	for i, d := range o.Conflicts {
		path := "kubernetes.conflicts." + strconv.Itoa(i)
		if d.Choice == "" && !c.doc.Has(path+".choice") {
			c.missingf("BERTH1318", path, "add  choice: take  or  choice: yield", "the decision does not say which value applies")
		}
		if kind, name, ok := strings.Cut(d.Object, "/"); d.Object != "" && d.Object != "*" && (!ok || kind == "" || name == "") {
			c.errorf("BERTH1318", path+".object", "write it as  object: Deployment/worker", "%q is not an object", d.Object)
		}
	}
}

// executorRights: the executor creates the pods that its jobs run in. A restricted namespace and OpenShift refuse these pods.
func (c *checker) executorRights(o *config.KubernetesOptions) {
	why := ""
	switch {
	case c.Executors == nil:
		return
	case o.OpenShift:
		why = "OpenShift's default security refuses the pods of jobs"
	case o.PodSecurity == "restricted":
		why = "podSecurity restricted refuses the pods of jobs"
	default:
		return
	}
	c.keyf("BERTH1316", "executors", "run executors elsewhere, such as on a virtual machine, with a token of your own in the site configuration; and remove this",
		"executors can't run their jobs here: %s", why)
}

// requests: a container's request is not more than its limit.
func (c *checker) requests() {
	for _, name := range c.serviceNames() {
		s, w := c.Services[name], c.workload(name)
		for _, r := range []struct {
			request        string
			want, ownLimit config.Quantity
			limit          string
		}{{"cpuRequest", s.CPURequest, s.CPU, "cpu"}, {"memoryRequest", s.MemoryRequest, s.Memory, "memory"}} {
			path := "services." + name + "." + r.request
			if r.want == "" {
				continue
			}
			if r.ownLimit != "" {
				if config.Measure(string(r.want)) > config.Measure(string(r.ownLimit)) {
					c.errorf("BERTH1302", path, "write at most  "+r.request+": "+string(r.ownLimit), "%s is more than the limit, %s %s", path, r.limit, r.ownLimit)
				}
				continue
			}
			if w == nil || c.Size == config.Demo {
				continue
			}
			if limit := plain(catalogue.Branch(w.Container, "resources", "limits")[r.limit]); limit != "" && config.Measure(string(r.want)) > config.Measure(limit) {
				c.errorf("BERTH1302", path, "add  "+r.limit+": "+string(r.want), "%s is more than the limit that Sourcegraph %s has, %s", path, c.rel.Version, limit)
			}
		}
	}
}

// guests: services that run in another service's pods have only the settings of a container.
func (c *checker) guests() {
	for _, name := range c.serviceNames() {
		w := c.workload(name)
		if w == nil || !w.Guest() {
			continue
		}
		s := c.Services[name]
		if s.Pods != nil {
			c.keyf("BERTH1303", "services."+name+".pods", "write it under services."+w.Home, "%s runs in the pods of %s", name, w.Home)
		}
		if s.StorageClass != "" {
			c.keyf("BERTH1303", "services."+name+".storageClass", "write it under services."+w.Home, "%s runs in the pods of %s", name, w.Home)
		}
	}
}
