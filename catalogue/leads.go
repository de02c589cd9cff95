package catalogue

import (
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Leads finds the services of a release to which texts lead: by the names under which others reach them.
type Leads struct {
	exact    map[string]string // service by host name
	numbered map[string]string // service by the part of a host name before an instance's number
	secrets  map[string]string // service by the name of its Secret
}

// Leads are those of the release.
func (r *Release) Leads() Leads {
	l := Leads{exact: map[string]string{}, numbered: map[string]string{}, secrets: map[string]string{}}
	if r.Relations != nil {
		for _, a := range r.Relations.Aliases {
			l.host(a.Name, a.Service)
		}
	}
	for name, s := range r.Services {
		if c := s.Compose; c != nil {
			for _, host := range []string{c.Container, c.Hostname} {
				l.host(host, name)
			}
		}
		if k := s.Kubernetes; k != nil {
			for key := range k.Objects {
				switch kind, object, _ := strings.Cut(key, "/"); kind {
				case "Service":
					l.host(object, name)
				case "Secret":
					l.secrets[object] = name
				}
			}
		}
	}
	return l
}

func (l Leads) host(host, service string) {
	if head, ok := strings.CutSuffix(host, Shard); ok {
		l.numbered[head] = service
	} else if host != "" {
		l.exact[host] = service
	}
}

// To are the services to which a text leads, ordered: an address, a list of them, a URL, a data source, or a host name alone.
func (l Leads) To(text string) []string {
	var found []string
	for _, host := range Hosts(text) {
		host, _, _ = strings.Cut(host, ".") // a pod of a Service, or a Service in its namespace
		if s := l.exact[host]; s != "" {
			found = append(found, s)
		} else if s := l.numbered[strings.TrimRight(host, "0123456789")]; s != "" {
			found = append(found, s)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Hosts are the parts of a text that may be host names: what stands before a port, after "://" or "@", or alone. Paths are left out.
func Hosts(text string) []string {
	var hosts []string
	for _, piece := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\n,;\"'=@[]{}", c) }) {
		if _, rest, ok := strings.Cut(piece, "://"); ok {
			piece = rest
		}
		piece, _, _ = strings.Cut(piece, "/")
		piece, _, _ = strings.Cut(piece, ":")
		if piece != "" {
			hosts = append(hosts, piece)
		}
	}
	return hosts
}

// variables finds which variables of a container lead to which services: by an address in their value, by a Secret of the service, or by
// another variable that does.
func (l Leads) variables(env []map[string]any) map[string][]string {
	found := map[string][]string{}
	for _, e := range env {
		name := textOf(e["name"])
		for _, service := range l.To(textOf(e["value"])) {
			found[service] = append(found[service], name)
		}
		if service := l.secrets[textOf(Branch(e, "valueFrom", "secretKeyRef")["name"])]; service != "" {
			found[service] = append(found[service], name)
		}
		for _, service := range slices.Sorted(maps.Keys(found)) {
			for _, other := range found[service] {
				if strings.Contains(textOf(e["value"]), "$("+other+")") && !slices.Contains(found[service], name) {
					found[service] = append(found[service], name)
				}
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// Without is a copy of a tree of settings without what leads to services that are gone: addresses in lists, such as targets, and items with a
// url, such as data sources.
func (l Leads) Without(tree any, gone func(service string) bool) any {
	leads := func(v any) bool { return slices.ContainsFunc(l.To(textOf(v)), gone) }
	switch tree := tree.(type) {
	case map[string]any:
		kept := make(map[string]any, len(tree))
		for key, value := range tree {
			kept[key] = l.Without(value, gone)
		}
		return kept
	case []any:
		kept := make([]any, 0, len(tree))
		for _, item := range tree {
			if !leads(item) && !leads(Branch(item)["url"]) {
				kept = append(kept, l.Without(item, gone))
			}
		}
		return kept
	}
	return tree
}

// ConfigMapWithout is an object whose files in YAML are without what leads to services that are gone, or nil when none does.
func (l Leads) ConfigMapWithout(object any, gone func(service string) bool) map[string]any {
	whole := Branch(object)
	data, changed := maps.Clone(Branch(whole, "data")), false
	for name, content := range data {
		var tree any
		if ext := path.Ext(name); ext != ".yml" && ext != ".yaml" || yaml.Load([]byte(textOf(content)), &tree) != nil {
			continue
		}
		kept := l.Without(tree, gone)
		if reflect.DeepEqual(kept, tree) {
			continue
		}
		if text, err := fileText(kept); err == nil {
			data[name], changed = text, true
		}
	}
	if !changed {
		return nil
	}
	whole = maps.Clone(whole)
	whole["data"] = data
	return whole
}
