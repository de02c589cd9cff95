package config

import (
	"testing"

	"berth/catalogue"
)

// TestWorkloads: the objects of each release say where each service runs, its limits, and its storage.
func TestWorkloads(t *testing.T) {
	cat := catalogue.Embedded()
	done := map[string]bool{}
	for _, v := range cat.Versions(catalogue.Kubernetes) {
		minor := catalogue.Minor(v.Version)
		if done[minor] {
			continue
		}
		done[minor] = true
		rel, err := cat.Release(v.Version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		scalable := 0
		for name, s := range rel.Services {
			if s.Kubernetes == nil {
				continue
			}
			w := rel.Workload(name)
			if w.Object == "" || w.Container == nil || shipped(w, "replicas") == "" {
				t.Errorf("%s: %s has no workload, but %q", v.Version, name, w.Object)
			}
			if w.Scalable() && !w.Guest() {
				scalable++
			}
			if w.Claim != nil && !w.Guest() && shipped(w, "storage") == "" {
				t.Errorf("%s: %s has a volume without a size", v.Version, name)
			}
		}
		if scalable < 6 {
			t.Errorf("%s: only %d services can be more than one", v.Version, scalable)
		}
	}
}
