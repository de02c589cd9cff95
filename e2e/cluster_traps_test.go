//go:build clusterfaults

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClusterKindThatIsNotThere: an object of a kind that the cluster does not know yet is planned, and said to be so; up names it, and goes on
// once the kind is there.
func TestClusterKindThatIsNotThere(t *testing.T) {
	s := newFault(t, "f3-kind")
	s.edit("podSecurity: baseline", "podSecurity: baseline, objects: [door.yaml]")
	s.writeFile("door.yaml", "apiVersion: f3.example.com/v1\nkind: Door\nmetadata: {name: front}\nspec: {open: true}\n")
	says(t, s.must(2, "plan"), "Door/front", "does not exist yet")
	says(t, s.must(1, "up"), "BERTH3203", "Door/front", "f3.example.com/v1")
	s.atRest("failed")

	kind := exec.Command("kubectl", "apply", "-f", "-")
	kind.Stdin = strings.NewReader(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: doors.f3.example.com}, spec: {
		group: f3.example.com, scope: Namespaced, names: {kind: Door, plural: doors}, versions: [{name: v1, served: true, storage: true,
		schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`)
	if out, err := kind.CombinedOutput(); err != nil {
		t.Fatalf("CRD: %v\n%s", err, out)
	}
	t.Cleanup(func() { kubectl(t, "delete", "crd", "doors.f3.example.com") })
	kubectl(t, "wait", "crd", "doors.f3.example.com", "--for=condition=Established", "--timeout=30s")
	s.repaired()
	if got := s.kubectl("get", "doors", "-o=name"); got != "door.f3.example.com/front" {
		t.Errorf("there is %q", got)
	}
	s.must(0, "down") // while its kind is there
}

// TestClusterStalePlan: a saved plan is carried out as long as the cluster is as it was, and refused when somebody changed it.
func TestClusterStalePlan(t *testing.T) {
	s := newFault(t, "f3-stale")
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\nservices: {worker: {env: {A: b}}}\n")
	s.must(2, "plan", "--out", "plan.json")
	s.kubectl("patch", "service", "worker", "--field-manager=kubectl-edit", "-p={\"spec\": {\"sessionAffinity\": \"ClientIP\"}}")
	says(t, s.must(3, "up", "--plan", "plan.json"), "BERTH3105", "what runs")
	s.must(2, "plan", "--out", "plan.json")
	s.must(0, "up", "--plan", "plan.json")
	s.repaired()
}

// TestClusterSecondInterrupt: Ctrl-C lets the step in hand come to its end; a second one does not wait for it. Up goes on all the same.
func TestClusterSecondInterrupt(t *testing.T) {
	s := newFault(t, "f3-second")
	held := make(chan struct{}, 100)
	remove := webhook(t, s.name, 10, func(_ string, asked bool) string {
		if !asked {
			held <- struct{}{}
			time.Sleep(8 * time.Second) // a step in hand
		}
		return ""
	})
	up := s.start("up")
	<-held
	_ = up.cmd.Process.Signal(os.Interrupt) // it runs: a step is in hand
	s.awaited("its answer", func() bool { return strings.Contains(up.said.String(), "stopping") || up.ended() })
	start := time.Now()
	if code, out := up.end(os.Interrupt); code != -1 || time.Since(start) > 3*time.Second {
		t.Errorf("exit %d after %s, want it to be ended by the signal, at once\n%s", code, time.Since(start), out)
	}
	remove()
	s.repaired()
}

// TestClusterDataIsGone: deleting the data deletes all of it, also of a service that was turned off before, and of nobody else.
func TestClusterDataIsGone(t *testing.T) {
	s := newFault(t, "f3-data")
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\nservices: {grafana: {enabled: false}}\n")
	s.must(0, "up")
	theirs := exec.Command("kubectl", "--namespace="+s.name, "apply", "-f", "-")
	theirs.Stdin = strings.NewReader(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: theirs}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`)
	if out, err := theirs.CombinedOutput(); err != nil {
		t.Fatalf("claim: %v\n%s", err, out)
	}
	s.must(0, "down")
	if got := s.kubectl("get", "pvc", "-o=name"); !strings.Contains(got, "grafana-data-grafana-0") || !strings.Contains(got, "repos-gitserver-0") {
		t.Errorf("down deleted data; there is\n%s", got)
	}
	s.must(0, "down", "--delete-data", s.name)
	if got := s.kubectl("get", "pvc,secret,lease", "-o=name"); got != "persistentvolumeclaim/theirs" {
		t.Errorf("there is\n%s\nwant the claim of somebody else alone", got)
	}
}
