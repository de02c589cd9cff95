//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rendered is an installation that other tools deploy, rendered as files of one form. Nothing is applied yet. Its test needs the images of 7.6.0,
// too: lock looks for those of the newest release.
func rendered(t *testing.T, name, form string, port int, from, to string) *site {
	t.Helper()
	declared(t, node)
	kubectl(t, "delete", "namespace", name, "--ignore-not-found") // of a run that was killed
	s := &site{t: t, dir: t.TempDir(), name: name, cluster: true, host: nodeAddress, port: port}
	s.write("target: kubernetes", "release: "+from, "url: http://localhost", "name: "+name, "size: demo",
		namespaced(name, fmt.Sprintf(", clusterScoped: false, service: {nodePort: %d}", port)), nodeImages())
	s.must(0, "lock", "--to", to)
	s.must(0, "render", "--as", form, "--out", form)
	t.Cleanup(func() { kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--wait=false") })
	kubectl(t, "create", "namespace", name)
	return s
}

// images are those of all StatefulSets and Deployments. Other ones replace pods.
func (s *site) images() string {
	return s.kubectl("get", "statefulsets,deployments", `-o=jsonpath={range .items[*]}{.metadata.name} {.spec.template.spec.containers[0].image}{"\n"}{end}`)
}

// readme runs the commands of a chapter of the rendered README, but for the creation of the namespace.
func (s *site) readme(form, chapter string) (said string, err error) {
	s.t.Helper()
	_, text, _ := strings.Cut(s.read(filepath.Join(form, "README.md")), "## "+chapter)
	_, text, _ = strings.Cut(text, "```")
	language, text, _ := strings.Cut(text, "\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		s.t.Fatalf("the README has no commands under %s", chapter)
	}
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "kubectl create namespace") {
			lines = append(lines, line)
		}
	}
	cmd := exec.Command(language, "-ec", strings.Join(lines, ""))
	cmd.Dir = filepath.Join(s.dir, form)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stores waits until the services that the frontends need are replaced.
func (s *site) stores() {
	s.t.Helper()
	for _, name := range []string{"statefulset/pgsql", "statefulset/codeintel-db", "statefulset/codeinsights-db", "deployment/redis-store", "statefulset/gitserver", "statefulset/indexed-search"} {
		s.kubectl("rollout", "status", name, "--timeout=2m")
	}
}

// TestClusterGuardManifests: the guard refuses files of a release that can't follow the running one, before anything is replaced. When somebody
// applies them all the same, the databases are not changed, the old frontends serve, and the old files restore everything.
func TestClusterGuardManifests(t *testing.T) {
	needs(t, node, images("6.0.0", release, "7.6.0"))
	const form = "manifests"
	s := rendered(t, "cgu-files", form, 30081, "6.0.0", release)
	for _, chapter := range []string{"Secrets", "Apply"} {
		if out, err := s.readme(form, chapter); err != nil {
			t.Fatalf("%s: %v\n%s", chapter, err, out)
		}
	}
	s.seed()
	before, images := s.data(), s.images()

	s.edit("release: 6.0.0", "release: "+release)
	s.must(0, "render", "--as", form, "--out", form)
	if out, err := s.readme(form, "Apply"); err == nil {
		t.Errorf("the files were applied:\n%s", out)
	}
	says(t, s.kubectl("logs", "job/berth-guard"), "REFUSED: the databases are of Sourcegraph 6.0.0, and these files are of "+release, "release: 6.0.0", "berth upgrade --to "+release)
	if now := s.images(); now != images {
		t.Errorf("something was replaced:\n%s", now)
	}

	s.kubectl("apply", "--server-side", "-f", filepath.Join(s.dir, form))
	await(t, 2*time.Minute, "a new frontend's pod to refuse", func() bool {
		out, _ := exec.Command("kubectl", "--namespace="+s.name, "logs", "--selector=app=sourcegraph-frontend", "--container=guard", "--tail=-1").Output() // its pod may not run yet
		return strings.Contains(string(out), "REFUSED: the databases are of Sourcegraph 6.0.0")
	})
	s.stores()
	if ran := s.kubectl("exec", "statefulset/pgsql", "--container=pgsql", "--", "psql", "--username=sg", "--tuples-only", "--no-align",
		"--command=SELECT version FROM versions WHERE service = 'frontend'"); ran != "6.0.0" {
		t.Errorf("the databases are of %s", ran)
	}
	s.same(before)

	s.edit("release: "+release, "release: 6.0.0")
	s.must(0, "render", "--as", form, "--out", form)
	if out, err := s.readme(form, "Apply"); err != nil {
		t.Errorf("the old files: %v\n%s", err, out)
	}
	s.stores()
	s.same(before)
}

// TestClusterGuardHelm: helm upgrade fails before it replaces anything, and succeeds when a person allows it.
func TestClusterGuardHelm(t *testing.T) {
	needs(t, long, node, helm, images("6.0.0", release, "7.6.0"))
	const form = "helm"
	s := rendered(t, "cgu-helm", form, 30082, "6.0.0", release)
	chart := filepath.Join(s.dir, form)
	runHelm(t, "install", "sourcegraph", chart, "--namespace", s.name, "--wait", "--timeout", "4m")
	images := s.images()
	s.edit("release: 6.0.0", "release: "+release)
	s.must(0, "render", "--as", form, "--out", form)
	out, err := exec.Command("helm", "upgrade", "sourcegraph", chart, "--namespace", s.name).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "pre-upgrade") {
		t.Errorf("helm upgrade: %v\n%s", err, out)
	}
	says(t, s.kubectl("logs", "job/berth-guard"), "REFUSED: the databases are of Sourcegraph 6.0.0")
	if now := s.images(); now != images {
		t.Errorf("something was replaced:\n%s", now)
	}
	s.kubectl("create", "configmap", "berth-guard", "--from-literal=allow="+release)
	runHelm(t, "upgrade", "sourcegraph", chart, "--namespace", s.name)
	if now := s.images(); now == images {
		t.Error("a person allowed it, and nothing was replaced")
	}
}

