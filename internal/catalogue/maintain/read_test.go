package maintain

import (
	"strings"
	"testing"

	"berth/catalogue"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	r := composeReader{shards: []string{"frontend", "gitserver"}, rules: &rules{}}
	r.rules.Env.Identity, r.rules.Env.Single = []string{"HOSTNAME"}, []string{"ONE_URL"}
	list := func(join string, items ...catalogue.Item) catalogue.Value {
		return catalogue.Value{Join: join, Items: items}
	}
	for _, test := range []struct {
		name, value string
		scalable    bool
		want        catalogue.Value
	}{
		{"PLAIN", "pgsql", false, catalogue.Value{Text: "pgsql"}},
		{"VERSION", "v-0", false, catalogue.Value{Text: "v-0"}},
		{"LIST", "gitserver-0:3178", false, list(" ", catalogue.Item{Each: "gitserver", Text: "gitserver-{i}:3178"})},
		{"URLS", "http://gitserver-0:1 http://fixed:1", false,
			list(" ", catalogue.Item{Each: "gitserver", Text: "http://gitserver-{i}:1"}, catalogue.Item{Text: "http://fixed:1"})},
		{"HOSTNAME", "gitserver-0:6070", true, catalogue.Value{Text: "gitserver-{i}:6070"}},
		{"ONE_URL", "http://frontend-0:3080", false, catalogue.Value{Text: "http://frontend-0:3080"}},
		{"JSON", `[ { "Name": "f-0", "Host": "frontend-0:6060" }, { "Name": "f-internal-0", "Host": "internal:1" } ]`, false,
			list("json", catalogue.Item{Each: "frontend", Text: `{"Name":"f-{i}","Host":"frontend-{i}:6060"}`},
				catalogue.Item{Text: `{"Name":"f-internal-0","Host":"internal:1"}`})},
	} {
		if diff := cmp.Diff(test.want, r.value(test.name, test.value, test.scalable)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestNumbered(t *testing.T) {
	for text, want := range map[string]string{
		"gitserver-0": "gitserver-{i}", "zoekt-0-shared": "zoekt-{i}-shared", "zoekt-webserver-0:6070": "zoekt-webserver-{i}:6070", "disk-01": "disk-01",
	} {
		if got := numbered(text, true); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if got := numbered(text, false); got != text {
			t.Errorf("%s became %s in a service that is not scalable", text, got)
		}
	}
}

func TestSettings(t *testing.T) {
	got := catalogue.ReadPostgresConf([]byte("# c = 1\nshared_buffers = 1GB  # more\nshared_buffers=2GB\nlibs = ''\nDateStyle 'iso, mdy'\nquote = 'it''s # x' # c\n\n"))
	want := map[string]string{"shared_buffers": "2GB", "libs": "", "datestyle": "iso, mdy", "quote": "it's # x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, catalogue.ReadPostgresConf([]byte(catalogue.PostgresConf(got)))); diff != "" {
		t.Errorf("written and read again: %s", diff)
	}
}

func TestDirectives(t *testing.T) {
	got := directives([]byte("# about\n:80\n\nreverse_proxy {\n\tto {$A} # the frontends\n\t# no\n}\n"))
	if diff := cmp.Diff([]string{":80", "reverse_proxy {", "  to {$A}", "}"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMergePatch(t *testing.T) {
	from := map[string]any{"same": 1, "gone": 2, "map": map[string]any{"a": 1, "b": 2}, "list": []any{1}, "null": nil}
	to := map[string]any{"same": 1, "map": map[string]any{"a": 3, "b": 2, "c": nil}, "list": []any{2}, "null": nil, "new": map[string]any{"x": nil}}
	want := map[string]any{"gone": nil, "map": map[string]any{"a": 3, "c": catalogue.Null}, "list": []any{2}, "new": map[string]any{"x": catalogue.Null}}
	if diff := cmp.Diff(want, mergePatch(from, to)); diff != "" {
		t.Error(diff)
	}
	if patch := mergePatch(from, from); patch != nil {
		t.Errorf("patch to the same: %v", patch)
	}
}

func TestImages(t *testing.T) {
	at := func(version, compose, helm string) *patch {
		forms := map[catalogue.Target]*form{catalogue.Compose: {images: map[string]string{"a": compose}}}
		if helm != "" {
			forms[catalogue.Kubernetes] = &form{images: map[string]string{"a": helm}}
		}
		return &patch{version: version, forms: forms}
	}
	patches := []*patch{at("1.0.0", "hub/a:1.0.0@sha256:1", "hub/a:1.0.0@sha256:9"), at("1.0.1", "hub/a:old@sha256:2", ""), at("1.0.2", "inner/a:1.0.2@sha256:3", "")}
	image := images(patches)["a"]
	want := catalogue.Image{
		Repository: "hub/a",
		Digests:    map[string]string{"1.0.0": "sha256:1", "1.0.1": "old@sha256:2", "1.0.2": "inner/a:1.0.2@sha256:3"},
		Kubernetes: map[string]string{"1.0.0": "sha256:9"},
	}
	if diff := cmp.Diff(want, image); diff != "" {
		t.Error(diff)
	}
	for _, p := range patches {
		for target, form := range p.forms {
			if got := image.Reference(p.version, target); got != form.images["a"] {
				t.Errorf("%s on %s: got %s, want %s", p.version, target, got, form.images["a"])
			}
		}
	}
}

// TestOverlays: an overlay adds services and changes objects of others. It is refused where the catalogue can't express what it does.
func TestOverlays(t *testing.T) {
	deployment := func(name, command string) map[string]any {
		return parse(t, "{kind: Deployment, metadata: {name: "+name+"}, spec: {template: {spec: {tolerations: null, containers: [{name: "+name+", image: 'hub/"+name+":1', command: ["+command+"]}]}}}}")
	}
	base := func() map[string]any {
		return map[string]any{"Deployment/collector": deployment("collector", "log"), "ConfigMap/c": map[string]any{"kind": "ConfigMap", "data": map[string]any{"a": "1"}}}
	}
	over := base()
	over["Deployment/collector"], over["Deployment/jaeger"] = deployment("collector", "jaeger"), deployment("jaeger", "run")
	f, err := kubernetesForm(&charts{objects: base(), overlays: map[string]map[string]any{"jaeger": over}}, "1.0.0", &rules{})
	if err != nil {
		t.Fatal(err)
	}
	if f.services["jaeger"].Kubernetes.Overlay != "jaeger" || f.services["collector"].Kubernetes.Overlay != "" {
		t.Errorf("services: %v", f.services)
	}
	r := &catalogue.Release{Services: f.services, Objects: f.objects, ObjectOverlays: f.objectOverlays, Images: map[string]string{"collector": "c", "jaeger": "j"}}
	for overlay, want := range map[string]string{"": "log", "jaeger": "jaeger"} {
		objects, err := r.With(overlay).Recompose("ns")
		if err != nil {
			t.Fatal(err)
		}
		containers, _ := at(objects["Deployment/collector"], "spec", "template", "spec", "containers").([]any)
		if command := at(containers[0], "command"); !cmp.Equal(command, []any{want}) || (objects["Deployment/jaeger"] != nil) != (overlay != "") {
			t.Errorf("%q: the collector runs %v; %d objects", overlay, command, len(objects))
		}
	}
	missing, data := base(), base()
	delete(missing, "Deployment/collector")
	data["ConfigMap/c"] = map[string]any{"kind": "ConfigMap", "data": map[string]any{"a": "2"}}
	for want, objects := range map[string]map[string]any{"Deployment/collector is missing": missing, "ConfigMap/c has other data": data} {
		if _, err := kubernetesForm(&charts{objects: base(), overlays: map[string]map[string]any{"o": objects}}, "1.0.0", &rules{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
