//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// milliseconds are the moments after which berth is killed.
func milliseconds(numbers ...int) (times []time.Duration) {
	for _, n := range numbers {
		times = append(times, time.Duration(n)*time.Millisecond)
	}
	return times
}

// TestClusterKillWhileDeploying kills berth at moments spread over a first up. The next up completes it, and the migrator ran once.
func TestClusterKillWhileDeploying(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "killed", namespaced("killed", ""))
	s.killAfter(milliseconds(100, 200, 300, 400, 600, 800, 1200, 2000, 3000, 5000), nil, "up")
	s.completed()
	if jobs := s.kubectl("get", "job", "-o=name"); strings.Count(jobs, "migrator") != 1 {
		t.Errorf("migrators:\n%s", jobs)
	}
}

// TestClusterKillWhilePruning kills berth while it removes services that the config no longer has. The next up completes it and keeps the data.
func TestClusterKillWhilePruning(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "pruned", namespaced("pruned", ""))
	s.must(0, "up")
	s.with("services: {grafana: {enabled: false}, cadvisor: {enabled: false}, node-exporter: {enabled: false}}")
	s.killAfter(milliseconds(150, 250, 350, 500, 700), nil, "up")
	s.completed()
	if left := s.kubectl("get", "statefulset,daemonset,service", "-o=name"); strings.Contains(left, "grafana") || strings.Contains(left, "cadvisor") {
		t.Errorf("left:\n%s", left)
	}
	says(t, s.kubectl("get", "pvc", "-o=name"), "grafana-data-grafana-0")
}

// testbed runs a command of the test bed's script for clusters.
func testbed(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("../testbed/kubernetes", args...).CombinedOutput(); err != nil {
		t.Fatalf("testbed/kubernetes %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestClusterAPIServerRestarts kills the API server during up and starts it again: up continues and succeeds.
func TestClusterAPIServerRestarts(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "restarted", namespaced("restarted", ""))
	up := s.start("up")
	time.Sleep(1500 * time.Millisecond) // up applies objects
	testbed(t, "restart-api", "control")
	if code := up.wait(); code != 0 {
		t.Fatalf("berth up: exit %d\n%s", code, up.said.String())
	}
	s.must(0, "plan")
}

// TestClusterSlowEtcd delays everything between API server and etcd: up takes longer and succeeds.
func TestClusterSlowEtcd(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "slow", namespaced("slow", ""))
	testbed(t, "slow-etcd", "control", "on", "100")
	defer testbed(t, "slow-etcd", "control", "off")
	s.must(0, "up")
	s.must(0, "plan")
}

// TestClusterQuota: a quota that has no room for pods is reported within seconds.
func TestClusterQuota(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "quota", namespaced("quota", ""))
	kubectl(t, "create", "namespace", s.name)
	s.kubectl("create", "quota", "tight", "--hard=pods=2")
	start := time.Now()
	says(t, s.must(1, "up"), "quota")
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	s.kubectl("delete", "quota", "tight")
	s.must(0, "up")
}

// TestClusterImageIsNotThere: an image that the registry does not have is reported within seconds, with the registry's words.
func TestClusterImageIsNotThere(t *testing.T) {
	needs(t, node, images(release))
	const missing = "10.213.0.1:5010/sourcegraph/nothere:1"
	s := newOnNode(t, "denied", 30102,
		"patches: [{service: syntect-server, reason: a test, add: true, kubernetes: {spec: {template: {spec: {containers: [{name: helper, image: '"+missing+"'}]}}}}}]")
	s.must(0, "lock")
	start := time.Now()
	says(t, s.must(1, "up"), "syntect-server", "nothere")
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
}
