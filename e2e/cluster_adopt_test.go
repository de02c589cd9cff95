//go:build e2e

package e2e

import (
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestClusterAdoptHelm takes over a release that the real Helm installed, with what somebody changed by hand since: no pod is replaced. It gives
// everything back, Helm goes on as before, and at last berth takes over for good.
func TestClusterAdoptHelm(t *testing.T) {
	needs(t, long, control, helm, helm4)
	for _, program := range []part{helm, helm4} {
		t.Run(program.name, func(t *testing.T) {
			bring(t, program)
			adoptHelm(t, "adopt-"+program.name)
		})
	}
}

func adoptHelm(t *testing.T, name string) {
	s := newReleased(t, name)
	runHelm(t, "upgrade", "--install", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name, "--create-namespace", "--wait", "--timeout", "3m")
	says(t, runHelm(t, "list", "--all-namespaces"), "sourcegraph", s.name)
	s.kubectl("set", "resources", "deployment/worker", "--limits=memory=5Gi")
	s.kubectl("rollout", "status", "deployment/worker", "--timeout=2m")
	before := s.unhashed()

	says(t, s.must(0, "adopt", "--helm", "sourcegraph", "--namespace", s.name, "--url", "http://localhost"), "Sourcegraph "+release, "nothing that runs was changed", "Deployment/prometheus gets a hash")
	says(t, s.read("sourcegraph.yaml"), `memory: "5Gi"`)
	plan := s.must(2, "plan")
	says(t, plan, "taken over from helm")
	says(t, s.must(3, "adopt", "finish", "--yes"), "BERTH4314")
	s.must(0, "up")
	s.must(0, "plan")
	s.kept(before, "berth up")

	says(t, s.must(0, "adopt", "undo", "--yes"), "helm upgrade sourcegraph")
	all := s.kubectl("get", "all,secret,configmap,persistentvolumeclaim,serviceaccount,role,rolebinding,ingress,lease", "--show-managed-fields", "-o=yaml")
	for _, left := range []string{"manager: berth\n", "dev.berth.", "name: berth-sourcegraph"} {
		if i := strings.Index(all, left); i >= 0 {
			t.Errorf("after undo, %q is left:\n%s", left, all[max(i-2000, 0):i+100])
		}
	}
	upgrade := func(own string) {
		t.Helper()
		runHelm(t, "upgrade", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name, "--set", "own="+own, "--wait", "--timeout", "3m")
	}
	upgrade("theirs")
	s.kept(before, "helm upgrade")
	upgrade("later")
	if got := s.kubectl("get", "deployment", "worker", `-o=jsonpath={.spec.template.spec.containers[0].env[?(@.name=="OWN")].value} {.spec.template.spec.containers[0].resources.limits.memory}`); got != "later 5Gi" {
		t.Errorf("helm upgrade made of the worker: %s", got)
	}

	for _, name := range []string{"sourcegraph.yaml", "adopt-report.md"} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	before = s.unhashed()
	s.must(0, "adopt", "--helm", "sourcegraph", "--namespace", s.name, "--url", "http://localhost")
	s.must(0, "up")
	says(t, s.must(0, "adopt", "finish", "--yes"), "Helm no longer knows the installation")
	s.kept(before, "berth adopt finish")
	if left := runHelm(t, "list", "--short", "--namespace", s.name); strings.TrimSpace(left) != "" {
		t.Errorf("Helm knows %s", left)
	}
	says(t, s.must(3, "adopt", "undo", "--yes"), "BERTH4308")
	s.must(0, "plan")
}

// newReleased is a namespace for an installation that somebody else deploys, and the folder chart with what they deploy: a stand-in for Sourcegraph's
// own chart. What berth makes by default has been proven to be equal to that. It has nothing that only berth's files have, and there is no config.
func newReleased(t *testing.T, namespace string) *site {
	t.Helper()
	s := newCluster(t, control, namespace)
	t.Cleanup(func() { s.with() }) // what is there goes with its namespace
	s.write("target: kubernetes", "release: "+release, "url: http://localhost", "size: demo", namespaced(namespace, ", clusterScoped: false, podSecurity: baseline"),
		"services: {worker: {env: {OWN: theirs}}}")
	s.must(0, "render", "--as", "helm", "--out", "rendered")
	if err := os.Remove(filepath.Join(s.dir, "sourcegraph.yaml")); err != nil {
		t.Fatal(err)
	}
	text := changed(t, runHelm(t, "template", "sourcegraph", filepath.Join(s.dir, "rendered"), "--namespace", namespace, "--no-hooks"), official)
	s.writeFile("chart/Chart.yaml", "apiVersion: v2\nname: sourcegraph\nversion: "+release+"\n")
	s.writeFile("chart/values.yaml", "own: theirs\n")
	template := strings.ReplaceAll(text, "{{", `{{"{{"}}`)
	s.writeFile("chart/templates/all.yaml", strings.Replace(template, "value: theirs", "value: {{.Values.own}}", 1))
	return s
}

// official takes out of an object what only berth's files have: its labels, and the containers that guard against a wrong release.
func official(body map[string]any) {
	maps.DeleteFunc(tree.Branch(body, "metadata", "labels"), func(name string, _ any) bool { return strings.HasPrefix(name, "dev.berth.") })
	delete(tree.Branch(tree.Pods(body), "metadata", "annotations"), "dev.berth/config")
	if pods := tree.Branch(tree.Pods(body), "spec"); pods["initContainers"] != nil {
		pods["initContainers"] = slices.DeleteFunc(tree.List(pods["initContainers"]), func(c any) bool { return tree.Text(c.(map[string]any), "name") == "guard" })
	}
}

// changed are objects as YAML, each changed.
func changed(t *testing.T, text string, change func(body map[string]any)) string {
	t.Helper()
	var out strings.Builder
	objects := yaml.NewEncoder(&out)
	for rendered := yaml.NewDecoder(strings.NewReader(text)); ; {
		var body map[string]any
		if err := rendered.Decode(&body); errors.Is(err, io.EOF) {
			return out.String()
		} else if err != nil {
			t.Fatal(err)
		} else if body == nil {
			continue // a comment
		}
		change(body)
		if err := objects.Encode(body); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClusterAdoptKustomize takes over what kubectl applied from an overlay whose selectors are other ones than berth's, as those of Sourcegraph's Kustomize
// repository are. Two of its databases are Deployments, as those of the older manifests are. The objects are made again, no database runs twice, and claims,
// passwords and what somebody changed by hand stay.
func TestClusterAdoptKustomize(t *testing.T) {
	needs(t, long, control, helm)
	s := newReleased(t, "adopt-kustomize")
	s.writeOverlay()
	kubectl(t, "create", "namespace", s.name)
	apply := func() {
		t.Helper()
		kubectl(t, "apply", "-k", filepath.Join(s.dir, "overlay"), "--prune", "--selector", "deploy=sourcegraph")
	}
	apply()
	s.writeFile("password", "of their own")
	s.kubectl("create", "secret", "generic", "pgsql-auth", "--from-literal=host=pgsql", "--from-literal=port=5432", "--from-literal=user=sg",
		"--from-literal=database=sg", "--from-literal=sslmode=disable", "--from-file=password="+filepath.Join(s.dir, "password"))
	s.kubectl("set", "resources", "deployment/worker", "--limits=memory=5Gi")
	s.kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=2m")
	kept := func() string {
		return s.kubectl("get", "persistentvolumeclaims", `-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}`) + s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
	}
	before := kept()

	says(t, s.must(3, "adopt", "overlay", "--url", "http://localhost"), "StatefulSet/gitserver", "it has another selector", "Deployment/pgsql makes room for StatefulSet/pgsql", "BERTH3733")
	s.must(0, "adopt", "overlay", "--url", "http://localhost", "--yes")
	says(t, s.read("sourcegraph.yaml"), `memory: "5Gi"`)
	says(t, s.must(2, "plan"), "taken over from kubectl-client-side-apply", "Sourcegraph does not answer for a while", "volumes are kept",
		"StatefulSet/pgsql takes its place; its pods stop first")
	s.must(0, "up")
	s.must(0, "plan")
	if got := s.databases(); got != "StatefulSet/codeinsights-db StatefulSet/pgsql" {
		t.Errorf("the databases that run are %s", got)
	}
	if after := kept(); after != before {
		t.Errorf("claims or passwords changed; before:\n%s\nafter:\n%s", before, after)
	}
	if password := s.kubectl("get", "secret", "codeinsights-db-auth", "-o=jsonpath={.data.password}"); password != base64.StdEncoding.EncodeToString([]byte("theirs-password")) {
		t.Errorf("the password of codeinsights-db, which stood in a variable, is another one: %s", password)
	}
	says(t, s.must(3, "adopt", "overlay", "--out", "again.yaml"), "BERTH4319")

	says(t, s.must(0, "adopt", "undo", "--yes"), "kubectl apply -k overlay")
	if left := s.ofBerth("deployments,statefulsets,services"); left != "" {
		t.Errorf("after undo, %s", left)
	}
	if got := s.databases(); got != "Deployment/codeinsights-db Deployment/pgsql" {
		t.Errorf("after undo, the databases that run are %s", got)
	}
	apply()
	if after := kept(); after != before {
		t.Errorf("after undo, claims or passwords changed; before:\n%s\nafter:\n%s", before, after)
	}
	if got := s.kubectl("get", "deployment", "worker", `-o=jsonpath={.spec.selector.matchLabels} {.spec.template.spec.containers[0].resources.limits.memory}`); strings.Contains(got, "instance") || !strings.HasSuffix(got, " 5Gi") {
		t.Errorf("after undo and kubectl apply, the worker has %s", got)
	}
	s.kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=2m")
	says(t, s.must(3, "adopt", "undo", "--yes"), "BERTH4308")
}

// databases are the workloads of two databases, each with its kind.
func (s *site) databases() string {
	s.t.Helper()
	var found []string
	for _, object := range strings.Fields(s.kubectl("get", "deployments,statefulsets", `-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {end}`)) {
		if strings.HasSuffix(object, "/pgsql") || strings.HasSuffix(object, "/codeinsights-db") {
			found = append(found, object)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// writeOverlay writes an overlay as that of Sourcegraph's Kustomize repository: its selectors are other ones than the chart's, pgsql has no Secret, and the
// password of codeinsights-db stands in a variable. Two databases are Deployments, as in Sourcegraph's older manifests.
func (s *site) writeOverlay() {
	s.t.Helper()
	s.writeFile("overlay/objects.yaml", changed(s.t, runHelm(s.t, "template", "sourcegraph", filepath.Join(s.dir, "chart"), "--namespace", s.name), func(body map[string]any) {
		for _, labels := range []map[string]any{tree.Branch(body, "spec", "selector", "matchLabels"), tree.Branch(tree.Pods(body), "metadata", "labels")} {
			delete(labels, "app.kubernetes.io/instance")
			delete(labels, "app.kubernetes.io/name")
		}
		if name := tree.Text(body, "metadata", "name"); tree.Text(body, "kind") == "StatefulSet" && (name == "pgsql" || name == "codeinsights-db") {
			spec := tree.Branch(body, "spec")
			body["kind"], spec["strategy"] = "Deployment", map[string]any{"type": "Recreate"}
			delete(spec, "serviceName")
			delete(spec, "updateStrategy")
		}
		if tree.Text(body, "kind") == "Service" {
			delete(tree.Branch(body, "spec", "selector"), "app.kubernetes.io/instance")
			delete(tree.Branch(body, "spec", "selector"), "app.kubernetes.io/name")
		}
		if name := tree.Text(body, "metadata", "name"); name == "codeinsights-db-auth" || name == "pgsql-auth" {
			body["metadata"].(map[string]any)["name"] = "unused-" + name // that repository has none
		}
		for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
			for _, v := range tree.Items(c["env"]) {
				if tree.Text(v, "valueFrom", "secretKeyRef", "name") == "codeinsights-db-auth" {
					v["value"] = "theirs-" + tree.Text(v, "valueFrom", "secretKeyRef", "key")
					delete(v, "valueFrom")
				}
			}
		}
	}))
	s.writeFile("overlay/kustomization.yaml", "namespace: "+s.name+"\nresources: [objects.yaml]\n")
}

// unhashed are the pods that run, but for those of Prometheus: without rights in the whole cluster it has other files than the release ships.
func (s *site) unhashed() map[string]string {
	s.t.Helper()
	pods := s.running()
	maps.DeleteFunc(pods, func(name, _ string) bool { return strings.HasPrefix(name, "prometheus-") })
	return pods
}

// kept fails the test when other pods run than before.
func (s *site) kept(before map[string]string, after string) {
	s.t.Helper()
	if d := cmp.Diff(before, s.unhashed()); d != "" || len(before) < 10 {
		s.t.Errorf("%s replaces some of %d pods:\n%s", after, len(before), d)
	}
}
