package compose

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// mapping is a YAML mapping whose keys are in the order in which a person would write them.
type mapping []field

type field struct {
	key   string
	value any
}

// Len is how many keys there are.
func (m mapping) Len() int { return len(m) }

// All returns the keys and values in order.
func (m mapping) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, f := range m {
			if !yield(f.key, f.value) {
				return
			}
		}
	}
}

// Network is the one network of an installation, as in Sourcegraph's own file.
const Network = "sourcegraph"

// Render renders the project of a stack. fingerprints are short hashes of the secrets that the admin keeps, by name, so that a changed
// password changes the container. A patch that changes nothing, or that sets what the config has a key for, is a problem.
func Render(s *stack.Stack, fingerprints map[string]string) (*Project, diag.List) {
	r := &renderer{stack: s, fingerprints: fingerprints, project: &Project{Name: s.Name, Prefix: s.Prefix, Release: s.Release, Secrets: named(s)}}
	r.project.Files = settingsFiles(s)
	services, waits := mapping{}, map[string][]string{}
	for _, inst := range s.Instances {
		for _, d := range inst.Waits() {
			waits[inst.Name] = append(waits[inst.Name], d.Name)
		}
		services = append(services, field{inst.Name, r.service(inst)})
	}
	file := yaml.Encode(header(s), r.file(services))
	r.proof(file)
	r.project.Files = append(r.project.Files, stack.File{Path: ComposeFile, Content: file})
	slices.SortFunc(r.project.Files, func(a, b stack.File) int { return cmp.Compare(a.Path, b.Path) })
	var ports []Port
	for _, u := range r.project.Units {
		ports = append(ports, u.Ports...)
	}
	r.problems = append(r.problems, clashes(ports)...)
	return r.project, append(r.problems, s.Circles(waits, func(name string) string { return name })...)
}

