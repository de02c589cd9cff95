//go:build cluster

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestSearchFromPods: the file of the Compose demo with on: kubernetes, and the same search is answered from pods on a real kubelet.
func TestSearchFromPods(t *testing.T) {
	s := newCluster(t, "node", "pods", namespaced("pods", ", service: {nodePort: 30081}"), "images: {registry: 10.213.0.1:5010/sourcegraph}")
	s.host, s.port = "10.213.0.2", 30081
	s.must(0, "lock")
	s.must(0, "check")
	if out := s.must(2, "plan"); !strings.Contains(out, "does not exist yet") {
		t.Errorf("the plan does not say that the namespace is new:\n%s", out)
	}
	s.must(0, "up")
	s.must(0, "plan")
	s.firstUse("example/pods", "needle-pods")
	s.search("example/pods", "needle-pods")
	s.must(0, "status")
	s.must(0, "down")
	s.must(0, "up")
	s.search("example/pods", "needle-pods")
}

// TestClusterLife is the life of an installation on simulated nodes: plan, apply, drift, conflict, prune, growth, down.
func TestClusterLife(t *testing.T) {
	s := newCluster(t, "control", "life", namespaced("life", ""))
	const ns = "--namespace=life"
	s.must(2, "plan")
	s.must(0, "up")
	t.Run("the plan is empty afterwards", func(t *testing.T) { s.in(t).must(0, "plan") })
	t.Run("an edited field of ours is found and put back", func(t *testing.T) {
		s := s.in(t)
		kubectl(t, ns, "patch", "deployment", "worker", "--field-manager=kubectl-edit", "--type=json",
			`-p=[{"op":"replace","path":"/spec/template/spec/containers/0/livenessProbe/timeoutSeconds","value":7}]`)
		if out := s.must(2, "plan"); !strings.Contains(out, "kubectl-edit") || !strings.Contains(out, "livenessProbe.timeoutSeconds") {
			t.Errorf("the plan does not tell who changed what:\n%s", out)
		}
		s.must(0, "up")
		if got := kubectl(t, ns, "get", "deployment", "worker", "-o=jsonpath={.spec.template.spec.containers[0].livenessProbe.timeoutSeconds}"); got != "5" {
			t.Errorf("timeoutSeconds is %s, want 5", got)
		}
		s.must(0, "plan")
	})
	t.Run("a field of somebody else's is left alone", func(t *testing.T) {
		s := s.in(t)
		kubectl(t, ns, "annotate", "deployment", "worker", "example.com/owner=ada")
		s.must(0, "plan")
	})
	t.Run("kubectl scale is yielded to", func(t *testing.T) {
		s := s.in(t)
		kubectl(t, ns, "scale", "deployment", "sourcegraph-frontend", "--replicas=3")
		kubectl(t, ns, "rollout", "status", "deployment", "sourcegraph-frontend", "--timeout=60s")
		out := s.must(0, "plan")
		if !strings.Contains(out, "replicas") {
			t.Errorf("the plan does not tell of it:\n%s", out)
		}
		s.must(0, "up")
		if got := kubectl(t, ns, "get", "deployment", "sourcegraph-frontend", "-o=jsonpath={.spec.replicas}"); got != "3" {
			t.Errorf("replicas are %s, want 3", got)
		}
	})
	t.Run("what is no longer wanted is removed, volumes stay", func(t *testing.T) {
		s := s.in(t)
		s.edit("size: demo\n", "size: demo\nservices: {grafana: {enabled: false}}\n")
		if out := s.must(2, "plan"); !strings.Contains(out, "- StatefulSet/grafana") {
			t.Errorf("the plan does not remove grafana:\n%s", out)
		}
		s.must(0, "up")
		if out := kubectl(t, ns, "get", "statefulset,pvc", "-o=name"); strings.Contains(out, "statefulset.apps/grafana") || !strings.Contains(out, "grafana-data-grafana-0") {
			t.Errorf("there is:\n%s", out)
		}
		s.must(0, "plan")
	})
	t.Run("a volume grows", func(t *testing.T) {
		s := s.in(t)
		s.edit("services: {grafana: {enabled: false}}", "services: {grafana: {enabled: false}, gitserver: {storage: 20Gi}}")
		uid := kubectl(t, ns, "get", "pod", "gitserver-0", "-o=jsonpath={.metadata.uid}")
		if out := s.must(2, "plan"); !strings.Contains(out, "grow") || !strings.Contains(out, "orphan") {
			t.Errorf("the plan has no steps for it:\n%s", out)
		}
		s.must(0, "up")
		if got := kubectl(t, ns, "get", "pvc", "repos-gitserver-0", "-o=jsonpath={.spec.resources.requests.storage}"); got != "20Gi" {
			t.Errorf("the claim asks for %s, want 20Gi", got)
		}
		if now := kubectl(t, ns, "get", "pod", "gitserver-0", "-o=jsonpath={.metadata.uid}"); now != uid {
			t.Error("the pod was made anew")
		}
		s.must(0, "plan")
	})
	t.Run("history", func(t *testing.T) {
		s := s.in(t)
		var runs []struct{ Action, Result string }
		if err := json.Unmarshal([]byte(s.must(0, "history", "--json")), &runs); err != nil || len(runs) < 4 || runs[0].Result != "done" {
			t.Errorf("history: %v, %v", runs, err)
		}
	})
	t.Run("down keeps claims", func(t *testing.T) {
		s := s.in(t)
		s.must(0, "down")
		if out := kubectl(t, ns, "get", "deployment,statefulset,daemonset,service", "-o=name"); out != "" {
			t.Errorf("left:\n%s", out)
		}
		if out := kubectl(t, ns, "get", "pvc", "-o=name"); !strings.Contains(out, "repos-gitserver-0") {
			t.Errorf("claims:\n%s", out)
		}
	})
}

// TestLargest: all that the config can ask for, as often as it can.
func TestLargest(t *testing.T) {
	s := newCluster(t, "control", "largest", namespaced("largest", ", disruptionBudgets: true, networkPolicy: true"),
		"services: {gitserver: {replicas: 20}, searcher: {replicas: 20}, zoekt-webserver: {replicas: 20}, sourcegraph-frontend: {replicas: 10}, "+
			"worker: {replicas: 4}, precise-code-intel-worker: {replicas: 8}, syntect-server: {replicas: 4}}")
	s.must(0, "up")
	s.must(0, "plan")
	if got := kubectl(t, "--namespace=largest", "get", "pod", "--field-selector=status.phase=Running", "-o=name"); strings.Count(got, "gitserver-") != 20 {
		t.Errorf("there are %d gitservers, want 20", strings.Count(got, "gitserver-"))
	}
}

// TestSecondAdmin: while one works, another is told who and since when.
func TestSecondAdmin(t *testing.T) {
	s := newCluster(t, "control", "second", namespaced("second", ""))
	first := s.command(t.Context(), "up")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); kubectl(t, "--namespace=second", "get", "lease", "--ignore-not-found", "berth-second", "-o=name") == ""; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first up takes no lease")
		}
	}
	if code, out := s.berth("up"); code != 3 || !strings.Contains(out, "since") {
		t.Errorf("the second up: exit %d, want 3 and who holds the lease\n%s", code, out)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first up: %v", err)
	}
}
