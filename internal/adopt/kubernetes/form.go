package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/plan/fields"
	"berth/internal/tree"

	"go.yaml.in/yaml/v4"
)

// former brings objects into the form in which they are compared: lists whose items have names are maps, what says nothing is left out, and the values
// of Secrets are names of values, so that no report can have them.
type former struct{ names map[string]string }

// once takes out of containers' variables those that a later one of the same name replaces: the chart writes some twice, and Kubernetes takes the last.
func once(body map[string]any) {
	for _, c := range tree.Containers(tree.Branch(tree.Pods(body), "spec")) {
		env := tree.List(c["env"])
		for i := len(env) - 1; i >= 0; i-- {
			later := tree.Named(env[i+1:], tree.Text(env[i].(map[string]any), "name"))
			if later != nil {
				env = slices.Delete(slices.Clone(env), i, i+1)
			}
		}
		if env != nil {
			c["env"] = env
		}
	}
}

// keyOf names an object within an installation: "StatefulSet/gitserver".
func keyOf(body map[string]any) string {
	return tree.Text(body, "kind") + "/" + tree.Text(body, "metadata", "name")
}

// form is an object in that form.
func (f *former) form(body map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range fields.Encoded(body) {
		switch name {
		case "apiVersion", "kind", "status", "metadata":
		case "data":
			out[name] = f.data(keyOf(body), tree.Branch(body, name))
		default:
			put(out, name, f.value(name, v))
		}
	}
	kind, metadata := tree.Text(body, "kind"), tree.Branch(body, "metadata")
	for _, name := range []string{"labels", "annotations"} {
		if name != "labels" || kind != "StorageClass" && kind != "ServiceAccount" { // nothing selects these by labels
			put(out, name, said(tree.Branch(metadata, name)))
		}
	}
	if (kind == "Deployment" || kind == "StatefulSet") && tree.Branch(out, "spec") != nil && tree.At(out, "spec")["replicas"] == nil {
		tree.At(out, "spec")["replicas"] = 1 // the API server's default
	}
	return out
}

func put(out map[string]any, name string, v any) {
	if !empty(v) {
		out[name] = v
	}
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// texts are maps whose empty texts say something.
var texts = []string{"matchLabels", "nodeSelector"}

func (f *former) value(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			switch {
			case key == "labels" || key == "annotations":
				put(out, key, said(tree.Branch(v, key)))
			case slices.Contains(texts, name):
				out[key] = value
			case name == "metadata" && fields.Kept(key):
			default:
				put(out, key, f.value(key, value))
			}
		}
		return out
	case []any:
		keys := fields.Keys(name, v)
		if keys == nil {
			return v
		}
		out := map[string]any{}
		for _, item := range v {
			m := item.(map[string]any)
			out[keyText(m, keys)] = f.item(name, m)
		}
		return out
	}
	return v
}

// item is an item of a list. A variable with a value is that value.
func (f *former) item(list string, m map[string]any) any {
	if list == "env" && m["valueFrom"] == nil {
		return tree.Text(m, "value")
	}
	return f.value("", m)
}

func keyText(item map[string]any, keys []string) string {
	var parts []string
	for _, key := range keys {
		parts = append(parts, fields.Plain(fields.KeyValue(item, key)))
	}
	return strings.Join(parts, "/")
}

// records are labels and annotations in which tools and controllers keep their own records. They say nothing of the installation.
var records = []string{"dev.berth.", "dev.berth/", "helm.sh/", "meta.helm.sh/", "app.kubernetes.io/managed-by", "app.kubernetes.io/version",
	fields.LastApplied, "kubectl.kubernetes.io/restartedAt", "deployment.kubernetes.io/", "deprecated.daemonset.template.generation",
	"pv.kubernetes.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "volume.beta.kubernetes.io/", "volume.kubernetes.io/"}

// said are labels or annotations without such records.
func said(all map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range all {
		if !slices.ContainsFunc(records, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			out[name] = v
		}
	}
	return out
}

// data is what a ConfigMap or a Secret has. Comments and order of Postgres' settings mean nothing.
func (f *former) data(key string, data map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range data {
		text := fmt.Sprint(v)
		switch {
		case strings.HasPrefix(key, "Secret/"):
			plain, err := base64.StdEncoding.DecodeString(text)
			if err == nil {
				text = string(plain)
			}
			out[name] = f.named(text)
		case strings.HasSuffix(name, ".conf") && strings.HasSuffix(key, "-conf"):
			out[name] = tree.OfTexts(catalogue.ReadPostgresConf([]byte(text)))
		default:
			out[name] = meaning(name, text)
		}
	}
	return out
}

// meaning is a text as it is compared: of YAML and JSON without comments and order.
func meaning(name, text string) string {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
		return text
	}
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		return text
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(plain)
}

// named is the name of a secret value: equal values have one name.
func (f *former) named(value string) string {
	if f.names == nil {
		f.names = map[string]string{}
	}
	if f.names[value] == "" {
		f.names[value] = fmt.Sprintf("secret value %d", len(f.names)+1)
	}
	return f.names[value]
}
