package forms

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// helmValues returns values with which Sourcegraph's own chart of the same release makes the same objects. What the chart has no value for
// is a problem, and then there are no values: an incomplete file would look complete.
func (in *Input) helmValues() ([]stack.File, error) {
	v, err := in.Values()
	if err != nil {
		return nil, err
	}
	if len(v.Lost) > 0 {
		return nil, byLine(v.Lost)
	}
	return []stack.File{
		{Path: "values.yaml", Content: yaml.Encode(v.comment(MadeBy, in.Release.Version), v.Tree)},
		{Path: "README.md", Content: in.valuesReadme()},
	}, nil
}

// Values are values for Sourcegraph's own chart, of the release of the set.
type Values struct {
	Tree  map[string]any
	Notes []string  // what the chart does additionally with them, without harm
	Lost  diag.List // BERTH3601: what the chart has no value for
	// Moved are the objects, by their keys, whose pods get the same variables in another order: the chart writes those of values in the middle.
	Moved []string
}

// Values translates each difference between the set's objects and those of Sourcegraph's own chart.
func (in *Input) Values() (*Values, error) {
	t, err := in.translation()
	if err != nil {
		return nil, err
	}
	for _, step := range []func(){t.switches, t.ingress, t.secrets, t.configMaps, t.accounts, t.added, t.objects, t.agree, t.sameSums, t.leftOver} {
		step()
	}
	return &Values{Tree: t.values, Notes: t.notes, Lost: t.lost, Moved: tree.Keys(t.moved)}, nil
}

func (in *Input) valuesReadme() []byte {
	return in.readme("Values for Sourcegraph's own Helm chart, with which it makes the objects that sourcegraph.yaml asks for.", in.Expected(), in.Set.Namespace, guardInValues,
		"helm repo add sourcegraph https://helm.sourcegraph.com/release\nhelm upgrade --install sourcegraph sourcegraph/sourcegraph --version "+
			in.Set.Release+" --values values.yaml --namespace "+in.Set.Namespace)
}

// translation turns differences into values. Each step removes what it translated from the difference, so what is left at the end has no
// value.
type translation struct {
	*Input
	release *catalogue.Release
	ours    map[string]*kubernetes.Object // copies
	chart   map[string]map[string]any     // the chart's objects with default values, and what values change in them
	values  map[string]any
	demands map[string]*demand
	extra   []any
	moved   map[string]bool // see Values.Moved
	notes   []string        // what the chart does additionally, without harm
	lost    diag.List
}

// demand is what objects need of one value. Several objects may share it.
type demand struct {
	shipped any
	wanted  []any
	objects []*kubernetes.Object
}

func (in *Input) translation() (*translation, error) {
	release, values := in.Release, map[string]any{}
	if jaeger := func(o *kubernetes.Object) bool { return o.Service == catalogue.Jaeger }; slices.ContainsFunc(in.objects(), jaeger) {
		values["jaeger"] = map[string]any{"enabled": true}
		release = release.With(catalogue.Jaeger)
	}
	shipped, err := release.Recompose(in.Set.Namespace)
	if err != nil {
		return nil, err
	}
	t := &translation{Input: in, release: release, ours: map[string]*kubernetes.Object{}, chart: map[string]map[string]any{}, values: values, demands: map[string]*demand{}, moved: map[string]bool{}}
	for key, body := range shipped {
		t.chart[key] = normal(body)
	}
	for _, o := range in.objects() {
		body := normal(plain(o))
		if o.Secret() {
			delete(body, "data")
		}
		t.ours[o.Key()] = &kubernetes.Object{Body: body, Service: o.Service, Values: o.Values, Origins: o.Origins}
	}
	return t, nil
}

// normal copies an object without its ownership labels.
func normal(v any) map[string]any {
	body := tree.WithoutNulls(v).(map[string]any)
	metadata := tree.At(body, "metadata")
	delete(metadata, "namespace")
	if kind := body["kind"]; (kind == "Deployment" || kind == "StatefulSet") && tree.At(body, "spec")["replicas"] == nil {
		tree.At(body, "spec")["replicas"] = 1 // the API server's default
	}
	labels := tree.At(metadata, "labels")
	for _, name := range []string{kubernetes.LabelInstallation, kubernetes.LabelRelease, kubernetes.LabelService, kubernetes.LabelNamespace, kubernetes.LabelManager, kubernetes.LabelChart} {
		delete(labels, name)
	}
	return body
}

// set sets a value.
func (t *translation) set(path string, v any) {
	keys := strings.Split(path, ".")
	tree.At(t.values, keys[:len(keys)-1]...)[keys[len(keys)-1]] = v
}

// want records the value that an object needs; agree decides.
func (t *translation) want(path string, shipped, wanted any, o *kubernetes.Object) {
	d := t.demands[path]
	if d == nil {
		d = &demand{shipped: shipped}
		t.demands[path] = d
	}
	d.wanted = append(d.wanted, wanted)
	d.objects = append(d.objects, o)
}

