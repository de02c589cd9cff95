package eject_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/eject"
	"berth/internal/plan"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// production is a config of the size that an organisation with some thousand people has.
const production = `services:
  gitserver: {replicas: 4, cpu: 8, memory: 32Gi, storage: 2Ti}
  zoekt-webserver: {replicas: 4, cpu: 8, memory: 50Gi, storage: 500Gi}
  sourcegraph-frontend: {replicas: 6, memory: 8Gi}
  searcher: {replicas: 4}
  worker: {memory: 8Gi}
  pgsql: {cpu: 8, memory: 32Gi, storage: 500Gi}
kubernetes: {storageClass: {name: ssd}, ingress: {class: nginx, tlsSecret: tls}, pods: {nodeSelector: {pool: sourcegraph}}}`

// class is what a config needs besides.
const class = "kubernetes: {storageClass: {name: ssd}}"

// rendered renders a config's objects.
func rendered(t *testing.T, version, text string) (*kubernetes.Set, *catalogue.Release) {
	t.Helper()
	release, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := kubernetes.Render(rendertest.Resolve(t, version, text), nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	return set, release
}

// TestHelm: values have no guard and keep the hashes of pods; nothing restarts where no variables are set.
func TestHelm(t *testing.T) {
	for _, version := range []string{"5.0.6", "6.0.0", "7.5.4453"} {
		for name, text := range map[string]string{"demo": "size: demo\n" + class, "production": production} {
			set, release := rendered(t, version, text)
			r, err := eject.Helm(set, release, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Unsaid) > 0 || len(r.Restarts) > 0 {
				t.Errorf("%s %s: unsaid %v, restarts %v", version, name, r.Unsaid, r.Restarts)
			}
			var values map[string]any
			if err := yaml.Unmarshal(r.Files[0].Content, &values); err != nil {
				t.Fatal(err)
			}
			if values["extraResources"] != nil {
				t.Errorf("%s %s: the values bring %v", version, name, values["extraResources"])
			}
			if got := tree.Text(values, "pgsql", "auth", "existingSecret"); got != "pgsql-auth" {
				t.Errorf("%s %s: pgsql's Secret is %q", version, name, got)
			}
			running := tree.Branch(tree.Pods(set.Find("Deployment/sourcegraph-frontend").Body), "metadata", "annotations")["checksum/auth"]
			if got := tree.Branch(values, "frontend", "podAnnotations")["checksum/auth"]; running == nil || got != running {
				t.Errorf("%s %s: the frontend's hash is %v, and %v runs", version, name, got, running)
			}
		}
	}
}

// TestHelmNeedsTheClass: Kubernetes would refuse what the chart makes without one.
func TestHelmNeedsTheClass(t *testing.T) {
	set, release := rendered(t, "7.5.4453", "size: demo")
	_, err := eject.Helm(set, release, nil)
	if problems, ok := err.(diag.List); !ok || problems[0].Code != "BERTH4334" {
		t.Errorf("without a class: %v", err)
	}
}

// TestHelmCannotSay: what the chart has no value for is listed with its line, the rest is written.
func TestHelmCannotSay(t *testing.T) {
	set, release := rendered(t, "7.5.4453", "services: {gitserver: {replicas: 2}, worker: {env: {A: text}}}\nkubernetes: {disruptionBudgets: true, storageClass: {name: ssd}}\npatches: [{service: worker, reason: slow, kubernetes: {spec: {progressDeadlineSeconds: 900}}}]")
	left := []plan.Conflict{{Object: "Deployment/worker", Field: "spec.replicas", Manager: "keda", Theirs: "5", Ours: "1", Decision: plan.Yield},
		{Object: "Deployment/worker", Field: "spec.paused", Manager: "kubectl-edit", Theirs: "true", Ours: "false", Decision: plan.Take}}
	r, err := eject.Helm(set, release, left)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unsaid) != 2 || r.Unsaid[0].Range.Line == 0 || !strings.Contains(r.Unsaid[0].Summary, "spec.progressDeadlineSeconds") || !strings.Contains(r.Unsaid[1].Summary, "keda") {
		t.Errorf("unsaid: %v", r.Unsaid)
	}
	if !slices.Equal(r.Restarts, []string{"Deployment/worker"}) {
		t.Errorf("restarts %v", r.Restarts)
	}
	values, readme := string(r.Files[0].Content), string(r.Files[1].Content)
	for _, want := range []string{"replicaCount: 2", "PodDisruptionBudget", "value: text"} {
		if !strings.Contains(values, want) {
			t.Errorf("the values lack %q:\n%s", want, values)
		}
	}
	for _, want := range []string{"spec.progressDeadlineSeconds", "left to keda", "`Deployment/worker`. Nothing else restarts", "pgsql-auth"} {
		if !strings.Contains(readme, want) {
			t.Errorf("the README lacks %q:\n%s", want, readme)
		}
	}
}

