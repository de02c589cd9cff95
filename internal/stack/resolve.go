package stack

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/jsonc"
)

// DefaultName is the installation's name when the config has none.
const DefaultName = "sourcegraph"

// Input has everything that a Stack is made from.
type Input struct {
	Config    *config.Config
	At        func(path string) diag.Range // the place of a key's value in the config
	Release   *catalogue.Release
	Files     map[string][]byte // content of the files that the config names (see FileNames), by the config's name
	Namespace string            // of the kube context, where the config names none
	// SiteConfig is Sourcegraph's site configuration, where the config names a file: only places in its text become part of the stack.
	SiteConfig jsonc.Value
	Lock       map[string]string // digests that the admin recorded for their own registry, by image name
}

// Resolve says what should run for a config and a release. The config must have no errors in check.Read.
func Resolve(in Input) *Stack {
	in = in.sized()
	b := &builder{Input: in, address: address.Of(in.Config), secrets: map[string]Secret{}, leads: in.Release.Leads()}
	b.stack = &Stack{
		Name:    cmp.Or(in.Config.Name, DefaultName),
		URL:     cmp.Or(b.address.URL(), in.Config.URL),
		Address: b.address,
		Release: in.Release.Version,
		Target:  in.Config.On,
		Network: in.Config.Network,
	}
	b.stack.Prefix = prefix(in.Config)
	b.stack.Patches = b.patches()
	if in.Config.On == catalogue.Kubernetes {
		b.cluster()
		return b.finish()
	}
	b.gone = gone(in.Config, in.Release)
	b.counts = counts(in.Config, in.Release, b.gone)
	b.settings()
	b.ship()
	b.pools()
	b.ownContainers()
	b.order()
	for _, apply := range features {
		apply(b)
	}
	b.overrides()
	b.volumes()
	return b.finish()
}

// sized is the input with what the config's size says. Its place is that of the size.
func (in Input) sized() Input {
	c, _ := config.WithSize(in.Config, in.Release)
	if c == in.Config {
		return in
	}
	at := in.At
	in.Config, in.At = c, func(path string) diag.Range {
		if r := at(path); r != (diag.Range{}) || !strings.HasPrefix(path, "services.") {
			return r
		}
		return at("size")
	}
	return in
}

// prefix begins the names of all containers: they belong to the whole engine, and a second installation must not take those of the first. Services
// still find each other by the names of the Compose file.
func prefix(c *config.Config) string {
	switch {
	case c.ContainerPrefix != nil:
		return *c.ContainerPrefix
	case cmp.Or(c.Name, DefaultName) != DefaultName:
		return c.Name + "-"
	}
	return ""
}

// features are the parts of the config, each with its effect on the stack that Sourcegraph ships. The order matters only where noted:
// proxies must know all instances.
var features = []func(*builder){
	(*builder).databases,
	(*builder).databaseLogin,
	(*builder).redis,
	(*builder).objectStorage,
	(*builder).siteConfig,
	(*builder).codeHostsAndSettings,
	(*builder).git,
	(*builder).tls,
	(*builder).ports,
	(*builder).tracing,
	(*builder).executors,
	(*builder).proxy,
	(*builder).addFetched,
	(*builder).withoutGone,
}

// builder is a stack in the making.
type builder struct {
	Input
	address address.Address
	stack   *Stack
	counts  map[string]int  // instances by service; services that do not run are missing
	gone    map[string]bool // services that are turned off
	leads   catalogue.Leads
	secrets map[string]Secret
}

// counts says how many instances of each service run.
func counts(c *config.Config, rel *catalogue.Release, gone map[string]bool) map[string]int {
	n := map[string]int{}
	for name, s := range rel.Services {
		if s.Compose == nil || gone[name] || disabled(c, name) || replaced(c, rel, name) || !overlaid(c, s.Compose.Overlay) {
			continue
		}
		n[name] = 1
		if want := c.Services[name]; want.Replicas != nil && s.Compose.Scalable() {
			n[name] = *want.Replicas
		}
	}
	// Services that share a shard's volume (zoekt's two) have the same number of instances.
	for name := range n {
		for other := range n {
			if n[other] > n[name] && rel.Services[name].Compose.SharesVolume(rel.Services[other].Compose) {
				n[name] = n[other]
			}
		}
	}
	return n
}

// overlaid reports whether the config asks for an overlay.
func overlaid(c *config.Config, overlay string) bool {
	switch overlay {
	case "":
		return true
	case catalogue.Executors:
		return c.Executors != nil
	case catalogue.Jaeger:
		return c.Tracing != nil && c.Tracing.Jaeger
	}
	return false
}

