package forms

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// ChartNamespace stands for the release's namespace in a set that is rendered for a chart. No real namespace has this name.
const ChartNamespace = "<berth:namespace>"

// Marks that become template actions. They have characters that the YAML writer quotes, so the result is a text in YAML too.
const (
	markSecret = "<berth:secret "
	markPull   = "<berth:pull>"
	keepPolicy = "helm.sh/resource-policy"
)

// helm returns a Helm chart whose templates are the objects. Its values only choose the Secrets that replace those of the chart: everything
// else is set in sourcegraph.yaml. Secrets whose values are all generated are generated once, in the cluster.
func (in *Input) helm() ([]stack.File, error) {
	c := &chart{Input: in, places: map[string]place{}}
	c.find()
	files := []stack.File{
		{Path: "Chart.yaml", Content: yaml.Encode(MadeBy, map[string]any{"apiVersion": "v2", "type": "application", "name": in.Set.Name, "version": in.Set.Release,
			"appVersion": in.Set.Release, "description": "Sourcegraph " + in.Set.Release + " as sourcegraph.yaml has it"})},
		{Path: "values.yaml", Content: yaml.Encode(MadeBy+"\n"+valuesComment, c.values())},
		{Path: "README.md", Content: c.readme()},
		{Path: "templates/NOTES.txt", Content: []byte(c.notes())},
	}
	schema, err := json.MarshalIndent(c.schema(), "", "  ")
	if err != nil {
		return nil, err
	}
	files = append(files, stack.File{Path: "values.schema.json", Content: append(schema, '\n')})
	objects := in.guarded()
	if hook := in.guardHook(helmHook()); hook != nil {
		objects = append(objects, hook)
	}
	for _, o := range objects {
		if !o.Secret() {
			files = append(files, stack.File{Path: "templates/" + fileName(o), Content: c.template(o)})
		}
	}
	if len(c.made) > 0 {
		files = append(files, stack.File{Path: "templates/secrets.yaml", Content: c.secrets()})
	}
	return files, nil
}

const valuesComment = `existingSecrets: Secrets of the namespace that replace Sourcegraph's: Sourcegraph's name, then yours.
imagePullSecrets: Secrets of the namespace with sign-ins for registries.`

// chart is a chart in the making.
type chart struct {
	*Input
	made     []*kubernetes.Object // Secrets that the chart generates
	expected []*kubernetes.Object // Secrets that people make
	places   map[string]place     // where a generated value is found alone, by its name
}

// place is a key of a Secret.
type place struct{ secret, key string }

// find separates Secrets that can be generated from those that people must make.
func (c *chart) find() {
	for _, o := range c.objects() {
		for _, key := range tree.Keys(o.Values) {
			if parts := o.Values[key]; len(parts) == 1 && c.generated(parts[0].Secret) {
				if _, ok := c.places[parts[0].Secret]; !ok {
					c.places[parts[0].Secret] = place{o.Name(), key}
				}
			}
		}
	}
	for _, o := range c.objects() {
		switch {
		case !o.Secret():
		case c.canMake(o):
			c.made = append(c.made, o)
		default:
			c.expected = append(c.expected, o)
		}
	}
}

// generated reports whether berth chooses a secret's value.
func (in *Input) generated(name string) bool {
	return slices.ContainsFunc(in.Sources, func(s stack.Secret) bool {
		return s.Name == name && s.Env == "" && s.File == "" && s.Parts == nil
	})
}

// canMake reports whether all secret values of a Secret can be read from the cluster after they were generated.
func (c *chart) canMake(o *kubernetes.Object) bool {
	for _, parts := range o.Values {
		for _, p := range parts {
			if _, ok := c.places[p.Secret]; p.Secret != "" && !ok {
				return false
			}
		}
	}
	return true
}

// values are the chart's default values.
func (c *chart) values() map[string]any {
	existing := map[string]any{}
	for _, o := range slices.Concat(c.made, c.expected) {
		existing[o.Name()] = ""
	}
	return map[string]any{"existingSecrets": existing, "imagePullSecrets": c.pull()}
}

// pull are the image pull secrets that the config asks for.
func (c *chart) pull() []any {
	for _, o := range c.objects() {
		if template := tree.Pods(o.Body); template != nil {
			if names, ok := tree.At(template, "spec")["imagePullSecrets"].([]any); ok {
				return names
			}
		}
	}
	return []any{}
}

func (c *chart) schema() map[string]any {
	existing := map[string]any{}
	for _, o := range slices.Concat(c.made, c.expected) {
		existing[o.Name()] = map[string]any{"type": "string", "description": "A Secret with the keys " + strings.Join(tree.Keys(o.Values), ", ")}
	}
	name := map[string]any{"type": "object", "required": []any{"name"}, "properties": map[string]any{"name": map[string]any{"type": "string"}},
		"additionalProperties": false}
	return map[string]any{"$comment": MadeBy, "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": false, "properties": map[string]any{
		"existingSecrets":  map[string]any{"type": "object", "additionalProperties": false, "properties": existing},
		"imagePullSecrets": map[string]any{"type": "array", "items": name},
		"global":           map[string]any{"type": "object"}}}
}

