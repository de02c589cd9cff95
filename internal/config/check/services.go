package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// serviceNames are the services that have settings, in order.
func (c *checker) serviceNames() []string { return slices.Sorted(maps.Keys(c.Services)) }

// services: the release has them.
func (c *checker) services() {
	for _, name := range c.serviceNames() {
		c.service("services."+name, name)
		if c.Services[name].Storage != "" {
			c.storage(name)
		}
	}
}

// storage: only a service with a volume has a size for it.
func (c *checker) storage(name string) {
	w, s, hint := c.workload(name), c.compose(name), "remove it"
	switch {
	case w == nil && (s == nil || hasVolume(s)), w != nil && !w.Guest() && w.Claim != nil:
		return
	case w != nil && w.Guest() && w.Claim != nil:
		hint = "write it under services." + w.Home + ", whose pods have the volume"
	}
	c.errorf("BERTH1167", "services."+name+".storage", hint, "%s has no volume of its own, so it takes no storage", name)
}

func hasVolume(s *catalogue.ComposeService) bool {
	for _, m := range s.Volumes {
		if m.Volume != "" {
			return true
		}
	}
	return false
}

// compose is a service as the release has it for Compose, or nil.
func (c *checker) compose(name string) *catalogue.ComposeService {
	if c.rel == nil {
		return nil
	}
	return c.rel.Services[name].Compose
}

// service reports a service that the release does not have: dropped, added later, or misspelt.
func (c *checker) service(path, name string) {
	if c.rel == nil {
		return
	}
	if _, ok := c.rel.Services[name]; ok {
		return
	}
	known := slices.Sorted(maps.Keys(c.rel.Services))
	if c.world.Catalogue != nil {
		if _, once := c.world.Catalogue.Describe()[name]; once {
			if what := lifecycle(c.world.Catalogue, name, c.rel.Version, c.On); what != "" {
				c.keyf("BERTH1150", path, "remove it, or choose a release that has it", "Sourcegraph %s has no %s: %s", c.rel.Version, name, what)
			} else {
				c.keyf("BERTH1150", path, "remove it", "berth has no %s for %s", name, config.Title(c.On))
			}
			return
		}
	}
	hint := fmt.Sprintf("berth catalogue show %s lists the services", c.rel.Version)
	if bare := regexp.MustCompile(`-[0-9]+$`).ReplaceAllString(name, ""); slices.Contains(known, bare) {
		hint = fmt.Sprintf("write %s: settings are for all of its instances", bare)
	} else if pool, ok := strings.CutPrefix(name, "worker-"); ok && c.doc.Has("workers."+pool) {
		hint = fmt.Sprintf("write worker, for settings of all pools; workers.%s has those of this pool only", pool)
	} else if called := config.ServiceCalled(name); slices.Contains(known, called) {
		hint = fmt.Sprintf("write %s: %s is the chart's name", called, name)
	} else if guess := diag.Closest(name, known); guess != "" {
		hint = fmt.Sprintf("did you mean %s?", guess)
	}
	c.keyf("BERTH1149", path, hint, "there is no service %q in Sourcegraph %s", name, c.rel.Version)
}

// lifecycle says which release dropped or added a service. It searches the catalogue, so it is only for messages.
func lifecycle(cat *catalogue.Catalogue, name, version string, target catalogue.Target) string {
	has := func(v string) bool {
		rel, err := cat.Release(v, target)
		return err == nil && rel.Services[name] != (catalogue.Service{})
	}
	var older, newer []string // away from version
	for _, v := range cat.Versions(target) {
		switch order := catalogue.CompareVersions(v.Version, version); {
		case order < 0:
			older = append(older, v.Version)
		case order > 0:
			newer = append([]string{v.Version}, newer...)
		}
	}
	if last, first := boundary(older, version, has); last != "" {
		return fmt.Sprintf("%s dropped it; %s was the last release with it", first, last)
	}
	if first, _ := boundary(newer, version, has); first != "" {
		return fmt.Sprintf("%s added it", first)
	}
	return ""
}

