package stack

import (
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// gone are the services of a release that are turned off, with those that have no use without them. A store that runs elsewhere is not
// among them: other services still lead to it.
func gone(c *config.Config, rel *catalogue.Release) map[string]bool {
	all := map[string]bool{}
	var add func(service string)
	add = func(service string) {
		if _, known := rel.Services[service]; !known || all[service] || replaced(c, rel, service) || bySecret(c, service) {
			return
		}
		all[service] = true
		for _, other := range rel.Relations.Off[service].With {
			add(other)
		}
	}
	for name := range c.Services {
		if disabled(c, name) {
			add(name)
		}
	}
	return all
}

// bySecret reports whether a Secret of the admin's says where a store is.
func bySecret(c *config.Config, store string) bool {
	return c.Kubernetes != nil && (c.Kubernetes.ExistingSecrets[store] != "" || c.Kubernetes.ExistingSecrets[store+"-auth"] != "")
}

// disabled reports whether the config turns a service off.
func disabled(c *config.Config, service string) bool {
	s := c.Services[service]
	return s.Enabled != nil && !*s.Enabled
}

func (b *builder) leadsToGone(text string) bool {
	return len(b.gone) > 0 && slices.ContainsFunc(b.leads.To(text), func(s string) bool { return b.gone[s] })
}

// withoutGone removes what leads to services that are turned off, and makes the other changes that belong to it. Instances, start order,
// lists and scrape targets are without them from the beginning.
func (b *builder) withoutGone() {
	b.stack.Databases = slices.DeleteFunc(Databases(), func(name string) bool { return b.gone[name] })
	if len(b.gone) == 0 {
		return
	}
	for i := range b.stack.Instances {
		b.instanceWithout(&b.stack.Instances[i])
	}
	leads := func(service string) bool { return b.gone[service] }
	for path, tree := range b.stack.Settings.YAML {
		b.stack.Settings.YAML[path] = b.leads.Without(tree, leads)
	}
	c := b.stack.Cluster
	if c == nil {
		return
	}
	for key, object := range c.Objects {
		if !strings.HasPrefix(key, "ConfigMap/") {
			continue
		}
		if kept := b.leads.ConfigMapWithout(object, leads); kept != nil {
			c.Objects[key] = kept
			c.Changed = append(c.Changed, key)
		}
	}
}

// instanceWithout changes the variables of one instance. What one service sets may lead to another that is gone, too: removing comes last.
func (b *builder) instanceWithout(inst *Instance) {
	services := slices.Sorted(maps.Keys(b.gone))
	changes := map[string]bool{}
	for _, service := range services {
		if args := b.Release.Relations.Off[service].Args[inst.Service]; len(args) > 0 {
			changes[service] = true
			if b.stack.Cluster != nil {
				inst.Args = append(inst.Args, args...)
			} else {
				inst.Command = append(inst.Command, args...)
			}
		}
		for _, set := range b.Release.Relations.Off[service].Set {
			for name, value := range set.Variables {
				if slices.Contains(set.On, inst.Service) || len(set.On) == 0 && b.ships(inst.Service, name) {
					inst.set(name, Part{Text: value})
					changes[service] = true
				}
			}
		}
	}
	for _, service := range services {
		before := len(inst.Env)
		inst.Env = slices.DeleteFunc(inst.Env, func(e EnvVar) bool { return b.leadsTo(inst.Service, e, service) })
		if (changes[service] || len(inst.Env) < before) && disabled(b.Config, service) {
			inst.origin(service+" is off", b.At("services."+service+".enabled"))
		}
	}
}

// leadsTo reports whether a variable of a service leads to another.
func (b *builder) leadsTo(service string, e EnvVar, to string) bool {
	if slices.Contains(b.Release.Relations.Off[to].Drop, e.Name) {
		return true
	}
	if k := b.Release.Services[service].Kubernetes; e.Shipped && k != nil {
		return slices.Contains(k.Container.Leads[to], e.Name)
	}
	return slices.ContainsFunc(e.Value, func(p Part) bool { return slices.Contains(b.leads.To(p.Text), to) })
}

// ships reports whether the release gives a service a variable.
func (b *builder) ships(service, variable string) bool {
	s := b.Release.Services[service]
	if s.Compose != nil {
		_, has := s.Compose.Env[variable]
		return has
	}
	return s.Kubernetes != nil && slices.Contains(s.Kubernetes.Container.Variables, variable)
}

// ownNames are settings files in which services that run have their own host names.
func (b *builder) ownNames(files map[string]any) map[string]any {
	files = maps.Clone(files)
	for _, a := range b.Release.Relations.Aliases {
		if b.counts[a.Service] == 0 {
			continue
		}
		names := strings.NewReplacer("//"+a.Name+":", "//"+b.Release.Services[a.Service].Compose.Container+":")
		for path, tree := range files {
			files[path] = withTexts(tree, names)
		}
	}
	return files
}
