package config

import (
	"maps"
	"slices"
	"strconv"

	"berth/catalogue"
	"berth/internal/size"
)

// Lacking are the services to which a release gives less on a target than a size of Sourcegraph needs, with what they need.
func Lacking(r *catalogue.Release, of catalogue.Size, on catalogue.Target) map[string]catalogue.Need {
	out := map[string]catalogue.Need{}
	for name, need := range of.Services {
		if _, ok := r.Services[name]; !ok {
			continue
		}
		if need = lacking(r, name, need.On(on)); need != (catalogue.Need{}) {
			out[name] = need
		}
	}
	return out
}

// gb is what the figures count in; what is shipped as 4G is enough for 4, though a config then says 4Gi.
const gb = 1_000_000_000

// lacking is what of a need a release does not give to a service.
func lacking(r *catalogue.Release, name string, need catalogue.Need) catalogue.Need {
	shipped := func(key string) Quantity { return Shipped(r, name, key) }
	if cores, err := Cores(shipped("cpu")); err != nil || cores >= float64(need.CPU) {
		need.CPU = 0 // without a limit there is enough
	}
	if bytes, err := Bytes(shipped("memory")); err != nil || bytes >= int64(need.Memory)*gb {
		need.Memory = 0
	}
	if cores, err := Cores(shipped("cpuRequest")); err != nil || cores >= float64(need.CPURequest) {
		need.CPURequest = 0
	}
	if bytes, err := Bytes(shipped("memoryRequest")); err != nil || bytes >= int64(need.MemoryRequest)*gb {
		need.MemoryRequest = 0
	}
	if bytes, err := Bytes(shipped("storage")); err != nil || bytes >= int64(need.Storage)*gb {
		need.Storage = 0 // without a volume there is nothing to make larger
	}
	if n, err := strconv.Atoi(string(shipped("replicas"))); err != nil || n >= need.Replicas {
		need.Replicas = 0
	}
	if w := r.Workload(name); w != nil && w.Home != name {
		need.Replicas = 0 // it is in the pods of another service, which has the number
	}
	return need
}

// Shipped is the value of a service's key as a release ships it: "8Gi" of memory; "" where it sets none.
func Shipped(r *catalogue.Release, service, key string) Quantity {
	return Quantity(Facts{Release: r}.shipped("services." + service + "." + key))
}

// Demo is the size without limits.
const Demo = "demo"

// Won is a value of the file that counts in place of what the config's size says.
type Won struct {
	Key  string // services.gitserver.memory
	Says string // what the size says
}

// WithSize is the config with what its size says of services that the file leaves open, as if it stood there, and which values of the file win over it.
// Without a size, and for demo, it is the config as it is.
func WithSize(c *Config, r *catalogue.Release) (*Config, []Won) {
	if c.Size == "" || c.Size == Demo {
		return c, nil
	}
	cat := catalogue.Embedded()
	e, ok := size.Tables{Sizing: cat.Sizing(), Scaling: cat.Scaling()}.Named(c.Size, r, c.On)
	if !ok {
		return c, nil
	}
	sized := *c
	sized.Services = maps.Clone(c.Services)
	if sized.Services == nil {
		sized.Services = map[string]Service{}
	}
	var won []Won
	all := e.Needs()
	needs := Lacking(r, all, c.On)
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		s, lost := sized.Services[name].with(needs[name])
		sized.Services[name] = s
		for _, key := range lost {
			won = append(won, Won{"services." + name + "." + key[0], key[1]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) { // what the release ships is enough, and the file takes it away
		if _, ships := r.Services[name]; ships {
			won = append(won, undercut(name, c.Services[name], all.Services[name].On(c.On), needs[name])...)
		}
	}
	return &sized, won
}

// undercut are the limits of the file that are smaller than a need that the release covers.
func undercut(name string, s Service, need, lacking catalogue.Need) (won []Won) {
	if cores, err := Cores(s.CPU); err == nil && s.CPU != "" && lacking.CPU == 0 && cores < float64(need.CPU) {
		won = append(won, Won{"services." + name + ".cpu", strconv.Itoa(need.CPU)})
	}
	if bytes, err := Bytes(s.Memory); err == nil && s.Memory != "" && lacking.Memory == 0 && bytes < int64(need.Memory)*gb {
		won = append(won, Won{"services." + name + ".memory", strconv.Itoa(need.Memory) + "Gi"})
	}
	return won
}

// with is the service with a need where it has no value of its own. lost are the keys that have one, with what the need says. What a service requests follows
// from its limit, where that is its own.
func (s Service) with(n catalogue.Need) (_ Service, lost [][2]string) {
	cores, gib := func(n int) string { return strconv.Itoa(n) }, func(n int) string { return strconv.Itoa(n) + "Gi" }
	limited := map[string]bool{"cpuRequest": s.CPU != "", "memoryRequest": s.Memory != ""}
	for _, f := range []struct {
		key   string
		need  int
		value *Quantity
		text  func(int) string
	}{{"cpu", n.CPU, &s.CPU, cores}, {"memory", n.Memory, &s.Memory, gib}, {"cpuRequest", n.CPURequest, &s.CPURequest, cores}, {"memoryRequest", n.MemoryRequest, &s.MemoryRequest, gib},
		{"storage", n.Storage, &s.Storage, gib}} {
		switch {
		case f.need == 0 || limited[f.key]:
		case *f.value == "":
			*f.value = Quantity(f.text(f.need))
		case string(*f.value) != f.text(f.need):
			lost = append(lost, [2]string{f.key, f.text(f.need)})
		}
	}
	switch {
	case n.Replicas == 0:
	case s.Replicas == nil:
		s.Replicas = &n.Replicas
	case *s.Replicas != n.Replicas:
		lost = append(lost, [2]string{"replicas", cores(n.Replicas)})
	}
	return s, lost
}
