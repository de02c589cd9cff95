//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
)

// TestClusterAdoptLive takes over what kubectl create made, of which nobody has the files: neither a record nor a manager tells a default of the API server from
// a wish. The config has the wishes alone, and no pod is replaced.
func TestClusterAdoptLive(t *testing.T) {
	needs(t, long, control, helm)
	s := newReleased(t, "adopt-live")
	kubectl(t, "create", "namespace", s.name)
	s.writeFile("all.yaml", changed(t, runHelm(t, "template", "sourcegraph", s.dir+"/chart", "--namespace", s.name), func(body map[string]any) {
		pods := tree.Branch(tree.Pods(body), "spec")
		switch tree.Text(body, "kind") + "/" + tree.Text(body, "metadata", "name") {
		case "Deployment/worker":
			worker := tree.Containers(pods)[0]
			worker["resources"] = map[string]any{"limits": map[string]any{"cpu": "3000m", "memory": "5Gi"}, "requests": map[string]any{"cpu": "500m", "memory": "2Gi"}}
			pods["nodeSelector"] = map[string]any{"kubernetes.io/os": "linux"}
			pods["containers"] = append(tree.List(pods["containers"]), map[string]any{"name": "own-sidecar", "image": worker["image"], "ports": []any{map[string]any{"containerPort": 9999}}})
			pods["terminationGracePeriodSeconds"] = 45
		case "Deployment/sourcegraph-frontend":
			tree.At(body, "spec")["replicas"] = 2
		case "Service/searcher":
			tree.At(body, "spec")["sessionAffinity"] = "ClientIP"
		}
	}))
	s.kubectl("create", "--filename", s.dir+"/all.yaml")
	s.kubectl("create", "configmap", "of-others", "--from-literal=a=b")
	s.kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=3m")
	says(t, kubectl(t, "get", "deployments", "--all-namespaces"), s.name)
	before := s.unhashed()

	said := s.must(0, "adopt", "--namespace", s.name, "--url", "http://localhost")
	says(t, said, "Sourcegraph "+release, "nothing that runs was changed", "ConfigMap/of-others")
	config := s.read("sourcegraph.yaml")
	says(t, config, `memory: "5Gi"`, `cpu: "3"`, `cpuRequest: "500m"`, "own-sidecar", "terminationGracePeriodSeconds: 45", "kubernetes.io/os: linux", "replicas: 2", "ClientIP", "OWN: theirs")
	for _, default_ := range []string{"terminationMessagePath", "dnsPolicy", "restartPolicy", "progressDeadlineSeconds", "volumeMode", "ipFamilies", "clusterIP:", "schedulerName"} {
		if strings.Contains(config, default_) {
			t.Errorf("the config has a default of the API server, %s:\n%s", default_, config)
		}
	}
	says(t, s.must(2, "plan"), "taken over from kubectl-create")
	s.must(0, "up")
	s.must(0, "plan")
	s.kept(before, "berth up")
	s.kubectl("get", "configmap", "of-others")
	says(t, s.must(3, "adopt", "--namespace", s.name, "--out", "again.yaml"), "BERTH4319")

	s.must(0, "adopt", "undo", "--yes")
	s.kept(before, "berth adopt undo")
	if left := s.ofBerth("deployments,statefulsets,daemonsets,services"); left != "" {
		t.Errorf("after undo, %s", left)
	}
	says(t, s.must(3, "adopt", "undo", "--yes"), "BERTH4308")
}

// ofBerth tells what of berth is left in objects of some kinds; "": nothing.
func (s *site) ofBerth(kinds string) string {
	s.t.Helper()
	all := s.kubectl("get", kinds, "--show-managed-fields", "-o=yaml")
	for _, left := range []string{"manager: berth\n", "dev.berth."} {
		if i := strings.Index(all, left); i >= 0 {
			return fmt.Sprintf("%q is left:\n%s", left, all[max(i-2000, 0):i+100])
		}
	}
	return ""
}

// TestClusterAdoptValues reads what a tool made from the chart without Helm's record, as Argo CD does: by the chart and its values, and without any files. Both give the same config.
func TestClusterAdoptValues(t *testing.T) {
	needs(t, control, helm)
	for _, kept := range []string{"HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"} {
		t.Setenv(kept, t.TempDir()) // so that Helm knows no repository
	}
	s := newReleased(t, "adopt-values")
	kubectl(t, "create", "namespace", s.name)
	s.writeFile("all.yaml", runHelm(t, "template", "sourcegraph", s.dir+"/chart", "--namespace", s.name))
	s.writeFile("own.yaml", "own: valued\n")
	s.kubectl("apply", "--filename", s.dir+"/all.yaml")
	s.kubectl("set", "env", "deployment/worker", "OWN=valued")
	s.kubectl("annotate", "deployment/worker", "argocd.argoproj.io/tracking-id=sg-prod:apps/Deployment:"+s.name+"/worker")

	said := s.must(0, "adopt", "--values", "own.yaml", "--chart", "chart", "--namespace", s.name, "--url", "http://localhost", "--out", "by-values/sourcegraph.yaml")
	says(t, said, "own.yaml: Sourcegraph "+release, "argocd app set sg-prod --sync-policy none")
	s.must(0, "adopt", "--namespace", s.name, "--url", "http://localhost", "--out", "live/sourcegraph.yaml")
	byValues, live := s.read("by-values/sourcegraph.yaml"), s.read("live/sourcegraph.yaml")
	says(t, byValues, "OWN: valued")
	if all := runHelm(t, "list", "--all-namespaces"); strings.Contains(all, s.name) {
		t.Errorf("Helm has a record:\n%s", all)
	}
	says(t, s.must(3, "adopt", "--values", "own.yaml", "--chart", "sourcegraph/sourcegraph", "--namespace", s.name), "BERTH4335", "helm repo add sourcegraph https://helm.sourcegraph.com/release")
	s.chartRepository("sourcegraph")
	s.must(0, "adopt", "--values", "own.yaml", "--chart", "sourcegraph/sourcegraph", "--chart-version", release, "--namespace", s.name, "--url", "http://localhost", "--out", "by-name/sourcegraph.yaml")
	if d := cmp.Diff(byValues, s.read("by-name/sourcegraph.yaml")); d != "" {
		t.Errorf("by the chart's name, another config:\n%s", d)
	}
	if d := cmp.Diff(byValues, live); d != "" {
		t.Errorf("without files, another config:\n%s", d)
	}
}

// chartRepository serves the chart as Sourcegraph's repository of charts does, and has Helm know it by a name.
func (s *site) chartRepository(name string) {
	s.t.Helper()
	charts := s.t.TempDir()
	runHelm(s.t, "package", filepath.Join(s.dir, "chart"), "--destination", charts)
	runHelm(s.t, "repo", "index", charts)
	server := httptest.NewServer(http.FileServer(http.Dir(charts)))
	s.t.Cleanup(server.Close)
	runHelm(s.t, "repo", "add", name, server.URL)
}
