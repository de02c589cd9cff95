package config

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

//go:embed names.yaml
var namesFile []byte

// Names are names of Sourcegraph's chart and Compose file, and what to write here.
type Names struct {
	ChartService   []Name `yaml:"chartService"`   // below a service of the chart
	Chart          []Name `yaml:"chart"`          // all else of the chart
	ComposeService []Name `yaml:"composeService"` // below a service of the Compose file
	Compose        []Name `yaml:"compose"`        // at the top of the Compose file
}

// Name is one of theirs, or several. Both fields are Markdown.
type Name struct {
	Them string `yaml:"them"`
	Ours string `yaml:"ours"`
}

// Theirs reads the names once. The file is part of the program, and a test reads it.
var Theirs = sync.OnceValue(func() Names {
	var n Names
	_ = yaml.Load(namesFile, &n, yaml.WithKnownFields())
	return n
})

var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("`([^`]+)`") })

// has reports whether an entry is about a name of theirs.
func (n Name) has(name string) bool {
	return slices.ContainsFunc(quoted().FindAllStringSubmatch(n.Them, -1), func(m []string) bool { return m[1] == name })
}

// theirs is the hint for a key that is not ours but theirs; "" for any other.
func theirs(name, path string) string {
	all := Theirs()
	service, below := strings.CutPrefix(path, "services.")
	switch {
	case path == "":
		return cmp.Or(composeTop(name), answer(all.Chart, "the chart's", name, name, ""))
	case !below:
		return ""
	}
	ours := cmp.Or(ServiceCalled(service), service)
	return cmp.Or(answer(all.ChartService, "the chart's", name, name, ours),
		answer(all.ComposeService, "the Compose file's", name, name, ours),
		answer(all.Chart, "the chart's", name, service+"."+name, ours))
}

// composeTop is the hint for a key at the top of the Compose file; "" for any other.
func composeTop(name string) string {
	return answer(Theirs().Compose, "the Compose file's", name, name, "")
}

// answer is the hint of the first entry for one of their names; "" for none.
func answer(names []Name, whose, name, full, service string) string {
	for _, n := range names {
		if n.has(full) {
			return whose + " " + name + " is here: " + strings.NewReplacer("`", "", "NAME", service).Replace(n.Ours)
		}
	}
	return ""
}

// ServiceCalled is the service that the chart calls by another name; "" for none.
func ServiceCalled(name string) string {
	m := regexp.MustCompile(`\bservices\.([a-z-]+)`).FindStringSubmatch(answer(Theirs().Chart, "", name, name, ""))
	if m == nil {
		return ""
	}
	return m[1]
}
