package cli

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/catalogue/maintain"
	"berth/internal/catalogue/rendered"
	"berth/internal/config/check"
	"berth/internal/plan"
	"berth/internal/render/compose"
	"berth/internal/upgrade"
	"go.yaml.in/yaml/v4"
)

// next is a release that Sourcegraph has not made. It has a service that none has had before, and a key of Compose that berth has no field for.
const next = "7.7.0"

// lastOnBoth is the release that next is made from.
const lastOnBoth = "7.5.4453"

// nextCatalogue is the catalogue with one more release, which the importer read from the two repositories that Sourcegraph would have tagged; alone
// is one with that release and no other.
func nextCatalogue(t *testing.T) (dir, alone string, from maintain.Repositories) {
	t.Helper()
	bin := t.TempDir()
	dir, alone = t.TempDir(), t.TempDir()
	// As much of helm as the charts below need: a file for each way in which the importer asks.
	put(t, filepath.Join(bin, "helm"), "#!/bin/sh\ncase \"$*\" in *jaeger.enabled*) f=jaeger;; *) f=all;; esac\nsed \"s/in-this-namespace/$5/\" \"$3/templates/$f.yaml\"\n", 0o755)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	from = maintain.Repositories{Compose: tagged(t, composeOf(t), "v"+next), Helm: tagged(t, chartsOf(t), "v"+next)}

	embedded := catalogue.Embedded().Files()
	for _, name := range []string{catalogue.RulesFile, catalogue.NoticesFile, catalogue.RelationsFile, catalogue.IntendedFile, catalogue.ServicesFile, catalogue.UpgradesFile} {
		text, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		if name == catalogue.ServicesFile { // the one line that a new service asks for
			text = append(text, "answerer: {does: Answers questions.}\n"...)
		}
		put(t, filepath.Join(alone, name), string(text), 0o644)
	}
	if err := maintain.Import(t.Context(), from, alone, func(string) {}); err != nil {
		t.Fatal(err)
	}

	// The importer reads all tags. Earlier ones are not there, and give what is here already.
	if err := os.CopyFS(dir, embedded); err != nil {
		t.Fatal(err)
	}
	minor := catalogue.Minor(next)
	for _, name := range []string{catalogue.ManifestFile(minor), catalogue.ServicesFile} {
		put(t, filepath.Join(dir, name), string(read(t, filepath.Join(alone, name))), 0o644)
	}
	var before, made catalogue.Index
	parse(t, filepath.Join(dir, catalogue.IndexFile), &before)
	parse(t, filepath.Join(alone, catalogue.IndexFile), &made)
	before.Manifests[minor], before.Releases[next] = made.Manifests[minor], made.Releases[next]
	index, err := yaml.Dump(before)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, catalogue.IndexFile), string(index), 0o644)
	fast, err := catalogue.Fast(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range fast {
		put(t, filepath.Join(dir, name), string(content), 0o644)
	}
	return dir, alone, from
}

