// Package gather knows what a bundle of an installation is made of: what berth itself knows, what the target has to tell, and every secret that must
// not be in it.
package gather

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/bundle/redact"
	"berth/internal/jsonc"
	"berth/internal/secret"
)

// common are words of many texts, and of bundles themselves: a bundle without them could not be read. Passwords of Sourcegraph's own files are among
// them, which everybody knows.
var common = []string{"password", "sourcegraph", "postgres", "true", "false", "null", "admin", "test", "version", "program", "installation", "target", "compose",
	"kubernetes", "release", "began", "ended", "since", "files", "file", "path", "bytes", "sha256", "collector", "collectors", "masked", "missing", "what", "times",
	"name", "seconds", "known", "unwell", "state", "reason", "restarts", "image", "exitCode", "berth", "logs", "docker", "host"}

// list collects values, each once.
type list struct {
	values []redact.Value
	seen   map[string]bool
	words  []string // what was not added, since it is a common word
}

// add adds a secret.
func (l *list) add(what, text string) {
	if text = strings.TrimSpace(text); slices.Contains(common, text) && !slices.Contains(l.words, what) {
		l.words = append(l.words, what)
	}
	if len(text) < redact.Least || slices.Contains(common, text) || l.seen[text] || hidden(text) {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[text] = true
	l.values = append(l.values, redact.Value{Text: text, What: what})
}

// hidden reports a text that only stands for a secret.
func hidden(text string) bool {
	return strings.Trim(text, "*") == "" || strings.HasPrefix(text, "REDACTED")
}

// text adds a value, or what is secret in it where it is a file.
func (l *list) text(what, text string) {
	if !strings.Contains(text, "\n") && !strings.HasPrefix(strings.TrimSpace(text), "{") {
		l.add(what, text)
		return
	}
	if strings.Contains(text, "PRIVATE KEY-----") {
		l.add(what, text)
	}
	if v, ok := jsonc.Parse([]byte(text)); ok {
		l.tree(what, v.Any, nil)
		return
	}
	for _, found := range secret.Inside(text) {
		l.add(what, found)
	}
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		if words[i-1] == "password" { // of a netrc
			l.add(what, words[i])
		}
	}
}

// tree adds the secrets of a document: at places, after names that suggest them, and what looks like one.
func (l *list) tree(what string, v any, places []string) {
	l.walk(what, v, nil, places, false)
}

func (l *list) walk(what string, v any, at []string, places []string, named bool) {
	named = named || slices.ContainsFunc(places, func(p string) bool { return covers(strings.Split(p, "/"), at) })
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			l.walk(what, inner, append(slices.Clone(at), name), places, named || secret.Name(name) && !strings.HasPrefix(name, "encryption."))
		}
	case []any:
		for i, inner := range v {
			l.walk(what, inner, append(slices.Clone(at), fmt.Sprint(i)), places, named)
		}
	case string:
		for _, found := range secret.Inside(v) {
			l.add(what, found)
		}
		if named {
			l.add(what, v)
		}
	case json.Number:
		if named {
			l.add(what, v.String())
		}
	}
}

// covers reports whether a place is that of a pattern, or below it.
func covers(pattern, at []string) bool {
	if len(at) < len(pattern) {
		return false
	}
	for i, name := range pattern {
		if name != "*" && name != at[i] {
			return false
		}
	}
	return true
}

// siteConfig adds the secrets of a site configuration.
func (l *list) siteConfig(known *catalogue.Configuration, text string) bool {
	v, ok := jsonc.Parse([]byte(text))
	if ok {
		l.tree("a secret of the site configuration", v.Any, known.Secrets)
	}
	return ok
}

// codeHost adds the secrets of a connection to a code host.
func (l *list) codeHost(known *catalogue.Configuration, kind, text string) bool {
	v, ok := jsonc.Parse([]byte(text))
	if ok {
		l.tree("a secret of a code host", v.Any, known.CodeHosts[strings.ToUpper(kind)].Secrets)
	}
	return ok
}

// codeHosts adds the secrets of a file with connections, by kind.
func (l *list) codeHosts(known *catalogue.Configuration, text string) bool {
	v, ok := jsonc.Parse([]byte(text))
	kinds, isMap := v.Any.(map[string]any)
	if !ok || !isMap {
		return false
	}
	for kind, connections := range kinds {
		all, _ := connections.([]any)
		for _, c := range all {
			l.tree("a secret of a code host", c, known.CodeHosts[strings.ToUpper(kind)].Secrets)
		}
	}
	return true
}
