package check

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// attributes checks what is said of containers: of all services, of single ones, and of single instances.
func (c *checker) attributes() {
	if c.AllServices != nil {
		c.attributesAt("allServices", "", c.AllServices)
	}
	for _, name := range c.serviceNames() {
		s, at := c.Services[name], "services."+name
		c.attributesAt(at, name, &s.Attributes)
		for _, number := range slices.Sorted(maps.Keys(s.Instances)) {
			own := s.Instances[number].Attributes
			c.instance(at+".instances."+number, name, number)
			c.attributesAt(at+".instances."+number, name, &own)
		}
	}
}

// attributesAt checks one of these places. service is "" for all.
func (c *checker) attributesAt(at, service string, a *config.Attributes) {
	c.variables(at+".env", service, a.Env)
	c.ownLabels(at, a)
	c.hosts(at, a)
	c.limits(at, a)
	c.mounts(at, service, a.Mounts)
	if a.Timezone != "" {
		if _, err := time.LoadLocation(a.Timezone); err != nil {
			c.errorf("BERTH1186", at+".timezone", "write a name of the time zone database, such as Europe/Berlin or UTC", "there is no time zone %q", a.Timezone)
		}
	}
	for i, name := range a.Networks {
		if slices.Contains([]string{"host", "none", "bridge", "default", "sourcegraph"}, name) {
			c.errorf("BERTH1186", at+".networks."+strconv.Itoa(i), "name a network that exists: docker network ls", "a container can't join the network %s besides its own", name)
		}
	}
	if w := c.workload(service); w != nil && w.Guest() {
		for _, key := range []string{"labels", "annotations", "extraHosts", "dns", "sysctls"} {
			if c.doc.Has(at + "." + key) {
				c.keyf("BERTH1303", at+"."+key, "write it under services."+w.Home, "%s runs in the pods of %s", service, w.Home)
			}
		}
	}
}

// instance: the service has an instance of that number.
func (c *checker) instance(at, service, number string) {
	n, err := strconv.Atoi(number)
	count := c.instances(service)
	switch {
	case err != nil || strconv.Itoa(n) != number || n < 0:
		c.keyf("BERTH1187", at, "instances are numbered from 0", "%q is not the number of an instance", number)
	case c.compose(service) != nil && n >= count && c.scalable(service):
		c.keyf("BERTH1187", at, fmt.Sprintf("write  replicas: %d, or remove it", n+1), "%s has no instance %d: there are %d, numbered from 0", service, n, count)
	case c.compose(service) != nil && n >= count:
		c.keyf("BERTH1187", at, "write it as instance 0, or under the service itself", "%s has a single instance, number 0", service)
	}
}

// instances is how many instances of a service run.
func (c *checker) instances(service string) int {
	if w := c.workload(service); w != nil {
		if n := c.sized(service).Replicas; n != nil {
			return *n
		}
		if c.Size == config.Demo || c.Kubernetes != nil && c.Kubernetes.SingleNode {
			return 1
		}
		n, err := strconv.Atoi(plain(w.Spec["replicas"]))
		if err != nil {
			return 1
		}
		return n
	}
	most := 1
	for _, name := range c.serviceNames() {
		if n := c.Services[name].Replicas; n != nil && *n > most && (name == service || c.compose(name).SharesVolume(c.compose(service))) {
			most = *n
		}
	}
	return most
}

// berthLabels begin labels by which berth and Docker Compose find their containers.
var berthLabels = []string{"dev.berth", "com.docker.compose"}

