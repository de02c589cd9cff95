package kubernetes

import "testing"

// TestRequests: of all pods of workloads together, with the claims of each; Jobs and what runs on every node are left out.
func TestRequests(t *testing.T) {
	pods := func(cpu, memory string) map[string]any {
		return map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{"resources": map[string]any{"requests": map[string]any{"cpu": cpu, "memory": memory}}},
			map[string]any{"name": "asks for nothing"}}}}
	}
	claim := map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": "10Gi"}}}
	s := &Set{Objects: []Object{
		{Body: map[string]any{"kind": "StatefulSet", "spec": map[string]any{"replicas": 3, "template": pods("500m", "1Gi"), "volumeClaimTemplates": []any{map[string]any{"spec": claim}}}}},
		{Body: map[string]any{"kind": "Deployment", "spec": map[string]any{"template": pods("2", "512Mi")}}},
		{Body: map[string]any{"kind": "DaemonSet", "spec": map[string]any{"template": pods("9", "9Gi")}}},
		{Body: map[string]any{"kind": "Job", "spec": map[string]any{"template": pods("9", "9Gi")}}},
		{Body: map[string]any{"kind": "PersistentVolumeClaim", "spec": claim}},
	}}
	cores, memory, storage := s.Requests()
	if cores != 3.5 || memory != 3<<30+512<<20 || storage != 40<<30 {
		t.Errorf("%v cores, %d and %d bytes", cores, memory, storage)
	}
}
