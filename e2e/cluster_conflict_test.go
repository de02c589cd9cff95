//go:build e2e

package e2e

import (
	"testing"
)

// TestClusterConflict: another program set a field to another value than berth plans. Nothing is changed until the admin decides. Then berth does
// what was decided.
func TestClusterConflict(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-conflict")
	const probe = "/spec/template/spec/containers/0/livenessProbe/timeoutSeconds"
	const field = "spec.template.spec.containers[name=worker].livenessProbe.timeoutSeconds"
	timeout := func(s *site) string {
		return s.kubectl("get", "deployment", "worker", "-o=jsonpath={.spec.template.spec.containers[0].livenessProbe.timeoutSeconds}")
	}
	bot := func(s *site) {
		s.kubectl("patch", "deployment", "worker", "--field-manager=policy-bot", "--type=json", `-p=[{"op": "replace", "path": "`+probe+`", "value": 9}]`)
		s.kubectl("rollout", "status", "deployment", "worker", "--timeout=60s")
	}
	rule := func(choice string) string {
		return "clusterScoped: false, conflicts: [{object: Deployment/worker, field: '" + field + "', choice: " + choice + "}]"
	}
	s.must(0, "up")
	story(s,
		step{"plan and up touch nothing before the admin decides", func(s *site) {
			bot(s)
			for _, command := range []string{"plan", "up"} {
				says(s.t, s.must(3, command), "BERTH3508", "policy-bot", field+" to 9", "the config asks for 5")
			}
			if got := timeout(s); got != "9" {
				s.t.Errorf("the field is %s, want 9", got)
			}
			s.unheld()
		}},
		step{"a field that is taken gets berth's value", func(s *site) {
			s.edit("clusterScoped: false", rule("take"))
			s.completed()
			if got := timeout(s); got != "5" {
				s.t.Errorf("the field is %s, want 5", got)
			}
		}},
		step{"a field that is yielded keeps the other value", func(s *site) {
			bot(s)
			s.edit(rule("take"), rule("yield"))
			says(s.t, s.must(0, "plan"), "policy-bot", "left to them")
			s.completed()
			if got := timeout(s); got != "9" {
				s.t.Errorf("the field is %s, want 9", got)
			}
		}},
	)
}

// TestClusterAutoscaler: a real autoscaler sets the replicas, and people add fields. berth leaves all of it to them, and does not ask.
func TestClusterAutoscaler(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-autoscaler")
	s.must(0, "up")
	s.kubectl("autoscale", "deployment", "sourcegraph-frontend", "--min=3", "--max=5", "--cpu=80%")
	s.kubectl("wait", "deployment", "sourcegraph-frontend", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=90s")
	says(t, s.must(0, "plan"), "Deployment/sourcegraph-frontend", "spec.replicas: left to them", "kube-controller-manager")

	s.kubectl("rollout", "restart", "deployment", "worker") // it sets an annotation of the pods
	s.kubectl("rollout", "status", "deployment", "worker", "--timeout=60s")
	s.kubectl("patch", "deployment", "worker", "--field-manager=kubectl-edit", `-p={"metadata": {"labels": {"example.com/team": "code"}}, "spec": {"progressDeadlineSeconds": 300}}`)
	const theirs = `-o=jsonpath={.metadata.labels.example\.com/team} {.spec.progressDeadlineSeconds} {.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}`
	before := s.kubectl("get", "deployment", "worker", theirs)
	s.must(0, "plan")
	s.edit("size: demo\n", "size: demo\nservices: {worker: {env: {A: b}}, sourcegraph-frontend: {env: {A: b}}}\n")
	s.completed()
	if got := s.kubectl("get", "deployment", "worker", theirs); got != before {
		t.Errorf("what others set is %s, want %s", got, before)
	}
	if got := s.kubectl("get", "deployment", "sourcegraph-frontend", "-o=jsonpath={.spec.replicas}"); got != "3" {
		t.Errorf("replicas are %s, want 3", got)
	}
}
