package config

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/fold"
)

// Facts are the sources of an explanation; each may be missing.
type Facts struct {
	Doc      *Doc
	Release  *catalogue.Release
	Services map[string]catalogue.ServiceInfo // what services do
}

// Explanation says what a key means, and its value here.
type Explanation struct {
	Key     string           `json:"key"`
	Means   string           `json:"means"`
	Type    string           `json:"type"`
	Values  []string         `json:"values,omitempty"`
	Target  catalogue.Target `json:"target,omitempty"` // the only one that it is for
	Default string           `json:"default,omitempty"`
	Example string           `json:"example,omitempty"`
	Value   string           `json:"value,omitempty"` // in force here
	From    string           `json:"from,omitempty"`  // the source of the value: "sourcegraph.yaml:9:13", "size m", "release 7.5.4453"
	Below   []Explanation    `json:"below,omitempty"`
}

// Explain explains a key: "", "tls", "services.gitserver.memory". The error names the key that was probably meant.
func Explain(path string, f Facts) (*Explanation, error) {
	k, err := f.find(path)
	if err != nil {
		return nil, err
	}
	if path == k.Also {
		path = k.Name
	}
	e := f.explain(k, path)
	for _, c := range f.below(k, path) {
		e.Below = append(e.Below, f.explain(c, strings.TrimPrefix(path+"."+c.Name, ".")))
	}
	return &e, nil
}

// find finds the key of a path. It accepts any name that the admin chooses; fixed names must be right.
func (f Facts) find(path string) (*Key, error) {
	k, done := Root(), ""
	for path != "" {
		name, rest, _ := strings.Cut(path, ".")
		next, known := k.Key(name), k.Names()
		if k.Kind == Items && k.Elem.Kind == Object && name != k.Elem.Name && !decimal().MatchString(name) {
			next, known = k.Elem.Key(name), k.Elem.Names() // patches.service is short for patches.N.service
		} else if k.Elem != nil {
			next, known = k.Elem, f.names(k)
			if k.Elem.Kind == Text {
				name, rest = path, "" // a Postgres setting may have a dot in its name
			}
			if known != nil && name != k.Elem.Name && !slices.Contains(known, name) {
				next = nil
			}
		}
		if next == nil {
			return nil, unknownKey(name, done, known)
		}
		k, path, done = next, rest, strings.TrimPrefix(done+"."+name, ".")
	}
	return k, nil
}

func unknownKey(name, under string, known []string) error {
	where := ""
	if under != "" {
		where = " under " + under
	}
	if len(known) == 0 {
		return fmt.Errorf("there is no key %q%s; it has no keys", name, where)
	}
	guess := diag.Closest(name, known)
	if at := Root().paths(name, ""); guess == "" && len(at) > 0 {
		return fmt.Errorf("there is no key %q%s; did you mean %s.%s?", name, where, at[0], name)
	}
	if guess == "" && len(known) > 8 {
		return fmt.Errorf("there is no key %q%s; %s lists them", name, where, strings.TrimSpace("berth explain "+under))
	}
	if guess == "" {
		return fmt.Errorf("there is no key %q%s; known: %s", name, where, diag.Listed(known, "and"))
	}
	return fmt.Errorf("there is no key %q%s; did you mean %s?", name, where, guess)
}

// names are the names that are allowed below a key here, or nil when any is.
func (f Facts) names(k *Key) []string {
	if k.Name == "services" && f.Release != nil {
		return slices.Sorted(maps.Keys(f.Release.Services))
	}
	return k.Under
}

// below are a key's children: where names are known here, those.
func (f Facts) below(k *Key, path string) []*Key {
	if k.Elem == nil {
		return k.Keys()
	}
	names := f.names(k)
	if k.Name == "settings" && f.Release != nil {
		names = slices.Sorted(maps.Keys(postgresSettings(f.Release, strings.Split(path+".", ".")[1])))
	}
	var keys []*Key
	for _, name := range names {
		c := *k.Elem
		c.Name = name
		if info, ok := f.Services[name]; ok && k.Name == "services" {
			c.Doc = info.Does
		}
		keys = append(keys, &c)
	}
	if keys == nil && k.Elem.Kind == Object {
		return k.Elem.Keys()
	}
	return keys
}