// boundary searches from a version to the first release that has something, and returns it and the release before it. It looks at one patch
// of each minor release, then at the patches around the change.
func boundary(versions []string, from string, has func(string) bool) (found, before string) {
	last := -1 // the last known not to have it
	for i, v := range versions {
		if i+1 < len(versions) && catalogue.Minor(versions[i+1]) == catalogue.Minor(v) {
			continue
		}
		if !has(v) {
			last = i
			continue
		}
		for j := last + 1; j <= i; j++ {
			if j == i || has(versions[j]) {
				if j > 0 {
					from = versions[j-1]
				}
				return versions[j], from
			}
		}
	}
	return "", ""
}

// features: a key that turns a service on needs a release that has the service.
func (c *checker) features() {
	if c.rel == nil {
		return
	}
	for _, f := range []struct {
		key, service string
		on           catalogue.Target // "": both
	}{
		{"executors", "executor", ""}, {"tracing.jaeger", "jaeger", ""},
		{"tracing.collector", "otel-collector", ""}, {"objectStorage", "blobstore", ""},
		{"databases.pgsql", "pgsql", ""}, {"databases.codeintel-db", "codeintel-db", ""}, {"databases.codeinsights-db", "codeinsights-db", ""},
		{"redis.redis-cache", "redis-cache", ""}, {"redis.redis-store", "redis-store", ""},
		{"tls", "caddy", catalogue.Compose}, {"ports.prometheus", "prometheus", catalogue.Compose}, {"ports.grafana", "grafana", catalogue.Compose},
	} {
		if c.doc.Has(f.key) && (f.on == "" || f.on == c.On) {
			c.service(f.key, f.service)
		}
	}
}

// replicas: only some services can have several instances.
func (c *checker) replicas() {
	for _, name := range c.serviceNames() {
		n := c.Services[name].Replicas
		if n == nil || !c.has(name) {
			continue
		}
		path := "services." + name + ".replicas"
		if w := c.workload(name); w != nil && w.Guest() {
			hint := "remove it"
			if w.Scalable() {
				hint = "write it under services." + w.Home
			}
			c.errorf("BERTH1303", path, hint, "%s runs in the pods of %s, so it has the same number", name, w.Home)
			continue
		}
		if *n == 1 || c.scalable(name) {
			continue
		}
		var can []string
		for _, other := range slices.Sorted(maps.Keys(c.rel.Services)) {
			if c.scalable(other) {
				can = append(can, other)
			}
		}
		c.errorf("BERTH1151", path, "these can: "+diag.Listed(can, "and"), "%s can't have several replicas", name)
	}
}

// has reports whether the release has the service for the config's target.
func (c *checker) has(name string) bool {
	return c.compose(name) != nil || c.workload(name) != nil
}

// scalable reports whether the service can have several instances.
func (c *checker) scalable(name string) bool {
	if w := c.workload(name); w != nil {
		return !w.Guest() && w.Scalable()
	}
	s := c.compose(name)
	return s != nil && s.Scalable() && s.Overlay == ""
}

// sharedVolumes: services that share the volume of a shard, as zoekt's two do, have the same number of instances.
func (c *checker) sharedVolumes() {
	names := c.serviceNames()
	for i, a := range names {
		for _, b := range names[i+1:] {
			x, y := c.Services[a].Replicas, c.Services[b].Replicas
			if x != nil && y != nil && *x != *y && c.compose(a).SharesVolume(c.compose(b)) {
				c.errorf("BERTH1152", "services."+b+".replicas", "set only one of the two numbers",
					"%s and %s share their volumes, so they can't have %d and %d replicas", a, b, *x, *y)
			}
		}
	}
}

// neededStores are the stores that Sourcegraph needs, bundled or external.
var neededStores = []string{"pgsql", "codeintel-db", "blobstore"}

// turnedOff: Sourcegraph works without the service.
func (c *checker) turnedOff() {
	if c.world.Catalogue == nil {
		return
	}
	for _, name := range c.serviceNames() {
		s := c.Services[name]
		info, known := c.world.Catalogue.Describe()[name]
		if s.Enabled == nil || *s.Enabled || !known || c.replaced(name) || c.elsewhere(name) {
			continue
		}
		path := "services." + name + ".enabled"
		switch {
		case slices.Contains(neededStores, name):
			c.errorf("BERTH1153", path, "set your own with "+storeKey(name)+", or remove this", "Sourcegraph needs %s, or your own instead", name)
		case !info.Optional():
			c.errorf("BERTH1153", path, "remove it. "+info.Does, "Sourcegraph can't run without %s", name)
		}
	}
}

