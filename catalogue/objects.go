package catalogue

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Placeholders in Kubernetes objects.
const (
	ReleaseVersion = "{version}"   // in labels
	Namespace      = "{namespace}" // anywhere
)

// Recompose gives the objects as Sourcegraph's chart with default values makes them for a namespace, by "Kind/name". With overlays: see
// With. Each is as Object gives it.
func (r *Release) Recompose(namespace string) (map[string]any, error) {
	objects := map[string]any{}
	add := func(from map[string]any) error {
		for key, object := range from {
			whole, err := r.Object(object, namespace)
			if err != nil {
				return fmt.Errorf("recompose %s of %s: %w", key, r.Version, err)
			}
			objects[key] = whole
		}
		return nil
	}
	for _, service := range r.Services {
		if service.Kubernetes == nil || service.Kubernetes.Overlay != "" {
			continue
		}
		if err := add(service.Kubernetes.Objects); err != nil {
			return nil, err
		}
	}
	return objects, add(r.Objects)
}

// Object gives one of the release's objects for a namespace, with values for placeholders. It is a copy, so the caller may change it. What is
// null there says nothing, and is left out. The error is that an image has no reference.
func (r *Release) Object(object any, namespace string) (map[string]any, error) {
	filled, err := r.fill("", object, namespace)
	if err != nil {
		return nil, err
	}
	whole := filled.(map[string]any)
	data, _ := whole["data"].(map[string]any)
	for name, value := range data {
		data[name] = dataText(whole["kind"] == "Secret", value)
	}
	return whole, nil
}

// fill copies a tree with values for placeholders and without nulls. key is what it stands under.
func (r *Release) fill(key string, tree any, namespace string) (any, error) {
	switch tree := tree.(type) {
	case string:
		text, err := r.fillText(key, tree, namespace)
		if err != nil || text != tree {
			return text, err
		}
	case []any:
		list := make([]any, len(tree))
		for i, value := range tree {
			var err error
			if list[i], err = r.fill("", value, namespace); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		all := make(map[string]any, len(tree))
		for name, value := range tree {
			if value == nil {
				continue
			}
			in := name
			if key == "labels" {
				in = key
			}
			filled, err := r.fill(in, value, namespace)
			if err != nil {
				return nil, err
			}
			all[name] = filled
		}
		return all, nil
	}
	return tree, nil // as it is: a text that was put into an any once more would be copied
}

// fillText fills a text that stands under a key: labels are told the release, images their reference.
func (r *Release) fillText(key, text, namespace string) (string, error) {
	if strings.IndexByte(text, '{') >= 0 {
		text = strings.ReplaceAll(text, Namespace, namespace)
	}
	switch key {
	case "labels":
		text = strings.ReplaceAll(text, ReleaseVersion, r.Version)
	case "image":
		name, isImage := strings.CutPrefix(text, ImagePrefix)
		if !isImage {
			return text, nil
		}
		if text = r.Images[name]; text == "" {
			return "", fmt.Errorf("image %s has no reference", name)
		}
	}
	return text, nil
}

// writeData writes the files in ConfigMaps that a manifest has as trees. Settings of databases stay trees: the config is merged into them.
func writeData(objects map[string]any) error {
	for key, object := range objects {
		data := Branch(object, "data")
		for name, value := range data {
			if _, isText := value.(string); isText || path.Ext(name) == ".conf" {
				continue
			}
			content, err := yaml.Dump(value, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
			if err != nil {
				return fmt.Errorf("write %s of %s: %w", name, key, err)
			}
			data[name] = string(content)
		}
	}
	return nil
}

// dataText is one entry of a ConfigMap or Secret.
func dataText(secret bool, value any) any {
	text, isText := value.(string)
	settings, isMap := value.(map[string]any)
	switch {
	case isText && secret:
		return base64.StdEncoding.EncodeToString([]byte(text))
	case isMap:
		return PostgresConf(settings)
	}
	return value
}

// PostgresConf writes settings as a postgresql.conf.
func PostgresConf[V any](settings map[string]V) string {
	lines := make([]string, 0, len(settings))
	for name, value := range settings {
		lines = append(lines, fmt.Sprintf("%s = '%s'\n", name, strings.ReplaceAll(fmt.Sprint(value), "'", "''")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
