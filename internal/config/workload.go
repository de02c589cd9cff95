package config

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"berth/catalogue"
)

// shipped is the release's value for one of the settings of a service; "" when it has none.
func shipped(w *catalogue.Workload, setting string) string {
	resource := func(group, name string) string { return plain(catalogue.Branch(w.Container, "resources", group)[name]) }
	switch setting {
	case "cpu":
		return orNone(resource("limits", "cpu"))
	case "memory":
		return orNone(resource("limits", "memory"))
	case "cpuRequest":
		return resource("requests", "cpu")
	case "memoryRequest":
		return resource("requests", "memory")
	case "storage":
		if w.Guest() {
			return ""
		}
		return plain(catalogue.Branch(w.Claim, "resources", "requests")["storage"])
	case "replicas":
		switch {
		case w.Guest():
			return "as " + w.Home + " has"
		case strings.HasPrefix(w.Object, "DaemonSet/"):
			return "one on each node"
		}
		return cmp.Or(plain(w.Spec["replicas"]), "1")
	case "enabled":
		return strconv.FormatBool(w.Overlay == "")
	}
	return ""
}

// shippedVariable is the value of an environment variable; "" where it comes from elsewhere.
func shippedVariable(w *catalogue.Workload, name string) string {
	for _, e := range catalogue.Maps(w.Container["env"]) {
		if e["name"] == name {
			return plain(e["value"])
		}
	}
	return ""
}

// postgresSettings are the settings of a built-in database in a release.
func postgresSettings(rel *catalogue.Release, database string) map[string]string {
	if settings := rel.Files.Postgres[database]; settings != nil {
		return settings
	}
	k := rel.Services[database].Kubernetes
	if k == nil {
		return nil
	}
	settings := map[string]string{}
	for name, value := range catalogue.Branch(k.Objects["ConfigMap/"+database+"-conf"], "data", "postgresql.conf") {
		settings[name] = plain(value)
	}
	return settings
}

// plain is a single value as text; "" for none.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
