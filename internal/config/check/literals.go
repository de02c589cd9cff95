package check

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/secret"
)

// literals: the file has no secret, since version control, histories and colleagues see it.
func (c *checker) literals() {
	c.Visit(func(k *config.Key, path string, v reflect.Value) {
		switch value := v.Interface().(type) {
		case config.Value:
			if value.Literal() && !value.Public && !c.refusedAt[path] {
				c.variableLiteral(path, value.Text)
			}
		case map[string]any:
			if !strings.HasPrefix(path, "patches.") { // checked below
				c.patched(path, "", value)
			}
		case string:
			if what, found := secret.Value(value); found {
				hint := "remove it; this key can't hold a secret"
				if strings.Contains(path, ".command.") || strings.Contains(path, ".entrypoint.") {
					hint = "set it as a variable,  env: {NAME: {env: NAME}}, and read that in the command"
				}
				c.literal(path, what, hint)
			}
		}
	})
	if c.Kubernetes != nil {
		for i, name := range c.Kubernetes.Objects {
			c.objectLiterals("kubernetes.objects."+strconv.Itoa(i), name)
		}
	}
	for i, p := range c.Patches {
		path := "patches." + strconv.Itoa(i)
		if !p.Public {
			c.patched(path+".compose", "", p.Compose)
			c.patched(path+".project", "", p.Project)
			c.patched(path+".kubernetes", "", p.Kubernetes)
		}
	}
}

// objectLiterals warns about secrets in a file of objects, which is deployed unchanged. Names prove nothing there: many fields have the
// name of a Secret.
func (c *checker) objectLiterals(path, name string) {
	data, err := c.world.ReadFile(name)
	if err != nil {
		return // the rule files reports it
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if secret.Mask(line) != line {
			c.warnf("BERTH1170", path, "keep it in a Secret that you create separately, and refer to that", "%s:%d looks like a secret", name, n)
		}
	}
}

// variableLiteral checks the text of a variable or a proxy.
func (c *checker) variableLiteral(path, text string) {
	name := path[strings.LastIndexByte(path, '.')+1:]
	if what, found := secret.Looks(name, text); found {
		variable := name
		if !variableForm().MatchString(name) || strings.HasPrefix(path, "proxy.") {
			variable = strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
		}
		c.literal(path, what, fmt.Sprintf("write  %[1]s: {env: %[2]s}  or  %[1]s: {file: PATH};  {public: TEXT}  if anybody may see it", name, variable))
	}
}

// literal reports a text that looks like a secret, without showing it.
func (c *checker) literal(path, what, hint string) {
	at := hidden(cmp.Or(c.doc.At(path), c.doc.Near(path)))
	if what == passwordInURL {
		c.add("BERTH1171", at, hint, "%s has a password in its URL", path)
		return
	}
	c.add("BERTH1170", at, hint, "%s looks like a secret: %s", path, what)
}

const passwordInURL = "a password in a URL"

// withoutEchoes removes the other problems of a text that looks like a secret, since they may repeat it.
func withoutEchoes(problems diag.List) diag.List {
	type place struct {
		file         string
		line, column int
	}
	at := func(d diag.Diagnostic) place { return place{d.Range.File, d.Range.Line, d.Range.Column} }
	isLiteral := func(d diag.Diagnostic) bool {
		return (d.Code == "BERTH1170" || d.Code == "BERTH1171") && d.Severity == diag.Error
	}
	literals := map[place]bool{}
	for _, d := range problems {
		literals[at(d)] = literals[at(d)] || isLiteral(d)
	}
	return slices.DeleteFunc(problems, func(d diag.Diagnostic) bool { return literals[at(d)] && !isLiteral(d) })
}

// laterRules are the codes of rules that earlier versions of berth did not have: secrets, variables that fight what berth does, what a site
// configuration contradicts, and what patches add. Those about contents are accepted, too.
var laterRules = []string{"BERTH1170", "BERTH1171", "BERTH1172", "BERTH1180", "BERTH1196"}

// Accepted removes what laterRules report, for configs of the history and of an unfinished upgrade: earlier versions of berth accepted them, and they
// must not block a rollback or a revert.
func Accepted(problems diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(problems), func(d diag.Diagnostic) bool {
		return slices.Contains(laterRules, d.Code) || strings.HasPrefix(d.Code, "BERTH15")
	})
}

// hidden is a place without its text.
func hidden(at diag.Range) diag.Range {
	text := []rune(at.Excerpt)
	for i := max(at.Column-1, 0); i < min(at.Column-1+at.Length, len(text)); i++ {
		text[i] = '*'
	}
	at.Excerpt = string(text)
	return at
}

// inVariables are the keys of Compose and Kubernetes whose entries are variables, or named like variables.
var inVariables = []string{"environment", "env", "data", "stringData"}

// patched checks what a patch sets. key is the key above it.
func (c *checker) patched(path, key string, v any) {
	const hint = "set it with  services: {SERVICE: {env: {NAME: {env: NAME}}}};  public: true  beside the patch if anybody may see it"
	named := slices.Contains(inVariables, key)
	switch v := v.(type) {
	case map[string]any:
		name, _ := v["name"].(string)
		if value, ok := v["value"]; ok && name != "" && plain(value) != "" {
			if what, found := secret.Looks(name, plain(value)); found {
				c.literal(path+".value", what, hint)
				return
			}
		}
		for _, below := range slices.Sorted(maps.Keys(v)) {
			if below == config.Override { // it has no place of its own
				c.patched(path, key, v[below])
				continue
			}
			if named && scalar(v[below]) {
				if what, found := secret.Looks(below, plain(v[below])); found {
					c.literal(path+"."+below, what, hint)
				}
				continue
			}
			c.patched(path+"."+below, below, v[below])
		}
	case []any:
		for i, item := range v {
			c.patched(path+"."+strconv.Itoa(i), key, item)
		}
	case string:
		what, found := secret.Value(v)
		if name, value, ok := strings.Cut(v, "="); !found && ok && !strings.ContainsAny(name, " \t") {
			what, found = secret.Looks(strings.TrimLeft(name, "-"), value) // NAME=VALUE, --name=VALUE
		}
		if found {
			c.literal(path, what, hint)
		}
	}
}

// scalar reports whether a value is a single one.
func scalar(v any) bool {
	switch v.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return true
}
