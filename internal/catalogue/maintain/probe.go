package maintain

import "berth/catalogue"

// fillProbes gives services without a health check in the Compose file the chart's probe of the same image: the same program has the same
// answers.
func fillProbes(services map[string]catalogue.Service) {
	probes := map[string]*catalogue.Probe{}
	for _, name := range sortedKeys(services) {
		if k := services[name].Kubernetes; k != nil && k.Overlay == "" {
			for _, object := range sortedKeys(k.Objects) {
				findProbes(k.Objects[object], probes)
			}
		}
	}
	for name, service := range services {
		if service.Compose == nil || service.Compose.Health != nil || probes[service.Compose.Image] == nil {
			continue
		}
		// The patches of a release share the form, so it must not be changed in place.
		compose := *service.Compose
		compose.Probe = probes[compose.Image]
		services[name] = catalogue.Service{Compose: &compose, Kubernetes: service.Kubernetes}
	}
}

// findProbes collects the probes of all containers in an object, by image.
func findProbes(value any, probes map[string]*catalogue.Probe) {
	switch value := value.(type) {
	case map[string]any:
		if image, ok := value["image"].(string); ok {
			if p := probe(value); p != nil {
				probes[image[len("image:"):]] = p
			}
		}
		for _, key := range sortedKeys(value) {
			findProbes(value[key], probes)
		}
	case []any:
		for _, item := range value {
			findProbes(item, probes)
		}
	}
}

// probe is the first of a container's probes that works from outside.
func probe(container map[string]any) *catalogue.Probe {
	for _, kind := range []string{"readinessProbe", "startupProbe", "livenessProbe"} {
		p, _ := container[kind].(map[string]any)
		if get, ok := p["httpGet"].(map[string]any); ok {
			if port := portNumber(container, get["port"]); port != 0 {
				return &catalogue.Probe{Port: port, Path: text(get["path"])}
			}
		}
		if tcp, ok := p["tcpSocket"].(map[string]any); ok {
			if port := portNumber(container, tcp["port"]); port != 0 {
				return &catalogue.Probe{Port: port}
			}
		}
	}
	return nil
}

// portNumber resolves a port that may be a name.
func portNumber(container map[string]any, port any) int {
	if n, ok := port.(int); ok {
		return n
	}
	ports, _ := container["ports"].([]any)
	for _, p := range ports {
		if p, ok := p.(map[string]any); ok && p["name"] == port {
			n, _ := p["containerPort"].(int)
			return n
		}
	}
	return 0
}