func (f Facts) explain(k *Key, path string) Explanation {
	e := Explanation{Key: path, Means: k.Doc, Type: k.Type(), Values: k.Enum, Target: k.On, Default: k.Default, Example: k.Example}
	if parts := strings.Split(path, "."); len(parts) == 2 && e.Means == "" {
		e.Means = f.Services[parts[1]].Does
	}
	if path == "" {
		e.Means = "What you want of Sourcegraph. Only target and url are required."
	}
	if e.Default == "false" {
		e.Value, e.From = "false", "default"
	}
	if f.Release != nil {
		if value := f.shipped(path); value != "" {
			e.Default, e.Value, e.From = value, value, "release "+f.Release.Version
		}
	}
	f.inForce(k, path, &e)
	return e
}

// inForce finds what the config says about a key.
func (f Facts) inForce(k *Key, path string, e *Explanation) {
	if f.Doc == nil {
		return
	}
	parts := strings.Split(path, ".")
	if f.Doc.Config.Size == "demo" && len(parts) == 3 && parts[0] == "services" && (parts[2] == "cpu" || parts[2] == "memory") {
		e.Value, e.From = "no limit", "size demo"
	}
	if value := f.sizes(parts); value != "" {
		e.Value, e.From = value, "size "+f.Doc.Config.Size
	}
	r := f.Doc.At(path)
	if r == (diag.Range{}) {
		return
	}
	e.Value, e.From = "", fmt.Sprintf("%s:%d:%d", r.File, r.Line, r.Column)
	if k.Kind != Object && k.Kind != Named && k.Kind != Items && k.Kind != Anything || r != f.Doc.KeyAt(path) {
		text := []rune(r.Excerpt)
		e.Value = string(text[min(r.Column-1, len(text)):min(r.Column-1+r.Length, len(text))])
	}
}

// sizes is what the config's size says for a key of a service; "": nothing.
func (f Facts) sizes(path []string) string {
	if f.Release == nil || len(path) != 3 || path[0] != "services" {
		return ""
	}
	c, _ := WithSize(f.Doc.Config, f.Release)
	if c == f.Doc.Config {
		return ""
	}
	s := c.Services[path[1]]
	if path[2] == "replicas" && s.Replicas != nil {
		return strconv.Itoa(*s.Replicas)
	}
	return string(map[string]Quantity{"cpu": s.CPU, "memory": s.Memory, "cpuRequest": s.CPURequest, "memoryRequest": s.MemoryRequest, "storage": s.Storage}[path[2]])
}

// shipped is the release's value for a key, in the form of the config.
func (f Facts) shipped(path string) string {
	p := strings.Split(path, ".")
	switch {
	case path == "release":
		return f.Release.Version
	case path == "ports.prometheus":
		return portText(f.Release.Services["prometheus"].Compose.HostPort("9090"))
	case path == "ports.grafana":
		return portText(f.Release.Services["grafana"].Compose.HostPort("3370"))
	case len(p) == 4 && p[0] == "databases" && p[2] == "settings":
		return postgresSettings(f.Release, p[1])[p[3]]
	case len(p) < 3 || p[0] != "services":
		return ""
	}
	if w := f.Release.Workload(p[1]); w != nil {
		if len(p) == 4 && p[2] == "env" {
			return shippedVariable(w, p[3])
		}
		return shipped(w, strings.Join(p[2:], "."))
	}
	if f.Release.Services[p[1]].Compose == nil {
		return ""
	}
	s := f.Release.Services[p[1]].Compose
	switch strings.Join(p[2:], ".") {
	case "cpu":
		return orNone(s.CPUs)
	case "memory":
		return orNone(amount(s.Memory))
	case "replicas":
		return "1"
	case "enabled":
		return strconv.FormatBool(s.Overlay == "")
	}
	if len(p) == 4 && p[2] == "env" {
		return s.Env[p[3]].Text
	}
	return ""
}

