//go:build cluster || clusterfaults || clusterupgrades || upgrades || upgradefaults || walks

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
	pointAt(t, kind)
	s := &site{t: t, dir: t.TempDir(), name: name, cluster: true}
	sweepCluster(t, name)
	s.write(append([]string{"on: kubernetes", "release: " + release, "url: http://localhost", "name: " + name, "size: demo"}, more...)...)
	t.Cleanup(func() {
		if s.remove() {
			kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
		}
	})
	return s
}

// pointAt points kubectl and berth at one of the test bed's clusters.
func pointAt(t *testing.T, kind string) {
	t.Helper()
	settings, err := exec.Command("../testbed/kubernetes", "env", kind).Output()
	if err != nil {
		t.Fatalf("bring it up first: testbed/kubernetes up %s: %v", kind, err)
	}
	for line := range strings.Lines(string(settings)) {
		key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		t.Setenv(key, strings.ReplaceAll(strings.ReplaceAll(value, `"$PATH"`, os.Getenv("PATH")), `"`, ""))
	}
}

// made are the namespaces of this run's installations.
var made = map[string]bool{}

// sweepCluster removes what a killed run left in a cluster: the namespace of that name, and every installation that has objects outside of
// its namespace and is none of this run, since theirs stand in the way of all others.
func sweepCluster(t *testing.T, name string) {
	t.Helper()
	left := []string{"namespace/" + name}
	for line := range strings.Lines(kubectl(t, "get", "clusterroles,clusterrolebindings,storageclasses", "-l", "dev.berth.namespace", "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.labels.dev\.berth\.namespace}{"\n"}{end}`)) {
		object, of, _ := strings.Cut(strings.TrimSpace(line), " ")
		if of == name || !made[of] {
			left = append(left, object, "namespace/"+of)
		}
	}
	made[name] = true
	kubectl(t, append([]string{"delete", "--ignore-not-found", "--timeout=2m"}, left...)...)
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

// kubectl runs kubectl in the installation's namespace.
func (s *site) kubectl(args ...string) string {
	s.t.Helper()
	return kubectl(s.t, append([]string{"--namespace=" + s.name}, args...)...)
}

// says proves that a message has some words.
func says(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the message lacks %q:\n%s", w, out)
		}
	}
}

// helmProgram is the real Helm: that of PATH, or of make bin/helm.
func helmProgram() string {
	if program, err := exec.LookPath("helm"); err == nil {
		return program
	}
	return "../bin/helm"
}

func helm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(helmProgram(), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
