package forms_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/forms"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/stack"
	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// confirmed are the configs whose forms the real tools read, on the releases of confirmedReleases.
var confirmed = map[string]string{
	"untouched":      "",
	"demo":           "size: demo",
	"replicas":       rendertest.Cases["replicas"],
	"limits":         "services: {gitserver: {cpu: 500m, memory: 16Gi, storage: 1Ti}, pgsql: {memory: 900Mi, storage: 500Gi}, worker: {cpuRequest: 1, memoryRequest: 3Gi}}",
	"env":            rendertest.Cases["env"],
	"disabled":       rendertest.Cases["disabled"],
	"insights-off":   rendertest.Cases["insights-off"],
	"tracing-off":    rendertest.Cases["tracing-off"],
	"agent-off":      rendertest.Cases["agent-off"],
	"monitoring-off": rendertest.Cases["monitoring-off"],
	"prometheus-off": rendertest.Cases["prometheus-off"],
	"database":       rendertest.Cases["database"],
	"settings":       rendertest.Cases["settings"],
	"redis":          rendertest.Cases["redis"],
	"redis-ca":       rendertest.Cases["redis-ca"],
	"certificates":   rendertest.Cases["certificates"],
	"gcs-identity":   rendertest.Cases["gcs-identity"],
	"s3-identity":    rendertest.Cases["s3-identity"],
	"object-storage": rendertest.Cases["object-storage"],
	"tls":            rendertest.Cases["tls"],
	"proxy":          rendertest.Cases["proxy"],
	"site-config":    rendertest.Cases["site-config"],
	"registry":       rendertest.Cases["registry"],
	"ingress":        rendertest.Cases["ingress"],
	"gce":            rendertest.Cases["gce"],
	"no-ingress":     "kubernetes: {ingress: {enabled: false}, service: {type: LoadBalancer, annotations: {a: b}}}",
	"placement":      "kubernetes: {pods: {nodeSelector: {disk: ssd}, tolerations: [{key: dedicated, operator: Exists}], labels: {team: code}, annotations: {text: \"{{ x }}\"}}}",
	"storage-class":  rendertest.Cases["storage-class"],
	"existing-class": rendertest.Cases["existing-class"],
	"budgets":        rendertest.Cases["budgets"],
	"network-policy": rendertest.Cases["network-policy"],
	"existing":       rendertest.Cases["existing-secrets"],
	"accounts":       rendertest.Cases["workload-identity"],
	"objects":        rendertest.Cases["objects"],
	"name":           rendertest.Cases["name"],
	"istio":          rendertest.Cases["istio"],
	"restricted":     rendertest.Cases["restricted"],
	"openshift":      rendertest.Cases["openshift"],
	"namespaced":     rendertest.Cases["namespaced"],
	"baseline":       rendertest.Cases["baseline"],
	"single-node":    rendertest.Cases["single-node"],
	"priority":       "kubernetes: {pods: {priorityClass: high}}",
	"run-as":         rendertest.Cases["run-as"],
	"git":            rendertest.Cases["git"],
	"collector":      rendertest.Cases["collector"],
	"jaeger":         rendertest.Cases["jaeger"],
	"executors":      rendertest.Cases["executors"],
	"patch":          rendertest.Cases["patch"],
}

// noValues are the configs that Sourcegraph's own chart has no values for before a release, or never.
var noValues = map[string]string{"restricted": "never", "openshift": "never", "namespaced": "7.3.0", "name": "6.6.0", "baseline": "7.3.0", "priority": "6.12.0", "agent-off": "7.3.0", "certificates": "5.3.0",
	"run-as": "never", "collector": "never", "patch": "never", "no-ingress": "never"}

const newestShape = "7.5.4453"

