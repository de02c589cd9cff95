package kubernetes_test

import (
	"encoding/base64"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/render/yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(t *testing.T, version, text string) *kubernetes.Set {
	t.Helper()
	set, problems := kubernetes.Render(rendertest.Resolve(t, version, text), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

// written is a set as one text.
func written(set *kubernetes.Set) string {
	var b strings.Builder
	for _, o := range set.Objects {
		b.Write(yaml.Encode(o.Key()+" "+o.Service+" after "+strings.Join(o.Needs, " "), o.Body))
		for _, key := range slices.Sorted(maps.Keys(o.Values)) {
			b.WriteString("# value " + key + ":")
			for _, p := range o.Values[key] {
				if p.Secret != "" {
					b.WriteString(" {" + p.Secret + "}")
				} else {
					b.WriteString(" " + strings.ReplaceAll(p.Text, "\n", "\\n"))
				}
			}
			b.WriteString("\n")
		}
		b.WriteString("---\n")
	}
	return b.String()
}

// TestGoldenFeatures: each golden file has the difference between a feature's objects and those of the release's defaults, so that a
// reviewer sees only that.
func TestGoldenFeatures(t *testing.T) {
	const version = "7.5.4453"
	defaults := written(render(t, version, ""))
	for name, text := range rendertest.Cases {
		t.Run(name, func(t *testing.T) {
			now := written(render(t, version, text))
			if now == defaults {
				t.Error("the config changes nothing")
			}
			golden(t, name+".diff", string(diff.Diff("defaults", []byte(defaults), name, []byte(now))))
		})
	}
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff("golden", want, "now", []byte(text)); d != nil {
		t.Errorf("%s: not as the golden file says; if this is right: make golden\n%s", name, d)
	}
}

// TestUntouchedIsTheChart: with the default config, the objects of every release are those of Sourcegraph's chart, except for what
// catalogue/intended.yaml gives reasons for.
func TestUntouchedIsTheChart(t *testing.T) {
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if catalogue.Minor(v.Version) == "7.5" || strings.HasSuffix(v.Version, ".0") {
			t.Run(v.Version, func(t *testing.T) { chart(t, v.Version) })
		}
	}
}

func chart(t *testing.T, version string) {
	rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	want, err := rel.Recompose("sg")
	if err != nil {
		t.Fatal(err)
	}
	delete(want, "StorageClass/sourcegraph")
	for _, o := range render(t, version, "").Objects {
		if o.OneShot {
			continue
		}
		shipped, _ := want[o.Key()].(map[string]any)
		delete(want, o.Key())
		if shipped == nil {
			t.Errorf("%s is not in the chart", o.Key())
			continue
		}
		if diff := cmp.Diff(comparable(shipped), comparable(o.Body)); diff != "" {
			t.Errorf("%s: chart (-), berth (+)\n%s", o.Key(), diff)
		}
		for key, parts := range o.Values {
			encoded, _ := shipped["data"].(map[string]any)[key].(string)
			plain, _ := base64.StdEncoding.DecodeString(encoded)
			if parts[0].Secret == "" && parts[0].Text != string(plain) {
				t.Errorf("%s: %s is %q, in the chart %q", o.Key(), key, parts[0].Text, plain)
			}
			if parts[0].Secret != "" && key != "password" {
				t.Errorf("%s: %s is generated, in the chart %q", o.Key(), key, plain)
			}
		}
	}
	for key := range want {
		t.Errorf("%s of the chart is missing", key)
	}
}

// comparable removes intended differences: ownership labels, the namespace, nulls, the class of volumes, the host of the ingress.
func comparable(v any) any {
	m, ok := v.(map[string]any)
	if l, isList := v.([]any); isList {
		out := make([]any, len(l))
		for i := range l {
			out[i] = comparable(l[i])
		}
		return out
	}
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, value := range m {
		switch {
		case value == nil, key == "storageClassName", key == "host" && m["http"] != nil, key == "namespace", key == "data" && m["kind"] == "Secret":
			continue
		case key == "labels":
			labels := map[string]any{}
			for name, label := range value.(map[string]any) {
				if !strings.HasPrefix(name, "dev.berth.") && name != "helm.sh/chart" && name != "app.kubernetes.io/managed-by" {
					labels[name] = label
				}
			}
			if len(labels) > 0 {
				out[key] = labels
			}
			continue
		}
		out[key] = comparable(value)
	}
	return out
}

// newestOfMinors are the newest releases of all minors, the newest first.
func newestOfMinors() []string {
	var versions []string
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) { // the newest first
		if len(versions) == 0 || catalogue.Minor(versions[len(versions)-1]) != catalogue.Minor(v.Version) {
			versions = append(versions, v.Version)
		}
	}
	return versions
}

// TestOnlyTheFrontendOpensDatabases: in every release all other services that need the schema ask the frontend where it is.
func TestOnlyTheFrontendOpensDatabases(t *testing.T) {
	for _, version := range newestOfMinors() {
		var impatient []string
		patient := 0
		for _, o := range render(t, version, "").Objects {
			switch {
			case o.Patient:
				patient++
			case !o.OneShot && len(o.Needs) > 0:
				impatient = append(impatient, o.Key())
			}
		}
		if !slices.Equal(impatient, []string{"Deployment/sourcegraph-frontend"}) || patient < 5 {
			t.Errorf("%s: %d objects wait for the frontend, and these don't: %v", version, patient, impatient)
		}
	}
}
