//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestEject hands an installation over to docker compose with an official file: no container is created again, docker compose says so before, and
// goes on to maintain it.
func TestEject(t *testing.T) {
	needs(t, long, engine, images(release))
	s := newSite(t, "eject", "services: {gitserver: {replicas: 2}, worker: {env: {SRC_LOG_LEVEL: warn}}}")
	s.must(0, "lock")
	s.must(0, "up")
	before := s.containers()
	s.writeFile("official/docker-compose.yaml", s.likeOfficial())
	s.must(0, "eject", "--as", "compose", "--official", "official", "--out", "override")

	compose := func(args ...string) string {
		t.Helper()
		project := filepath.Join(s.dir, ".berth", s.name, "project")
		return docker(t, append([]string{"compose", "--env-file", filepath.Join(project, ".env"), "-f", filepath.Join(s.dir, "official", "docker-compose.yaml"),
			"-f", filepath.Join(s.dir, "override", "docker-compose.override.yaml")}, args...)...)
	}
	compose("up", "-d")
	if d := cmp.Diff(before, s.containers()); d != "" {
		t.Errorf("docker compose created containers again:\n%s", d)
	}
	if code, text := s.get("/"); code >= 400 {
		t.Errorf("Sourcegraph answers %d: %s", code, text)
	}

	override := filepath.Join("override", "docker-compose.override.yaml")
	s.writeFile(override, strings.Replace(s.read(override), "SRC_LOG_LEVEL: warn", "SRC_LOG_LEVEL: info", 1))
	compose("up", "-d")
	after := s.containers()
	for name, id := range before {
		if changed := after[name] != id; changed != (name == "worker") {
			t.Errorf("after a change of the worker in the override, %s is another container: %v", name, changed)
		}
	}
}

// likeOfficial is a stand-in for Sourcegraph's own file: what berth renders by default has been proven to be equal to it. It has no labels, lists of
// variables, and a name and an image that are the installation's.
func (s *site) likeOfficial() string {
	s.t.Helper()
	s.writeFile("plain.yaml", "target: compose\nrelease: "+release+"\nurl: http://localhost\n")
	s.must(0, "render", "--config", "plain.yaml", "--out", "plain")
	var file map[string]any
	if err := yaml.Unmarshal([]byte(s.read("plain/docker-compose.yaml")), &file); err != nil {
		s.t.Fatal(err)
	}
	delete(file, "name")
	for _, service := range file["services"].(map[string]any) {
		delete(service.(map[string]any), "labels")
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// TestClusterEject hands an installation over to Helm with Sourcegraph's own chart, of which nothing is in this repository: no pod is replaced, and
// Helm goes on to maintain it.
func TestClusterEject(t *testing.T) {
	needs(t, long, control, helm)
	repository := os.Getenv("BERTH_HELM_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_HELM_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-helm")
	}
	s := newCluster(t, control, "f3-eject", namespaced("f3-eject", ", clusterScoped: false, podSecurity: baseline, storageClass: {name: local-path}"), "services: {gitserver: {replicas: 2, memory: 8Gi, storage: 30Gi}, sourcegraph-frontend: {replicas: 3}, pgsql: {memory: 4Gi}, searcher: {cpu: 3}}")
	s.must(0, "up")
	out := s.must(0, "eject", "--as", "helm", "--out", "helm")
	if strings.Contains(out, "restarts once") || strings.Contains(out, "BERTH4332") {
		t.Errorf("eject: %s", out)
	}
	archive, err := exec.Command("git", "-C", repository, "archive", "v"+release, "charts/sourcegraph").Output()
	if err != nil {
		t.Fatal(err)
	}
	untar := exec.Command("tar", "x", "-C", s.dir)
	untar.Stdin = bytes.NewReader(archive)
	if out, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	upgrade := func(more ...string) {
		t.Helper()
		runHelm(t, append([]string{"upgrade", "--install", "sourcegraph", filepath.Join(s.dir, "charts", "sourcegraph"), "--namespace", s.name,
			"--values", filepath.Join(s.dir, "helm", "values.yaml"), "--take-ownership"}, more...)...)
	}
	password := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
	before := s.templates()
	if len(before) < 10 {
		t.Fatalf("what runs: %v", before)
	}
	upgrade()
	if d := cmp.Diff(before, s.templates()); d != "" {
		t.Errorf("Helm replaces pods:\n%s", d)
	}
	if got := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}"); got != password {
		t.Error("the database's password changed")
	}
	upgrade("--set", "searcher.replicaCount=2")
	if got := s.kubectl("get", "statefulset", "searcher", "-o=jsonpath={.spec.replicas}"); got != "2" {
		t.Errorf("after helm upgrade, searcher has %s replicas", got)
	}
}

// templates are the templates of pods, as the API server has them: a change of one replaces the pods.
func (s *site) templates() []string {
	s.t.Helper()
	return strings.Split(s.kubectl("get", "deployments,statefulsets,daemonsets", `-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.spec.template}{"\n"}{end}`), "\n")
}
