package compose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/render/compose/spec"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// reserved are keys of a Compose service that a patch must not set, each with what to write instead.
var reserved = map[string]string{
	"cpus":           "set services.SERVICE.cpu",
	"mem_limit":      "set services.SERVICE.memory",
	"deploy":         "set services.SERVICE.cpu and services.SERVICE.memory",
	"scale":          "set services.SERVICE.replicas",
	"labels":         "set services.SERVICE.labels",
	"container_name": "set name for a second installation",
	"image":          "set images.registry, or record another digest with berth lock",
	"build":          "set images.registry, or record another digest with berth lock",
	"env_file":       "set services.SERVICE.env",
	"extends":        "copy the settings of the other service into the patch",
	"profiles":       "set services.SERVICE.enabled",
}

// reservedOfProject are keys of the top level of a Compose file that a patch must not set.
var reservedOfProject = map[string]string{
	"services": "write  service: NAME  and  compose: {KEY: VALUE}",
	"name":     "set name",
	"include":  "copy the settings of the file into the patch",
}

// free are keys of a service that a patch may add without  add: true : their entries have names that only the admin and the service know.
var free = []string{"environment", "ports", "expose", "extra_hosts", "annotations", "sysctls"}

// patches merges the admin's patches into a part of the file, in order, and says what each of them changed. under is where the part is: a
// service, or the top level.
func (r *renderer) patches(body mapping, under []string, mine func(stack.Patch) bool, index int) (mapping, []stack.Origin) {
	var origins []stack.Origin
	first := body
	for i, p := range r.stack.Patches {
		if !mine(p) {
			continue
		}
		if r.effects == nil {
			r.effects = map[int]bool{}
		}
		part := patching{renderer: r, patch: p, under: under, index: strconv.Itoa(index)}
		after, changes := part.apply(body)
		r.effects[i] = r.effects[i] || part.failed || len(changes) > 0
		if len(changes) > 0 {
			origins = append(origins, stack.Origin{Text: tree.Summary("your patch: "+cmp.Or(p.Reason, "patch"), changes), Range: p.At()})
		}
		body = after
	}
	if len(origins) > 0 { // in an order that does not depend on that of the patches
		body = restored(first, yaml.Plain(body)).(mapping)
	}
	return body, origins
}

// patching is one patch of one part of the file.
type patching struct {
	*renderer
	patch  stack.Patch
	under  []string // "services", "gitserver-0"; nothing: the top level
	index  string   // the instance's number
	failed bool
}

func (p *patching) refuse(code string, path []string, summary, hint string) {
	p.failed = true
	p.say(code, path, summary, hint)
}

func (p *patching) say(code string, path []string, summary, hint string) {
	p.problem(code, p.patch.At(path...), "patch of "+cmp.Or(p.patch.Service, "the project")+": "+summary, hint)
}

// apply merges the patch into a part, and says what that changed. A part that the patch can't be merged into stays as it is.
func (p *patching) apply(body mapping) (mapping, []tree.Change) {
	list := reserved
	if len(p.under) == 0 {
		list = reservedOfProject
	}
	for _, key := range tree.Keys(p.patch.Change) {
		if instead, ok := list[key]; ok {
			p.refuse("BERTH1190", []string{key}, "it can't set "+strconv.Quote(key), strings.ReplaceAll(instead, "SERVICE", p.patch.Service))
		}
	}
	if all := p.patch.Change["environment"]; isInstruction(all, config.Override) || isInstruction(all, config.Reset) {
		p.refuse("BERTH1190", []string{"environment"}, "it can't replace all variables, because some are Sourcegraph's own", "write only the variables that change")
	}
	if p.failed {
		return body, nil
	}
	before := yaml.Plain(body).(map[string]any)
	base := yaml.Plain(body).(map[string]any)
	change := p.instructed(base, p.patch.Change, nil)
	merged, err := spec.Merge(wrapped(base, p.under), wrapped(change, p.under))
	if err != nil {
		p.refuse("BERTH1197", nil, "Compose can't merge it: "+err.Error(), "write the value in the form that  berth render  writes")
		return body, nil
	}
	after, _ := restored(body, tree.Branch(merged, p.under...)).(mapping)
	now := yaml.Plain(after).(map[string]any)
	changes := tree.Changes(before, now)
	p.added(before, now)
	p.prove(before, now)
	if p.failed {
		return body, nil
	}
	return after, changes
}

