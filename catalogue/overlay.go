package catalogue

import (
	"maps"
	"slices"
)

// Overlays are optional parts of Sourcegraph.
const (
	Jaeger    = "jaeger"    // on Kubernetes: the chart with jaeger.enabled
	Executors = "executors" // on Kubernetes: a separate chart, for executors that run jobs as Kubernetes Jobs
)

// With returns the release with overlays: it has their services, and their changes to other services. Services of other overlays are left
// out. The result shares trees with the release: copy them before changing them.
func (r *Release) With(overlays ...string) *Release {
	with := *r
	with.ObjectOverlays = nil
	with.Services = make(map[string]Service, len(r.Services))
	for name, service := range r.Services {
		if k := service.Kubernetes; k != nil && k.Overlay != "" {
			if !slices.Contains(overlays, k.Overlay) {
				continue
			}
			copied := *k
			copied.Overlay = ""
			service.Kubernetes = &copied
		}
		with.Services[name] = service
	}
	with.Objects = maps.Clone(r.Objects)
	for _, overlay := range overlays {
		for key, change := range r.ObjectOverlays[overlay] {
			with.change(key, change)
		}
	}
	if len(overlays) > 0 {
		with.containers()
	}
	return &with
}

// change patches an object, or adds or removes it.
func (r *Release) change(key string, change any) {
	objects := &r.Objects
	for name, service := range r.Services {
		if k := service.Kubernetes; k != nil && k.Objects[key] != nil {
			copied := *k
			copied.Objects = maps.Clone(k.Objects)
			r.Services[name] = Service{Compose: service.Compose, Kubernetes: &copied}
			objects = &copied.Objects
			break
		}
	}
	if change == nil {
		delete(*objects, key)
		return
	}
	if *objects == nil {
		*objects = map[string]any{}
	}
	(*objects)[key] = patched((*objects)[key], change)
}

// patched applies a JSON merge patch (RFC 7386) to a copy of a tree.
func patched(tree, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	before := Branch(tree)
	all := maps.Clone(before)
	if all == nil {
		all = map[string]any{}
	}
	for key, value := range changes {
		if value == nil {
			delete(all, key)
			continue
		}
		all[key] = patched(before[key], value)
	}
	return all
}
