package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// unknown reports a key that k doesn't have: it may belong elsewhere, or be misspelt.
func (d *decoder) unknown(k *Key, name, path string, key, value *yaml.Node) {
	where := "the file"
	if path != "" {
		where = path
	}
	if hint := reference(name, value); hint != "" && k.Kind == Variable { // it names a secret, and has none
		d.errorf("BERTH1102", d.src.node(key), hint, "unknown key %q under %s", name, path)
		return
	}
	if only := k.barred[name]; k.Names() != nil && only != "" {
		at := d.src.node(key)
		if k.Kind == Variable { // the value may be a secret
			at = maskedFrom(at, value)
		}
		d.errorf("BERTH1162", at, "remove it", "%s.%s is for %s only, and %s is for %s", path, name, Title(only), path, Title(other(only)))
		return
	}
	if k.Kind == Hidden || k.Kind == Variable { // the value may be the secret itself
		hint := "write  {env: NAME}  or  {file: PATH}"
		if k.Kind == Variable && name == "value" { // as in the chart
			hint = "write the text without value; of a secret,  {env: NAME}  or  {file: PATH}"
		}
		d.errorf("BERTH1102", maskedFrom(d.src.node(key), value), hint, "unknown key %q under %s", name, path)
		return
	}
	known := theirs(name, path)
	if known == "" || path == "" && composeTop(name) == "" { // a key of ours elsewhere says more than a service of the chart
		if hint := misplaced(name, path, value); hint != "" {
			d.errorf("BERTH1103", d.src.node(key), hint, "%q is not a key of %s", name, where)
			return
		}
	}
	hint := "known here: " + diag.Listed(k.Names(), "and")
	if known != "" {
		hint = known
	} else if guess := diag.Closest(name, k.Names()); guess != "" {
		hint = fmt.Sprintf("did you mean %q?", guess)
	} else if path == "" {
		hint = "berth explain lists the keys"
	}
	in := ""
	if path != "" {
		in = " under " + path
	}
	d.errorf("BERTH1102", d.src.node(key), hint, "unknown key %q%s", name, in)
}

// foreign says which file of Sourcegraph's own this is, and what to do; "" for a config, also for one with keys of such a file in it.
func foreign(n *yaml.Node) (what, hint string) {
	top := below(n)
	for _, key := range []string{"target", "on", "url", "release"} {
		if top[key] != nil {
			return "", ""
		}
	}
	for _, service := range below(top["services"]) {
		if image := below(service)["image"]; image != nil {
			return "a Compose file", "to take over what runs from it:  berth adopt DIR;  for a new installation:  berth init"
		}
	}
	chart := func(name string) bool { return strings.HasPrefix(theirs(name, ""), "the chart's") }
	if top["sourcegraph"] != nil || len(top) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(top)), func(name string) bool { return !chart(name) }) {
		return "a file of values for Sourcegraph's Helm chart", "write each value as docs/kubernetes.md shows; berth init writes the file to begin with"
	}
	return "", ""
}

// below are the values of a map by their names; none for anything else.
func below(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1]
	}
	return out
}

// other is the target that is not this one.
func other(target catalogue.Target) catalogue.Target {
	if target == catalogue.Compose {
		return catalogue.Kubernetes
	}
	return catalogue.Compose
}

// reference is what to write for a variable's source as Kubernetes writes it, such as valueFrom; "" for anything else.
func reference(name string, value *yaml.Node) string {
	if value.Kind != yaml.MappingNode {
		return ""
	}
	field := func(name string) string {
		for i := 0; i+1 < len(value.Content); i += 2 {
			if v := value.Content[i+1]; value.Content[i].Value == name && v.Kind == yaml.ScalarNode {
				return v.Value
			}
		}
		return "NAME"
	}
	switch name {
	case "valueFrom":
		if len(value.Content) != 2 {
			return ""
		}
		return reference(value.Content[0].Value, value.Content[1])
	case "secretKeyRef":
		return fmt.Sprintf("write  {secretKey: {name: %s, key: %s}}", field("name"), field("key"))
	case "configMapKeyRef":
		return fmt.Sprintf("write  {configMapKey: {name: %s, key: %s}}", field("name"), field("key"))
	case "fieldRef", "resourceFieldRef":
		return "a field of the pod has no key: set it by a patch of the container's env, as docs/patches.md shows"
	}
	return ""
}