// confirmedReleases are releases with charts of each shape: the newest shape for every config, the two older ones in turn. For the default config
// they are the last of each minor. With the official chart, which takes ten minutes, all are all.
func confirmedReleases(t *testing.T, name string) []string {
	t.Helper()
	if shapes := []string{"5.0.6", "6.0.0", newestShape}; name != "untouched" {
		if os.Getenv("BERTH_HELM_REPOSITORY") == "" {
			at := slices.Index(slices.Sorted(maps.Keys(confirmed)), name) % 2
			return []string{shapes[at], newestShape}
		}
		return shapes
	}
	var all []string
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if os.Getenv("BERTH_HELM_REPOSITORY") == "" && len(all) > 0 && catalogue.Minor(all[len(all)-1]) == catalogue.Minor(v.Version) {
			all[len(all)-1] = v.Version
			continue
		}
		all = append(all, v.Version)
	}
	return all
}

// TestFormsAgree: what the real tools make from each form equals what berth applies itself.
func TestFormsAgree(t *testing.T) {
	for _, tool := range []string{"helm", "kustomize"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT CHECKED: %s is not on the PATH; make test builds it", tool)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(confirmed)) {
		for _, version := range confirmedReleases(t, name) {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				in := input(t, version, confirmed[name])
				want := map[string]any{}
				for _, o := range in.Set.Objects {
					if !o.OneShot && !o.Secret() {
						want[o.Key()] = o.Whole(nil)
					}
				}
				t.Run("manifests", func(t *testing.T) { sameObjects(t, want, unguarded(t, in, manifests(t, in))) })
				if version == newestShape || name == "untouched" { // a base is the manifests in other files, whatever the release
					t.Run("kustomize", func(t *testing.T) { sameObjects(t, want, unguarded(t, in, kustomized(t, in))) })
				}
				t.Run("helm", func(t *testing.T) { sameObjects(t, want, unguarded(t, in, charted(t, version, confirmed[name]))) })
				t.Run("helm-values", func(t *testing.T) { valued(t, name, version, in, want) })
			})
		}
	}
}

