//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClusterTakeOver takes over an installation that Helm or kubectl created, although berth is killed meanwhile. Passwords stay, and fields that the
// config does not have are removed, also when it loses a key later.
func TestClusterTakeOver(t *testing.T) {
	needs(t, control, helm)
	for _, deployed := range []struct {
		name, by string
		install  func(t *testing.T, s *site)
	}{
		{"f3-helm", "helm", func(t *testing.T, s *site) {
			runHelm(t, "upgrade", "--install", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name, "--create-namespace", "--wait", "--timeout", "3m")
		}},
		{"f3-kubectl", "kubectl-client-side-apply", func(t *testing.T, s *site) { s.applyChart("--server-side=false") }},
		{"f3-server", "kubectl", func(t *testing.T, s *site) { s.applyChart("--server-side") }},
	} {
		t.Run(deployed.by, func(t *testing.T) {
			s := newFault(t, deployed.name, "services: {worker: {env: {A: a, B: b}}}")
			s.must(0, "render", "--as", "helm", "--out", "chart")
			deployed.install(t, s)
			takeOver(s, deployed.by)
		})
	}
}

// takeOver takes an installation over from a tool.
func takeOver(s *site, from string) {
	variables := func(want string) {
		s.t.Helper()
		if got := s.kubectl("get", "deployment", "worker", `-o=jsonpath={.spec.template.spec.containers[0].env[?(@.name<="B")].name}`); got != want {
			s.t.Errorf("the worker has the variables %q, want %q", got, want)
		}
	}
	password := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
	variables("A B")

	s.edit("A: a, B: b", "A: a")
	plan := s.must(2, "plan")
	says(s.t, plan, "taken over from "+from, "env[name=B].value  b -> none", "Deployment/worker")
	if strings.Contains(plan, "spec.progressDeadlineSeconds") {
		s.t.Errorf("the plan removes a default of the API server:\n%s", plan)
	}
	s.upTo(40).end(os.Kill)
	s.completed()
	variables("A")
	if got := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}"); got != password {
		s.t.Error("the database's password changed")
	}
	all := s.kubectl("get", "all,secret,configmap,serviceaccount,role,rolebinding,ingress", "-l", "dev.berth.service", "--show-managed-fields", "-o=yaml")
	for _, left := range []string{"manager: " + from + "\n", "meta.helm.sh/release-name", "last-applied-configuration"} {
		if strings.Contains(all, left) {
			s.t.Errorf("%q is left", left)
		}
	}

	s.edit("services: {worker: {env: {A: a}}}\n", "")
	s.completed()
	variables("")
}

// applyChart applies the objects of the rendered chart with kubectl.
func (s *site) applyChart(how string) {
	s.t.Helper()
	kubectl(s.t, "create", "namespace", s.name)
	s.writeFile("objects.yaml", runHelm(s.t, "template", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name))
	s.kubectl("apply", how, "-f", filepath.Join(s.dir, "objects.yaml"))
}
