package check

import (
	"fmt"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// fight reports a variable at a path that fights what berth does, and whether it does.
func (c *checker) fight(path, service, name string) bool {
	e := c.rel.Relations.Refuses(service, name, c.doc.Has)
	if e == nil {
		return false
	}
	hint := "remove it"
	if e.Key != "" {
		hint = "remove it, and use  " + e.Key + "  instead:  berth explain " + e.Key
	}
	c.refusedAt[path] = true
	c.keyf("BERTH1172", path, hint, "%s can't be set here: %s", name, e.Reason)
	return true
}

// patchedVariables: a patch sets none of the variables that fight what berth does, and takes none of them away.
func (c *checker) patchedVariables(path string, p config.Patch) {
	if c.rel == nil {
		return
	}
	for at, name := range patchedNames(path, p) {
		for _, service := range c.patchedServices(p.Service) {
			if e := c.rel.Relations.Refuses(service, name, c.doc.Has); e != nil && !e.ByPatch {
				c.fight(at, service, name)
				break
			}
		}
	}
}

// patchedServices are the services that a patch is for.
func (c *checker) patchedServices(name string) []string {
	if name == config.AllServices {
		return c.affected("")
	}
	if _, known := c.rel.Services[name]; !known { // gitserver-1
		name = strings.TrimRight(strings.TrimRight(name, "0123456789"), "-")
	}
	return []string{name}
}

// patchedNames are the variables that a patch has, by their place in the config.
func patchedNames(path string, p config.Patch) map[string]string {
	out := map[string]string{}
	variables := p.Compose["environment"]
	at := path + ".compose.environment"
	switch variables := variables.(type) {
	case map[string]any:
		for name := range variables {
			out[at+"."+name] = name
		}
	case []any:
		for i, item := range variables {
			name, _, _ := strings.Cut(fmt.Sprint(item), "=")
			out[at+"."+strconv.Itoa(i)] = name
		}
	}
	pods := path + ".kubernetes.spec.template.spec"
	for _, group := range []string{"initContainers", "containers"} {
		for i, container := range catalogue.Maps(catalogue.Branch(p.Kubernetes, "spec", "template", "spec")[group]) {
			for j, variable := range catalogue.Maps(container["env"]) {
				out[fmt.Sprintf("%s.%s.%d.env.%d", pods, group, i, j)] = fmt.Sprint(variable["name"])
			}
		}
	}
	return out
}

// offAndOn: no key turns on what another turns off.
func (c *checker) offAndOn() {
	if c.rel == nil {
		return
	}
	off := func(name string) bool { return c.Services[name].Enabled != nil && !*c.Services[name].Enabled }
	for _, use := range uses {
		if off(use.service) && c.has(use.service) && c.doc.Has(use.key) {
			c.keyf("BERTH1173", "services."+use.service+".enabled", "remove it, or "+use.key, "%s needs %s, which is off", use.key, use.service)
		}
	}
	for _, name := range c.serviceNames() {
		if !off(name) {
			continue
		}
		for _, other := range c.rel.Relations.Off[name].With {
			if on := c.Services[other].Enabled; on != nil && *on {
				c.keyf("BERTH1173", "services."+other+".enabled", "remove it, or services."+name+".enabled",
					"%s can't run without %s, which is off", other, name)
			}
		}
	}
}

// uses are keys that have an effect only while a service runs.
var uses = []struct{ key, service string }{
	{"executors", "executor"}, {"tracing.jaeger", "jaeger"}, {"tracing.jaeger", "otel-collector"}, {"tracing.collector", "otel-collector"},
	{"ports.prometheus", "prometheus"}, {"ports.grafana", "grafana"}, {"front.headers", "caddy"}, {"front.allow", "caddy"},
	{"tls.certificate", "caddy"}, {"tls.letsEncrypt", "caddy"}, {"databases.codeinsights-db.settings", "codeinsights-db"},
}

// overlay is the overlay that a service belongs to; "" when every installation has it.
func (c *checker) overlay(name string) string {
	if s := c.compose(name); s != nil {
		return s.Overlay
	}
	if w := c.workload(name); w != nil {
		return w.Overlay
	}
	return ""
}
