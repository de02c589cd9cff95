package eject

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/render/compose/spec"
	"berth/internal/stack"
	"berth/internal/tree"
	"go.yaml.in/yaml/v4"
)

// Override is the name of the file that goes with the official Compose file.
const Override = "docker-compose.override.yaml"

// Project is an installation on an engine, and the official file that is to run it.
type Project struct {
	Release  string
	Folder   string            // of berth's project: containers mount files of it, and its .env has the secrets
	Env      map[string]string // of its .env
	File     spec.File         // berth's Compose file
	Official spec.File         // with its full path
	Out      string            // the folder that is written to, as people name it
}

// Compose returns an override with which the official Compose file is berth's project. The proof is part of it: Compose's own code merges both, and
// what is not the same then is listed. Another release of the official file is a diag.List.
func Compose(p Project) (*Result, error) {
	if problems := p.sameRelease(); problems != nil {
		return nil, problems
	}
	ours, err := spec.Resolve(p.Folder, p.Env, p.File)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.File.Name, err)
	}
	theirs, err := p.resolved()
	if err != nil {
		return nil, diag.List{{Code: "BERTH4333", Severity: diag.Error, Subject: p.Official.Name, Summary: "Compose refuses the official file: " + err.Error(),
			Hint: "check it out as Sourcegraph ships it: git checkout v" + p.Release}}
	}
	var raw map[string]any
	if err := yaml.Unmarshal(p.File.Content, &raw); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.File.Name, err)
	}
	override, err := p.override(asMap(absolute(p.Folder, "", raw)), theirs, ours)
	if err != nil {
		return nil, err
	}
	merged, err := p.resolved(override)
	if err != nil {
		return nil, fmt.Errorf("merge the override: %w", err)
	}
	r := &Result{}
	for _, change := range tree.Changes(asTree(merged), asTree(ours)) {
		r.Unsaid = append(r.Unsaid, unsaid(strings.Join(change.Path[:min(2, len(change.Path))], "."), "an override can't make "+strings.Join(change.Path, ".")+" what it is",
			"set it in the official file by hand", diag.Range{}))
	}
	r.Files = []stack.File{{Path: Override, Content: override.Content}, p.readme(r)}
	return r, nil
}

// resolved is what Compose makes of the official file and overrides.
func (p Project) resolved(more ...spec.File) (map[string]map[string]any, error) {
	return spec.Resolve(path.Dir(p.Official.Name), p.Env, append([]spec.File{p.Official}, more...)...)
}