// named are the secrets that services name: not those that are only parts of others.
func named(s *stack.Stack) []stack.Secret {
	used := map[string]bool{}
	for _, inst := range s.Instances {
		for _, name := range secretsOf(inst) {
			used[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Secrets), func(secret stack.Secret) bool { return !used[secret.Name] })
}

type renderer struct {
	stack        *stack.Stack
	fingerprints map[string]string
	project      *Project
	problems     diag.List
	effects      map[int]bool // of patches: whether one that met something changed it
}

// problem adds a problem once: patches of several instances have the same ones.
func (r *renderer) problem(code string, where diag.Range, summary, hint string) {
	d := diag.Diagnostic{Code: code, Severity: diag.Error, Summary: summary, Hint: hint, Range: where}
	if !slices.ContainsFunc(r.problems, func(o diag.Diagnostic) bool { return o.Code == code && o.Range == where && o.Summary == summary }) {
		r.problems = append(r.problems, d)
	}
}

func header(s *stack.Stack) string {
	return fmt.Sprintf("Sourcegraph %s, made by berth from sourcegraph.yaml. Change that file, not this one: this one is overwritten.\n"+
		"It works with docker compose alone. Secret values are in the file .env beside it.", s.Release)
}

// file is the whole Compose file.
func (r *renderer) file(services mapping) mapping {
	shared := mapping{{"networks", r.networks()}, {"volumes", r.volumes()}}
	if secrets := r.secretFiles(); len(secrets) > 0 {
		shared = append(shared, field{"secrets", secrets})
	}
	shared, _ = r.patches(shared, nil, func(p stack.Patch) bool { return p.Service == "" }, 0)
	return append(mapping{{"name", r.stack.Name}, {"services", services}}, shared...)
}

// secretFiles are the secrets that services mount as files. Compose copies them from the environment into the container, so no file on the
// host's disk exposes them to others. They name no owner: engines up to 28 would look the image's user up among the users of the host, and
// fail. So the files belong to root, and every user of the container can read them.
func (r *renderer) secretFiles() mapping {
	var names []string
	for _, inst := range r.stack.Instances {
		for _, m := range inst.Mounts {
			if m.Secret != "" && !slices.Contains(names, m.Secret) {
				names = append(names, m.Secret)
			}
		}
	}
	slices.Sort(names)
	var out mapping
	for _, n := range names {
		out = append(out, field{n, mapping{{"environment", Variable(n)}}})
	}
	return out
}

// service renders one instance, and records what a plan needs to know about it.
func (r *renderer) service(inst stack.Instance) mapping {
	mine := func(p stack.Patch) bool { // a container of the admin's own is as they write it
		return p.Names(inst.Service, inst.Name) && !inst.Own
	}
	body, patched := r.patches(r.body(inst), []string{"services", inst.Name}, mine, inst.Index)
	text := yaml.Block(body, serviceIndent) // the spec hash is of this text too
	unit := r.unit(inst, text)
	body = waiting(body, inst.Skips)
	unit.Data = r.data(inst, body)
	place := r.patchOf("ports", inst.Name)
	if inst.Own && place == (diag.Range{}) {
		place = inst.Origins[0].Range
	}
	unit.Ports = published(inst, body, place)
	unit.Origins = append(slices.Clip(unit.Origins), patched...)
	if len(patched) > 0 {
		unit.DependsOn = dependencies(body)
	}
	r.project.Units = append(r.project.Units, unit)
	out := mapping{{"container_name", unit.Container}}
	out = append(out, field{"", yaml.Written(yaml.Block(body, serviceIndent))})
	if inst.CPUs > 0 {
		out = append(out, field{"cpus", inst.CPUs})
	}
	if inst.Memory > 0 {
		out = append(out, field{"mem_limit", memory(inst.Memory)})
	}
	labels := mapping{{LabelInstallation, r.stack.Name}}
	if !inst.Own {
		labels = append(labels, field{LabelRelease, r.stack.Release})
	}
	labels = append(labels, mapping{{LabelService, inst.Service}, {LabelSpec, unit.Spec}}...)
	if unit.Files != "" {
		labels = append(labels, field{LabelFiles, unit.Files})
	}
	labels = append(labels, texts(inst.Attributes.Labels)...)
	return append(out, field{"labels", labels})
}

// serviceIndent is the indentation of the fields of a service in the Compose file.
const serviceIndent = 4

// body is the service without its name, limits and labels: its spec hash covers it.
func (r *renderer) body(inst stack.Instance) mapping {
	out := mapping{{"image", inst.Image}}
	add := func(key string, value any, set bool) {
		if set {
			out = append(out, field{key, value})
		}
	}
	add("hostname", inst.Hostname, inst.Hostname != "")
	add("user", inst.User, inst.User != "")
	add("entrypoint", literals(inst.Entrypoint), len(inst.Entrypoint) > 0)
	add("command", literals(inst.Command), len(inst.Command) > 0)
	add("environment", environment(inst.Env), len(inst.Env) > 0)
	add("ports", sequence(inst.Ports), len(inst.Ports) > 0)
	add("expose", sequence(inst.Expose), len(inst.Expose) > 0)
	mounts, secrets := r.mounts(inst.Mounts)
	add("volumes", mounts, len(mounts) > 0)
	add("secrets", secrets, len(secrets) > 0)
	add("healthcheck", healthcheck(inst), inst.Health != nil)
	add("depends_on", dependsOn(inst.DependsOn), len(inst.DependsOn) > 0)
	add("networks", sequence(append([]string{Network}, inst.Attributes.Networks...)), true)
	add("restart", inst.Restart, inst.Restart != "")
	add("stop_grace_period", inst.StopGrace, inst.StopGrace != "")
	add("shm_size", inst.ShmSize, inst.ShmSize != "")
	add("pid", inst.Pid, inst.Pid != "")
	add("privileged", inst.Privileged, inst.Privileged)
	add("devices", sequence(inst.Devices), len(inst.Devices) > 0)
	for _, key := range slices.Sorted(maps.Keys(inst.Other)) {
		add(key, ordered(inst.Other[key]), true)
	}
	return append(out, attributes(inst)...)
}

func environment(env []stack.EnvVar) mapping {
	var out mapping
	for _, e := range env {
		var b strings.Builder
		for _, p := range e.Value {
			if p.Secret != "" {
				b.WriteString("${" + Variable(p.Secret) + "}")
			} else {
				b.WriteString(literal(p.Text))
			}
		}
		out = append(out, field{e.Name, b.String()})
	}
	return out
}

func (r *renderer) mounts(mounts []stack.Mount) (volumes, secrets []any) {
	for _, m := range mounts {
		if m.Secret != "" {
			secrets = append(secrets, mapping{{"source", m.Secret}, {"target", m.Path}})
			continue
		}
		if m.Strict || m.SELinux != "" && m.Host != "" {
			volumes = append(volumes, bind(m))
			continue
		}
		source := cmp.Or(m.Volume, m.Host)
		if m.File != "" {
			source = "./" + m.File
		}
		text := source + ":" + m.Path
		if m.ReadOnly {
			text += ":ro"
		}
		volumes = append(volumes, literal(text))
	}
	return volumes, secrets
}

func healthcheck(inst stack.Instance) mapping {
	h := inst.Health
	if h == nil {
		return nil
	}
	out := mapping{}
	if h.Shell != "" {
		out = append(out, field{"test", literal(h.Shell)})
	} else {
		out = append(out, field{"test", literals(append([]string{"CMD"}, h.Exec...))})
	}
	for _, d := range []field{{"interval", h.Interval}, {"timeout", h.Timeout}} {
		if d.value != "" {
			out = append(out, d)
		}
	}
	if h.Retries > 0 {
		out = append(out, field{"retries", h.Retries})
	}
	if h.StartPeriod != "" {
		out = append(out, field{"start_period", h.StartPeriod})
	}
	return out
}

func dependsOn(deps []stack.Dependency) mapping {
	var out mapping
	for _, d := range deps {
		out = append(out, field{d.Name, mapping{{"condition", string(d.Condition)}}})
	}
	return out
}

// waiting is a body that does not wait for some instances. What it is does not change by that, so its spec hash is of the whole one.
func waiting(body mapping, skips []string) mapping {
	at := slices.IndexFunc(body, func(f field) bool { return f.key == "depends_on" })
	if len(skips) == 0 || at < 0 {
		return body
	}
	deps := slices.DeleteFunc(dependencies(body), func(d stack.Dependency) bool { return slices.Contains(skips, d.Name) })
	out := slices.Clone(body)
	if len(deps) == 0 {
		return slices.Delete(out, at, at+1)
	}
	out[at].value = dependsOn(deps)
	return out
}

// unit records what a plan needs to know about an instance.
func (r *renderer) unit(inst stack.Instance, body []byte) Unit {
	u := Unit{
		Name: inst.Name, Container: r.project.Prefix + inst.Name, Service: inst.Service, Image: inst.Image, Own: inst.Own,
		CPUs: inst.CPUs, Memory: inst.Memory, OneShot: inst.OneShot,
		DependsOn: inst.Waits(), Origins: inst.Origins,
		Secrets: secretsOf(inst), Files: r.filesHash(inst), Env: map[string]string{}, Patience: patience(inst.Health), Probe: inst.Probe,
	}
	for _, e := range inst.Env {
		u.Env[e.Name] = visible(e.Value)
	}
	spec := sha256.New()
	spec.Write(body)
	for _, s := range u.Secrets {
		fmt.Fprintf(spec, "%s=%s\n", s, r.fingerprints[s])
	}
	for _, name := range slices.Sorted(maps.Keys(inst.Attributes.Labels)) {
		fmt.Fprintf(spec, "label %s=%s\n", name, inst.Attributes.Labels[name])
	}
	u.Spec = short(spec)
	return u
}

// visible is a value, or nothing when it has a secret.
func visible(parts []stack.Part) string {
	text := ""
	for _, p := range parts {
		if p.Secret != "" {
			return ""
		}
		text += p.Text
	}
	return text
}

// leastPatience is the least time for every service: the engines of small machines are slow.
const leastPatience = 5 * time.Minute

// patience is at least as long as Docker itself waits before it calls a container unhealthy.
func patience(h *catalogue.Health) time.Duration {
	if h == nil {
		return leastPatience
	}
	start, _ := time.ParseDuration(h.StartPeriod) // the catalogue's test proves that these are valid
	interval, _ := time.ParseDuration(h.Interval)
	return max(leastPatience, start+time.Duration(h.Retries)*interval)
}

func secretsOf(inst stack.Instance) []string {
	var names []string
	for _, e := range inst.Env {
		for _, p := range e.Value {
			names = append(names, p.Secret)
		}
	}
	for _, m := range inst.Mounts {
		names = append(names, m.Secret)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// filesHash is a hash of the project files that an instance mounts, without those that it reloads by itself.
func (r *renderer) filesHash(inst stack.Instance) string {
	h := sha256.New()
	found := false
	for _, m := range inst.Mounts {
		for _, f := range r.project.Files {
			if m.File != "" && !f.Reload && (f.Path == m.File || strings.HasPrefix(f.Path, path.Clean(m.File)+"/")) {
				found = true
				fmt.Fprintf(h, "%s %d\n", f.Path, len(f.Content))
				h.Write(f.Content)
			}
		}
	}
	if !found {
		return ""
	}
	return short(h)
}

// short is a hash that is long enough to tell two contents apart.
func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil))[:16] }

