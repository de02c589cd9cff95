package kubernetes

import (
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/tree"
)

// ownVolumes put the claims of services where the config wants their data.
func (r *renderer) ownVolumes() {
	for _, service := range tree.Keys(r.cluster.Settings) {
		v := r.cluster.Settings[service].Volume
		home := r.objects[r.cluster.Containers[service].Object]
		if v == nil || home == nil || home.Service != service {
			continue
		}
		for _, key := range tree.Keys(r.objects) {
			o := r.objects[key]
			if o.Service == service && o.Kind() == "PersistentVolumeClaim" {
				r.claim(home, o, v)
			}
		}
		if home.Kind() == "StatefulSet" {
			r.claimTemplates(home, v)
		}
	}
}

// claim puts the volume of a claim elsewhere, or uses the admin's claim instead.
func (r *renderer) claim(home, claim *Object, v *config.Volume) {
	if v.Name == "" {
		r.reserve(home.Service, claim.Body, claim.Name(), v, 0)
		return
	}
	delete(r.objects, claim.Key())
	for _, volume := range tree.Items(tree.At(tree.Pods(home.Body), "spec")["volumes"]) {
		if tree.Text(volume, "persistentVolumeClaim", "claimName") == claim.Name() {
			tree.At(volume, "persistentVolumeClaim")["claimName"] = numbered(v.Name, 0)
		}
	}
}

// claimTemplates put the volumes of a StatefulSet's claims elsewhere: Kubernetes names these claims by itself, so each volume is reserved for
// one of the names. A claim of the admin's replaces the only one.
func (r *renderer) claimTemplates(home *Object, v *config.Volume) {
	spec := tree.At(home.Body, "spec")
	for _, template := range tree.Items(spec["volumeClaimTemplates"]) {
		name := tree.Text(template, "metadata", "name")
		if v.Name != "" {
			tree.Put(tree.At(tree.Pods(home.Body), "spec"), "volumes", map[string]any{"name": name,
				"persistentVolumeClaim": map[string]any{"claimName": numbered(v.Name, 0)}})
			continue
		}
		for i := range replicas(spec["replicas"]) {
			r.reserve(home.Service, template, name+"-"+home.Name()+"-"+strconv.Itoa(i), v, i)
		}
	}
	if v.Name != "" {
		delete(spec, "volumeClaimTemplates")
	}
}

// reserve makes a PersistentVolume that only the claim of that name gets. A claim with the class "" gets no other.
//
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reserving-a-persistentvolume
func (r *renderer) reserve(service string, claim map[string]any, name string, v *config.Volume, number int) {
	spec := tree.At(claim, "spec")
	spec["storageClassName"] = ""
	volume := map[string]any{"capacity": map[string]any{"storage": tree.Text(spec, "resources", "requests", "storage")},
		"accessModes": tree.WithoutNulls(spec["accessModes"]), "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
		"claimRef": map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": r.cluster.Namespace, "name": name}}
	if v.NFS != nil {
		volume["nfs"] = map[string]any{"server": v.NFS.Server, "path": numbered(v.NFS.Path, number)}
		if v.NFS.Options != "" {
			volume["mountOptions"] = tree.OfList(strings.Split(v.NFS.Options, ","))
		}
	} else {
		volume["hostPath"] = map[string]any{"path": numbered(v.Path, number), "type": "Directory"} // it must exist: an empty one would be no disk
	}
	r.add(service, map[string]any{"apiVersion": "v1", "kind": "PersistentVolume", "spec": volume,
		"metadata": map[string]any{"name": r.cluster.Namespace + "-" + name, "labels": map[string]any{"deploy": "sourcegraph"}}})
}

func numbered(text string, i int) string { return strings.ReplaceAll(text, "{i}", strconv.Itoa(i)) }

// replicas is the number of an object's pods.
func replicas(v any) int {
	switch v := v.(type) {
	case int:
		return v
	case int64:
		return int(v)
	case uint64:
		return int(v)
	case float64:
		return int(v)
	}
	return 1
}
