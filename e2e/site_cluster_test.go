//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// nodeAddress is where the ports of the cluster with a real node answer.
const nodeAddress = "10.213.0.2"

// newCluster makes a folder with a short config for a cluster of the test bed, in a namespace of its own that does not exist yet. The installation
// and its namespace are deleted when the test ends, and so is what an earlier run that was killed left of them.
func newCluster(t *testing.T, on part, name string, more ...string) *site {
	t.Helper()
	declared(t, on)
	s := &site{t: t, dir: t.TempDir(), name: name, cluster: true}
	sweepCluster(t, name)
	s.base = append([]string{"target: kubernetes", "release: " + release, "url: http://localhost", "name: " + name, "size: demo"}, more...)
	s.write(s.base...)
	t.Cleanup(func() {
		if s.remove() {
			kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
		}
	})
	return s
}

// newOnNode is an installation on the cluster with a real node, with real containers. Its proxy answers at a port of that node.
func newOnNode(t *testing.T, name string, port int, more ...string) *site {
	t.Helper()
	s := newCluster(t, node, name, append([]string{namespaced(name, fmt.Sprintf(", service: {nodePort: %d}", port)), nodeImages()}, more...)...)
	s.host, s.port = nodeAddress, port
	return s
}

// nodeImages is the config's line with the registry that nodes pull from.
func nodeImages() string {
	if realImages {
		return "images: {registry: " + repository() + "}"
	}
	return "images: {registry: " + os.Getenv("BERTH_REGISTRY") + "/sourcegraph}"
}

// made are the namespaces of this run's installations.
var made sync.Map

// sweepCluster removes what a killed run left in a cluster: the namespace of that name, and all installations of other runs that have objects
// outside of their namespaces, because other installations can't have objects of the same names.
func sweepCluster(t *testing.T, name string) {
	t.Helper()
	left := []string{"namespace/" + name}
	for line := range strings.Lines(kubectl(t, "get", "clusterroles,clusterrolebindings,storageclasses", "-l", "dev.berth.namespace", "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.labels.dev\.berth\.namespace}{"\n"}{end}`)) {
		object, of, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, ours := made.Load(of); of == name || !ours {
			left = append(left, object, "namespace/"+of)
		}
	}
	made.Store(name, true)
	kubectl(t, append([]string{"delete", "--ignore-not-found", "--timeout=2m"}, left...)...)
}

// namespaced is the config's Kubernetes part for a namespace that has the installation's name.
func namespaced(name string, more string) string {
	return fmt.Sprintf("kubernetes: {namespace: %s%s}", name, more)
}

// kubectl runs kubectl and gives its output.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("kubectl", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// kubectl runs kubectl in the installation's namespace.
func (s *site) kubectl(args ...string) string {
	s.t.Helper()
	return kubectl(s.t, append([]string{"--namespace=" + s.name}, args...)...)
}

// runHelm runs the real Helm.
func runHelm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("helm", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// applyText applies an object that a test writes down.
func applyText(t *testing.T, text string, args ...string) {
	t.Helper()
	cmd := exec.Command("kubectl", append(args, "apply", "-f", "-")...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s\nof\n%s", err, out, text)
	}
}
