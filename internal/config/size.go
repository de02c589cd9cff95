package config

import (
	"strconv"

	"berth/catalogue"
)

// Lacking are the services to which a release gives less on a target than a size of Sourcegraph needs, with what they need.
func Lacking(r *catalogue.Release, size catalogue.Size, on catalogue.Target) map[string]catalogue.Need {
	out := map[string]catalogue.Need{}
	for name, need := range size.Services {
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