// agree sets the values that all their objects need.
func (t *translation) agree() {
	for _, path := range tree.Keys(t.demands) {
		d := t.demands[path]
		agreed := !slices.ContainsFunc(d.wanted, func(v any) bool { return !same(v, d.wanted[0]) })
		switch {
		case !agreed:
			t.unsupported(d.objects[0], "has one value for all: "+path)
		case !same(d.shipped, d.wanted[0]):
			t.set(path, override(d.shipped, d.wanted[0]))
		}
	}
	if hook := t.guardHook(helmHook()); hook != nil {
		t.extra = append(t.extra, escaped(hook.Body))
	}
	if len(t.extra) > 0 {
		t.values["extraResources"] = t.extra
	}
}

// beside records what the chart does additionally, without harm.
func (t *translation) beside(what string) { t.notes = append(t.notes, what) }

// comment is the head of a file of values.
func (v *Values) comment(head, release string) string {
	text := head + "\nValues for Sourcegraph's own Helm chart, version " + release + "."
	for _, note := range v.Notes {
		text += "\nWith them the chart " + note + "."
	}
	return text
}

// unsupported records what the chart can't make.
func (t *translation) unsupported(o *kubernetes.Object, what string) {
	p := diag.Diagnostic{Code: "BERTH3601", Severity: diag.Error, Subject: o.Key(), Summary: "Sourcegraph's chart " + what,
		Hint: "render another form, such as --as helm; or remove the setting from sourcegraph.yaml"}
	if len(o.Origins) > 0 {
		p.Range = o.Origins[len(o.Origins)-1].Range
	}
	t.lost = append(t.lost, p)
}

// byLine makes one problem of all that have the same cause, which is a line of the config.
func byLine(lost diag.List) diag.List {
	var out diag.List
	first := map[diag.Range]int{}
	for _, p := range lost {
		i, seen := first[p.Range]
		if p.Range == (diag.Range{}) || !seen {
			first[p.Range] = len(out)
			out = append(out, p)
			continue
		}
		if out[i].Detail == nil {
			out[i].Detail = []string{out[i].Subject + ": the chart " + strings.TrimPrefix(out[i].Summary, "Sourcegraph's chart ")}
			out[i].Summary = "Sourcegraph's chart has no value for this line"
		}
		out[i].Detail = append(out[i].Detail, p.Subject+": the chart "+strings.TrimPrefix(p.Summary, "Sourcegraph's chart "))
	}
	return out
}

// leftOver reports all differences that no step translated.
func (t *translation) leftOver() {
	for _, key := range tree.Keys(t.chart) {
		o := t.ours[key]
		if o == nil {
			t.unsupported(&kubernetes.Object{Body: t.chart[key]}, "can't leave it out")
			continue
		}
		for _, path := range differences("", t.chart[key], o.Body) {
			t.unsupported(o, "has no value for "+path)
		}
	}
}

// same reports whether two trees mean the same; empty values mean nothing.
func same(a, b any) bool { return reflect.DeepEqual(tree.Slim(a), tree.Slim(b)) }

// override is what Helm has to merge over one tree to get another: null removes.
func override(shipped, wanted any) any {
	from, ok := shipped.(map[string]any)
	to, both := wanted.(map[string]any)
	if !ok || !both {
		return wanted
	}
	out := map[string]any{}
	for key, value := range to {
		if !same(from[key], value) {
			out[key] = override(from[key], value)
		}
	}
	for key := range from {
		if _, kept := to[key]; !kept {
			out[key] = nil
		}
	}
	return out
}

// differences lists the places where two trees differ. Items of lists with names are compared by name.
func differences(path string, a, b any) []string {
	if same(a, b) {
		return nil
	}
	x, isMap := a.(map[string]any)
	y, bothMaps := b.(map[string]any)
	if l, ok := a.([]any); ok {
		if m, ok := b.([]any); ok && tree.MergeKey(l, m) == "name" {
			x, y, isMap, bothMaps = byName(l), byName(m), true, true
		}
	}
	if !isMap || !bothMaps {
		return []string{path}
	}
	var out []string
	all := map[string]bool{}
	for key := range x {
		all[key] = true
	}
	for key := range y {
		all[key] = true
	}
	for _, key := range tree.Keys(all) {
		out = append(out, differences(strings.TrimPrefix(path+"."+key, "."), x[key], y[key])...)
	}
	return out
}

func byName(list []any) map[string]any {
	out := map[string]any{}
	for _, item := range tree.Items(list) {
		out[tree.Text(item, "name")] = item
	}
	return out
}

// escaped is a tree whose texts Helm does not change: some values are templates.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "{{", "{{`{{`}}")
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = escaped(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = escaped(value)
		}
		return out
	}
	return v
}

// since reports whether the release is of a minor or of a later one.
func (t *translation) since(minor string) bool {
	return catalogue.CompareVersions(t.release.Version, minor+".0") >= 0
}

// plainValue is the value of a Secret's key, when it is no secret.
func plainValue(parts []stack.Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

func decoded(v any) string {
	encoded, _ := v.(string)
	text, _ := base64.StdEncoding.DecodeString(encoded) // as the catalogue encoded it
	return string(text)
}

// keyOf is an object's key by its kind and name.
func keyOf(kind, name string) string { return fmt.Sprintf("%s/%s", kind, name) }
