//go:build clusterfaults

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClusterTakeOver: an installation that Helm or kubectl made is taken over in place: its passwords stay, what nobody wants of it goes, also
// when berth is killed in the middle, and a key that leaves the config later takes its field with it.
func TestClusterTakeOver(t *testing.T) {
	for _, deployed := range []struct {
		name, by string
		install  func(t *testing.T, s *site)
	}{
		{"f3-helm", "helm", func(t *testing.T, s *site) {
			helm(t, "upgrade", "--install", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name, "--create-namespace", "--wait", "--timeout", "3m")
		}},
		{"f3-kubectl", "kubectl-client-side-apply", func(t *testing.T, s *site) { s.applyChart("--server-side=false") }},
		{"f3-server", "kubectl", func(t *testing.T, s *site) { s.applyChart("--server-side") }},
	} {
		t.Run(deployed.by, func(t *testing.T) {
			s := newFault(t, deployed.name, "services: {worker: {env: {A: a, B: b}}}")
			s.must(0, "render", "--as", "helm", "--out", "chart")
			deployed.install(t, s)
			variables := func() string {
				return s.kubectl("get", "deployment", "worker", `-o=jsonpath={.spec.template.spec.containers[0].env[?(@.name<="B")].name}`)
			}
			password := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
			if got := variables(); got != "A B" {
				t.Fatalf("the worker has the variables %s, want A B", got)
			}

			s.edit("A: a, B: b", "A: a")
			plan := s.must(2, "plan")
			says(t, plan, "taken over from "+deployed.by, "env[name=B].value  b -> none", "Deployment/worker")
			if strings.Contains(plan, "spec.progressDeadlineSeconds") {
				t.Errorf("the plan takes away what the API server fills in:\n%s", plan)
			}
			s.begin(40).end(os.Kill)
			s.repaired()
			if got := variables(); got != "A" {
				t.Errorf("the worker has the variables %s, want A", got)
			}
			if got := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}"); got != password {
				t.Error("the database's password is another one")
			}
			all := s.kubectl("get", "all,secret,configmap,serviceaccount,role,rolebinding,ingress", "-l", "dev.berth.service", "--show-managed-fields", "-o=yaml")
			for _, left := range []string{"manager: " + deployed.by + "\n", "meta.helm.sh/release-name", "last-applied-configuration"} {
				if strings.Contains(all, left) {
					t.Errorf("there is still %q", left)
				}
			}

			s.edit("services: {worker: {env: {A: a}}}\n", "")
			s.repaired()
			if got := variables(); got != "" {
				t.Errorf("the worker has the variables %s, want none", got)
			}
		})
	}
}

// applyChart applies what the rendered chart makes, with kubectl.
func (s *site) applyChart(how string) {
	s.t.Helper()
	kubectl(s.t, "create", "namespace", s.name)
	s.writeFile("objects.yaml", helm(s.t, "template", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name))
	s.kubectl("apply", how, "-f", filepath.Join(s.dir, "objects.yaml"))
}
