package compose

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// attributes are the keys of a Compose service that say what the config says of the container.
func attributes(inst stack.Instance) mapping {
	a := inst.Attributes
	var out mapping
	add := func(key string, value any, set bool) {
		if set {
			out = append(out, field{key, value})
		}
	}
	add("extra_hosts", texts(a.ExtraHosts), len(a.ExtraHosts) > 0)
	if d := a.DNS; d != nil {
		add("dns", literals(d.Servers), len(d.Servers) > 0)
		add("dns_search", literals(d.Search), len(d.Search) > 0)
		add("dns_opt", literals(d.Options), len(d.Options) > 0)
	}
	add("sysctls", texts(a.Sysctls), len(a.Sysctls) > 0)
	var limits mapping
	for _, name := range slices.Sorted(maps.Keys(a.Ulimits)) {
		soft, hard := a.Ulimits[name].Soft, a.Ulimits[name].Hard
		soft, hard = cmp.Or(soft, hard), cmp.Or(hard, soft)
		limits = append(limits, field{name, mapping{{"soft", *soft}, {"hard", *hard}}})
	}
	add("ulimits", limits, limits != nil)
	if l := a.Logging; l != nil {
		var logging mapping
		if l.Driver != "" {
			logging = append(logging, field{"driver", literal(l.Driver)})
		}
		if len(l.Options) > 0 {
			logging = append(logging, field{"options", texts(l.Options)})
		}
		add("logging", logging, logging != nil)
	}
	return out
}

// texts is a map of texts, in order.
func texts(m map[string]string) mapping {
	var out mapping
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, field{name, literal(m[name])})
	}
	return out
}

// bind is the mount of a host path that must exist: a folder that Docker makes instead of a missing disk would be an empty one.
func bind(m stack.Mount) mapping {
	options := mapping{{"create_host_path", !m.Strict}}
	if m.SELinux != "" {
		options = append(options, field{"selinux", m.SELinux})
	}
	out := mapping{{"type", "bind"}, {"source", literal(m.Host)}, {"target", literal(m.Path)}}
	if m.ReadOnly {
		out = append(out, field{"read_only", true})
	}
	return append(out, field{"bind", options})
}

// volumes are the named volumes of the project.
func (r *renderer) volumes() mapping {
	out := mapping{}
	for _, name := range r.stack.Volumes {
		o := r.stack.VolumeOptions[name]
		volume := mapping{}
		if o.Existing != "" {
			volume = mapping{{"name", literal(o.Existing)}, {"external", true}}
		}
		if o.Driver != "" {
			volume = append(volume, field{"driver", literal(o.Driver)})
		}
		if len(o.Options) > 0 {
			volume = append(volume, field{"driver_opts", texts(o.Options)})
		}
		out = append(out, field{name, volume})
	}
	return out
}

// networks are the installation's own network, and those of others that its containers join.
func (r *renderer) networks() mapping {
	out := mapping{{Network, r.network()}}
	others := map[string]bool{}
	for _, inst := range r.stack.Instances {
		for _, name := range inst.Attributes.Networks {
			others[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		out = append(out, field{name, mapping{{"name", name}, {"external", true}}})
	}
	return out
}

// network is the installation's own network. Its label says how it was made: Docker can't change a network.
func (r *renderer) network() mapping {
	n := r.stack.Network
	out := mapping{}
	if n == nil {
		return out
	}
	if len(n.Options) > 0 {
		out = append(out, field{"driver_opts", texts(n.Options)})
	}
	if n.Subnet != "" {
		out = append(out, field{"ipam", mapping{{"config", []any{mapping{{"subnet", n.Subnet}}}}}})
	}
	sum := sha256.New()
	fmt.Fprintln(sum, n.Subnet)
	for _, name := range slices.Sorted(maps.Keys(n.Options)) {
		fmt.Fprintf(sum, "%s=%s\n", name, n.Options[name])
	}
	r.project.Network = short(sum)
	return append(out, field{"labels", mapping{{LabelNetwork, r.project.Network}}})
}

// data are the volumes of an instance's data, by the source that the engine gives for each. A patch may have put one elsewhere.
func (r *renderer) data(inst stack.Instance, body mapping) []DataVolume {
	var out []DataVolume
	patched := map[string]string{}
	volumes, _ := yaml.Plain(body).(map[string]any)["volumes"].([]any)
	for _, entry := range volumes {
		if long, ok := entry.(map[string]any); ok {
			patched[path.Clean(fmt.Sprint(long["target"]))] = fmt.Sprint(long["source"])
			continue
		}
		source, rest, _ := strings.Cut(fmt.Sprint(entry), ":")
		target, _, _ := strings.Cut(rest, ":")
		patched[path.Clean(target)] = source
	}
	for _, m := range inst.Mounts {
		at := path.Clean(m.Path)
		if m.Data == "" {
			continue
		}
		v := DataVolume{Path: at, Source: r.source(m), Default: r.stack.Name + "_" + m.Data, Holds: m.HoldsData}
		if now := patched[at]; now != cmp.Or(m.Volume, m.Host) {
			if !path.IsAbs(now) {
				continue // a volume that only the patch knows
			}
			v.Source, v.Holds = path.Clean(now), false
		}
		out = append(out, v)
	}
	return out
}

// source is what the engine calls the source of a mount.
func (r *renderer) source(m stack.Mount) string {
	if m.Host != "" {
		return path.Clean(m.Host)
	}
	return cmp.Or(r.stack.VolumeOptions[m.Volume].Existing, r.stack.Name+"_"+m.Volume)
}
