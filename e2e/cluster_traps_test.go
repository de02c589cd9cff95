//go:build e2e

package e2e

import "testing"

// TestClusterUnknownKind: an object of a kind that the cluster does not know is planned, and the plan says so. up fails with its name, and
// succeeds when the cluster knows the kind.
func TestClusterUnknownKind(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-kind")
	s.edit("podSecurity: baseline", "podSecurity: baseline, objects: [gadget.yaml]")
	s.writeFile("gadget.yaml", "apiVersion: f3.example.com/v1\nkind: Gadget\nmetadata: {name: front}\nspec: {open: true}\n")
	says(t, s.must(2, "plan", "--all"), "Gadget/front", "does not exist yet")
	says(t, s.must(1, "up"), "BERTH3203", "Gadget/front", "f3.example.com/v1")
	s.recorded("failed")

	applyText(t, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: gadgets.f3.example.com}, spec: {
		group: f3.example.com, scope: Namespaced, names: {kind: Gadget, plural: gadgets}, versions: [{name: v1, served: true, storage: true,
		schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`)
	t.Cleanup(func() { kubectl(t, "delete", "crd", "gadgets.f3.example.com") })
	kubectl(t, "wait", "crd", "gadgets.f3.example.com", "--for=condition=Established", "--timeout=30s")
	s.completed()
	if got := s.kubectl("get", "gadgets", "-o=name"); got != "gadget.f3.example.com/front" {
		t.Errorf("there is %q", got)
	}
	s.must(0, "down") // while the cluster knows its kind
}

// TestClusterOutdatedPlan: a saved plan is refused when somebody changed the cluster since, and carried out when nobody did.
func TestClusterOutdatedPlan(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-stale")
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\nservices: {worker: {env: {A: b}}}\n")
	s.must(2, "plan", "--out", "plan.json")
	s.kubectl("patch", "service", "worker", "--field-manager=kubectl-edit", "-p={\"spec\": {\"sessionAffinity\": \"ClientIP\"}}")
	says(t, s.must(3, "up", "--plan", "plan.json"), "BERTH3105", "what runs")
	s.must(2, "plan", "--out", "plan.json")
	s.must(0, "up", "--plan", "plan.json")
	s.completed()
}

// TestClusterDeleteData: --delete-data deletes all data of the installation, also of a disabled service, and no data of others.
func TestClusterDeleteData(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-data")
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\nservices: {grafana: {enabled: false}}\n")
	s.must(0, "up")
	applyText(t, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: theirs}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`, "--namespace="+s.name)
	s.must(0, "down")
	says(t, s.kubectl("get", "pvc", "-o=name"), "grafana-data-grafana-0", "repos-gitserver-0")
	s.must(0, "down", "--delete-data", s.name)
	if got := s.kubectl("get", "pvc,secret,lease", "-o=name"); got != "persistentvolumeclaim/theirs" {
		t.Errorf("there is\n%s\nwant only the claim of somebody else", got)
	}
}