// Variable is the name of a secret's variable in the .env file.
func Variable(secret string) string {
	return "BERTH_" + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c - 'a' + 'A'
		}
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, secret)
}

// EnvFile is the .env file with secrets and their values.
func EnvFile(secrets []stack.Secret, value func(name string) string) []byte {
	var b strings.Builder
	b.WriteString("# Secret values of this installation, made by berth. Keep this file to yourself.\n")
	for _, s := range secrets {
		fmt.Fprintf(&b, "%s=%s\n", Variable(s.Name), quote(value(s.Name)))
	}
	return []byte(b.String())
}

// quote writes a value so that Compose reads the same bytes: inside single quotes only the quote itself is special.
func quote(v string) string {
	if !strings.Contains(v, "'") {
		return "'" + v + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(v) + `"`
}

// literal escapes "$", which begins a variable for Compose.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func literals(texts []string) []any {
	var out []any
	for _, t := range texts {
		out = append(out, literal(t))
	}
	return out
}

func sequence(texts []string) []any {
	var out []any
	for _, t := range texts {
		out = append(out, t)
	}
	return out
}

// memory writes bytes in Compose's form.
func memory(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "b"
}

// ordered converts decoded YAML to the rendered form.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := mapping{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m = append(m, field{k, ordered(v[k])})
		}
		return m
	case []any:
		var l []any
		for _, item := range v {
			l = append(l, ordered(item))
		}
		return l
	case string:
		return literal(v)
	}
	return v
}