// template is an object's template: its YAML, with actions for the namespace and the names of Secrets.
func (c *chart) template(o *kubernetes.Object) []byte {
	body := tree.WithoutNulls(plain(o)).(map[string]any)
	if o.Kind() == "PersistentVolumeClaim" {
		tree.At(body, "metadata", "annotations")[keepPolicy] = "keep"
	}
	if template := tree.Pods(body); template != nil {
		c.refer(template)
		tree.At(template, "spec")["imagePullSecrets"] = markPull
	}
	return c.hooks(yaml.Encode(MadeBy, body))
}

// refer marks the names of Secrets that the chart makes or expects.
func (c *chart) refer(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, reference := range []struct{ in, name string }{{"secretKeyRef", "name"}, {"secretRef", "name"}, {"secret", "secretName"}, {"secret", "name"}} {
			if r, ok := v[reference.in].(map[string]any); ok && c.hasSecret(tree.Text(r, reference.name)) {
				r[reference.name] = markSecret + tree.Text(r, reference.name) + ">"
			}
		}
		for _, key := range tree.Keys(v) {
			c.refer(v[key])
		}
	case []any:
		for _, item := range v {
			c.refer(item)
		}
	}
}

func (c *chart) hasSecret(name string) bool {
	return slices.ContainsFunc(slices.Concat(c.made, c.expected), func(o *kubernetes.Object) bool { return o.Name() == name })
}

// hooks escapes what Helm would read as an action, and replaces marks by template actions.
func (c *chart) hooks(content []byte) []byte {
	replace := []string{"{{", `{{ "{{" }}`, strconv.Quote(markPull), "{{ toJson .Values.imagePullSecrets }}", ChartNamespace, "{{ .Release.Namespace }}"}
	for _, o := range slices.Concat(c.made, c.expected) {
		replace = append(replace, strconv.Quote(markSecret+o.Name()+">"), "{{ "+secretName(o.Name())+" | quote }}")
	}
	return []byte(strings.NewReplacer(replace...).Replace(string(content)))
}

// secretName is a template expression for the name of the Secret that replaces one of Sourcegraph's.
func secretName(name string) string {
	return fmt.Sprintf(`(index .Values.existingSecrets %q | default %q)`, name, name)
}

// secrets is the template of all Secrets that are generated. They are in one file, because several may have the same value; a value that
// the cluster has already is kept.
func (c *chart) secrets() []byte {
	var b strings.Builder
	b.WriteString("# " + MadeBy + "\n")
	for _, name := range tree.Keys(c.places) {
		p := c.places[name]
		fmt.Fprintf(&b, "{{- %s := dig \"data\" %q \"\" (lookup \"v1\" \"Secret\" .Release.Namespace %s) | b64dec | default (randAlphaNum 32) }}\n",
			variable(name), p.key, secretName(p.secret))
	}
	for _, o := range c.made {
		fmt.Fprintf(&b, "{{- if not (index .Values.existingSecrets %q) }}\n---\n", o.Name())
		body := tree.WithoutNulls(o.Body).(map[string]any)
		tree.At(body, "metadata", "annotations")[keepPolicy] = "keep"
		b.Write(c.hooks(yaml.Block(body, 0)))
		b.WriteString("data:\n")
		for _, key := range tree.Keys(o.Values) {
			fmt.Fprintf(&b, "  %q: {{ %s | b64enc | quote }}\n", key, expression(o.Values[key]))
		}
		b.WriteString("{{- end }}\n")
	}
	return []byte(b.String())
}

// expression is a template expression for a value.
func expression(parts []stack.Part) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = strconv.Quote(p.Text)
		if p.Secret != "" {
			words[i] = variable(p.Secret) // letters and digits need no escape in JSON
		}
	}
	if len(words) == 1 {
		return words[0]
	}
	return "(join \"\" (list " + strings.Join(words, " ") + "))"
}

// variable is a template variable for a secret.
func variable(secret string) string { return "$" + strings.ToLower(shellName(secret)) }

func (c *chart) notes() string {
	return strings.ReplaceAll(fmt.Sprintf(`{{/* %s */ -}}
Sourcegraph %s starts in the namespace {{ .Release.Namespace }}:

  kubectl -n {{ .Release.Namespace }} rollout status deployment/%s
`, MadeBy, c.Set.Release, frontend), ChartNamespace, "{{ .Release.Namespace }}")
}

func (c *chart) readme() []byte {
	what := "A Helm chart made from sourcegraph.yaml. Its values only name Secrets; everything else is changed in sourcegraph.yaml and rendered again.\n" +
		"Volume claims and generated Secrets stay when the release is uninstalled."
	if len(c.made) > 0 {
		var names []string
		for _, o := range c.made {
			names = append(names, "`"+o.Name()+"`")
		}
		what += "\n\nThe chart generates " + strings.Join(names, ", ") + " in the cluster at the first install, and keeps what is there. It has to look into the\n" +
			"cluster for that, which `helm template` and Argo CD don't: make these Secrets yourself there, and name them in `existingSecrets`."
	}
	return c.Input.readme(what, c.expected, "$NAMESPACE", guardInChart, "helm upgrade --install "+c.Set.Name+" . --namespace $NAMESPACE")
}
