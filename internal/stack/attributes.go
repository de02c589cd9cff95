package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"berth/internal/config"
	"berth/internal/diag"
)

// level is one of the places where the config says something about an instance.
type level struct {
	path string
	config.Attributes
}

// levels are the places that count for an instance, the narrowest last. None counts for a container of the admin's own.
func (b *builder) levels(inst *Instance) []level {
	var out []level
	if inst.Own {
		return nil
	}
	if all := b.Config.AllServices; all != nil {
		out = append(out, level{"allServices", *all})
	}
	service, at := b.Config.Services[inst.Service], "services."+inst.Service
	out = append(out, level{at, service.Attributes})
	if b.stack.Cluster != nil || inst.Pool != "" {
		return out
	}
	number := strconv.Itoa(inst.Index)
	return append(out, level{at + ".instances." + number, service.Instances[number].Attributes})
}

// attributes gives an instance what the config says of it. It comes after the features, so that it wins.
func (b *builder) attributes(inst *Instance) {
	for _, l := range b.levels(inst) {
		if l.Timezone != "" {
			inst.set("TZ", Part{Text: l.Timezone})
		}
		b.env(inst, l)
		b.mounts(inst, l)
		a := &inst.Attributes
		a.Labels, a.Annotations = over(a.Labels, l.Labels), over(a.Annotations, l.Annotations)
		a.ExtraHosts, a.Sysctls = over(a.ExtraHosts, l.ExtraHosts), over(a.Sysctls, l.Sysctls)
		a.Ulimits = over(a.Ulimits, l.Ulimits)
		for _, name := range l.Networks {
			if !slices.Contains(a.Networks, name) {
				a.Networks = append(a.Networks, name)
			}
		}
		if l.DNS != nil {
			a.DNS = l.DNS
		}
		if l.Logging != nil {
			a.Logging = l.Logging
		}
		b.origins(inst, l)
	}
}

// origins records the config's lines of a level, but for those of variables and mounts.
func (b *builder) origins(inst *Instance, l level) {
	for _, key := range []struct {
		name string
		set  bool
	}{{"labels", l.Labels != nil}, {"annotations", l.Annotations != nil}, {"extraHosts", l.ExtraHosts != nil}, {"dns", l.DNS != nil},
		{"sysctls", l.Sysctls != nil}, {"ulimits", l.Ulimits != nil}, {"logging", l.Logging != nil}, {"networks", l.Networks != nil},
		{"timezone", l.Timezone != ""}} {
		if key.set {
			inst.origin(key.name, b.At(l.path+"."+key.name))
		}
	}
}

func (b *builder) env(inst *Instance, l level) {
	for _, name := range slices.Sorted(maps.Keys(l.Env)) {
		at := b.At(l.path + ".env." + name)
		v := l.Env[name]
		inst.set(name, b.part("env-"+inst.Service+"-"+name, &v, at))
		inst.origin("env "+name, at)
	}
}

func (b *builder) mounts(inst *Instance, l level) {
	for i, want := range l.Mounts {
		at := b.At(l.path + ".mounts." + strconv.Itoa(i))
		m := Mount{Path: want.At, Host: want.Path, ReadOnly: want.ReadOnly, SELinux: want.SELinux, Key: want.Key, Strict: want.Path != ""}
		switch {
		case want.Volume != "" && b.stack.Cluster != nil:
			m.Object = "PersistentVolumeClaim/" + want.Volume
		case want.Volume != "":
			m.Volume = b.existing(want.Volume)
		case want.File != "":
			m.Secret = b.secretFile(fileSecret(want.File), want.File, at)
		case want.Secret != "":
			m.Object = "Secret/" + want.Secret
		case want.ConfigMap != "":
			m.Object = "ConfigMap/" + want.ConfigMap
		}
		inst.mount(m)
		inst.origin("mounts", at)
	}
}

// fileSecret names the secret with the content of a file: several services may mount the same one.
func fileSecret(file string) string {
	sum := sha256.Sum256([]byte(file))
	return "file-" + hex.EncodeToString(sum[:4])
}

// existing is the project's name of a volume that exists already.
func (b *builder) existing(name string) string {
	key := "existing-" + name
	b.volume(key, VolumeOptions{Existing: name})
	return key
}

func (b *builder) volume(key string, o VolumeOptions) {
	if b.stack.VolumeOptions == nil {
		b.stack.VolumeOptions = map[string]VolumeOptions{}
	}
	b.stack.VolumeOptions[key] = o
}

// volumes puts the release's volumes where the config wants them. Services that share a volume get it from the same place. The caches of pools stay
// where they are: the place of the worker's is for one.
func (b *builder) volumes() {
	type place struct {
		config.Volume
		number int
		at     diag.Range
	}
	places := map[string]place{}
	for _, inst := range b.stack.Instances {
		volume, at := VolumeOf(b.Config, inst.Service, inst.Index)
		for _, m := range inst.Mounts {
			if volume != nil && m.Data != "" && inst.Pool == "" {
				places[m.Volume] = place{*volume, inst.Index, b.At(at)}
			}
		}
	}
	for i := range b.stack.Instances {
		inst := &b.stack.Instances[i]
		for k := range inst.Mounts {
			m := &inst.Mounts[k]
			if p, moved := places[m.Volume]; moved && m.Data != "" {
				b.place(m, p.Volume, p.number)
				inst.origin("volume", p.at)
			}
		}
	}
}

// VolumeOf is where the config wants the volume of an instance, and the path of the key; nil where it says nothing.
func VolumeOf(c *config.Config, service string, number int) (*config.Volume, string) {
	s, path := c.Services[service], "services."+service
	if own := s.Instances[strconv.Itoa(number)].Volume; own != nil {
		return own, path + ".instances." + strconv.Itoa(number) + ".volume"
	}
	return s.Volume, path + ".volume"
}

// place puts a mount's volume elsewhere. A volume with a driver's options gets a name of its own for each set of options: Docker never changes
// a volume that exists, and the data in it stays.
func (b *builder) place(m *Mount, v config.Volume, number int) {
	m.HoldsData, m.SELinux = v.HoldsData, v.SELinux
	was := m.Volume
	m.Volume = ""
	o := VolumeOptions{Driver: v.Driver, Options: map[string]string{}}
	switch {
	case v.Path != "":
		m.Host, m.Strict = numbered(v.Path, number), true
		return
	case v.Name != "":
		m.Volume = b.existing(numbered(v.Name, number))
		return
	case v.NFS != nil:
		o.Driver = "local"
		o.Options = map[string]string{"type": "nfs", "device": ":" + numbered(v.NFS.Path, number), "o": "addr=" + v.NFS.Server}
		if v.NFS.Options != "" {
			o.Options["o"] += "," + v.NFS.Options
		}
	default:
		for name, value := range v.Options {
			o.Options[name] = numbered(value, number)
		}
	}
	m.Volume = was + "-" + o.hash()
	b.volume(m.Volume, o)
}

func (o VolumeOptions) hash() string {
	sum := sha256.New()
	sum.Write([]byte(o.Driver + "\n"))
	for _, name := range slices.Sorted(maps.Keys(o.Options)) {
		sum.Write([]byte(name + "=" + o.Options[name] + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))[:8]
}