func input(t *testing.T, version, text string, namespace ...string) *forms.Input {
	t.Helper()
	release, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	s := rendertest.Resolve(t, version, text, namespace...)
	set, problems := kubernetes.Render(s, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	guard := &forms.Guard{Image: "registry.example.com/pgsql:" + version, After: []string{"7.4.0-", "7.5.0-4453"}}
	return &forms.Input{Set: set, Release: release, Sources: s.Secrets, Guard: guard}
}

// unguarded removes the guard from objects, where it must be: first in the frontend's pods, last before each database starts.
func unguarded(t *testing.T, in *forms.Input, objects map[string]any) map[string]any {
	t.Helper()
	for key, o := range objects {
		body := o.(map[string]any)
		kind, name, _ := strings.Cut(key, "/")
		front := name == "sourcegraph-frontend" && kind == "Deployment"
		if !front && (!slices.Contains(stack.Databases(), name) || kind != "StatefulSet" && kind != "Deployment") {
			continue
		}
		spec := tree.At(tree.Pods(body), "spec")
		list := tree.List(spec["initContainers"])
		at := len(list) - 1
		if front {
			at = 0
		}
		guard, _ := list[at].(map[string]any)
		if guard["name"] != "guard" {
			t.Errorf("%s: its init container %d is %v, not the guard", key, at, guard["name"])
			continue
		}
		beside := tree.Named(spec["containers"], "frontend")
		if front {
			beside = tree.Named(list, "migrator")
		}
		if front && !cmp.Equal(plainly("", guard["securityContext"]), plainly("", beside["securityContext"])) {
			t.Errorf("%s: the guard runs as %v, the migrator as %v", key, guard["securityContext"], beside["securityContext"])
		}
		for _, e := range tree.Items(guard["env"]) {
			if variable := tree.Named(beside["env"], tree.Text(e, "name")); variable != nil && !cmp.Equal(plainly("", e), plainly("", variable)) {
				t.Errorf("%s: the guard reads %v, the migrator %v", key, e, variable)
			}
		}
		if after := tree.Text(tree.Named(guard["env"], "AFTER"), "value"); front && after != strings.Join(in.Guard.After, " ") {
			t.Errorf("%s: the guard allows %q", key, after)
		}
		list = slices.Delete(slices.Clone(list), at, at+1)
		if spec["initContainers"] = list; len(list) == 0 {
			delete(spec, "initContainers")
		}
	}
	return objects
}

func manifests(t *testing.T, in *forms.Input) map[string]any {
	files, _, err := forms.Render("manifests", in)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range files {
		if strings.HasSuffix(f.Path, ".yaml") && !strings.Contains(f.Path, "/") { // kubectl apply -f . does not read subfolders
			all = append(append(all, f.Content...), "---\n"...)
		}
	}
	return split(t, all)
}

func kustomized(t *testing.T, in *forms.Input) map[string]any {
	files, once, err := forms.Render("kustomize", in)
	if err != nil {
		t.Fatal(err)
	}
	return split(t, tool(t, "kustomize", "build", filepath.Join(folderOf(t, append(files, once...)), "overlay")))
}

func charted(t *testing.T, version, text string) map[string]any {
	files, _, err := forms.Render("helm", input(t, version, text, forms.ChartNamespace))
	if err != nil {
		t.Fatal(err)
	}
	dir := folderOf(t, files)
	tool(t, "helm", "lint", "--strict", dir)
	objects := split(t, tool(t, "helm", "template", "sourcegraph", dir, "--namespace", "sg"))
	for key, o := range objects {
		metadata := o.(map[string]any)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations["helm.sh/resource-policy"] == "keep" && strings.HasPrefix(key, "Secret/") {
			delete(objects, key) // generated in the cluster
		}
		delete(annotations, "helm.sh/resource-policy")
	}
	return objects
}

// valued renders the official chart with our values.
func valued(t *testing.T, name, version string, in *forms.Input, want map[string]any) {
	files, _, err := forms.Render("helm-values", in)
	var lost diag.List
	if errors.As(err, &lost) {
		if first := noValues[name]; first != "never" && catalogue.CompareVersions(version, first) >= 0 {
			t.Errorf("values are lost: %v", lost)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := split(t, tool(t, "helm", "template", "sourcegraph", officialChart(t, version), "--namespace", "sg",
		"--values", filepath.Join(folderOf(t, files), "values.yaml")))
	sameObjects(t, want, withoutBesides(t, files[0].Content, got))
}

// withoutBesides removes the objects that, according to a comment of our values, the chart makes additionally.
func withoutBesides(t *testing.T, values []byte, got map[string]any) map[string]any {
	head, _, _ := strings.Cut(string(values), "\n\n")
	for line := range strings.Lines(head) {
		note, ok := strings.CutPrefix(line, "# With them the chart ")
		if !ok {
			continue
		}
		switch words := strings.Fields(note); {
		case strings.HasPrefix(note, "makes the ConfigMap otel-agent,"):
			delete(got, "ConfigMap/otel-agent")
		case strings.HasPrefix(note, "gives these annotations"):
			metadata := got["Service/sourcegraph-frontend-internal"].(map[string]any)["metadata"].(map[string]any)
			delete(metadata, "annotations")
		case strings.HasPrefix(note, "makes the Secret codeinsights-db-auth,"):
			delete(got, "Secret/codeinsights-db-auth")
			withoutInsights(got["Deployment/sourcegraph-frontend"])
		case strings.HasPrefix(note, "gives the migrator the variable"):
			spec := got["Deployment/sourcegraph-frontend"].(map[string]any)["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
			migrator := spec["initContainers"].([]any)[0].(map[string]any)
			migrator["env"] = slices.DeleteFunc(migrator["env"].([]any), func(e any) bool {
				return e.(map[string]any)["name"] == strings.TrimSuffix(words[5], ",")
			})
		default:
			t.Errorf("the test does not know: %s", note)
		}
	}
	return got
}

// withoutInsights removes the variables of Code Insights' database from all containers.
func withoutInsights(object any) {
	spec := tree.At(tree.Pods(object.(map[string]any)), "spec")
	for _, c := range tree.Containers(spec) {
		c["env"] = slices.DeleteFunc(c["env"].([]any), func(e any) bool {
			return strings.HasPrefix(e.(map[string]any)["name"].(string), "CODEINSIGHTS_PG")
		})
	}
}

// officialChart is Sourcegraph's own chart. Nothing of it is in this repository.
func officialChart(t *testing.T, version string) string {
	t.Helper()
	repository := os.Getenv("BERTH_HELM_REPOSITORY")
	if repository == "" {
		t.Skip("NOT CHECKED: BERTH_HELM_REPOSITORY is no clone of github.com/sourcegraph/deploy-sourcegraph-helm")
	}
	dir := t.TempDir()
	for _, tag := range []string{"v" + version, "sourcegraph-" + version} {
		if exec.Command("git", "-C", repository, "rev-parse", "--verify", "--quiet", tag).Run() != nil {
			continue
		}
		archive := exec.Command("tar", "x", "-C", dir)
		archive.Stdin = bytes.NewReader(tool(t, "git", "-C", repository, "archive", tag, "charts/sourcegraph"))
		if out, err := archive.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return filepath.Join(dir, "charts", "sourcegraph")
	}
	t.Fatalf("the repository has no chart %s", version)
	return ""
}

func folderOf(t *testing.T, files []stack.File) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stderr.Bytes(), out)
	}
	return out
}

func split(t *testing.T, stream []byte) map[string]any {
	t.Helper()
	objects := map[string]any{}
	decoder := yaml.NewDecoder(bytes.NewReader(stream))
	for {
		var o map[string]any
		err := decoder.Decode(&o)
		if err == io.EOF {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		metadata, _ := o["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if o == nil || annotations["helm.sh/hook"] != nil {
			continue
		}
		key := o["kind"].(string) + "/" + metadata["name"].(string)
		if objects[key] != nil {
			t.Errorf("two objects are %s", key)
		}
		objects[key] = o
	}
}

// sameObjects compares objects without ownership labels, and without hashes that only restart pods.
func sameObjects(t *testing.T, want, got map[string]any) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] == nil {
			t.Errorf("%s is missing", key)
			continue
		}
		if d := cmp.Diff(plainly("", want[key]), plainly("", got[key])); d != "" {
			t.Errorf("%s: applied by berth (-), by the other tool (+)\n%s", key, d)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == nil {
			t.Errorf("%s is too much", key)
		}
	}
}

