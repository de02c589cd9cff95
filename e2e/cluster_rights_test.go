//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// role is a Role.
type role struct {
	Metadata struct{ Name string } `json:"metadata"`
	Rules    []struct {
		Groups    []string `json:"apiGroups"`
		Resources []string `json:"resources"`
		Verbs     []string `json:"verbs"`
	} `json:"rules"`
}

// TestClusterRights: the rights that berth explain rbac prints, in one namespace, are enough for everything. Without one of them berth names that
// right and touches nothing.
func TestClusterRights(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-rights")
	kubectl(t, "create", "namespace", s.name)
	s.writeFile("role.yaml", s.must(0, "explain", "rbac"))
	s.kubectl("apply", "-f", filepath.Join(s.dir, "role.yaml"))
	s.kubectl("create", "serviceaccount", "ada")
	s.kubectl("create", "rolebinding", "ada", "--role=berth-"+s.name, "--serviceaccount="+s.name+":ada")
	admin, theirs := os.Getenv("KUBECONFIG"), filepath.Join(s.dir, "kubeconfig")
	s.writeFile("kubeconfig", kubectl(t, "config", "view", "--raw", "--flatten"))
	kubectl(t, "config", "--kubeconfig="+theirs, "set-credentials", "ada", "--token="+s.kubectl("create", "token", "ada"))
	kubectl(t, "config", "--kubeconfig="+theirs, "set-context", "--current", "--user=ada")
	as := func(s *site, f func()) {
		s.t.Setenv("KUBECONFIG", theirs)
		f()
		s.t.Setenv("KUBECONFIG", admin)
	}
	as(s, func() {
		s.must(0, "check")
		s.must(0, "up")
	})
	t.Run("they are enough for everything", func(t *testing.T) {
		s := s.in(t)
		as(s, func() {
			s.must(0, "plan")
			s.with("services: {worker: {env: {A: b}}, grafana: {enabled: false}}")
			s.must(0, "up")
			s.must(0, "plan")
			s.must(0, "history")
			s.must(0, "down")
			s.must(0, "up")
		})
	})
	s.with("services: {worker: {env: {A: c}}}") // so that there is something to do
	var given role
	if err := json.Unmarshal([]byte(s.kubectl("get", "role", "berth-"+s.name, "-o=json")), &given); err != nil {
		t.Fatal(err)
	}
	for _, right := range []string{"patch deployments.apps", "delete statefulsets.apps", "get pods/log", "list pods", "create jobs.batch", "list configmaps", "get secrets", "update leases.coordination.k8s.io"} {
		t.Run("without "+right+" nothing is changed", func(t *testing.T) {
			s := s.in(t)
			before := s.generations()
			verb, resource, _ := strings.Cut(right, " ")
			s.give(without(t, given, verb, resource))
			as(s, func() {
				for _, command := range []string{"check", "up"} {
					says(t, s.must(3, command), "BERTH2201", right+" in namespace "+s.name)
				}
			})
			if now := s.generations(); now != before {
				t.Errorf("something was changed: %s, before %s", now, before)
			}
		})
	}
	s.give(given)
	as(s, func() { s.must(0, "up") })
	s.completed()
}

// generations are those of all workloads: a change of one increases it.
func (s *site) generations() string {
	s.t.Helper()
	return s.kubectl("get", "deployment,statefulset,daemonset,job", "-o=jsonpath={.items[*].metadata.generation}")
}

// give changes a Role.
func (s *site) give(r role) {
	s.t.Helper()
	rules, err := json.Marshal(map[string]any{"rules": r.Rules})
	if err != nil {
		s.t.Fatal(err)
	}
	s.kubectl("patch", "role", r.Metadata.Name, "--type=merge", "-p="+string(rules))
}

// without is a role that lacks one right.
func without(t *testing.T, r role, verb, resource string) role {
	t.Helper()
	name, group, _ := strings.Cut(resource, ".")
	out := role{Metadata: r.Metadata}
	found := false
	for _, rule := range r.Rules {
		if !slices.Contains(rule.Groups, group) || !slices.Contains(rule.Resources, name) || !slices.Contains(rule.Verbs, verb) {
			out.Rules = append(out.Rules, rule)
			continue
		}
		found = true
		kept, less := rule, rule
		kept.Resources = slices.DeleteFunc(slices.Clone(rule.Resources), func(r string) bool { return r == name })
		less.Resources = []string{name}
		less.Verbs = slices.DeleteFunc(slices.Clone(rule.Verbs), func(v string) bool { return v == verb })
		if len(kept.Resources) > 0 {
			out.Rules = append(out.Rules, kept)
		}
		if len(less.Verbs) > 0 {
			out.Rules = append(out.Rules, less)
		}
	}
	if !found {
		t.Fatalf("the role does not have the right to %s %s", verb, resource)
	}
	return out
}