// TestHelmByTheChart: what Sourcegraph's own chart makes of the values are the pods that run, also in the order of lists. The exceptions are those that
// the result names.
func TestHelmByTheChart(t *testing.T) {
	for _, version := range []string{"5.0.6", "6.0.0", "7.5.4453"} {
		chart := officialChart(t, version)
		for name, text := range map[string]string{"": "", "demo": "size: demo", "production": production, "env": rendertest.Cases["env"], "site": rendertest.Cases["site-config"],
			"insights-off": rendertest.Cases["insights-off"], "external": rendertest.Cases["database"], "objects": rendertest.Cases["object-storage"], "proxy": rendertest.Cases["proxy"],
			"patch": rendertest.Cases["patch"], "budgets": "kubernetes: {disruptionBudgets: true, storageClass: {name: ssd}}"} {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				if !strings.Contains(text, "kubernetes: {") || name == "patch" {
					text += "\n" + class
				}
				set, release := rendered(t, version, text)
				r, err := eject.Helm(set, release, nil)
				if err != nil {
					t.Fatal(err)
				}
				made := templated(t, chart, r.Files[0].Content)
				for i := range set.Objects {
					o := &set.Objects[i]
					pods := tree.Pods(o.Body)
					excused := slices.Contains(r.Restarts, o.Key()) || slices.ContainsFunc(r.Unsaid, func(d diag.Diagnostic) bool {
						return d.Subject == o.Key() || slices.ContainsFunc(d.Detail, func(line string) bool { return strings.HasPrefix(line, o.Key()+":") })
					})
					if o.OneShot || pods == nil || excused {
						continue
					}
					if d := cmp.Diff(tree.Slim(pods), tree.Slim(tree.Pods(made[o.Key()]))); d != "" {
						t.Errorf("%s would restart: it runs (-), the chart makes (+)\n%s", o.Key(), d)
					}
				}
			})
		}
	}
}

// officialChart is Sourcegraph's own chart. Nothing of it is in this repository.
func officialChart(t *testing.T, version string) string {
	t.Helper()
	repository := os.Getenv("BERTH_HELM_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_HELM_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-helm")
	}
	return filepath.Join(checkedOut(t, repository, "charts/sourcegraph", "v"+version, "sourcegraph-"+version), "charts", "sourcegraph")
}

// checkedOut is a folder with a part of a repository, at the first of some tags that is there.
func checkedOut(t *testing.T, repository, part string, tags ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tag := range tags {
		archive, err := exec.Command("git", "-C", repository, "archive", tag, part).Output()
		if err != nil {
			continue
		}
		untar := exec.Command("tar", "x", "-C", dir)
		untar.Stdin = bytes.NewReader(archive)
		if out, err := untar.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return dir
	}
	t.Fatalf("%s has none of %v", repository, tags)
	return ""
}

// templated is what a chart makes of values, by key.
func templated(t *testing.T, chart string, values []byte) map[string]map[string]any {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, values, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("helm", "template", "sourcegraph", chart, "--namespace", "sg", "--values", file).CombinedOutput()
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, out)
	}
	return objectsOf(t, lastCounts(out))
}

// objectsOf are the objects of a stream, by key.
func objectsOf(t *testing.T, stream []byte) map[string]map[string]any {
	t.Helper()
	objects := map[string]map[string]any{}
	for d := yaml.NewDecoder(bytes.NewReader(stream)); ; {
		var o map[string]any
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if o != nil {
			objects[tree.Text(o, "kind")+"/"+tree.Text(o, "metadata", "name")] = o
		}
	}
}

// lastCounts removes hashes that stand a second time further below: Helm and kubectl take the last one of a name, and the library of this test none.
func lastCounts(text []byte) []byte {
	var lines []string
	at := map[string]int{}
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key == "annotations" {
			clear(at)
		}
		if strings.HasPrefix(key, "checksum/") {
			if i, ok := at[key]; ok {
				lines[i] = ""
			}
			at[key] = len(lines)
		}
		lines = append(lines, line)
	}
	return []byte(strings.Join(lines, ""))
}