// sameRelease refuses an official file of another release than the one that runs.
func (p Project) sameRelease() diag.List {
	problem := diag.Diagnostic{Code: "BERTH4333", Severity: diag.Error, Subject: p.Official.Name, Hint: "in its folder: git checkout v" + p.Release}
	var file struct {
		Services map[string]struct {
			Image string `yaml:"image"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(p.Official.Content, &file); err != nil || file.Services["sourcegraph-frontend-0"].Image == "" {
		problem.Summary = "this is not Sourcegraph's Compose file: it has no service sourcegraph-frontend-0"
		problem.Hint = "name a clone of github.com/sourcegraph/deploy-sourcegraph-docker: --official DIR"
		return diag.List{problem}
	}
	image, _, _ := strings.Cut(file.Services["sourcegraph-frontend-0"].Image, "@")
	if tag := image[strings.LastIndexByte(image, ':')+1:]; tag != p.Release {
		problem.Summary = fmt.Sprintf("the official file is of %s, and %s runs", tag, p.Release)
		return diag.List{problem}
	}
	return nil
}

// override is the difference. raw is berth's file with absolute paths, and variables in place of secrets; theirs and ours are both files as Compose
// understands them.
func (p Project) override(raw map[string]any, theirs, ours map[string]map[string]any) (spec.File, error) {
	root := &mapping{}
	root.add("name", raw["name"], "")
	for _, part := range []string{"services", "networks", "volumes", "secrets", "configs"} {
		there := tree.Branch(raw, part)
		section := &mapping{}
		for _, name := range union(theirs[part], ours[part]) {
			mine, wanted := there[name], ours[part][name]
			switch official, known := theirs[part][name]; {
			case wanted == nil && ours[part] == nil || !has(ours[part], name):
				section.add(name, nil, reset)
			case !known:
				section.add(name, mine, "")
			case !reflect.DeepEqual(official, wanted):
				section.node(name, entry(mine, official, wanted))
			}
		}
		root.node(part, section)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n# With Sourcegraph's own docker-compose.yaml of %s it is the project that runs. It needs docker compose 2.24.4 or later.\n", head, p.Release)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(&root.Node); err != nil {
		return spec.File{}, fmt.Errorf("write the override: %w", err)
	}
	return spec.File{Name: path.Join(path.Dir(p.Official.Name), Override), Content: b.Bytes()}, nil
}

// entry is what makes one service, network or volume of the official file ours: its keys that differ.
func entry(raw, theirs, ours any) *mapping {
	out := &mapping{}
	mine, official, wanted := asMap(raw), asMap(theirs), asMap(ours)
	for _, key := range union(official, wanted) {
		switch value := mine[key]; {
		case reflect.DeepEqual(official[key], wanted[key]):
		case value == nil:
			out.add(key, nil, reset)
		case added(official[key], wanted[key]) && asMap(value) != nil:
			more := &mapping{}
			for _, name := range union(asMap(value), nil) {
				if !reflect.DeepEqual(asMap(official[key])[name], asMap(wanted[key])[name]) {
					more.add(name, asMap(value)[name], "")
				}
			}
			out.node(key, more)
		case asMap(value) != nil || reflect.ValueOf(value).Kind() == reflect.Slice:
			out.add(key, value, replace)
		default:
			out.add(key, value, "")
		}
	}
	return out
}

// added reports whether a map has all keys of another one: Compose merges maps, and can't remove single variables.
func added(official, wanted any) bool {
	for key := range asMap(official) {
		if !has(asMap(wanted), key) {
			return false
		}
	}
	return true
}

// Compose's tags: what takes a value away, and what replaces one in place of merging.
const (
	reset   = "!reset"
	replace = "!override"
)

// mapping is a YAML mapping in the making.
type mapping struct{ yaml.Node }

func (m *mapping) add(key string, value any, tag string) {
	var node yaml.Node
	_ = node.Encode(value) // a decoded tree always encodes
	if tag != "" {
		node.Tag, node.Style = tag, node.Style|yaml.TaggedStyle
	}
	m.put(key, &node)
}

// node adds a mapping that has something in it.
func (m *mapping) node(key string, value *mapping) {
	if len(value.Content) > 0 {
		m.put(key, &value.Node)
	}
}

func (m *mapping) put(key string, value *yaml.Node) {
	m.Kind = yaml.MappingNode
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func asTree(parts map[string]map[string]any) map[string]any {
	out := map[string]any{}
	for name, part := range parts {
		out[name] = part
	}
	return out
}

func has(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

func union(a, b map[string]any) []string {
	keys := append(tree.Keys(a), tree.Keys(b)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// paths are the keys below which a text may be a path of the host.
var paths = []string{"volumes", "source", "file", "env_file"}

// absolute is a tree with the relative paths in it below a folder. under is the key that the tree is at.
func absolute(folder, under string, v any) any {
	switch v := v.(type) {
	case string:
		if slices.Contains(paths, under) && strings.HasPrefix(v, "./") {
			return path.Join(folder, v)
		}
	case map[string]any:
		for key, value := range v {
			v[key] = absolute(folder, key, value)
		}
	case []any:
		for i, value := range v {
			v[i] = absolute(folder, under, value)
		}
	}
	return v
}

func (p Project) readme(r *Result) stack.File {
	compose := "docker compose --env-file " + p.Folder + "/.env -f " + p.Official.Name + " -f " + path.Join(p.Out, Override)
	return readme(p.Release,
		[2]string{"", "An override with which Sourcegraph's own Compose file is the project that runs now. It needs docker compose 2.24.4 or later.\n\n" +
			"Containers mount files of `" + p.Folder + "`, and its `.env` has the passwords. Keep this folder."},
		[2]string{"What an override can't say", list(r.Unsaid)},
		[2]string{"Apply", "The first command shows what the second would do. It says `Running` for each container that stays as it is. A container whose limits\n" +
			"berth changed while it ran is recreated once.\n\n" + commands(compose+" up -d --dry-run", compose+" up -d")},
		[2]string{"Then", "Stop the timer of `berth agent`, if there is one. Labels that begin with `dev.berth` no longer have a meaning: remove them from the override at the\n" +
			"next upgrade, when containers are recreated anyway."})
}
