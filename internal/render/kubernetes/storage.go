package kubernetes

import (
	"cmp"
	"math"
	"strconv"

	"berth/catalogue"
	"berth/internal/tree"
)

// ChartStorageClass is the storage class that the chart creates and uses: a disk of Google's cloud.
const ChartStorageClass = "sourcegraph"

// demoStorage is the size of each volume of a trial.
const demoStorage = "10Gi"

// storage sets sizes and classes of volumes: of claims, and of claim templates of StatefulSets.
func (r *renderer) storage() {
	class := ""
	if r.options.StorageClass != nil {
		class = r.options.StorageClass.Name
		if class == "" && r.options.StorageClass.Provisioner != "" {
			class = ChartStorageClass
		}
	}
	for key, o := range r.objects {
		w := r.cluster.Settings[o.Service]
		var claims []map[string]any
		if o.Kind() == "PersistentVolumeClaim" {
			claims = append(claims, o.Body)
		}
		if o.Kind() == "StatefulSet" {
			claims = append(claims, tree.Items(tree.At(o.Body, "spec")["volumeClaimTemplates"])...)
		}
		for _, claim := range claims {
			spec := tree.At(claim, "spec")
			if name := cmp.Or(w.StorageClass, class); name != "" {
				spec["storageClassName"] = name
			} else {
				// Without a class a claim gets the cluster's default.
				delete(spec, "storageClassName")
			}
			requests := tree.At(spec, "resources", "requests")
			before := tree.Text(requests, "storage")
			if r.cluster.Demo {
				requests["storage"] = demoStorage
			}
			if w.Storage != "" {
				requests["storage"] = string(w.Storage)
			}
			if after := tree.Text(requests, "storage"); after != before && tree.Pods(o.Body) != nil {
				ScaleCaches(tree.Pods(o.Body), catalogue.Branch(r.cluster.Objects[key], "spec", "template"), before, after)
			}
		}
	}
}

// storageClass creates the class that the config asks for. The chart's own is for one cloud, so berth creates none by default.
func (r *renderer) storageClass() {
	delete(r.objects, "StorageClass/"+ChartStorageClass)
	c := r.options.StorageClass
	if c == nil || c.Provisioner == "" {
		return
	}
	body := map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata":    map[string]any{"name": cmp.Or(c.Name, ChartStorageClass), "labels": map[string]any{"deploy": "sourcegraph-storage"}},
		"provisioner": c.Provisioner, "reclaimPolicy": cmp.Or(c.ReclaimPolicy, "Retain"), "allowVolumeExpansion": true,
		"volumeBindingMode": cmp.Or(c.BindingMode, "WaitForFirstConsumer")}
	if c.Parameters != nil {
		body["parameters"] = tree.OfTexts(c.Parameters)
	}
	r.add("", body)
}

// ScaleCaches sizes the caches that fill a volume, in a pod template whose volume grows from one size to another, such as "20Gi". The
// caches keep their share of the volume, as in the release's template. A cache that the config sets stays unchanged.
//
// Source: charts/sourcegraph/templates/searcher/searcher.StatefulSet.yaml of Sourcegraph's Helm repository.
func ScaleCaches(template, shipped map[string]any, before, after string) {
	for i, c := range tree.Items(tree.At(template, "spec")["containers"]) {
		for _, name := range []string{"SEARCHER_CACHE_SIZE_MB", "SYMBOLS_CACHE_SIZE_MB"} {
			e := tree.Named(c["env"], name)
			was := tree.Named(tree.Items(tree.At(shipped, "spec")["containers"])[i]["env"], name)
			megabytes, err := strconv.ParseFloat(tree.Text(was, "value"), 64)
			if e != nil && err == nil && e["value"] == was["value"] {
				e["value"] = strconv.FormatFloat(math.Floor(megabytes*amount(after)/amount(before)), 'f', 0, 64)
			}
		}
	}
}