// ownLabels: labels don't replace those by which containers and pods are found, and are said once.
func (c *checker) ownLabels(at string, a *config.Attributes) {
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		for _, prefix := range berthLabels {
			if strings.HasPrefix(name, prefix+".") || strings.HasPrefix(name, prefix+"/") {
				c.keyf("BERTH1186", at+".labels."+name, "choose another name", "berth finds the containers by labels that begin with %s", prefix)
			}
		}
	}
	if c.On != catalogue.Kubernetes {
		return
	}
	c.podLabels(at+".labels", a.Labels)
	c.annotations(at+".annotations", a.Annotations)
	pods := at + ".pods"
	if at == "allServices" {
		pods = "kubernetes.pods"
	}
	for key, names := range map[string]map[string]string{"labels": a.Labels, "annotations": a.Annotations} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if c.doc.Has(pods + "." + key + "." + name) {
				c.keyf("BERTH1669", at+"."+key+"."+name, "remove one of them", "%s.%s.%s sets the same one", pods, key, name)
			}
		}
	}
}

var hostForm = lazy(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// hosts checks names, addresses, and DNS servers.
func (c *checker) hosts(at string, a *config.Attributes) {
	for _, name := range slices.Sorted(maps.Keys(a.ExtraHosts)) {
		path, address := at+".extraHosts."+name, a.ExtraHosts[name]
		_, err := netip.ParseAddr(address)
		switch {
		case !hostForm().MatchString(name):
			c.keyf("BERTH1186", path, "write  NAME: ADDRESS", "%q is not a host name", name)
		case err != nil && address == "host-gateway" && c.On != catalogue.Compose:
			c.errorf("BERTH1186", path, "write the address", "host-gateway is for Docker Compose only")
		case err != nil && address != "host-gateway":
			c.errorf("BERTH1186", path, "write  "+name+": 10.0.0.5", "%q is not an address", address)
		}
	}
	if a.DNS == nil {
		return
	}
	for i, address := range a.DNS.Servers {
		if _, err := netip.ParseAddr(address); err != nil {
			c.errorf("BERTH1186", at+".dns.servers."+strconv.Itoa(i), "write its address, such as 10.0.0.2", "%q is not an address", address)
		}
	}
	if len(a.DNS.Servers) > 3 {
		c.errorf("BERTH1186", at+".dns.servers", "keep the first three", "a resolver asks at most three servers")
	}
}

// Kernel parameters that each container has for itself, and those that a node allows in pods without its kubelet's consent.
//
// Source: https://docs.docker.com/reference/cli/docker/container/run/#sysctl and
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
var (
	namespacedSysctls = []string{"net.", "kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue."}
	safeSysctls       = []string{"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
		"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
		"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
	ulimitNames = []string{"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}
)

// limits checks kernel parameters and limits of processes.
func (c *checker) limits(at string, a *config.Attributes) {
	for _, name := range slices.Sorted(maps.Keys(a.Sysctls)) {
		path := at + ".sysctls." + name
		switch own := slices.ContainsFunc(namespacedSysctls, func(prefix string) bool { return strings.HasPrefix(name, prefix) }); {
		case !own:
			c.keyf("BERTH1186", path, "set it on the host: sysctl -w "+name+"="+a.Sysctls[name], "%s applies to the whole host, not to one container", name)
		case c.On == catalogue.Kubernetes && !slices.Contains(safeSysctls, name):
			c.warnf("BERTH1186", path, "allow it on the nodes: kubelet --allowed-unsafe-sysctls "+name, "nodes refuse pods with %s, unless their kubelet allows it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Ulimits)) {
		path, u := at+".ulimits."+name, a.Ulimits[name]
		switch {
		case !slices.Contains(ulimitNames, name):
			hint := "known: " + diag.Listed(ulimitNames, "and")
			if guess := diag.Closest(name, ulimitNames); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			c.keyf("BERTH1186", path, hint, "there is no limit %q", name)
		case u.Soft == nil && u.Hard == nil:
			c.missingf("BERTH1186", path, "write  "+name+": {soft: 65536}", "%s names no limit", path)
		case u.Soft != nil && u.Hard != nil && *u.Hard >= 0 && (*u.Soft > *u.Hard || *u.Soft < 0):
			c.errorf("BERTH1186", path+".soft", fmt.Sprintf("write at most  soft: %d", *u.Hard), "%s.soft is more than hard", path)
		}
	}
}

// jobVariables say which jobs a worker runs. With workers, berth writes them.
var jobVariables = []string{"WORKER_JOB_ALLOWLIST", "WORKER_JOB_BLOCKLIST"}

// variables: a process can have variables of these names, and none fights what berth does.
func (c *checker) variables(at, service string, env map[string]config.Value) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !variableForm().MatchString(name) {
			c.keyf("BERTH1165", at+"."+name, "letters, digits and _ only", "%q can't be the name of an environment variable", name)
		}
		if c.rel == nil {
			continue
		}
		if len(c.Workers) > 0 && slices.Contains(jobVariables, name) && slices.Contains(c.affected(service), "worker") {
			c.refusedAt[at+"."+name] = true
			c.keyf("BERTH1613", at+"."+name, "remove it, and list the jobs in workers.POOL.jobs", "berth writes %s for workers", name)
			continue
		}
		for _, one := range c.affected(service) {
			if c.fight(at+"."+name, one, name) {
				break
			}
		}
	}
}

// references: keys of Secrets and ConfigMaps are of a cluster, and complete.
func (c *checker) references() {
	c.Visit(func(_ *config.Key, path string, v reflect.Value) {
		value, ok := v.Interface().(config.Value)
		if !ok {
			return
		}
		for key, ref := range map[string]*config.KeyRef{"secretKey": value.SecretKey, "configMapKey": value.ConfigMapKey} {
			switch {
			case ref == nil:
			case c.On == catalogue.Compose:
				c.keyf("BERTH1660", path+"."+key, "write  {env: NAME}  or  {file: PATH}", "%s.%s is for Kubernetes, and this config is for Docker Compose", path, key)
			case ref.Name == "" || ref.Key == "":
				c.missingf("BERTH1660", path+"."+key, "write  "+key+": {name: NAME, key: KEY}", "%s.%s must have name and key", path, key)
			default:
				c.objectName(path+"."+key+".name", ref.Name)
			}
		}
		c.passwordOf(path, value.PasswordOf)
	})
}

// passwordOf: the database has a password that berth knows.
func (c *checker) passwordOf(path, database string) {
	external, enabled := c.Databases[database].External, c.Services[database].Enabled
	switch {
	case database == "":
	case strings.HasPrefix(path, "proxy."):
		c.keyf("BERTH1535", path+".passwordOf", "write the proxy's URL as {env: NAME} or {file: PATH}", "%s is the address of a proxy, not the password of a database", path)
	case external != nil && external.Password == nil && external.Host != "":
		c.keyf("BERTH1535", path+".passwordOf", "remove it", "databases.%s.external has no password", database)
	case external == nil && enabled != nil && !*enabled:
		c.keyf("BERTH1535", path+".passwordOf", "remove it", "%s does not run here, so it has no password", database)
	}
}

// mounts: each has a place in the container that is free, and one source.
func (c *checker) mounts(at, service string, mounts []config.Mount) {
	seen := map[string]bool{}
	for i, m := range mounts {
		p := at + ".mounts." + strconv.Itoa(i)
		sources := given(map[string]bool{"path": m.Path != "", "volume": m.Volume != "", "file": m.File != "", "secret": m.Secret != "", "configMap": m.ConfigMap != ""})
		switch {
		case !path.IsAbs(m.At):
			c.keyf("BERTH1189", p, "write  at: /PATH", "%s needs at, the absolute path in the container", p)
		case len(sources) == 0:
			c.missingf("BERTH1189", p, "add one of path, volume, file, secret and configMap", "%s must have one source, got none", p)
		case len(sources) > 1:
			c.keyf("BERTH1189", p, "keep one of path, volume, file, secret and configMap", "%s must have one source, got %s", p, diag.Listed(sources, "and"))
		case m.Path != "" && !path.IsAbs(m.Path):
			c.errorf("BERTH1189", p+".path", "write an absolute path; for a text file beside this config write  file: "+m.Path, "%s.path must begin with /", p)
		case m.Key != "" && m.Secret == "" && m.ConfigMap == "":
			c.errorf("BERTH1189", p+".key", "remove it", "%s.key is for a Secret or a ConfigMap", p)
		case m.SELinux != "" && m.Path == "":
			c.errorf("BERTH1189", p+".selinux", "remove it", "%s.selinux is for a path", p)
		case seen[path.Clean(m.At)]:
			c.errorf("BERTH1189", p+".at", "keep one", "two mounts are at %s", m.At)
		case m.Path != "" && c.refusesHostPaths() != "":
			c.errorf("BERTH1189", p+".path", "use  volume: CLAIM  with a claim that exists", "pods may not mount a path of the node: %s", c.refusesHostPaths())
		}
		seen[path.Clean(m.At)] = true
		c.objectName(p+".secret", m.Secret)
		c.objectName(p+".configMap", m.ConfigMap)
		for _, name := range c.affected(service) {
			c.mountedThere(p, name, m.At)
		}
	}
}

// affected are the services that a place is about.
func (c *checker) affected(service string) []string {
	if service != "" || c.rel == nil {
		return []string{service}
	}
	return slices.Sorted(maps.Keys(c.rel.Services))
}

// mountedThere reports a mount where the release has one: files and data of Sourcegraph's would be hidden.
func (c *checker) mountedThere(at, service, place string) {
	hint := "choose another path"
	if s := c.compose(service); s != nil {
		for there, m := range s.Volumes {
			if path.Clean(there) != path.Clean(place) {
				continue
			}
			if m.Volume != "" {
				hint = "to put its data elsewhere:  services: {" + service + ": {volume: {path: PATH}}}"
			}
			c.errorf("BERTH1189", at+".at", hint, "%s is where Sourcegraph mounts %s of %s", place, cmp.Or(m.Volume, "files"), service)
		}
	}
	if w := c.workload(service); w != nil {
		for _, m := range catalogue.Maps(w.Container["volumeMounts"]) {
			if path.Clean(plain(m["mountPath"])) == path.Clean(place) {
				c.errorf("BERTH1189", at+".at", hint, "%s is where Sourcegraph mounts %s of %s", place, plain(m["name"]), service)
			}
		}
	}
}

// refusesHostPaths says why pods may mount no path of their node; "" when they may.
//
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
func (c *checker) refusesHostPaths() string {
	switch o := c.Kubernetes; {
	case o == nil || c.On != catalogue.Kubernetes:
		return ""
	case o.OpenShift:
		return "OpenShift's default security does not allow it"
	case o.PodSecurity == "baseline" || o.PodSecurity == "restricted":
		return "kubernetes.podSecurity is " + o.PodSecurity
	}
	return ""
}

// given are the names that are set, in order.
func given(set map[string]bool) []string {
	maps.DeleteFunc(set, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(set))
}

// leastAddresses is how many addresses a network needs: for every container, the gateway, and those of tasks.
const leastAddresses = 64

// network: the installation's containers fit its range of addresses.
func (c *checker) network() {
	if c.Network == nil || c.Network.Subnet == "" {
		return
	}
	prefix, err := netip.ParsePrefix(c.Network.Subnet)
	switch {
	case err != nil:
		c.errorf("BERTH1665", "network.subnet", "write  subnet: 10.213.0.0/24", "%q is not a range of addresses", c.Network.Subnet)
	case prefix.Masked() != prefix:
		c.errorf("BERTH1665", "network.subnet", "write  subnet: "+prefix.Masked().String(), "%s is not the first address of its range", c.Network.Subnet)
	case prefix.Addr().BitLen()-prefix.Bits() < 6:
		c.errorf("BERTH1665", "network.subnet", "write a larger range, such as /24", "%s has fewer than %d addresses", c.Network.Subnet, leastAddresses)
	}
}
