//go:build clusterfaults

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// simulatedNode adds a node to the cluster that takes only pods which ask for it. It is gone after the test.
func simulatedNode(t *testing.T, name string) {
	t.Helper()
	const size = "{cpu: '64', memory: 256Gi, ephemeral-storage: 1Ti, pods: '250'}"
	apply := exec.Command("kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %[1]s, labels: {kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux, dedicated: %[1]s}},
  spec: {taints: [{key: dedicated, value: %[1]s, effect: NoSchedule}]}, status: {allocatable: %[2]s, capacity: %[2]s}}`, name, size))
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	t.Cleanup(func() { kubectl(t, "delete", "node", name, "--ignore-not-found") })
	kubectl(t, "wait", "node", name, "--for=condition=Ready", "--timeout=60s")
}

// TestClusterNodeGone: a node goes away while a pod on it is waited for. It is named soon, and the run ends in its time; when the node is back, up
// goes on.
func TestClusterNodeGone(t *testing.T) {
	const node = "f3-node-gone"
	// The pod is on the node and starts for ever, as one does whose node dies meanwhile.
	const starting = "labels: {berth.testbed/waiting: ContainerCreating}, "
	s := newFault(t, "f3-node", "services: {worker: {pods: {"+starting+"nodeSelector: {dedicated: "+node+"}, tolerations: [{key: dedicated, operator: Exists}]}}}")
	simulatedNode(t, node)
	up := s.start("up", "--timeout", "30s")
	s.awaited("the worker's pod", func() bool {
		out, _ := exec.Command("kubectl", "--namespace="+s.name, "get", "pod", "-l=app=worker", "-o=jsonpath={.items[0].spec.nodeName}").Output() // it may not be there yet
		return string(out) == node
	})
	kubectl(t, "label", "node", node, "node-not-ready.stage.kwok.x-k8s.io=true")
	gone := time.Now()
	s.awaited("the node's name in what up says", func() bool { return strings.Contains(up.said.String(), node) || up.ended() })
	t.Logf("named after %s", time.Since(gone).Round(time.Second))
	if code := up.wait(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	says(t, up.said.String(), "BERTH3434", node+", which does not answer", "not done", "berth up")
	s.atRest("failed")

	kubectl(t, "delete", "node", node)
	if out := s.must(1, "up", "--timeout", "20s"); !strings.Contains(out, "node "+node+" does not answer: it is no longer in the cluster") && !strings.Contains(out, "no node can run") {
		t.Errorf("the message does not tell of the node:\n%s", out)
	}
	s.edit(starting, "")
	simulatedNode(t, node)
	s.repaired()
	s.must(0, "down") // while the node is there to end its pod
}
