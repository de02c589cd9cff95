package kubernetes

import (
	"fmt"
	"strconv"

	"berth/internal/tree"
)

// Requests are what the pods of the set ask of a cluster: cores, and bytes of memory and of volumes. What runs on every node is left out, since it
// depends on how many nodes there are; and so are Jobs, which end.
func (s *Set) Requests() (cores float64, memory, storage int64) {
	for _, o := range s.Objects {
		spec := tree.Branch(o.Body, "spec")
		kind, _ := o.Body["kind"].(string)
		switch kind {
		case "PersistentVolumeClaim":
			storage += claimed(spec)
		case "Deployment", "StatefulSet":
			replicas := instances(spec)
			for _, c := range tree.Items(tree.Branch(spec, "template", "spec")["containers"]) {
				asked := tree.Branch(c, "resources", "requests")
				cores += quantity(asked["cpu"]) * float64(replicas)
				memory += int64(quantity(asked["memory"])) * replicas
			}
			for _, claim := range tree.Items(spec["volumeClaimTemplates"]) {
				storage += claimed(tree.Branch(claim, "spec")) * replicas
			}
		}
	}
	return cores, memory, storage
}

// claimed is the size of a claim.
func claimed(spec map[string]any) int64 {
	return int64(quantity(tree.Branch(spec, "resources", "requests")["storage"]))
}

// quantity is a quantity of the API; 0 where there is none.
func quantity(v any) float64 {
	if v == nil {
		return 0
	}
	return amount(fmt.Sprint(v))
}

// instances are the replicas of a workload, which has one where it says no number.
func instances(spec map[string]any) int64 {
	if n, err := strconv.ParseInt(fmt.Sprint(spec["replicas"]), 10, 64); err == nil {
		return n
	}
	return 1
}