// instructed does what a patch says beside its values: null and !reset remove, !override replaces. It changes base, and returns the rest of the
// change, with the instance's number filled in. A name of a network or a volume without a value is one without options, as in Compose.
func (p *patching) instructed(base, change map[string]any, path []string) map[string]any {
	out := map[string]any{}
	named := len(path) > 0 && (path[0] == "networks" || path[0] == "volumes")
	for key, value := range change {
		if value == nil && !named || isInstruction(value, config.Reset) {
			remove(base, key)
			continue
		}
		if value == nil {
			value = map[string]any{}
		}
		m, isMap := value.(map[string]any)
		if isInstruction(value, config.Override) {
			delete(base, key)
			value = m[config.Override]
			m, isMap = value.(map[string]any)
		}
		there, hasMap := base[key].(map[string]any)
		if l, isList := base[key].([]any); isMap && isList { // variables or networks as a list
			there = map[string]any{"": l}
		} else if !hasMap {
			there = map[string]any{}
		}
		if !isMap {
			out[key] = p.filled(value)
			continue
		}
		below := p.instructed(there, m, append(slices.Clone(path), key))
		if l, isList := there[""].([]any); isList {
			base[key] = l
		}
		if len(below) > 0 || len(m) == 0 {
			out[key] = below
		}
	}
	return out
}

func isInstruction(v any, name string) bool {
	m, _ := v.(map[string]any)
	_, ok := m[name]
	return ok
}

// remove removes a key of a map, or an entry of the list that stands for one: NAME or NAME=VALUE.
func remove(base map[string]any, key string) {
	delete(base, key)
	if l, isList := base[""].([]any); isList {
		base[""] = slices.DeleteFunc(l, func(item any) bool { return item == key || strings.HasPrefix(fmt.Sprint(item), key+"=") })
	}
}

// filled is a value with the instance's number in its texts, which Compose reads literally.
func (p *patching) filled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = p.filled(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = p.filled(value)
		}
		return out
	case string:
		return literal(strings.ReplaceAll(v, "{i}", p.index))
	}
	return v
}

// wrapped is a file with a part at its place.
func wrapped(part map[string]any, under []string) map[string]any {
	for _, key := range slices.Backward(under) {
		part = map[string]any{key: part}
	}
	return part
}

// restored writes a merged value in the order and the form of the value before: Compose makes lists of variables, and maps of networks.
func restored(before any, merged any) any {
	was, wasMapping := before.(mapping)
	_, wasList := before.([]any)
	switch m := merged.(type) {
	case []any:
		if !wasMapping {
			break
		}
		pairs := map[string]any{}
		for _, entry := range m {
			key, value, _ := strings.Cut(fmt.Sprint(entry), "=")
			pairs[key] = value
		}
		return restored(before, pairs)
	case map[string]any:
		var out mapping
		for _, f := range was {
			if value, ok := m[f.key]; ok {
				out = append(out, field{f.key, restored(f.value, value)})
			}
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !slices.ContainsFunc(was, func(f field) bool { return f.key == key }) {
				out = append(out, field{key, restored(nil, m[key])})
			}
		}
		if wasList && !slices.ContainsFunc(out, func(f field) bool { return f.value != nil && !isEmpty(f.value) }) {
			return names(before.([]any), out)
		}
		if out == nil {
			return mapping{}
		}
		return out
	}
	return merged
}

func isEmpty(v any) bool {
	m, ok := v.(mapping)
	return ok && len(m) == 0
}