// TestClusterGuardData: an image that would convert a database's data does not start, and the old image still runs on that data.
func TestClusterGuardData(t *testing.T) {
	needs(t, long, node, images("5.9.1590", "5.11.6271", "7.6.0"))
	const form, from, to = "manifests", "5.9.1590", "5.11.6271"
	s := rendered(t, "cgu-data", form, 30083, from, to)
	if out, err := s.readme(form, "Secrets"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := []string{"05-configmap-pgsql-conf.yaml", "06-persistentvolumeclaim-pgsql.yaml", "07-service-pgsql.yaml", "09-statefulset-pgsql.yaml"}
	apply := func() {
		t.Helper()
		for _, file := range files {
			s.kubectl("apply", "--server-side", "-f", filepath.Join(s.dir, form, file))
		}
	}
	ask := func(query string) string {
		t.Helper()
		return s.kubectl("exec", "statefulset/pgsql", "--container=pgsql", "--", "psql", "--username=sg", "--tuples-only", "--no-align", "--command="+query)
	}
	apply()
	s.kubectl("rollout", "status", "statefulset/pgsql", "--timeout=2m")
	server := ask("SHOW server_version")
	ask("CREATE TABLE kept AS SELECT 'here' AS it")

	s.edit("release: "+from, "release: "+to)
	s.must(0, "render", "--as", form, "--out", form)
	apply()
	await(t, time.Minute, "the guard to refuse", func() bool {
		out, _ := exec.Command("kubectl", "--namespace="+s.name, "logs", "pgsql-0", "--container=guard").Output() // its pod may not run yet
		return strings.Contains(string(out), "REFUSED: /data/pgdata-12 has data of Postgres") && strings.Contains(string(out), "It would convert the data")
	})
	s.edit("release: "+to, "release: "+from)
	s.must(0, "render", "--as", form, "--out", form)
	apply()
	s.kubectl("delete", "pod", "pgsql-0") // as the guard says
	await(t, 2*time.Minute, "the database to answer", func() bool {
		return exec.Command("kubectl", "--namespace="+s.name, "wait", "pod/pgsql-0", "--for=condition=Ready", "--timeout=1s").Run() == nil
	})
	if now, kept := ask("SHOW server_version"), ask("SELECT it FROM kept"); now != server || kept != "here" {
		t.Errorf("the database is of Postgres %s, and says %q; it was of %s", now, kept, server)
	}
}
