package rehearse

import (
	"fmt"
	"maps"
	"strings"

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
		admins.Name, admins.ContainerPrefix = Name(original), nil
		services := maps.Clone(admins.Services)
		if services == nil {
			services = map[string]config.Service{}
		}
		for _, name := range stack.Databases() {
			service := services[name]
			if bytes := room.Volumes[name]; bytes > 0 {
				service.Storage = config.Quantity(fmt.Sprintf("%dMi", bytes>>20+1))
			}
			services[name] = apart(service)
		}
		external := false
		for _, d := range admins.Databases {
			external = external || d.External != nil
		}
		if !external {
			// Sidecars lead to databases of the admin's, from which the clone reads; these are all bundled.
			for name, service := range services {
				service.Sidecars = nil
				services[name] = service
			}
		}
		admins.Containers = unpublished(admins.Containers)
		if admins.AllServices != nil {
			all := admins.AllServices.Apart()
			admins.AllServices = &all
		}
		admins.Network = nil // its addresses are taken
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

// unpublished are containers of the admin's own without ports of the host, which the original's have.
func unpublished(all map[string]config.Container) map[string]config.Container {
	out := map[string]config.Container{}
	for name, c := range all {
		ports := make([]string, len(c.Ports))
		for i, port := range c.Ports {
			ports[i] = port[strings.LastIndexByte(port, ':')+1:]
		}
		c.Ports = ports
		out[name] = c
	}
	return out
}

// apart are a service's settings without those that lead out of the clone: to the original's data, networks and objects.
func apart(s config.Service) config.Service {
	s.Volume, s.Attributes, s.Instances = nil, s.Attributes.Apart(), nil
	return s
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
