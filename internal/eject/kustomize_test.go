package eject_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/eject"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"
	"go.yaml.in/yaml/v4"
)

// kustomizeCases are configs for overlays.
var kustomizeCases = map[string]string{"default": "", "demo": "size: demo", "production": production, "env": rendertest.Cases["env"], "site": rendertest.Cases["site-config"],
	"less": rendertest.Cases["monitoring-off"], "patch": rendertest.Cases["patch"], "namespaced": rendertest.Cases["namespaced"], "external": rendertest.Cases["database"], "executors": rendertest.Cases["executors"]}

// TestKustomize: the real kustomize makes of a base and the overlay what runs. The base is a stand-in: the release's objects with other labels, an object
// more, one less, and other variables.
func TestKustomize(t *testing.T) {
	needsKustomize(t)
	for _, version := range []string{"5.0.6", "7.5.4453"} {
		release, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		shipped, err := release.Recompose("default")
		if err != nil {
			t.Fatal(err)
		}
		objects := map[string]map[string]any{"ConfigMap/theirs": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "theirs"}, "data": map[string]any{"a": "b"}}}
		for key, body := range shipped {
			if !strings.HasPrefix(key, "Secret/") && key != "Service/grafana" {
				objects[key] = tree.WithoutNulls(body).(map[string]any)
				tree.At(objects[key], "metadata")["labels"] = map[string]any{"deploy": "sourcegraph", "a.b/c": "d~e"}
			}
		}
		worker := tree.Items(tree.At(tree.Pods(objects["Deployment/worker"]), "spec")["containers"])[0]
		worker["env"] = append([]any{map[string]any{"name": "THEIRS", "value": "x"}}, tree.List(worker["env"])...)
		base := t.TempDir()
		var names []any
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			name := strings.NewReplacer("/", "-", ":", "-").Replace(key) + ".yaml"
			writeYAML(t, filepath.Join(base, name), objects[key])
			names = append(names, name)
		}
		writeYAML(t, filepath.Join(base, "kustomization.yaml"), map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names})
		builds(t, version, base)
	}
}

// TestKustomizeByTheBase is the same with Sourcegraph's own base. Nothing of it is in this repository.
func TestKustomizeByTheBase(t *testing.T) {
	repository := os.Getenv("BERTH_KUSTOMIZE_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_KUSTOMIZE_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-k8s")
	}
	needsKustomize(t)
	for _, version := range []string{"5.0.6", "6.12.5040", "7.2.1943"} {
		builds(t, version, filepath.Join(checkedOut(t, repository, "base", "v"+version), "base"))
	}
}

// builds ejects each config to a base, and builds the overlay.
func builds(t *testing.T, version, base string) {
	t.Helper()
	official := built(t, base)
	for name, text := range kustomizeCases {
		t.Run(version+"/"+name, func(t *testing.T) {
			set, _ := rendered(t, version, text)
			dir := t.TempDir()
			place, err := filepath.Rel(dir, base)
			if err != nil {
				t.Fatal(err)
			}
			r, err := eject.Kustomize(set, eject.Base{Place: place, Objects: official})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f.Path)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, f.Path), f.Content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			made := built(t, dir)
			if differs := eject.Built(set, made); len(differs) > 0 {
				t.Errorf("another installation: %+v", []diag.Diagnostic(differs))
			}
			// The proof can fail: an object less, and one that is different.
			if differs := eject.Built(set, made[1:]); len(differs) != 1 {
				t.Errorf("without an object: %v", differs)
			}
			tree.At(made[0], "metadata", "labels")["changed"] = "yes"
			if differs := eject.Built(set, made); len(differs) != 1 {
				t.Errorf("with another object: %v", differs)
			}
		})
	}
}

// TestKustomizeRefuses what is no base of the release.
func TestKustomizeRefuses(t *testing.T) {
	set, _ := rendered(t, "7.5.4453", "")
	old, _ := rendered(t, "7.4.0", "")
	for want, objects := range map[string][]map[string]any{"git checkout v7.5.4453": {old.Find("StatefulSet/gitserver").Body}, "no StatefulSet gitserver": nil} {
		_, err := eject.Kustomize(set, eject.Base{Place: "../base", Objects: objects})
		if problems, ok := err.(diag.List); !ok || !strings.Contains(problems[0].Summary+problems[0].Hint, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func needsKustomize(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("kustomize"); err != nil {
		t.Skip("NOT CHECKED: kustomize is not on the PATH; make test builds it")
	}
}

// built is what kustomize makes of a folder.
func built(t *testing.T, dir string) (out []map[string]any) {
	t.Helper()
	text, err := exec.Command("kustomize", "build", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("kustomize build: %v\n%s", err, text)
	}
	objects := objectsOf(t, text)
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		out = append(out, objects[key])
	}
	return out
}

func writeYAML(t *testing.T, name string, v any) {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