// composeOf is the repository of Compose files at the next release.
func composeOf(t *testing.T) map[string]string {
	t.Helper()
	release, err := catalogue.Embedded().Release(lastOnBoth, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	file, mounted := shipped(t, release, "")
	services := file["services"].(map[string]any)
	services["answerer"] = map[string]any{"container_name": "answerer", "image": "index.docker.io/sourcegraph/answerer:" + next + "@sha256:" + strings.Repeat("7", 64),
		"cpus": 1, "mem_limit": "1g", "restart": "always", "networks": []string{"sourcegraph"}, "environment": []string{"QUESTIONS=many"},
		"unheard_of": map[string]any{"depth": 3}}
	services["worker"].(map[string]any)["unheard_of"] = map[string]any{"depth": 4}
	tree := map[string]string{"docker-compose/docker-compose.yaml": dump(t, map[string]any{"services": services, "volumes": file["volumes"], "networks": file["networks"]})}
	for name, content := range mounted {
		tree[name] = string(content)
	}
	for name, lines := range release.Files.Caddyfiles {
		tree[name] = strings.Join(lines, "\n")
	}
	for overlay, changed := range release.Overlays {
		all := map[string]any{}
		for name, s := range changed {
			env := map[string]any{}
			for variable, value := range s.Env {
				env[variable] = value.Text
			}
			all[name] = map[string]any{"environment": env, "command": s.Command}
			if s.Command == nil {
				delete(all[name].(map[string]any), "command")
			}
		}
		tree["docker-compose/"+overlay+"/docker-compose.yaml"] = dump(t, map[string]any{"services": all})
	}
	for _, overlay := range []string{catalogue.Jaeger, catalogue.Executors} {
		name := "docker-compose/" + overlay + "/docker-compose.yaml"
		more := map[string]any{"services": map[string]any{}}
		if text := tree[name]; text != "" {
			if err := yaml.Load([]byte(text), &more); err != nil {
				t.Fatal(err)
			}
		}
		with, _ := shipped(t, release, rendered.Asking[overlay])
		for service, s := range with["services"].(map[string]any) {
			if services[service] == nil {
				more["services"].(map[string]any)[service] = s
			}
		}
		tree[name] = dump(t, more)
	}
	return tree
}

// shipped is what Sourcegraph's Compose file says at a release, and what it mounts, by what berth renders for a config that says no more than some
// lines: catalogue verify proves that these are the same.
func shipped(t *testing.T, release *catalogue.Release, lines string) (file map[string]any, mounted map[string][]byte) {
	t.Helper()
	s, err := rendered.Resolve(release, "target: compose\nurl: http://localhost\n"+lines, "")
	if err != nil {
		t.Fatal(err)
	}
	project, problems := compose.Render(s, nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	same := strings.NewReplacer("${BERTH_PGSQL_PASSWORD}", "sg", "${BERTH_CODEINTEL_DB_PASSWORD}", "sg", "${BERTH_CODEINSIGHTS_DB_PASSWORD}", "password",
		"${BERTH_EXECUTORS_TOKEN}", "", "./", "../", ":"+lastOnBoth+"@", ":"+next+"@")
	mounted = map[string][]byte{}
	for _, f := range project.Files {
		mounted[f.Path] = f.Content
	}
	if err := yaml.Load([]byte(same.Replace(string(mounted[compose.ComposeFile]))), &file); err != nil {
		t.Fatal(err)
	}
	delete(mounted, compose.ComposeFile)
	for _, s := range file["services"].(map[string]any) {
		delete(s.(map[string]any), "labels")
	}
	for name := range file["volumes"].(map[string]any) {
		file["volumes"].(map[string]any)[name] = nil
	}
	return file, mounted
}

// chartsOf is the repository of charts at the next release.
func chartsOf(t *testing.T) map[string]string {
	t.Helper()
	release, err := catalogue.Embedded().Release(catalogue.Embedded().Newest(catalogue.Kubernetes), catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	all := func(overlay string) map[string]any {
		objects, err := release.With(overlay).Recompose("in-this-namespace")
		if err != nil {
			t.Fatal(err)
		}
		objects["Deployment/answerer"] = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "answerer", "labels": map[string]any{"deploy": "sourcegraph"}},
			"spec": map[string]any{"replicas": 1, "selector": map[string]any{"matchLabels": map[string]any{"app": "answerer"}}, "template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "answerer", "deploy": "sourcegraph"}},
				"spec": map[string]any{"containers": []any{map[string]any{"name": "answerer",
					"image": "index.docker.io/sourcegraph/answerer:" + next + "@sha256:" + strings.Repeat("7", 64),
					"env":   []any{map[string]any{"name": "QUESTIONS", "value": "many"}}}}}}}}
		return objects
	}
	stream := func(objects map[string]any, without map[string]any) string {
		var b strings.Builder
		for key, o := range objects {
			if without[key] == nil {
				b.WriteString("---\n" + dump(t, o))
			}
		}
		return strings.ReplaceAll(b.String(), release.Version, next)
	}
	tree := map[string]string{
		"charts/sourcegraph/templates/all.yaml":              stream(all(""), nil),
		"charts/sourcegraph/templates/jaeger.yaml":           stream(all(catalogue.Jaeger), nil),
		"charts/sourcegraph-executor/k8s/templates/all.yaml": stream(all(catalogue.Executors), all("")),
	}
	for _, chart := range []string{"sourcegraph", "sourcegraph-executor/k8s"} {
		tree["charts/"+chart+"/Chart.yaml"] = fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\nappVersion: %q\n", filepath.Base(chart), next, next)
	}
	return tree
}

