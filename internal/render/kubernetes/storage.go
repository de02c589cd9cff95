package kubernetes

import "cmp"

// shippedClass is the storage class that the chart makes and asks for: a disk of Google's cloud.
const shippedClass = "sourcegraph"

// demoStorage is what each volume of a trial gets.
const demoStorage = "10Gi"

// storage sets sizes and classes of volumes: of claims of their own, and of those that StatefulSets make.
func (r *renderer) storage() {
	class := ""
	if r.options.StorageClass != nil {
		class = r.options.StorageClass.Name
		if class == "" && r.options.StorageClass.Provisioner != "" {
			class = shippedClass
		}
	}
	for _, o := range r.objects {
		w := r.cluster.Settings[o.Service]
		var claims []map[string]any
		if o.Kind() == "PersistentVolumeClaim" {
			claims = append(claims, o.Body)
		}
		if o.Kind() == "StatefulSet" {
			claims = append(claims, items(at(o.Body, "spec")["volumeClaimTemplates"])...)
		}
		for _, claim := range claims {
			spec := at(claim, "spec")
			if name := cmp.Or(w.StorageClass, class); name != "" {
				spec["storageClassName"] = name
			} else {
				// Without a class a claim gets the cluster's own default.
				delete(spec, "storageClassName")
			}
			requests := at(spec, "resources", "requests")
			if r.cluster.Demo {
				requests["storage"] = demoStorage
			}
			if w.Storage != "" {
				requests["storage"] = string(w.Storage)
			}
		}
	}
}

// storageClass makes the class that the config asks for. The chart's own is for one cloud, so it is not made unless it is asked for.
func (r *renderer) storageClass() {
	delete(r.objects, "StorageClass/"+shippedClass)
	c := r.options.StorageClass
	if c == nil || c.Provisioner == "" {
		return
	}
	body := map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata":    map[string]any{"name": cmp.Or(c.Name, shippedClass), "labels": map[string]any{"deploy": "sourcegraph-storage"}},
		"provisioner": c.Provisioner, "reclaimPolicy": cmp.Or(c.ReclaimPolicy, "Retain"), "allowVolumeExpansion": true,
		"volumeBindingMode": cmp.Or(c.BindingMode, "WaitForFirstConsumer")}
	if c.Parameters != nil {
		body["parameters"] = texts(c.Parameters)
	}
	r.add("", body)
}
