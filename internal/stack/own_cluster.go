package stack

import (
	"cmp"
	"maps"
	"slices"

	"berth/catalogue"
)

// clusterPools adds the pools of workers to a cluster: copies of the worker's Deployment and Service whose pods have a label of their own, so
// that no selector finds the pods of another pool.
func (b *builder) clusterPools() {
	c := b.stack.Cluster
	there, runs := c.Containers[worker]
	if !runs {
		return
	}
	for _, pool := range slices.Sorted(maps.Keys(b.Config.Workers)) {
		name := PoolName(pool)
		for _, kind := range []string{"Deployment/", "Service/"} {
			if object := c.Objects[kind+worker]; object != nil {
				c.Objects[kind+name], c.Owners[kind+name] = poolObject(catalogue.Branch(object), name), worker
			}
		}
		c.Containers[name] = Container{Object: "Deployment/" + name, Name: there.Name}
		for _, inst := range b.stack.Instances {
			if inst.Name == worker {
				inst.Name, inst.Pool, inst.Env = name, pool, slices.Clone(inst.Env)
				b.add(inst)
				break
			}
		}
	}
	b.jobs()
}

// poolObject is a copy of one of the worker's objects under another name. The label app chooses the pods, and Prometheus reads its job from it.
func poolObject(object map[string]any, name string) map[string]any {
	out := copyAt(object, []string{"metadata"}, func(metadata map[string]any) { metadata["name"] = name })
	for _, path := range [][]string{{"metadata", "labels"}, {"spec", "selector"}, {"spec", "selector", "matchLabels"}, {"spec", "template", "metadata", "labels"}} {
		out = copyAt(out, path, func(labels map[string]any) {
			if labels["app"] == worker {
				labels["app"] = name
			}
		})
	}
	return out
}

// copyAt copies a tree as far as the map at a path, and changes the copy of that; a tree without one is returned as it is.
func copyAt(tree map[string]any, path []string, change func(map[string]any)) map[string]any {
	out := maps.Clone(tree)
	if len(path) == 0 {
		change(out)
		return out
	}
	child, ok := tree[path[0]].(map[string]any)
	if !ok {
		return tree
	}
	out[path[0]] = copyAt(child, path[1:], change)
	return out
}

// poolSettings are the worker's settings for each pool, with the pool's own over them.
func (b *builder) poolSettings() {
	c := b.stack.Cluster
	for pool, want := range b.Config.Workers {
		name := PoolName(pool)
		if _, runs := c.Containers[name]; !runs {
			continue
		}
		w := b.wanted(worker)
		w.Replicas = want.Replicas
		w.CPU, w.Memory = cmp.Or(want.CPU, w.CPU), cmp.Or(want.Memory, w.Memory)
		w.Origins = append(w.Origins, Origin{Text: "worker of its own for some jobs", Range: b.At("workers." + pool)})
		c.Settings[name] = w
	}
}

// sidecars are the admin's own containers in the pods of a service.
func (b *builder) sidecars(service string) []Instance {
	var out []Instance
	all := b.Config.Services[service].Sidecars
	for _, name := range slices.Sorted(maps.Keys(all)) {
		inst := b.own(name, "services."+service+".sidecars."+name, all[name].Container(), service+"-")
		inst.Serves = all[name].Before
		out = append(out, inst)
	}
	return out
}