// tagged makes a git repository with a tag, and gives a clone that was made before the tag and has fetched it.
func tagged(t *testing.T, tree map[string]string, tag string) (clone string) {
	t.Helper()
	dir, clone := t.TempDir(), t.TempDir()
	git := func(args ...string) {
		t.Helper()
		git := exec.Command("git", args...)
		git.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-11-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-11-02T03:04:05Z",
			"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", git, err, out)
		}
	}
	git("init", "-q", dir)
	git("-C", dir, "commit", "-q", "--allow-empty", "-m", "before")
	git("clone", "-q", dir, clone)
	for name, text := range tree {
		put(t, filepath.Join(dir, name), text, 0o644)
	}
	git("-C", dir, "add", "-A")
	git("-C", dir, "commit", "-q", "-m", tag)
	git("-C", dir, "tag", tag)
	git("-C", clone, "fetch", "-q", "--tags")
	return clone
}

func put(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Load(read(t, name), into); err != nil {
		t.Fatal(err)
	}
}

func dump(t *testing.T, tree any) string {
	t.Helper()
	text, err := yaml.Dump(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNextReleaseIsImported: a release that Sourcegraph makes is data. Its new service and its unknown key are rendered as they are shipped, and
// there is a way to it.
func TestNextReleaseIsImported(t *testing.T) {
	dir, alone, from := nextCatalogue(t)
	c := opened(t, dir)
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		if got, err := c.Resolve("7.7", target); got != next || err != nil || c.Newest(target) != next {
			t.Fatalf("7.7 for %s is %s, %v, and the newest is %s", target, got, err, c.Newest(target))
		}
	}
	if does := c.Describe()["answerer"].Does; does == "" {
		t.Error("the new service is not described")
	}
	if s := c.Support("5.11.6271"); s.Status == c.Support(next).Status {
		t.Errorf("%s is supported as 5.11 is: %v", next, s)
	}

	onCompose := loaded(t, c, catalogue.Compose)
	text, _, err := rendered.Project(onCompose)
	if err != nil {
		t.Fatal(err)
	}
	var project struct{ Services map[string]map[string]any }
	if err := yaml.Load(text, &project); err != nil {
		t.Fatal(err)
	}
	for service, depth := range map[string]int{"answerer": 3, "worker": 4} {
		if got := fmt.Sprint(project.Services[service]["unheard_of"]); got != fmt.Sprintf("map[depth:%d]", depth) {
			t.Errorf("the unknown key of %s is rendered as %s", service, got)
		}
	}
	objects, err := rendered.Objects(loaded(t, c, catalogue.Kubernetes), "", "ns")
	if err != nil || objects["Deployment/answerer"] == nil {
		t.Errorf("the new service is not rendered for Kubernetes: %v", err)
	}

	// The same comparison that proves all releases, of this one.
	report, err := maintain.Verify(t.Context(), from, opened(t, alone), maintain.Renders{Compose: rendered.Project, Kubernetes: rendered.Objects}, func(string) {})
	if err != nil || len(report.Stale) > 0 || report.Compose != 1 || report.Kubernetes != 1 {
		t.Fatalf("stale %v, %d and %d compared, %v", report.Stale, report.Compose, report.Kubernetes, err)
	}
	for _, d := range report.Differences {
		if d.Reason == "" {
			t.Error(d)
		}
	}

	for _, v := range []struct {
		target catalogue.Target
		from   string
		kind   plan.Kind
	}{{catalogue.Compose, lastOnBoth, plan.MultiVersion}, {catalogue.Kubernetes, "7.6.0", plan.Standard}} {
		way, problems := upgrade.Path(c, upgrade.Request{From: v.from, Target: v.target})
		if problems.Failed() || len(way.Hops) != 1 || way.To != next || way.Hops[0].Kind != v.kind || way.Hops[0].Migrator != next {
			t.Errorf("from %s on %s: %+v, %v", v.from, v.target, way, problems)
		}
	}
	file := "target: compose\nurl: http://localhost\nservices: {answerer: {memory: 2Gi}}\n"
	if _, _, problems := check.Read("sourcegraph.yaml", []byte(file), c, check.World{Catalogue: c, Getenv: os.Getenv, Now: time.Now}); problems.Failed() {
		t.Errorf("a config that tunes the new service: %v", problems)
	}
}

func opened(t *testing.T, dir string) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func loaded(t *testing.T, c *catalogue.Catalogue, target catalogue.Target) *catalogue.Release {
	t.Helper()
	r, err := c.Release(next, target)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