// names are the keys of a mapping, those of a list first.
func names(first []any, m mapping) []any {
	var out []any
	for _, name := range first {
		if slices.ContainsFunc(m, func(f field) bool { return f.key == name }) {
			out = append(out, name)
		}
	}
	for _, f := range m {
		if !slices.Contains(out, any(f.key)) {
			out = append(out, f.key)
		}
	}
	return out
}

// added refuses what the patch adds without saying so: its name may be misspelt.
func (p *patching) added(before, now map[string]any) {
	if p.patch.Add {
		return
	}
	missing := func(path []string, what string) {
		p.say("BERTH1196", path, fmt.Sprintf("release %s has no %s", p.stack.Release, what), "correct the name; or add  add: true  if it is to be new")
	}
	if len(p.under) == 0 {
		for _, kind := range tree.Keys(now) {
			there, _ := now[kind].(map[string]any)
			for _, name := range tree.Keys(there) {
				if _, ok := tree.Branch(before, kind)[name]; !ok {
					missing([]string{kind, name}, fmt.Sprintf("%s %q", strings.TrimSuffix(kind, "s"), name))
				}
			}
		}
		return
	}
	for _, key := range tree.Keys(now) {
		if before[key] == nil && !slices.Contains(free, key) && slices.Contains(spec.Keys(), key) {
			missing([]string{key}, fmt.Sprintf("%q for %s", key, p.patch.Service))
		}
	}
	if before["volumes"] == nil {
		return
	}
	targets := func(m map[string]any) (out []string) {
		for _, v := range tree.List(m["volumes"]) {
			out = append(out, target(v))
		}
		return out
	}
	for _, t := range targets(now) {
		if !slices.Contains(targets(before), t) {
			missing([]string{"volumes"}, fmt.Sprintf("mount at %s for %s", t, p.patch.Service))
		}
	}
}

// dependencies are what a patched service waits for, in Compose's short or long form.
func dependencies(body mapping) (out []stack.Dependency) {
	service := yaml.Plain(body).(map[string]any)
	for _, name := range tree.List(service["depends_on"]) {
		out = append(out, stack.Dependency{Name: fmt.Sprint(name), Condition: catalogue.Started})
	}
	for _, name := range tree.Keys(tree.Branch(service, "depends_on")) {
		condition := tree.Text(service, "depends_on", name, "condition")
		out = append(out, stack.Dependency{Name: name, Condition: catalogue.Condition(cmp.Or(condition, string(catalogue.Started)))})
	}
	return out
}

// target is where a mount is in the container.
func target(volume any) string {
	if m, ok := volume.(map[string]any); ok {
		return fmt.Sprint(m["target"])
	}
	parts := strings.Split(fmt.Sprint(volume), ":")
	return parts[min(1, len(parts)-1)]
}

// prove has Compose's schema look at the part. What it says of the part without the patch as well is not the patch's doing: a newer release may
// have keys that this schema has not.
func (p *patching) prove(before, now map[string]any) {
	of := func(wrong spec.Problem) string { return strings.Join(wrong.Path, ".") + ": " + wrong.Text }
	shipped := map[string]bool{}
	for _, wrong := range spec.Problems(wrapped(before, p.under)) {
		shipped[of(wrong)] = true
	}
	for _, wrong := range spec.Problems(wrapped(now, p.under)) {
		if shipped[of(wrong)] {
			continue
		}
		path := wrong.Path[min(len(p.under), len(wrong.Path)):]
		if wrong.Text != "" {
			p.refuse("BERTH1197", path, strings.Join(path, ".")+": "+wrong.Text, "see Compose's own reference of the key")
			continue
		}
		hint := "remove it"
		if guess := diag.Closest(path[len(path)-1], spec.Keys()); guess != "" && len(path) == 1 {
			hint = "did you mean " + guess + "?"
		}
		p.refuse("BERTH1197", path, fmt.Sprintf("Compose has no %q", strings.Join(path, ".")), hint)
	}
}