func portText(port int) string {
	if port == 0 {
		return "closed"
	}
	return strconv.Itoa(port)
}

const noLimit = "no limit"

func orNone(limit string) string {
	if limit == "" {
		return noLimit
	}
	return limit
}

// amount converts Compose's 8g, which counts in 1024s, to the config's form.
func amount(memory string) string {
	if m := looseBytes().FindStringSubmatch(memory); m != nil && m[2] != "" {
		return m[1] + strings.ToUpper(m[2]) + "i"
	}
	return memory
}

// Type describes in a few words what can be written.
func (k *Key) Type() string {
	switch {
	case len(k.Enum) > 0 && k.Kind == Text:
		return diag.Listed(k.Enum, "or")
	case k.Kind == Number && k.Max != nil:
		return fmt.Sprintf("a whole number from %d to %d", *k.Min, *k.Max)
	case k.Kind == Number && k.Min != nil:
		return fmt.Sprintf("a whole number, %d or more", *k.Min)
	case k.Kind == CPU:
		return "cores: 4, 0.5, 500m"
	case k.Kind == Memory:
		return "bytes: 8Gi, 500Mi"
	case k.Kind == Hidden:
		return "a secret: {env: NAME} or {file: PATH}"
	case k.Kind == Variable:
		return "text, or a secret: {env: NAME} or {file: PATH}"
	case k.Kind == Items && k.Elem.Kind == Object:
		return "a list of maps"
	case k.Kind == Items:
		return "a list"
	case k.Kind == Object, k.Kind == Named, k.Kind == Anything:
		return "a map"
	case k.File != "":
		return "a file"
	}
	return string(k.Kind)
}

// WriteText writes an explanation for people.
func (e *Explanation) WriteText(out io.Writer, on diag.Paper) {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(out, fold.Rows(on.Columns, w.String())) }()
	if e.Key != "" {
		fmt.Fprintln(w, e.Key)
	}
	if e.Means != "" {
		fmt.Fprintln(w, strings.Join(fold.Line(on.Columns, "  ", "  ", e.Means), "\n"))
	}
	fmt.Fprintln(w)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-9s %s\n", name, value)
		}
	}
	if e.Key != "" {
		row("type", e.Type)
	}
	if e.Target != "" {
		row("only for", Title(e.Target))
	}
	row("default", e.Default)
	switch {
	case e.Value != "" && e.From != "default" && e.Value != e.Default:
		row("in force", e.Value+"   "+e.From)
	case e.From != "" && e.From != "default":
		row("from", e.From)
	}
	if e.Example != "" {
		row("example", e.Key[strings.LastIndexByte(e.Key, '.')+1:]+": "+e.Example)
	}
	if len(e.Below) == 0 {
		return
	}
	if e.Key != "" {
		fmt.Fprintln(w)
	}
	width := 0
	for _, b := range e.Below {
		width = max(width, len(b.name()))
	}
	for _, b := range e.Below {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-*s  %s", width, b.name(), b.brief()), " "))
	}
	fmt.Fprintf(w, "\nmore: berth explain %s\n", strings.TrimPrefix(e.Key+".", ".")+e.Below[0].name())
}

func (e *Explanation) name() string { return e.Key[strings.LastIndexByte(e.Key, '.')+1:] }

// brief is one line: the first sentence with the release's value (8Gi), or with the config's [16Gi].
func (e *Explanation) brief() string {
	first, _, _ := strings.Cut(e.Means, ". ")
	if e.Means == "" {
		first = e.Default
	}
	first = strings.TrimSuffix(first, ".")
	switch {
	case e.Value == "" || e.From == "" || e.From == "default" || e.Value == first:
		return first
	case strings.HasPrefix(e.From, "release "):
		return first + " (" + e.Value + ")"
	}
	return first + " [" + e.Value + "]"
}
