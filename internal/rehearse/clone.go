package rehearse

import (
	"fmt"
	"maps"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/stack"
)

// clone makes a clone's config from the admin's: the same databases, built in where they are external, with room for just their data. original is
// the installation that it is a clone of.
func clone(original *installation.Want, room data.Room) func(*config.Config) {
	return func(admins *config.Config) {
		admins.Name = Name(original)
		services := maps.Clone(admins.Services)
		if services == nil {
			services = map[string]config.Service{}
		}
		for _, name := range stack.Databases() {
			service := services[name]
			if bytes := room.Volumes[name]; bytes > 0 {
				service.Storage = config.Quantity(fmt.Sprintf("%dMi", bytes>>20+1))
			}
			services[name] = service
		}
		admins.Databases, admins.Services = admins.Bundled(), services
		if original.Stack.Target == catalogue.Kubernetes {
			k := config.KubernetesOptions{}
			if admins.Kubernetes != nil {
				k = *admins.Kubernetes
			}
			k.Namespace = original.Stack.Cluster.Namespace + installation.CloneSuffix
			k.ExistingSecrets, k.Objects, k.Conflicts = nil, nil, nil
			admins.Kubernetes = &k
		}
	}
}

// Clone is the config of an installation's clone.
func Clone(e *installation.Environment, original *installation.Want) (*installation.Want, error) {
	w, err := e.Accepted(original, string(original.Text), clone(original, data.Room{}))
	if err != nil {
		return nil, err
	}
	return w.With(stack.DatabasesOnly, ""), nil
}

// Name is the name of an installation's clone.
func Name(original *installation.Want) string { return original.Stack.Name + installation.CloneSuffix }
