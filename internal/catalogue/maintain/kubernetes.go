package maintain

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"reflect"
	"strings"
	"unicode/utf8"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// namespaceToken is rendered as the namespace, so that every occurrence of it is found.
const namespaceToken = "berth-namespace-token"

// kubernetesForm reads the objects of a tag's charts.
func kubernetesForm(c *charts, version string, rules *rules) (*form, error) {
	f := &form{services: map[string]catalogue.Service{}, objects: map[string]any{}, images: map[string]string{}}
	if err := f.reduceObjects(c.objects, version); err != nil {
		return nil, err
	}
	f.objects = f.assign(c.objects, "", rules)
	for _, overlay := range sortedKeys(c.overlays) {
		objects := c.overlays[overlay]
		if err := f.reduceObjects(objects, version); err != nil {
			return nil, fmt.Errorf("%s: %w", overlay, err)
		}
		if err := f.addOverlay(overlay, c.objects, objects, rules); err != nil {
			return nil, fmt.Errorf("%s: %w", overlay, err)
		}
	}
	return f, nil
}

func (f *form) reduceObjects(objects map[string]any, version string) error {
	for _, key := range sortedKeys(objects) {
		// Data is parsed before placeholders replace values: "{namespace}" has a meaning in YAML.
		parsed, err := reduceData(objects[key].(map[string]any))
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if objects[key], err = f.reduce(parsed, version); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// addOverlay records the services that an overlay adds, and its differences to the default objects. Nulls mean nothing, and are left out.
func (f *form) addOverlay(overlay string, base, objects map[string]any, rules *rules) error {
	added, before, after := map[string]any{}, map[string]any{}, map[string]any{}
	for key, object := range objects {
		if base[key] == nil {
			added[key] = object
			continue
		}
		before[key], after[key] = withoutNulls(base[key]), withoutNulls(object)
		if !reflect.DeepEqual(before[key], after[key]) && at(object, "data") != nil {
			return fmt.Errorf("%s has other data, which the catalogue has no place for", key)
		}
	}
	for key, object := range f.assign(added, overlay, rules) {
		after[key] = withoutNulls(object)
	}
	for key := range base {
		if objects[key] == nil {
			return fmt.Errorf("%s is missing, which the catalogue has no place for", key)
		}
	}
	if changes := mergePatch(before, after); changes != nil {
		if f.objectOverlays == nil {
			f.objectOverlays = map[string]map[string]any{}
		}
		f.objectOverlays[overlay] = changes
	}
	return nil
}

// withoutNulls copies a tree without its nulls.
func withoutNulls(tree any) any {
	switch tree := tree.(type) {
	case []any:
		list := make([]any, len(tree))
		for i, value := range tree {
			list[i] = withoutNulls(value)
		}
		return list
	case map[string]any:
		all := make(map[string]any, len(tree))
		for key, value := range tree {
			if value != nil {
				all[key] = withoutNulls(value)
			}
		}
		return all
	}
	return tree
}

// reduce replaces what differs between patches and installations by placeholders.
func (f *form) reduce(tree any, version string) (any, error) {
	switch tree := tree.(type) {
	case string:
		return strings.ReplaceAll(tree, namespaceToken, catalogue.Namespace), nil
	case []any:
		list := make([]any, len(tree))
		for i, value := range tree {
			reduced, err := f.reduce(value, version)
			if err != nil {
				return nil, err
			}
			list[i] = reduced
		}
		return list, nil
	case map[string]any:
		all := make(map[string]any, len(tree))
		for key, value := range tree {
			reduced, err := f.reduceMember(key, value, version)
			if err != nil {
				return nil, err
			}
			all[key] = reduced
		}
		return all, nil
	}
	return tree, nil
}

func (f *form) reduceMember(key string, value any, version string) (any, error) {
	reference, isText := value.(string)
	switch {
	case key == "image" && isText:
		name, err := f.addImage(reference)
		return catalogue.ImagePrefix + name, err
	case key == "labels":
		labels, _ := value.(map[string]any)
		for name, label := range labels {
			if label, ok := label.(string); ok && strings.HasSuffix(label, version) {
				labels[name] = strings.TrimSuffix(label, version) + catalogue.ReleaseVersion
			}
		}
	}
	return f.reduce(value, version)
}

// reduceData parses the data of ConfigMaps and decodes that of Secrets.
func reduceData(object map[string]any) (map[string]any, error) {
	data, ok := object["data"].(map[string]any)
	if !ok {
		return object, nil
	}
	parsed := make(map[string]any, len(data))
	for name, value := range data {
		content, isText := value.(string)
		parsed[name] = value
		switch {
		case !isText:
		case object["kind"] == "Secret":
			plain, err := base64.StdEncoding.DecodeString(content)
			if err != nil || !utf8.Valid(plain) {
				return nil, fmt.Errorf("data %s is no base64 of a text", name)
			}
			parsed[name] = string(plain)
		case path.Ext(name) == ".conf":
			parsed[name] = normalFile(name, []byte(content))
		case path.Ext(name) == ".yaml" || path.Ext(name) == ".yml":
			var tree any
			if err := yaml.Load([]byte(content), &tree); err == nil && tree != nil {
				parsed[name] = tree
			}
		}
	}
	copied := maps.Clone(object) // overlays are read from the same object
	copied["data"] = parsed
	return copied, nil
}

// assign gives each object to the service that it belongs to, of an overlay or of every installation (""). It returns those that belong to
// none.
func (f *form) assign(objects map[string]any, overlay string, rules *rules) (loose map[string]any) {
	loose = map[string]any{}
	owners := map[string]bool{} // services with pods of their own
	for _, key := range sortedKeys(objects) {
		if containers := podContainers(objects[key]); containers != nil {
			owners[rules.workload(path.Base(key))] = true
		}
	}
	owned := map[string]map[string]any{}
	for _, key := range sortedKeys(objects) {
		service := rules.owner(objects[key].(map[string]any), owners)
		if service == "" {
			loose[key] = objects[key]
			continue
		}
		if owned[service] == nil {
			owned[service] = map[string]any{}
		}
		owned[service][key] = objects[key]
	}
	for service, objects := range owned {
		f.services[service] = catalogue.Service{Kubernetes: &catalogue.KubernetesService{Objects: objects, Overlay: overlay}}
	}
	for _, key := range sortedKeys(objects) {
		f.assignContainers(path.Base(key), podContainers(objects[key]), rules)
	}
	return loose
}

// assignContainers records the services that run inside the pods of another one.
func (f *form) assignContainers(workload string, containers []string, rules *rules) {
	for _, container := range containers {
		if service := rules.Containers[workload+"/"+container]; service != "" {
			f.services[service] = catalogue.Service{Kubernetes: &catalogue.KubernetesService{In: rules.workload(workload)}}
		}
	}
}

// workload is the service of a workload's name.
func (r *rules) workload(name string) string {
	if service := r.Workloads[name]; service != "" {
		return service
	}
	return name
}

// owner finds the service of an object by its name, or by its labels.
func (r *rules) owner(object map[string]any, owners map[string]bool) string {
	metadata, _ := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	for _, name := range []any{metadata["name"], labels["app"], labels["app.kubernetes.io/component"]} {
		if service := r.workload(text(name)); owners[service] {
			return service
		}
	}
	return ""
}

// podContainers names the containers of a workload's pods; nil for other objects.
func podContainers(object any) []string {
	spec := at(object, "spec", "template", "spec")
	if at(object, "kind") == "CronJob" {
		spec = at(object, "spec", "jobTemplate", "spec", "template", "spec")
	}
	var names []string
	for _, kind := range []string{"initContainers", "containers"} {
		list, _ := at(spec, kind).([]any)
		for _, container := range list {
			names = append(names, text(at(container, "name")))
		}
	}
	return names
}

// at follows keys into a tree.
func at(tree any, keys ...string) any {
	for _, key := range keys {
		m, _ := tree.(map[string]any)
		tree = m[key]
	}
	return tree
}
