//go:build clusterfaults

package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClusterKilled: berth is killed at moments spread over a first up; after each, berth up goes on, and nothing is left that nobody knows of.
func TestClusterKilled(t *testing.T) {
	s := newCluster(t, "control", "killed", namespaced("killed", ""))
	for _, after := range []time.Duration{100, 200, 300, 400, 600, 800, 1200, 2000, 3000, 5000} {
		up := s.command(t.Context(), "up")
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		_ = up.Process.Kill()
		_ = up.Wait() // killed
	}
	s.must(0, "up")
	s.must(0, "plan")
	var inventory struct{ Applied, Pending []struct{ Kind, Name string } }
	text := kubectl(t, "--namespace=killed", "get", "configmap", "berth-killed-inventory", "-o=jsonpath={.data.inventory\\.json}")
	if err := json.Unmarshal([]byte(text), &inventory); err != nil || len(inventory.Pending) > 0 {
		t.Fatalf("inventory: %v, %d pending", err, len(inventory.Pending))
	}
	known := map[string]bool{}
	for _, o := range inventory.Applied {
		known[strings.ToLower(o.Kind)+"/"+o.Name] = true
	}
	for line := range strings.Lines(kubectl(t, "--namespace=killed", "get", "deployment,statefulset,daemonset,service,job,configmap", "-l", "dev.berth.service", "-o=name")) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), "/")
		kind, _, _ = strings.Cut(kind, ".")
		if !known[kind+"/"+name] {
			t.Errorf("%s/%s is in no inventory", kind, name)
		}
	}
	if jobs := kubectl(t, "--namespace=killed", "get", "job", "-o=name"); strings.Count(jobs, "migrator") != 1 {
		t.Errorf("migrators:\n%s", jobs)
	}
}

// TestClusterPruneKilled: berth is killed while it removes what is no longer wanted.
func TestClusterPruneKilled(t *testing.T) {
	s := newCluster(t, "control", "pruned", namespaced("pruned", ""))
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\nservices: {grafana: {enabled: false}, cadvisor: {enabled: false}, node-exporter: {enabled: false}}\n")
	for _, after := range []time.Duration{150, 250, 350, 500, 700} {
		up := s.command(t.Context(), "up")
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		_ = up.Process.Kill()
		_ = up.Wait() // killed
	}
	s.must(0, "up")
	s.must(0, "plan")
	if left := kubectl(t, "--namespace=pruned", "get", "statefulset,daemonset,service", "-o=name"); strings.Contains(left, "grafana") || strings.Contains(left, "cadvisor") {
		t.Errorf("left:\n%s", left)
	}
	if claims := kubectl(t, "--namespace=pruned", "get", "pvc", "-o=name"); !strings.Contains(claims, "grafana-data-grafana-0") {
		t.Errorf("claims:\n%s", claims)
	}
}

// TestClusterAPIServerRestarted: the API server is killed in the middle, and comes back; the run goes on.
func TestClusterAPIServerRestarted(t *testing.T) {
	s := newCluster(t, "control", "restarted", namespaced("restarted", ""))
	up := s.command(t.Context(), "up")
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	up.Stderr = up.Stdout
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		var b strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := out.Read(buffer)
			b.Write(buffer[:n])
			if err != nil {
				said <- b.String()
				return
			}
		}
	}()
	time.Sleep(1500 * time.Millisecond)
	if text, err := exec.Command("../testbed/kubernetes", "restart-api", "control").CombinedOutput(); err != nil {
		t.Fatalf("restart-api: %v\n%s", err, text)
	}
	text := <-said
	if err := up.Wait(); err != nil {
		t.Fatalf("berth up: %v\n%s", err, text)
	}
	s.must(0, "plan")
}

// TestClusterSlowEtcd: everything takes longer, and works.
func TestClusterSlowEtcd(t *testing.T) {
	s := newCluster(t, "control", "slow", namespaced("slow", ""))
	slow := func(args ...string) {
		if text, err := exec.Command("../testbed/kubernetes", append([]string{"slow-etcd", "control"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("slow-etcd %v: %v\n%s", args, err, text)
		}
	}
	slow("on", "100")
	defer slow("off")
	s.must(0, "up")
	s.must(0, "plan")
}

// TestClusterQuota: a quota that leaves no room is told within seconds, not after a time-out.
func TestClusterQuota(t *testing.T) {
	s := newCluster(t, "control", "quota", namespaced("quota", ""))
	kubectl(t, "create", "namespace", "quota")
	kubectl(t, "--namespace=quota", "create", "quota", "tight", "--hard=pods=2")
	start := time.Now()
	code, out := s.berth("up")
	if code != 1 || !strings.Contains(out, "quota") || time.Since(start) > 60*time.Second {
		t.Errorf("exit %d after %s, want 1 soon, and the quota named:\n%s", code, time.Since(start), out)
	}
	kubectl(t, "--namespace=quota", "delete", "quota", "tight")
	s.must(0, "up")
}

// TestClusterImageDenied: an image that a node can't have is told within seconds, with what the registry said.
func TestClusterImageDenied(t *testing.T) {
	s := newCluster(t, "node", "denied", namespaced("denied", ""), "images: {registry: 10.213.0.1:5010/sourcegraph}",
		"patches: [{service: syntect-server, reason: a test, kubernetes: {spec: {template: {spec: {containers: [{name: syntect-server, image: '10.213.0.1:5010/sourcegraph/nothere:1'}]}}}}}]")
	s.must(0, "lock")
	start := time.Now()
	code, out := s.berth("up")
	if code != 1 || !strings.Contains(out, "syntect-server") || !strings.Contains(out, "nothere") || time.Since(start) > 2*time.Minute {
		t.Errorf("exit %d after %s, want 1 soon, and the image named:\n%s", code, time.Since(start), out)
	}
}
