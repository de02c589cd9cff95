//go:build cluster || clusterfaults || clusterupgrades || upgrades || upgradefaults

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// newCluster makes a folder with a short config for one of the test bed's clusters, in a namespace of its own that does not exist yet. The
// installation and its namespace are deleted when the test ends, and so is what an earlier run that was killed left of them.
func newCluster(t *testing.T, kind, name string, more ...string) *site {
	t.Helper()
	settings, err := exec.Command("../testbed/kubernetes", "env", kind).Output()
	if err != nil {
		t.Fatalf("bring it up first: testbed/kubernetes up %s: %v", kind, err)
	}
	for line := range strings.Lines(string(settings)) {
		key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		t.Setenv(key, strings.ReplaceAll(strings.ReplaceAll(value, `"$PATH"`, os.Getenv("PATH")), `"`, ""))
	}
	s := &site{t: t, dir: t.TempDir(), name: name, cluster: true}
	kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--timeout=2m")
	kubectl(t, "delete", "clusterroles,clusterrolebindings,storageclasses", "-l", "dev.berth.namespace="+name, "--ignore-not-found")
	s.write(append([]string{"on: kubernetes", "release: " + release, "url: http://localhost", "name: " + name, "size: demo"}, more...)...)
	t.Cleanup(func() {
		if s.remove() {
			kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
		}
	})
	return s
}

// namespaced is the config's Kubernetes part for a namespace that has the installation's name.
func namespaced(name string, more string) string {
	return fmt.Sprintf("kubernetes: {namespace: %s%s}", name, more)
}

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

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
