package maintain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/catalogue"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// tinyCompose is a tag of a small Compose repository.
func tinyCompose(version, memory string) map[string]string {
	return map[string]string{
		"docker-compose/docker-compose.yaml": `version: '2.4'
services:
  gitserver-0:
    container_name: gitserver-0
    image: hub.example.com/gitserver:` + version + `@sha256:c` + version + `
    mem_limit: ` + memory + `
    volumes: ['gitserver-0:/data']
  pgsql:
    container_name: pgsql
    image: hub.example.com/postgres:16@sha256:d
    environment: ['SERVERS=gitserver-0:3178']
    volumes: ['../pgsql/conf:/conf/']
    oom_score_adj: 5
volumes: {gitserver-0: }
`,
		"docker-compose/jaeger/docker-compose.yaml": `services:
  jaeger: {container_name: jaeger, image: 'hub.example.com/jaeger:1@sha256:e'}
  pgsql: {environment: [TRACE=1]}
`,
		"pgsql/conf/postgresql.conf": "# settings\na = 1\na = 2\n",
		"pgsql/conf/README.md":       "not carried",
	}
}

// tinyChart is a tag of a small Helm repository.
func tinyChart(version string) map[string]string {
	return map[string]string{
		"charts/sourcegraph/Chart.yaml": "apiVersion: v2\nname: sourcegraph\nversion: " + version + "\nappVersion: \"" + version + "\"\n",
		"charts/sourcegraph/templates/all.yaml": `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: gitserver
  labels: {version: "` + version + `"}
spec:
  template:
    spec:
      containers:
      - name: gitserver
        image: hub.example.com/gitserver:` + version + `@sha256:k` + version + `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: gitserver}}
data:
  a.yaml: |
    where: {{ .Release.Namespace }}
  postgresql.conf: |
    a = 'b'
---
apiVersion: v1
kind: Secret
metadata: {name: nobody}
data: {user: c2c=}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {"helm.sh/hook": test}}
`,
	}
}

// withExecutors adds the chart for executors, which exists since 9.1.1.
func withExecutors(version string) map[string]string {
	files := tinyChart(version)
	files["charts/sourcegraph-executor/k8s/Chart.yaml"] = "apiVersion: v2\nname: executor\nversion: " + version + "\n"
	files["charts/sourcegraph-executor/k8s/templates/all.yaml"] = `apiVersion: apps/v1
kind: Deployment
metadata: {name: executor-batches-codeintel}
spec:
  template:
    spec:
      containers:
      - name: executor
        image: hub.example.com/executor:` + version + `@sha256:x` + version + `
---
apiVersion: v1
kind: Secret
metadata: {name: executor-batches-codeintel}
data: {token: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: loose}
data: {namespace: "{{ .Release.Namespace }}"}
`
	return files
}