// misplaced finds where a misplaced key belongs: by its name, or, for a service or a store, by its value.
func misplaced(name, path string, value *yaml.Node) string {
	if at := Root().paths(name, ""); len(at) > 0 {
		return "it belongs under " + diag.Listed(at[:min(len(at), 3)], "or")
	}
	if path != "" && Root().Key(name) != nil {
		return "it is a top-level key; begin its line at the left"
	}
	var keys []string
	for i := 0; value.Kind == yaml.MappingNode && i < len(value.Content); i += 2 {
		keys = append(keys, value.Content[i].Value)
	}
	if len(keys) == 0 || path != "" {
		return ""
	}
	for _, c := range Root().Keys() {
		if c.Kind != Named || c.Elem.Kind != Object {
			continue
		}
		if unknown := slices.ContainsFunc(keys, func(k string) bool { return c.Elem.Key(k) == nil }); !unknown {
			return "it belongs under " + c.Name
		}
	}
	return ""
}

// describe says what a value is, in plain words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!str":
		return fmt.Sprintf("the text %q", shorten(n.Value))
	case "!!int", "!!float":
		return "the number " + shorten(n.Value)
	case "!!null":
		return "nothing"
	}
	return shorten(n.Value)
}

func shorten(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return text
}

// reshaped is a value in the form that its key has: a text becomes the map that it most likely means, a map the list or the name. "" for others.
func reshaped(k *Key, n *yaml.Node, path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case k.Kind == Items && n.Kind == yaml.MappingNode && k.Elem.Kind == Object:
		return fmt.Sprintf("write it as a list:  %s: [{...}]", name)
	case k.Kind == Text && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "name" && n.Content[1].Kind == yaml.ScalarNode:
		return "write  " + shorten(n.Content[1].Value)
	case k.Kind != Object || n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "@"): // it may have a password
		return ""
	case n.ShortTag() == "!!bool":
		if k.Key("enabled") != nil {
			return fmt.Sprintf("write  %s: {enabled: %s}", name, strings.ToLower(n.Value))
		}
		return ""
	}
	for _, c := range k.Keys() {
		if c.Main && c.Kind == Items {
			return fmt.Sprintf("write  %s: {%s: [%s]}", name, c.Name, shorten(n.Value))
		}
		if c.Main {
			return fmt.Sprintf("write  %s: {%s: %s}", name, c.Name, shorten(n.Value))
		}
	}
	return ""
}

// instead says what to write in place of a value of a wrong type.
func instead(k *Key, n *yaml.Node) string {
	switch {
	case n.Kind == yaml.ScalarNode && k.Kind == Flag && slices.Contains([]string{"yes", "on", "y", "1", "true"}, strings.ToLower(n.Value)):
		return "write true"
	case n.Kind == yaml.ScalarNode && k.Kind == Flag && slices.Contains([]string{"no", "off", "n", "0", "false"}, strings.ToLower(n.Value)):
		return "write false"
	case n.Kind == yaml.ScalarNode && k.Kind == Number && decimal().MatchString(n.Value):
		return "write " + n.Value + " without quotes"
	case n.Kind == yaml.ScalarNode && k.Kind == Text:
		return fmt.Sprintf("write %q in quotes if you mean a text", n.Value)
	case n.Kind == yaml.ScalarNode && k.Kind == Items:
		return fmt.Sprintf("write  %s: [%s]", k.Name, shorten(n.Value))
	case n.Kind == yaml.SequenceNode && k.Kind == Named: // as Compose allows it
		return "write  NAME: VALUE  for each entry, in place of  - NAME=VALUE"
	case k.Kind == Hidden || k.Kind == Variable:
		return "write  {env: NAME}  or  {file: PATH}"
	}
	return strings.TrimPrefix(exampleHint(k), ", such as  ")
}

func exampleHint(k *Key) string {
	if k.Example == "" {
		return ""
	}
	return fmt.Sprintf(", such as  %s: %s", k.Name, k.Example)
}
