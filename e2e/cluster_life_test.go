//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestClusterSearch deploys on a real node, with real containers: pods answer a search, also after down and up.
func TestClusterSearch(t *testing.T) {
	needs(t, node, images(release))
	s := newOnNode(t, "pods", 30081)
	s.must(0, "lock")
	s.must(0, "check")
	says(t, s.must(2, "plan"), "does not exist yet")
	s.must(0, "up")
	s.must(0, "plan")
	s.firstUse("example/pods", "needle-pods")
	s.search("example/pods", "needle-pods")
	s.must(0, "status")
	s.firstSearched()
	s.must(0, "down")
	s.must(0, "up")
	s.search("example/pods", "needle-pods")
}

// TestClusterLife is the life of an installation on simulated nodes: deploy, changes of the config and by others, growth, stop.
func TestClusterLife(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "life", namespaced("life", ""))
	s.must(2, "plan")
	s.must(0, "up")
	t.Run("the plan is empty after up", func(t *testing.T) { s.in(t).must(0, "plan") })
	t.Run("a field that somebody edited is found and put back", func(t *testing.T) { editedField(s.in(t)) })
	t.Run("a field that somebody added is left to them", func(t *testing.T) {
		s := s.in(t)
		s.kubectl("annotate", "deployment", "worker", "example.com/owner=ada")
		s.must(0, "plan")
	})
	t.Run("replicas are left to kubectl scale", func(t *testing.T) { scaled(s.in(t)) })
	t.Run("a service that is disabled is removed, and its volume stays", func(t *testing.T) { disabled(s.in(t)) })
	t.Run("a volume grows without a restart of its pod", func(t *testing.T) { grown(s.in(t)) })
	t.Run("history has every run with its result", func(t *testing.T) {
		s := s.in(t)
		runs := s.runs()
		s.with("services: {gitserver: {storage: 20Gi}, worker: {env: {A: b}}}") // no smaller volume than that of the subtest before
		s.must(0, "up")
		if now := s.runs(); len(now) != len(runs)+1 || now[len(now)-1] != "done" {
			t.Errorf("history has %v, before %v", now, runs)
		}
	})
	t.Run("down keeps the claims", func(t *testing.T) {
		s := s.in(t)
		s.must(0, "down")
		if out := s.kubectl("get", "deployment,statefulset,daemonset,service", "-o=name"); out != "" {
			t.Errorf("left:\n%s", out)
		}
		says(t, s.kubectl("get", "pvc", "-o=name"), "repos-gitserver-0")
	})
}

func editedField(s *site) {
	s.kubectl("patch", "deployment", "worker", "--field-manager=kubectl-edit", "--type=json",
		`-p=[{"op":"replace","path":"/spec/template/spec/containers/0/livenessProbe/timeoutSeconds","value":7}]`)
	says(s.t, s.must(2, "plan"), "kubectl-edit", "livenessProbe.timeoutSeconds")
	s.must(0, "up")
	if got := s.kubectl("get", "deployment", "worker", "-o=jsonpath={.spec.template.spec.containers[0].livenessProbe.timeoutSeconds}"); got != "5" {
		s.t.Errorf("timeoutSeconds is %s, want 5", got)
	}
	s.must(0, "plan")
}

func scaled(s *site) {
	s.kubectl("scale", "deployment", "sourcegraph-frontend", "--replicas=3")
	s.kubectl("rollout", "status", "deployment", "sourcegraph-frontend", "--timeout=60s")
	says(s.t, s.must(0, "plan"), "replicas")
	s.must(0, "up")
	if got := s.kubectl("get", "deployment", "sourcegraph-frontend", "-o=jsonpath={.spec.replicas}"); got != "3" {
		s.t.Errorf("replicas are %s, want 3", got)
	}
}

func disabled(s *site) {
	s.with("services: {grafana: {enabled: false}}")
	says(s.t, s.must(2, "plan"), "- StatefulSet/grafana")
	s.must(0, "up")
	if out := s.kubectl("get", "statefulset,pvc", "-o=name"); strings.Contains(out, "statefulset.apps/grafana") || !strings.Contains(out, "grafana-data-grafana-0") {
		s.t.Errorf("there is:\n%s", out)
	}
	s.must(0, "plan")
}

func grown(s *site) {
	s.with("services: {gitserver: {storage: 20Gi}}")
	uid := s.kubectl("get", "pod", "gitserver-0", "-o=jsonpath={.metadata.uid}")
	says(s.t, s.must(2, "plan"), "grow", "orphan")
	s.must(0, "up")
	if got := s.kubectl("get", "pvc", "repos-gitserver-0", "-o=jsonpath={.spec.resources.requests.storage}"); got != "20Gi" {
		s.t.Errorf("the claim asks for %s, want 20Gi", got)
	}
	if now := s.kubectl("get", "pod", "gitserver-0", "-o=jsonpath={.metadata.uid}"); now != uid {
		s.t.Error("the pod was replaced")
	}
	s.must(0, "plan")
}

// runs are the results of all runs of the history.
func (s *site) runs() (results []string) {
	s.t.Helper()
	var runs []struct{ Result string }
	if err := resultOf(s.must(0, "history", "--json"), &runs); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range runs {
		results = append(results, r.Result)
	}
	return results
}

// TestClusterLargest deploys the largest numbers of instances that the config allows.
func TestClusterLargest(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "largest", namespaced("largest", ", disruptionBudgets: true, networkPolicy: true"),
		"services: {gitserver: {replicas: 20}, searcher: {replicas: 20}, zoekt-webserver: {replicas: 20}, sourcegraph-frontend: {replicas: 10}, "+
			"worker: {replicas: 4}, precise-code-intel-worker: {replicas: 8}, syntect-server: {replicas: 4}}")
	s.must(0, "up")
	s.must(0, "plan")
	if got := s.kubectl("get", "pod", "--field-selector=status.phase=Running", "-o=name"); strings.Count(got, "gitserver-") != 20 {
		t.Errorf("there are %d gitservers, want 20", strings.Count(got, "gitserver-"))
	}
}

// TestClusterTwoRunsAtTheSameTime starts a second up while the first one runs: it is refused, and says since when the first runs.
func TestClusterTwoRunsAtTheSameTime(t *testing.T) {
	needs(t, control)
	s := newCluster(t, control, "second", namespaced("second", ""))
	first := s.start("up")
	await(t, 30*time.Second, "the first up to take its lease", func() bool {
		return s.kubectl("get", "lease", "--ignore-not-found", "berth-second", "-o=name") != ""
	})
	says(t, s.must(3, "up"), "since")
	if code := first.wait(); code != 0 {
		t.Errorf("the first up: exit %d\n%s", code, first.said.String())
	}
}
