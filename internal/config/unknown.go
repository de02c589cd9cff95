package config

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// unknown reports a key that k doesn't have: it may belong elsewhere, or be misspelt.
func (d *decoder) unknown(k *Key, name, path string, key, value *yaml.Node) {
	where := "the file"
	if path != "" {
		where = path
	}
	if k.Kind == Hidden || k.Kind == Variable { // the value may be the secret itself
		d.errorf("BERTH1102", maskedFrom(d.src.node(key), value), "write  {env: NAME}  or  {file: PATH}", "unknown key %q under %s", name, path)
		return
	}
	if hint := misplaced(name, path, value); hint != "" {
		d.errorf("BERTH1103", d.src.node(key), hint, "%q is not a key of %s", name, where)
		return
	}
	hint := "known here: " + diag.Listed(k.Names(), "and")
	if guess := diag.Closest(name, k.Names()); guess != "" {
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