// replaced reports whether the admin replaces a built-in store by an external one.
func replaced(c *config.Config, rel *catalogue.Release, service string) bool {
	for name, d := range rel.Relations.Stores.Postgres.Databases {
		if (service == name || service == d.Exporter) && c.Databases[name].External != nil {
			return true
		}
	}
	if r, ok := c.Redis[service]; ok && r.External != nil {
		return true
	}
	return service == blobstore && c.ObjectStorage != nil
}

// ship adds every instance of the release.
func (b *builder) ship() {
	for _, name := range slices.Sorted(maps.Keys(b.counts)) {
		for i := range b.counts[name] {
			b.add(b.instance(name, b.Release.Services[name].Compose, i))
		}
	}
}

func (b *builder) add(i Instance) { b.stack.Instances = append(b.stack.Instances, i) }

func (b *builder) instance(name string, s *catalogue.ComposeService, i int) Instance {
	inst := Instance{
		Name:       numbered(s.Container, i),
		Service:    name,
		Index:      i,
		Image:      b.image(s.Image),
		Hostname:   numbered(s.Hostname, i),
		Command:    slices.Clone(s.Command),
		CPUs:       cores(s.CPUs),
		Memory:     bytes(s.Memory),
		Ports:      slices.Clone(s.Ports),
		Expose:     slices.Clone(s.Expose),
		Health:     s.Health,
		Probe:      s.Probe,
		Other:      s.Other,
		Restart:    s.Restart,
		StopGrace:  s.StopGrace,
		ShmSize:    s.ShmSize,
		Pid:        s.Pid,
		Privileged: s.Privileged,
		Devices:    slices.Clone(s.Devices),
		User:       s.User,
		OneShot:    s.Restart == "on-failure" || s.Restart == "no",
	}
	if b.Config.Size == config.Demo {
		inst.CPUs, inst.Memory = 0, 0
	}
	for _, k := range slices.Sorted(maps.Keys(s.Env)) {
		inst.Env = append(inst.Env, EnvVar{Name: k, Value: []Part{{Text: b.value(s.Env[k], i)}}})
	}
	for _, path := range slices.Sorted(maps.Keys(s.Volumes)) {
		m := s.Volumes[path]
		inst.Mounts = append(inst.Mounts, Mount{Path: path, Volume: numbered(m.Volume, i), Data: numbered(m.Volume, i), File: m.File, Host: m.Host, ReadOnly: m.ReadOnly})
	}
	for _, dep := range slices.Sorted(maps.Keys(s.DependsOn)) {
		for k := range b.counts[dep] {
			inst.DependsOn = append(inst.DependsOn, Dependency{
				Name: numbered(b.Release.Services[dep].Compose.Container, k), Condition: s.DependsOn[dep]})
		}
	}
	return inst
}

func (b *builder) image(name string) string {
	return Image(b.Config.Images.Registry, b.Release, b.Lock, name)
}

// Image returns the reference of a release's image, from the admin's registry where there is one. The digest stays: it identifies the image
// in any registry. lock has the digests that the admin recorded for their own registry.
func Image(registry string, release *catalogue.Release, lock map[string]string, name string) string {
	ref := release.Images[name]
	if registry == "" || ref == "" {
		return ref
	}
	tagged, digest, _ := strings.Cut(ref, "@")
	return inRegistry(registry, tagged[strings.LastIndexByte(tagged, '/')+1:]) + "@" + cmp.Or(lock[name], digest)
}

// value expands an environment value for instance i.
func (b *builder) value(v catalogue.Value, i int) string {
	if v.Items == nil {
		return numbered(v.Text, i)
	}
	items := b.items(v.Items)
	if v.Join == "json" {
		return "[" + strings.Join(items, ",") + "]"
	}
	return strings.Join(items, v.Join)
}

// items expands a list: an item of a service repeats for each of its instances.
func (b *builder) items(items []catalogue.Item) []string {
	var out []string
	for _, it := range items {
		if it.Each == "" {
			if !b.leadsToGone(it.Text) {
				out = append(out, it.Text)
			}
			continue
		}
		for k := range b.counts[it.Each] {
			out = append(out, numbered(it.Text, k))
		}
	}
	return out
}

