//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestEject hands an installation of the size M over to docker compose with an official file: docker compose says before that it would create no container
// again, creates none, and goes on to maintain it. The official file is Sourcegraph's own where BERTH_COMPOSE_REPOSITORY is a clone of its repository.
func TestEject(t *testing.T) {
	needs(t, long, engine, images(release))
	s := newSite(t, "eject")
	s.production()
	s.must(0, "lock")
	s.must(0, "up")
	before := s.containers()
	s.writeFile("official/docker-compose.yaml", s.official())
	s.must(0, "eject", "--as", "compose", "--official", "official", "--out", "override")

	command := func(args ...string) *exec.Cmd {
		project := filepath.Join(s.dir, ".berth", s.name, "project")
		return exec.Command("docker", append([]string{"compose", "--env-file", filepath.Join(project, ".env"), "-f", filepath.Join(s.dir, "official", "docker-compose.yaml"),
			"-f", filepath.Join(s.dir, "override", "docker-compose.override.yaml")}, args...)...)
	}
	compose := func(args ...string) string {
		t.Helper()
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker compose %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	says := compose("--progress", "plain", "up", "-d", "--dry-run")
	for name := range before {
		if name != "migrator" && !regexp.MustCompile(`Container (\S+-)?`+name+` +Running`).MatchString(says) {
			t.Errorf("docker compose would touch %s:\n%s", name, says)
		}
	}
	if d := cmp.Diff(before, s.containers()); d != "" {
		t.Errorf("asked what it would do, docker compose did it:\n%s", d)
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

// production makes the config that of an installation of the size M, with two gitservers. Docker refuses limits of more cores than the machine has: these are
// all its cores.
func (s *site) production() {
	s.t.Helper()
	s.edit("size: demo", "size: m")
	s.must(0, "render", "--out", "large")
	var large struct {
		Services map[string]struct{ CPUs float64 }
	}
	if err := yaml.Unmarshal([]byte(s.read("large/docker-compose.yaml")), &large); err != nil {
		s.t.Fatal(err)
	}
	services := map[string][]string{"gitserver": {"replicas: 2"}, "worker": {"env: {SRC_LOG_LEVEL: warn}"}}
	for name, limits := range large.Services {
		if service := regexp.MustCompile(`-\d+$`).ReplaceAllString(name, ""); limits.CPUs > float64(runtime.NumCPU()) {
			services[service] = append(services[service], fmt.Sprintf("cpu: %d", runtime.NumCPU()))
		}
	}
	lines := "size: m\nservices:"
	for name, keys := range services {
		lines += "\n  " + name + ": {" + strings.Join(keys, ", ") + "}"
	}
	s.edit("size: m", lines)
}

// official is Sourcegraph's own Compose file of the release, or a stand-in for it.
func (s *site) official() string {
	s.t.Helper()
	repository := os.Getenv("BERTH_COMPOSE_REPOSITORY")
	if repository == "" {
		return s.likeOfficial()
	}
	text, err := exec.Command("git", "-C", repository, "show", "v"+release+":docker-compose/docker-compose.yaml").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
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

// TestClusterEject hands an installation of the size M over to Helm with Sourcegraph's own chart, of which nothing is in this repository: kubectl diff says
// before that no pod is replaced, none is, and Helm goes on to maintain it.
func TestClusterEject(t *testing.T) {
	needs(t, long, control, helm)
	repository := os.Getenv("BERTH_HELM_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_HELM_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-helm")
	}
	s := newCluster(t, control, "f3-eject", namespaced("f3-eject", ", clusterScoped: false, podSecurity: baseline, storageClass: {name: local-path}"), "services: {gitserver: {replicas: 2, storage: 30Gi}, sourcegraph-frontend: {replicas: 3}}")
	s.edit("size: demo", "size: m")
	room(t)
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
	chart := []string{"sourcegraph", filepath.Join(s.dir, "charts", "sourcegraph"), "--namespace", s.name, "--values", filepath.Join(s.dir, "helm", "values.yaml")}
	password := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
	before := s.templates()
	if len(before) < 10 {
		t.Fatalf("what runs: %v", before)
	}
	if changed := s.diff(runHelm(t, append([]string{"template"}, chart...)...)); len(changed) > 0 {
		t.Errorf("kubectl diff says that pods or claims change: %v", changed)
	}
	runHelm(t, append([]string{"upgrade", "--install", "--take-ownership"}, chart...)...)
	if d := cmp.Diff(before, s.templates()); d != "" {
		t.Errorf("Helm replaces pods:\n%s", d)
	}
	if got := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}"); got != password {
		t.Error("the database's password changed")
	}
	runHelm(t, append([]string{"upgrade", "--install", "--take-ownership", "--set", "searcher.replicaCount=2"}, chart...)...)
	if got := s.kubectl("get", "statefulset", "searcher", "-o=jsonpath={.spec.replicas}"); got != "2" {
		t.Errorf("after helm upgrade, searcher has %s replicas", got)
	}
}

// TestClusterEjectKustomize hands an installation of the size M over to Kustomize with an overlay of Sourcegraph's base: kubectl diff, as the README of the overlay has
// it, says before that nothing would change, kubectl apply replaces no pod, and Kustomize goes on to maintain it. The base is Sourcegraph's own where
// BERTH_KUSTOMIZE_REPOSITORY is a clone of its repository.
func TestClusterEjectKustomize(t *testing.T) {
	needs(t, long, control)
	s := newCluster(t, control, "eject-kustomize", namespaced("eject-kustomize", ", clusterScoped: false, podSecurity: baseline, storageClass: {name: local-path}"),
		"services: {gitserver: {replicas: 2, storage: 30Gi}, sourcegraph-frontend: {replicas: 3}, worker: {env: {SRC_LOG_LEVEL: warn}}}")
	s.edit("size: demo", "size: m")
	s.edit("release: "+release, "release: "+based)
	room(t)
	s.must(0, "up")
	s.writeBase("official/base")
	s.must(0, "eject", "--as", "kustomize", "--official", "official", "--out", "overlay")

	overlay := filepath.Join(s.dir, "overlay")
	apply := []string{"--server-side", "--force-conflicts", "-k", overlay}
	says(t, s.read("overlay/README.md"), "kubectl diff --server-side --force-conflicts -k .")
	password := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}")
	before, pods := s.templates(), s.running()
	if len(before) < 10 || len(pods) < 10 {
		t.Fatalf("what runs: %v, %v", before, pods)
	}
	if out, err := exec.Command("kubectl", append([]string{"diff"}, apply...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("kubectl diff says that something changes: %v\n%s", err, out)
	}
	kubectl(t, append([]string{"apply"}, apply...)...)
	if d := cmp.Diff(before, s.templates()); d != "" {
		t.Errorf("kubectl apply changes the templates of pods:\n%s", d)
	}
	if d := cmp.Diff(pods, s.running()); d != "" {
		t.Errorf("kubectl apply replaces pods:\n%s", d)
	}
	if got := s.kubectl("get", "secret", "pgsql-auth", "-o=jsonpath={.data.password}"); got != password {
		t.Error("the database's password changed")
	}

	s.writeFile("later/kustomization.yaml", "resources: [../overlay]\npatches:\n  - target: {kind: StatefulSet, name: searcher}\n    patch: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 2}]'\n")
	kubectl(t, "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(s.dir, "later"))
	if got := s.kubectl("get", "statefulset", "searcher", "-o=jsonpath={.spec.replicas}"); got != "2" {
		t.Errorf("after kubectl apply of a change, searcher has %s replicas", got)
	}
}

// based is the newest release that Sourcegraph's Kustomize repository has a tag of.
const based = "7.2.1943"

// writeBase writes Sourcegraph's own Kustomize base of the release, or a stand-in for it: what berth renders by default, which has been proven to be equal to the
// chart, with other labels, an object more and one less.
func (s *site) writeBase(place string) {
	s.t.Helper()
	if repository := os.Getenv("BERTH_KUSTOMIZE_REPOSITORY"); repository != "" {
		archive, err := exec.Command("git", "-C", repository, "archive", "v"+based, "base").Output()
		if err != nil {
			s.t.Fatal(err)
		}
		s.writeFile(filepath.Join(filepath.Dir(place), "README.md"), "")
		untar := exec.Command("tar", "x", "-C", filepath.Join(s.dir, filepath.Dir(place)))
		untar.Stdin = bytes.NewReader(archive)
		if out, err := untar.CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		return
	}
	s.writeFile("plain.yaml", "target: kubernetes\nrelease: "+based+"\nurl: http://localhost\n")
	s.must(0, "render", "--config", "plain.yaml", "--out", "plain")
	files, err := filepath.Glob(filepath.Join(s.dir, "plain", "*.yaml"))
	if err != nil || len(files) < 30 {
		s.t.Fatalf("rendered %d files: %v", len(files), err)
	}
	for _, file := range files {
		name, err := filepath.Rel(s.dir, file)
		if err != nil {
			s.t.Fatal(err)
		}
		text := changed(s.t, s.read(name), func(body map[string]any) {
			official(body)
			tree.At(body, "metadata", "labels")["deploy"] = "theirs"
		})
		s.writeFile(filepath.Join(place, filepath.Base(file)), text)
	}
	resources := "resources:\n  - more.yaml\n"
	for _, file := range files {
		if name := filepath.Base(file); !strings.HasSuffix(name, "-service-grafana.yaml") && !strings.Contains(name, "-secret-") && !strings.Contains(name, "-namespace-") {
			resources += "  - " + name + "\n"
		}
	}
	s.writeFile(filepath.Join(place, "more.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\ndata: {a: b}\n")
	s.writeFile(filepath.Join(place, "kustomization.yaml"), resources)
}

// room makes a simulated node that has room for the pods of every size, until the test ends.
func room(t *testing.T) {
	t.Helper()
	applyText(t, `{apiVersion: v1, kind: Node, metadata: {name: eject-room, labels: {kubernetes.io/hostname: eject-room, kubernetes.io/os: linux, kubernetes.io/arch: amd64}},
  status: {allocatable: &size {cpu: "256", memory: 1024G, pods: "110", ephemeral-storage: 20T}, capacity: *size}}`)
	t.Cleanup(func() { kubectl(t, "delete", "node", "eject-room", "--wait=false") })
}

// diff asks kubectl diff what applying objects would change, and gives the objects of which it says that pods, selectors or claims change.
func (s *site) diff(objects string) (changed []string) {
	s.t.Helper()
	script := filepath.Join(s.dir, "keep-both")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncp -r \"$1\" "+s.dir+"/live && cp -r \"$2\" "+s.dir+"/merged\n"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("kubectl", "diff", "--namespace", s.name, "-f", "-")
	cmd.Stdin, cmd.Env = strings.NewReader(objects), append(os.Environ(), "KUBECTL_EXTERNAL_DIFF="+script)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("kubectl diff: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "merged", "*"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("kubectl diff compared nothing: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.Contains(name, ".Deployment.") && !strings.Contains(name, ".StatefulSet.") && !strings.Contains(name, ".DaemonSet.") {
			continue
		}
		is, would := s.spec("live/"+name), s.spec("merged/"+name)
		for _, part := range []string{"template", "selector", "volumeClaimTemplates", "replicas"} {
			if d := cmp.Diff(is[part], would[part]); d != "" {
				changed = append(changed, name+" "+part+":\n"+d)
			}
		}
	}
	return changed
}

// spec is the spec of an object in a file; nothing where there is no file.
func (s *site) spec(file string) map[string]any {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	var object struct{ Spec map[string]any }
	if err := yaml.Unmarshal(text, &object); err != nil {
		s.t.Fatal(err)
	}
	return object.Spec
}

// templates are the templates of pods, as the API server has them: a change of one replaces the pods.
func (s *site) templates() []string {
	s.t.Helper()
	return strings.Split(s.kubectl("get", "deployments,statefulsets,daemonsets", `-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.spec.template}{"\n"}{end}`), "\n")
}