// notRun: settings of a service that runs only with another key of the config.
func (c *checker) notRun() {
	for _, name := range c.serviceNames() {
		overlay, hint := c.overlay(name), ""
		switch {
		case overlay == catalogue.Executors && c.Executors == nil:
			hint = "add  executors: {}"
		case overlay == catalogue.Jaeger && (c.Tracing == nil || !c.Tracing.Jaeger):
			hint = "add  tracing: {jaeger: true}"
		case overlay == "embeddings":
			hint = "berth does not run it; remove this"
		}
		if hint != "" {
			c.missingf("BERTH1166", "services."+name, hint, "%s does not run, so its settings have no effect", name)
		}
	}
}

var variableForm = lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)

// patches: each names a service of the release, one of its instances or all, and changes something.
func (c *checker) patches() {
	for i, p := range c.Patches {
		path := "patches." + strconv.Itoa(i)
		kubernetes := c.On == catalogue.Kubernetes
		c.patchedVariables(path, p)
		switch {
		case p.Service == "" && (kubernetes || len(p.Project) == 0 || len(p.Compose) > 0):
			c.missingf("BERTH1161", path, "add  service: NAME", "patches.%d names no service", i)
		case p.Service != "" && p.Service != config.AllServices:
			c.patchable(path+".service", p.Service)
		}
		switch {
		case len(p.Compose) == 0 && len(p.Project) == 0 && !kubernetes:
			c.missingf("BERTH1161", path, "add  compose: {KEY: VALUE}", "patches.%d changes nothing", i)
		case len(p.Kubernetes) == 0 && kubernetes && !c.doc.Has(path+".compose") && !c.doc.Has(path+".project"):
			c.missingf("BERTH1161", path, "add  kubernetes: {KEY: VALUE}", "patches.%d changes nothing", i)
		}
		if w := c.workload(p.Service); w != nil && p.Kind != "" && !slices.Contains(w.Kinds, p.Kind) {
			if p.Service == "migrator" && p.Kind == "Job" {
				c.errorf("BERTH1315", path+".kind", "remove kind: the Job has the same container", "berth builds the migrator's Job from the frontend's pods")
				continue
			}
			hint := p.Service + " has: " + diag.Listed(w.Kinds, "and")
			if guess := diag.Closest(p.Kind, w.Kinds); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			c.errorf("BERTH1315", path+".kind", hint, "Sourcegraph %s has no %s for %s", c.rel.Version, p.Kind, p.Service)
		}
	}
}

// patchable checks the name in a patch: a service, or on Compose one of its instances. Whether there is such an instance, rendering knows.
func (c *checker) patchable(path, name string) {
	if bare := strings.TrimRight(name, "0123456789"); c.rel != nil && strings.HasSuffix(bare, "-") && bare != name {
		service, known := c.rel.Services[strings.TrimSuffix(bare, "-")]
		switch {
		case known && c.On == catalogue.Compose && service.Compose != nil:
			return
		case known && c.On == catalogue.Kubernetes:
			c.errorf("BERTH1199", path, "write  service: "+strings.TrimSuffix(bare, "-"), "on Kubernetes, one object defines all instances, so %s can't be patched alone", name)
			return
		}
	}
	c.service(path, name)
}

// replaced reports whether the admin replaces a built-in store by an external one.
func (c *checker) replaced(name string) bool {
	return c.Databases[name].External != nil || c.Redis[name].External != nil || name == "blobstore" && c.ObjectStorage != nil
}

// storeKey is the key that replaces a store.
func storeKey(name string) string {
	switch {
	case name == "blobstore":
		return "objectStorage"
	case strings.HasPrefix(name, "redis"):
		return "redis." + name
	}
	return "databases." + name + ".external"
}