// repository makes a git repository with a tag for each tree.
func repository(t *testing.T, tagged map[string]map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		command := exec.Command("git", append([]string{"-C", dir, "-c", "init.defaultBranch=main", "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		command.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git("init", "-q")
	for _, tag := range sortedKeys(tagged) {
		for name, content := range tagged[tag] {
			write(t, filepath.Join(dir, name), content, 0o644)
		}
		git("add", "-A")
		git("commit", "-q", "-m", tag)
		git("tag", tag)
	}
	git("tag", "v9.1.2-rc.1") // no release
	git("tag", "v4.5.0")      // too old
	return dir
}

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// standIn is a helm for machines without one; it knows only the template actions of tinyChart.
const standIn = "#!/bin/sh\nsed -e \"s/{{ .Release.Namespace }}/$5/\" \"$3\"/templates/*.yaml\n"

func TestImport(t *testing.T) {
	t.Run("stand-in for helm", func(t *testing.T) {
		bin := t.TempDir()
		write(t, filepath.Join(bin, "helm"), standIn, 0o755)
		t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		testImport(t)
	})
	t.Run("helm", func(t *testing.T) {
		if _, err := exec.LookPath("helm"); err != nil {
			t.Skip("NOT CHECKED with the real helm: it is not on the PATH; a stand-in was used instead")
		}
		testImport(t)
	})
}

func testImport(t *testing.T) {
	from := Repositories{
		Compose: repository(t, map[string]map[string]string{"v9.1.0": tinyCompose("9.1.0", "1g"), "v9.1.1": tinyCompose("9.1.1", "2g")}),
		Helm:    repository(t, map[string]map[string]string{"sourcegraph-9.1.0": tinyChart("9.1.0"), "v9.1.1": withExecutors("9.1.1"), "v9.2.0": withExecutors("9.2.0")}),
	}
	out := t.TempDir()
	write(t, filepath.Join(out, catalogue.RulesFile), "leaveOut: ['*.md']\nworkloads: {executor-batches-codeintel: executor}\n", 0o644)
	write(t, filepath.Join(out, catalogue.NoticesFile), "notices: []\nsupport: {majors: 2}\n", 0o644)
	write(t, filepath.Join(out, catalogue.ServicesFile), "{}\n", 0o644)
	write(t, filepath.Join(out, catalogue.RelationsFile), "{}\n", 0o644)
	write(t, filepath.Join(out, catalogue.IntendedFile), "intended: []\n", 0o644)
	write(t, filepath.Join(out, "releases", "8.0.yaml"), "of no tag", 0o644)
	quiet := func(string) {}
	if err := Import(t.Context(), from, out, quiet); err != nil {
		t.Fatal(err)
	}
	first := contents(t, out)
	if first["releases/8.0.yaml"] != "" || first["releases/9.2.yaml"] == "" {
		t.Error("manifests are not those of the tags")
	}
	if err := Import(t.Context(), from, out, quiet); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, contents(t, out)); diff != "" {
		t.Errorf("importing again changed files:\n%s", diff)
	}
	c, err := catalogue.Open(os.DirFS(out))
	if err != nil {
		t.Fatal(err)
	}
	checkTinyRelease(t, c)
	checkTinyOverlay(t, c)
	checkTinyVerify(t, from, c)
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.yaml", "releases/*.yaml"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimPrefix(name, dir+"/")] = string(content)
		}
	}
	return all
}

// checkTinyRelease checks the older patch, which differs in its memory.
func checkTinyRelease(t *testing.T, c *catalogue.Catalogue) {
	t.Helper()
	old, err := c.Release("9.1.0", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"memory": old.Services["gitserver"].Compose.Memory, "container": old.Services["gitserver"].Compose.Container,
		"image": old.Images["gitserver"], "servers": old.Services["pgsql"].Compose.Env["SERVERS"], "other": old.Services["pgsql"].Compose.Other,
		"jaeger": old.Services["jaeger"].Compose.Overlay, "trace": old.Overlays["jaeger"]["pgsql"].Env["TRACE"].Text, "files": old.Files.Postgres,
	}
	want := map[string]any{
		"memory": "1g", "container": "gitserver-{i}", "image": "hub.example.com/gitserver:9.1.0@sha256:c9.1.0",
		"servers": catalogue.Value{Join: " ", Items: []catalogue.Item{{Each: "gitserver", Text: "gitserver-{i}:3178"}}},
		"other":   map[string]any{"oom_score_adj": 5}, "jaeger": "jaeger", "trace": "1", "files": map[string]map[string]string{"pgsql": {"a": "2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	kubernetes, err := c.Release("9.1.0", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	if reference := kubernetes.Images["gitserver"]; reference != "hub.example.com/gitserver:9.1.0@sha256:k9.1.0" {
		t.Errorf("Kubernetes runs %s", reference)
	}
	objects, err := kubernetes.Recompose("elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 3 || len(kubernetes.Objects) != 1 || !strings.Contains(text(at(objects["ConfigMap/settings"], "data", "a.yaml")), "elsewhere") {
		t.Errorf("objects: %v", objects)
	}
}

// checkTinyOverlay checks the overlay, which the oldest patch does not have.
func checkTinyOverlay(t *testing.T, c *catalogue.Catalogue) {
	t.Helper()
	for version, want := range map[string][]string{
		"9.1.0": nil,
		"9.1.1": {"ConfigMap/loose", "Deployment/executor-batches-codeintel", "Secret/executor-batches-codeintel"},
	} {
		r, err := c.Release(version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := r.Recompose("ns")
		if err != nil {
			t.Fatal(err)
		}
		with, err := r.With(catalogue.Executors).Recompose("ns")
		if err != nil {
			t.Fatal(err)
		}
		var added []string
		for _, key := range sortedKeys(with) {
			if plain[key] == nil {
				added = append(added, key)
			}
		}
		if diff := cmp.Diff(want, added); diff != "" || len(plain) != 3 {
			t.Errorf("%s: %d objects, and asked for: %s", version, len(plain), diff)
		}
		if want != nil && (at(with["ConfigMap/loose"], "data", "namespace") != "ns" || r.Workload("executor").Overlay != catalogue.Executors) {
			t.Errorf("%s: %v", version, with["ConfigMap/loose"])
		}
	}
}

// checkTinyVerify renders what is shipped, and then something else.
func checkTinyVerify(t *testing.T, from Repositories, c *catalogue.Catalogue) {
	t.Helper()
	memory := func(r *catalogue.Release) string { return r.Services["gitserver"].Compose.Memory }
	for _, test := range []struct {
		memory func(*catalogue.Release) string
		want   []string
	}{
		{memory, nil},
		{func(*catalogue.Release) string { return "2g" }, []string{`9.1.0 compose gitserver-0 mem_limit: shipped "1073741824 bytes", rendered "2147483648 bytes"`}},
	} {
		render := func(r *catalogue.Release) ([]byte, map[string][]byte, error) {
			tag := tinyCompose(r.Version, test.memory(r))
			return []byte(tag["docker-compose/docker-compose.yaml"]), map[string][]byte{
				"pgsql/conf/postgresql.conf": []byte("a = 2"), "pgsql/conf/README.md": []byte("not carried"),
			}, nil
		}
		report, err := Verify(t.Context(), from, c, Renders{Compose: render, Kubernetes: recompose}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, d := range report.Differences {
			lines = append(lines, d.String())
		}
		if diff := cmp.Diff(test.want, lines); diff != "" || len(report.Stale) > 0 || report.Compose != 2 || report.Kubernetes != 3 {
			t.Errorf("stale %v, %d and %d compared, differences:\n%s", report.Stale, report.Compose, report.Kubernetes, diff)
		}
	}
}

// recompose returns the objects of a release with an overlay.
func recompose(r *catalogue.Release, overlay, namespace string) (map[string]any, error) {
	return r.With(overlay).Recompose(namespace)
}

// TestEncode: an encoded tree is in block style with an indentation of two spaces, as the catalogue's line filter expects.
func TestEncode(t *testing.T) {
	long := strings.Repeat("long ", 60)
	tree := map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": "x\n\ny: z\n"}}, "l": long}}
	content, err := encode(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := "a:\n  b:\n  - c: |\n      x\n\n      y: z\n  l: '" + long + "'\n"
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Error(diff)
	}
	var again map[string]any
	if err := yaml.Load(content, &again); err != nil || !cmp.Equal(tree, again) {
		t.Errorf("read again: %v %v", again, err)
	}
	if second, _ := encode(tree); !bytes.Equal(content, second) {
		t.Error("encoding twice gives other bytes")
	}
}