// settings adds the facts of the release's settings files.
func (b *builder) settings() {
	f := b.Release.Files
	s := Settings{Postgres: map[string]map[string]string{}, YAML: b.ownNames(f.YAML), Caddyfiles: f.Caddyfiles}
	for name, settings := range f.Postgres {
		if b.counts[name] > 0 {
			merged := maps.Clone(settings)
			maps.Copy(merged, b.Config.Databases[name].Settings)
			s.Postgres[name] = merged
		}
	}
	for _, job := range f.PrometheusTargets {
		s.Scrape = append(s.Scrape, Scrape{Job: job.Job, Labels: job.Labels, Targets: b.items(job.Targets)})
	}
	b.stack.Settings = s
}

// overrides are the admin's settings of single services; they come last, so that they win.
func (b *builder) overrides() {
	for i := range b.stack.Instances {
		inst := &b.stack.Instances[i]
		b.limits(inst)
		b.attributes(inst)
	}
	b.poolLimits()
}

func (b *builder) limits(inst *Instance) {
	want, ok := b.Config.Services[inst.Service]
	if !ok {
		return
	}
	at, number := "services."+inst.Service, strconv.Itoa(inst.Index)
	if inst.Pool != "" {
		number = "" // its own limits come later
	}
	own := want.Instances[number]
	if cpu, at := narrower(at, number, "cpu", want.CPU, own.CPU); cpu != "" {
		n, _ := config.Cores(cpu)
		inst.origin("cpu "+showCores(inst.CPUs)+" -> "+showCores(n), b.At(at))
		inst.CPUs = n
	}
	if memory, at := narrower(at, number, "memory", want.Memory, own.Memory); memory != "" {
		n, _ := config.Bytes(memory)
		inst.origin("memory "+showBytes(inst.Memory)+" -> "+showBytes(n), b.At(at))
		inst.Memory = n
	}
	if want.Replicas != nil && *want.Replicas > 1 {
		inst.origin("replicas "+strconv.Itoa(*want.Replicas), b.At(at+".replicas"))
	}
}

// narrower is an instance's own quantity, or that of its service, and its place in the config.
func narrower(service, number, key string, all, own config.Quantity) (config.Quantity, string) {
	if own != "" {
		return own, service + ".instances." + number + "." + key
	}
	return all, service + "." + key
}

// finish orders everything and collects the volumes and secrets of instances.
func (b *builder) finish() *Stack {
	s := b.stack
	slices.SortFunc(s.Instances, func(a, c Instance) int { return cmp.Compare(a.Name, c.Name) })
	running := map[string]bool{}
	volumes := map[string]bool{}
	used := map[string]bool{}
	for i := range s.Instances {
		inst := &s.Instances[i]
		running[inst.Name] = true
		slices.SortFunc(inst.Env, func(a, c EnvVar) int { return cmp.Compare(a.Name, c.Name) })
		slices.SortFunc(inst.Mounts, func(a, c Mount) int { return cmp.Compare(a.Path, c.Path) })
		slices.SortFunc(inst.DependsOn, func(a, c Dependency) int { return cmp.Compare(a.Name, c.Name) })
		for _, m := range inst.Mounts {
			if m.Volume != "" {
				volumes[m.Volume] = true
			}
			if m.Secret != "" {
				b.use(m.Secret, used)
			}
		}
		for _, e := range inst.Env {
			for _, p := range e.Value {
				b.use(p.Secret, used)
			}
		}
	}
	if c := s.Cluster; c != nil {
		for _, w := range c.Settings {
			for _, side := range w.Sidecars {
				for _, name := range side.secrets() {
					b.use(name, used)
				}
			}
		}
		for _, data := range c.Secrets {
			for _, value := range data {
				for _, p := range value {
					b.use(p.Secret, used)
				}
			}
		}
		b.use(c.TLSKey, used)
		for _, p := range c.RegistryLogin {
			b.use(p.Secret, used)
		}
	}
	s.Volumes = slices.Sorted(maps.Keys(volumes))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		s.Secrets = append(s.Secrets, b.secrets[name])
	}
	slices.SortFunc(s.Settings.Files, func(a, c File) int { return cmp.Compare(a.Path, c.Path) })
	for i := range s.Settings.Scrape {
		s.Settings.Scrape[i].Targets = slices.DeleteFunc(s.Settings.Scrape[i].Targets, func(target string) bool {
			host, _, _ := strings.Cut(target, ":")
			return !running[host]
		})
	}
	s.Settings.Scrape = slices.DeleteFunc(s.Settings.Scrape, func(j Scrape) bool { return len(j.Targets) == 0 })
	return s
}

// use marks a secret as used, and those that it contains.
func (b *builder) use(name string, used map[string]bool) {
	if name == "" || used[name] {
		return
	}
	used[name] = true
	for _, p := range b.secrets[name].Parts {
		b.use(p.Secret, used)
	}
}