// plainly is a tree without empty values and ownership, with lists of named items in one order.
func plainly(under string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if key == "namespace" && under == "metadata" || strings.HasPrefix(key, "checksum/") || key == "dev.berth/config" ||
				strings.HasPrefix(key, "dev.berth.") || key == "helm.sh/chart" || key == "app.kubernetes.io/managed-by" || key == "replicas" && value == 1 {
				continue
			}
			if p := plainly(key, value); p != nil {
				out[key] = p
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		if len(v) == 0 {
			return nil
		}
		byName := map[string]any{}
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plainly("", item)
			m, _ := item.(map[string]any)
			if name, ok := m["name"].(string); ok && (under == "env" || under == "volumes") {
				byName[name] = list[i]
			}
			if path, ok := m["mountPath"].(string); ok {
				byName[path] = list[i]
			}
		}
		if len(byName) == len(v) {
			return byName
		}
		return list
	case string:
		return text(under, v)
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return v
}

// text parses the files in ConfigMaps: comments and the order of settings make no difference.
func text(name, content string) any {
	switch filepath.Ext(name) {
	case ".yml", ".yaml":
		var tree any
		if yaml.Unmarshal([]byte(content), &tree) == nil {
			return plainly("", tree)
		}
	case ".conf":
		settings := map[string]any{}
		for line := range strings.Lines(content) {
			line, _, _ = strings.Cut(line, "#")
			if key, value, ok := strings.Cut(line, "="); ok {
				settings[strings.TrimSpace(key)] = strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), "'"), "''", "'")
			}
		}
		return settings
	}
	return content
}
