package reference

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/config"
)

const configHead = `# The config: sourcegraph.yaml

<!-- Generated from internal/config. Regenerate with: go test ./internal/config/reference -update -->

The file says what you want. Everything that it does not mention has Sourcegraph's default. These lines are enough:

<!-- play: certificate sourcegraph.pem sourcegraph.key -->

` + "```yaml" + `
target: compose
release: 7.5.4453
url: https://sourcegraph.example.com
tls: {certificate: sourcegraph.pem, key: sourcegraph.key}
` + "```" + `

Only ` + "`target` and `url`" + ` are required. ` + "`berth explain KEY`" + ` prints this text, the default of your release, and the value in force with
its line. ` + "`berth check`" + ` reports all problems, each with its place and what to write instead. Relative paths
start at the folder of the config.

A **secret** is never in the file itself. It is in an environment variable or in a file: ` + "`{env: NAME}` or `{file: PATH}`" + `.
berth refuses a text that looks like a secret by its form (tokens, private keys, URLs with a password) or by the name of its variable. If anybody
may see it, write ` + "`{public: TEXT}`" + `, or ` + "`public: true`" + ` beside a patch.
Quantities have units: cores are ` + "`4`, `0.5` or `500m`; bytes are `500Mi` or `8Gi`" + `.
Anchors, aliases and merge keys (` + "`<<`" + `) work as in Compose files. A top key that begins with ` + "`x-`" + ` is yours, and can hold what they name.
Names in capitals, as in ` + "`services.SERVICE.memory`" + `, are your own choice.
What a setting of Sourcegraph's Compose file or Helm chart is called here: [What site admins set, and where](settings.md).
`

// configPage is docs/config.md.
func configPage() []byte {
	var b strings.Builder
	b.WriteString(configHead)
	b.WriteString("\n## First of all\n")
	var plain []*config.Key
	for _, k := range config.Root().Keys() {
		if !deep(k) {
			plain = append(plain, k)
		}
	}
	table(&b, func(row func(k *config.Key, path string)) {
		for _, k := range plain {
			row(k, k.Name)
		}
	})
	d := described{}
	for _, k := range config.Root().Keys() {
		if !deep(k) {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s", k.Name, k.Doc)
		if k.On != "" {
			fmt.Fprintf(&b, " Only for %s.", config.Title(k.On))
		}
		if same := d.alike(k); same != "" {
			fmt.Fprintf(&b, " %s\n", same)
			continue
		}
		b.WriteString("\n")
		table(&b, func(row func(k *config.Key, path string)) { d.rows(k, k.Name, row) })
	}
	return []byte(b.String())
}

// deep keys have a section of their own.
func deep(k *config.Key) bool {
	return k.Kind == config.Object || k.Kind == config.Named || k.Kind == config.Items && k.Elem.Kind == config.Object
}

// described are the keys that the page has already, by what they say: where they are.
type described map[string][]string

func said(k *config.Key) string { return k.Name + "\n" + k.Doc + "\n" + k.Example }

// alike says where the keys of an object are described, if all of them are, in one place; "" otherwise.
func (d described) alike(k *config.Key) string {
	if k.Kind != config.Object {
		return ""
	}
	var places, names []string
	for i, c := range k.Keys() {
		if i == 0 {
			places = slices.Clone(d[said(c)])
		}
		places = slices.DeleteFunc(places, func(p string) bool { return !slices.Contains(d[said(c)], p) })
		names = append(names, "`"+c.Name+"`")
	}
	if len(places) == 0 {
		return ""
	}
	return "Its keys are as in `" + places[0] + "`: " + strings.Join(names, ", ") + "."
}

// rows visits what is below a key: objects with their keys, and lists and maps of objects with those of an item. What is said elsewhere is named there:
// containers in pods, and single instances.
func (d described) rows(k *config.Key, path string, row func(k *config.Key, path string)) {
	for _, c := range k.Keys() {
		at := path + "." + c.Name
		same := d.alike(c)
		d[said(c)] = append(d[said(c)], path)
		with := *c
		with.Doc = strings.TrimSpace(c.Doc + " " + same)
		if c.Kind != config.Object || c.Doc != "" {
			row(&with, at)
		}
		if leaf := c.Kind == config.Hidden || c.Kind == config.Variable; !leaf && same == "" && c.Name != "sidecars" && c.Name != "instances" {
			d.rows(c, at, row)
		}
	}
	if k.Elem != nil && k.Elem.Kind == config.Object {
		d.rows(k.Elem, path+"."+k.Elem.Name, row)
	}
}

func table(b *strings.Builder, fill func(row func(k *config.Key, path string))) {
	b.WriteString("\n| key | meaning | value | default | example |\n|---|---|---|---|---|\n")
	fill(func(k *config.Key, path string) {
		means := k.Doc
		if k.On != "" {
			means += " Only for " + config.Title(k.On) + "."
		}
		if k.Needed {
			means += " **Required.**"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", path, cell(means), cell(k.Type()), cell(k.Default), code(k.Example))
	})
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}
