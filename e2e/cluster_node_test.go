//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// simulatedNode adds a node to the cluster that runs only pods which ask for it. It is deleted after the test.
func simulatedNode(t *testing.T, name string) {
	t.Helper()
	const size = "{cpu: '64', memory: 256Gi, ephemeral-storage: 1Ti, pods: '250'}"
	applyText(t, fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %[1]s, labels: {kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux, dedicated: %[1]s}},
  spec: {taints: [{key: dedicated, value: %[1]s, effect: NoSchedule}]}, status: {allocatable: %[2]s, capacity: %[2]s}}`, name, size))
	t.Cleanup(func() { kubectl(t, "delete", "node", name, "--ignore-not-found") })
	kubectl(t, "wait", "node", name, "--for=condition=Ready", "--timeout=60s")
}

// TestClusterNodeFails: a node fails while up waits for a pod on it. up names the node soon and ends at its time limit. When the node is back, the
// next up succeeds.
func TestClusterNodeFails(t *testing.T) {
	needs(t, control)
	const node = "f3-node-gone"
	// The pod is on the node and never starts, like a pod whose node fails meanwhile.
	const starting = "labels: {berth.testbed/waiting: ContainerCreating}, "
	s := newFault(t, "f3-node", "services: {worker: {pods: {"+starting+"nodeSelector: {dedicated: "+node+"}, tolerations: [{key: dedicated, operator: Exists}]}}}")
	simulatedNode(t, node)
	up := s.start("up", "--timeout", "30s")
	await(t, 90*time.Second, "the worker's pod", func() bool {
		out, _ := exec.Command("kubectl", "--namespace="+s.name, "get", "pod", "-l=app=worker", "-o=jsonpath={.items[0].spec.nodeName}").Output() // it may not be there yet
		return string(out) == node
	})
	kubectl(t, "label", "node", node, "node-not-ready.stage.kwok.x-k8s.io=true")
	gone := time.Now()
	await(t, 90*time.Second, "up to name the node", func() bool { return strings.Contains(up.said.String(), node) || up.ended() })
	t.Logf("named after %s", time.Since(gone).Round(time.Second))
	if code := up.wait(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	says(t, up.said.String(), "BERTH3434", node+", which does not answer", "not done", "berth up")
	s.recorded("failed")

	kubectl(t, "delete", "node", node)
	if out := s.must(1, "up", "--timeout", "20s"); !strings.Contains(out, "node "+node+" does not answer: it is no longer in the cluster") && !strings.Contains(out, "no node can run") {
		t.Errorf("the message does not name the node:\n%s", out)
	}
	s.edit(starting, "")
	simulatedNode(t, node)
	s.completed()
	s.must(0, "down") // while the node is there to end its pod
}
