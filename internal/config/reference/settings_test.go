package reference

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"go.yaml.in/yaml/v4"
)

//go:embed settings.yaml
var settingsFile []byte

// group is a part of docs/settings.md.
type group struct {
	Group    string    `yaml:"group"`
	Settings []setting `yaml:"settings"`
}

// setting is one thing that site admins set.
type setting struct {
	Want  string           `yaml:"want"`
	There string           `yaml:"there"`  // its name elsewhere, as Markdown
	On    catalogue.Target `yaml:"target"` // the only target that the example is for
	Here  string           `yaml:"here"`   // a part of sourcegraph.yaml
	Same  string           `yaml:"same"`   // why nothing that is rendered changes
	Not   string           `yaml:"not"`    // why it can't be said; then there is no Here
}

func settings(t *testing.T) (groups []group) {
	t.Helper()
	if err := yaml.Load(settingsFile, &groups, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	return groups
}

// How a setting is reached.
const (
	byKey   = "key"
	byPatch = "patch"
	not     = "no"
)

func (s setting) by() string {
	switch {
	case s.Not != "":
		return not
	case strings.Contains(s.Here, "patches:"):
		return byPatch
	}
	return byKey
}

// TestSettings: what site admins set most can be said. Each example is accepted without a warning and changes what is rendered.
func TestSettings(t *testing.T) {
	count := map[string]int{}
	seen := map[string]bool{}
	for _, g := range settings(t) {
		for _, s := range g.Settings {
			count[s.by()]++
			if seen[s.Want] || s.Want == "" || s.There == "" || (s.Here == "") == (s.Not == "") {
				t.Errorf("%q is there twice, or lacks a part", s.Want)
			}
			seen[s.Want] = true
			for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
				if s.Here != "" && (s.On == "" || s.On == target) {
					if problem := s.tried(target); problem != "" {
						t.Errorf("%s: %s on %s: %s", g.Group, s.Want, target, problem)
					}
				}
			}
		}
	}
	all := count[byKey] + count[byPatch] + count[not]
	t.Logf("%d settings: %d by a key, %d by a patch, %d not", all, count[byKey], count[byPatch], count[not])
	if all < 200 || count[byKey] < 150 || count[not] > 10 {
		t.Errorf("of at least 200 settings, at least 150 need a key, and at most 10 may be out of reach")
	}
}

// tried renders a setting's example; "" when that is as it should be.
func (s setting) tried(target catalogue.Target) string {
	plain := map[string]any{"target": string(target), "url": "https://sourcegraph.example.com", "release": "7.5.4453", "tls": map[string]any{"external": true}}
	example, err := parsed(s.Here)
	if err != nil {
		return err.Error()
	}
	if example["tls"] != nil {
		delete(plain, "tls")
	}
	before, without := rendered(text(plain))
	for key := range example {
		delete(plain, key)
	}
	whole := text(plain) + strings.Join(s.parts(), "\n") + "\n" // as the page has it
	after, problems := rendered(whole)
	switch same := before == after && len(without) == len(problems); {
	case len(problems) > 0:
		return fmt.Sprintf("%s\n%v", whole, problems)
	case same && s.Same == "":
		return "nothing that is rendered changes"
	case !same && s.Same != "":
		return "what is rendered changes, but settings.yaml says: " + s.Same
	}
	return ""
}

// lines are the top keys of the example, a line each. What is the default is there only to replace what the test has for others.
func (s setting) lines() string {
	var lines []string
	for _, line := range s.parts() {
		if line != "tls: {external: false}" {
			lines = append(lines, code(line))
		}
	}
	return strings.Join(lines, "<br>")
}

// parts are the top keys of the example, as they are written.
func (s setting) parts() []string {
	whole, several := strings.CutPrefix(s.Here, "{")
	if !several {
		return []string{s.Here}
	}
	var parts []string
	depth, from := 0, 0
	for i, r := range whole {
		switch {
		case r == '{' || r == '[':
			depth++
		case (r == '}' || r == ']') && depth > 0:
			depth--
		case depth == 0 && (r == ',' || r == '}'):
			parts = append(parts, strings.TrimSpace(whole[from:i]))
			from = i + 1
		}
	}
	return parts
}

const settingsHead = `# What site admins set, and where

<!-- Generated from internal/config/reference/settings.yaml. Regenerate with: make gen -->

The %d settings that people change most in Sourcegraph's Compose file and Helm chart, and what to write in ` + "`sourcegraph.yaml`" + `. %d have a key,
%d are a [patch](patches.md), %d can't be said. A test renders each example for Docker Compose and Kubernetes, or for the one that is named.
An example with ` + "`siteConfig`" + ` is a setting of Sourcegraph's own configuration, which goes into that file.
All keys are in [the config](config.md), and all names of the chart in [Kubernetes](kubernetes.md).
`

// settingsPage is docs/settings.md.
func settingsPage(t *testing.T) []byte {
	var b strings.Builder
	count := map[string]int{}
	for _, g := range settings(t) {
		fmt.Fprintf(&b, "\n## %s\n\n| you want | elsewhere | here |\n|---|---|---|\n", g.Group)
		for _, s := range g.Settings {
			count[s.by()]++
			here := s.lines()
			switch {
			case s.Not != "":
				here = "no: " + s.Not
			case s.On != "":
				here += " (" + config.Title(s.On) + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(s.Want), cell(s.There), here)
		}
	}
	all := count[byKey] + count[byPatch] + count[not]
	return []byte(fmt.Sprintf(settingsHead, all, count[byKey], count[byPatch], count[not]) + b.String())
}

// TestOrdinaryFileIsShort: what an ordinary installation says, with own stores, a registry and a proxy, takes less than twenty lines.
func TestOrdinaryFileIsShort(t *testing.T) {
	const both = `release: 7.5.4453
url: https://sourcegraph.example.com
tls: {certificate: tls/sourcegraph.pem, key: tls/sourcegraph.key}
siteConfig: {file: site-config.json}
license: {env: SOURCEGRAPH_LICENSE}
certificateAuthorities: [ca.pem]
git: {sshKey: {file: id_ed25519}, knownHosts: known_hosts}
images: {registry: registry.example.com/sourcegraph}
proxy: {http: "http://proxy.example.com:3128", https: "http://proxy.example.com:3128"}
databases:
  pgsql: {external: {host: pg.example.com, user: sourcegraph, password: {env: PG_PASSWORD}, database: sourcegraph}}
objectStorage: {backend: s3, bucket: sourcegraph-uploads, region: us-east-1, auth: identity}
services:
  gitserver: {replicas: 2, memory: 16Gi, storage: 1Ti}
  sourcegraph-frontend: {replicas: 2}
upgrades: {automatic: patch, window: "Sun 02:00-05:00 Europe/Berlin"}
`
	for target, more := range map[string]string{"compose": "", "kubernetes": "kubernetes: {namespace: code-search, ingress: {class: nginx}}\n"} {
		file := "target: " + target + "\n" + both + more
		if lines := strings.Count(file, "\n"); lines >= 20 {
			t.Errorf("on %s it takes %d lines", target, lines)
		}
		if _, problems := rendered(file); len(problems) > 0 {
			t.Errorf("on %s: %v", target, problems)
		}
	}
}
