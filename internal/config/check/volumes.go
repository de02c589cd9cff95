package check

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// volumes: each place of a service's data can be one, and no two services or instances have the same.
func (c *checker) volumes() {
	taken := map[string]string{} // the first key that names a place
	for _, name := range c.serviceNames() {
		s, at := c.Services[name], "services."+name
		if s.Volume != nil && c.volume(at+".volume", name, s.Volume) {
			c.apart(taken, at+".volume", name, s)
		}
		for _, number := range slices.Sorted(maps.Keys(s.Instances)) {
			if own := s.Instances[number].Volume; own != nil && c.volume(at+".instances."+number+".volume", name, own) {
				n, _ := strconv.Atoi(number)
				c.claimPlace(taken, at+".instances."+number+".volume", own, n, "each needs its own")
			}
		}
	}
}

// apart: the instances of a service that have no volume of their own in the config have different ones.
func (c *checker) apart(taken map[string]string, at, name string, s config.Service) {
	for i := range c.instances(name) {
		if s.Instances[strconv.Itoa(i)].Volume == nil && !c.claimPlace(taken, at, s.Volume, i, "write the instance's number as {i}, or each place under "+strings.TrimSuffix(at, "volume")+"instances") {
			return
		}
	}
}

// claimPlace notes where a volume is, and reports one that is taken.
func (c *checker) claimPlace(taken map[string]string, at string, v *config.Volume, number int, hint string) bool {
	place := func(s string) string { return strings.ReplaceAll(s, "{i}", strconv.Itoa(number)) }
	key := ""
	switch {
	case v.Path != "":
		key = path.Clean(place(v.Path))
	case v.NFS != nil:
		key = v.NFS.Server + ":" + path.Clean(place(v.NFS.Path))
	case v.Name != "":
		key = place(v.Name)
	default:
		return true // the engine makes one for each instance
	}
	other, there := taken[key]
	if !there {
		taken[key] = at
		return c.notInside(taken, at, key)
	}
	if other != at {
		hint = "each needs its own"
	}
	c.errorf("BERTH1188", at, hint, "two instances would have their data in %s and destroy each other's%s", key, map[bool]string{true: "; the other is " + other}[other != at])
	return false
}

// notInside: no service's data is in another's. Gitserver removes folders that are no repositories, and Postgres refuses a folder with others in it.
func (c *checker) notInside(taken map[string]string, at, key string) bool {
	for _, place := range slices.Sorted(maps.Keys(taken)) {
		inner, outer := key, place
		if strings.HasPrefix(place, key+"/") {
			inner, outer = place, key
		}
		if strings.HasPrefix(inner, outer+"/") {
			c.errorf("BERTH1188", at, "give each a folder beside the other's", "the data in %s would be inside %s, which belongs to %s", inner, outer, taken[outer])
			return false
		}
	}
	return true
}

// volume checks one place by itself, and reports whether it can be one.
func (c *checker) volume(at, service string, v *config.Volume) bool {
	before := len(c.problems)
	kinds := given(map[string]bool{"path": v.Path != "", "nfs": v.NFS != nil, "driver": v.Driver != "" || v.Options != nil, "name": v.Name != ""})
	switch {
	case len(kinds) == 0 && c.doc.Broken():
		return false // it may be one of the problems of the form
	case len(kinds) != 1:
		c.keyf("BERTH1188", at, "keep one of path, nfs, driver and name", "%s must have one place, got %s", at, cmp.Or(diag.Listed(kinds, "and"), "none"))
	case v.Path != "" && (!path.IsAbs(v.Path) || path.Clean(v.Path) == "/"):
		c.errorf("BERTH1188", at+".path", "write  path: /mnt/data", "%s.path must be the absolute path of a folder, got %q", at, v.Path)
	case v.NFS != nil && (v.NFS.Server == "" || !path.IsAbs(v.NFS.Path)):
		c.keyf("BERTH1188", at+".nfs", "write  nfs: {server: nfs.example.com, path: /export/repos}", "%s.nfs needs a server and an absolute path", at)
	case v.Driver == "" && v.Options != nil:
		c.missingf("BERTH1188", at, "add  driver: local", "%s.options are for a driver", at)
	case v.SELinux != "" && v.Path == "":
		c.errorf("BERTH1188", at+".selinux", "remove it", "%s.selinux is for a path", at)
	}
	c.volumeOf(at, service)
	if c.On == catalogue.Kubernetes {
		c.clusterVolume(at, service, v)
	}
	return len(c.problems) == before
}

// volumeOf: the service has a volume of its own.
func (c *checker) volumeOf(at, service string) {
	s, w := c.compose(service), c.workload(service)
	switch {
	case s != nil && !hasVolume(s), w != nil && !w.Guest() && w.Claim == nil:
		c.keyf("BERTH1188", at, "remove it", "%s has no volume: it stores nothing on disk", service)
	case w != nil && w.Guest():
		c.keyf("BERTH1188", at, "write it under services."+w.Home+", whose pods have the volume", "%s has no volume of its own", service)
	}
	for _, other := range c.serviceNames() {
		if other < service && c.Services[other].Volume != nil && c.compose(other).SharesVolume(s) {
			c.keyf("BERTH1188", at, "write it for one of them", "%s and %s share their volumes", other, service)
		}
	}
}

// clusterVolume: a cluster can give the service its data there.
func (c *checker) clusterVolume(at, service string, v *config.Volume) {
	o := c.Kubernetes
	if o == nil {
		o = &config.KubernetesOptions{}
	}
	s, n := c.Services[service], c.instances(service)
	own := v.Path != "" || v.NFS != nil // a PersistentVolume of ours
	chosen := o.SingleNode || o.Pods.NodeSelector != nil || s.Pods != nil && s.Pods.NodeSelector != nil
	switch {
	case v.Name != "" && n > 1:
		c.errorf("BERTH1667", at+".name", "create the volumes for the names that Kubernetes gives its claims, or use nfs", "Kubernetes itself names the claims of %s's %d pods, so they can't be yours", service, n)
	case v.Path != "" && !chosen:
		c.errorf("BERTH1667", at+".path", fmt.Sprintf("choose the node:  services: {%s: {pods: {nodeSelector: {kubernetes.io/hostname: NODE}}}}, or  kubernetes: {singleNode: true}", service),
			"a path is on one node, and the pods of %s may run on any", service)
	case own && o.ClusterScoped != nil && !*o.ClusterScoped:
		c.errorf("BERTH1667", at, "let somebody with the right create the claim, and use  name: CLAIM", "a PersistentVolume is outside namespaces, and clusterScoped: false allows no such object")
	case s.StorageClass != "":
		c.errorf("BERTH1667", "services."+service+".storageClass", "keep one", "%s says where the volume of %s is, so it has no storage class", at, service)
	}
	if v.Name != "" {
		c.objectName(at+".name", v.Name)
	}
}
