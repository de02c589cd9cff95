package stack

import (
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// overlays are the overlays of a release on Kubernetes that a config asks for.
func overlays(c *config.Config) []string {
	return slices.DeleteFunc([]string{catalogue.Executors, catalogue.Jaeger}, func(name string) bool { return !overlaid(c, name) })
}

const executor = "executor"

// defaultQueues are the queues of executors when the config names none. The objects of the release are named after them.
var defaultQueues = []string{"batches", "codeintel"}

func (b *builder) queues() []string {
	if e := b.Config.Executors; len(e.Queues) > 0 {
		return e.Queues
	}
	return defaultQueues
}

// overlayObjects adds the objects of the overlays that the config asks for. Objects of executors are named after their queues, as in
// Sourcegraph's chart.
func (b *builder) overlayObjects() {
	b.Release = b.Release.With(overlays(b.Config)...)
	s, runs := b.Release.Services[executor]
	if !runs || slices.Equal(b.queues(), defaultQueues) {
		return
	}
	names := strings.NewReplacer(strings.Join(defaultQueues, "-"), strings.Join(b.queues(), "-"), strings.Join(defaultQueues, ","), strings.Join(b.queues(), ","))
	k := *s.Kubernetes
	k.Objects = make(map[string]any, len(s.Kubernetes.Objects))
	for key, object := range s.Kubernetes.Objects {
		k.Objects[names.Replace(key)] = withTexts(catalogue.Branch(object), names)
	}
	k.Container.Object, k.Container.Name = names.Replace(k.Container.Object), names.Replace(k.Container.Name)
	b.Release.Services[executor] = catalogue.Service{Kubernetes: &k}
}

// clusterExecutors gives the executor its token, and records the config's line as its origin.
func (b *builder) clusterExecutors() {
	if b.Config.Executors == nil {
		return
	}
	b.each([]string{executor}, func(inst *Instance) {
		_, name, _ := strings.Cut(b.stack.Cluster.Containers[executor].Object, "/")
		b.stack.Cluster.Secrets[name] = map[string][]Part{"EXECUTOR_FRONTEND_PASSWORD": {{Secret: b.executorToken()}}}
		inst.origin("executors", b.At("executors"))
	})
}

// clusterJaeger records the config's line as the origin of Jaeger, and of the collector's change that sends traces there.
func (b *builder) clusterJaeger() {
	if overlaid(b.Config, catalogue.Jaeger) {
		b.each([]string{"jaeger", "otel-collector"}, func(inst *Instance) { inst.origin("tracing", b.At("tracing")) })
	}
}

// withTexts copies a tree with replaced texts.
func withTexts(tree any, texts *strings.Replacer) any {
	switch tree := tree.(type) {
	case string:
		return texts.Replace(tree)
	case []any:
		list := slices.Clone(tree)
		for i, value := range list {
			list[i] = withTexts(value, texts)
		}
		return list
	case map[string]any:
		all := maps.Clone(tree)
		for key, value := range all {
			all[key] = withTexts(value, texts)
		}
		return all
	}
	return tree
}
