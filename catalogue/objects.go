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

// Recompose gives the objects as Sourcegraph's chart with default values makes them for a namespace, by "Kind/name".
func (r *Release) Recompose(namespace string) (map[string]any, error) {
	objects := map[string]any{}
	add := func(from map[string]any) error {
		for key, object := range from {
			whole, err := r.recompose(object, namespace)
			if err != nil {
				return fmt.Errorf("recompose %s of %s: %w", key, r.Version, err)
			}
			objects[key] = whole
		}
		return nil
	}
	for _, service := range r.Services {
		if service.Kubernetes == nil {
			continue
		}
		if err := add(service.Kubernetes.Objects); err != nil {
			return nil, err
		}
	}
	return objects, add(r.Objects)
}

func (r *Release) recompose(object any, namespace string) (any, error) {
	filled, err := r.fill(object, namespace)
	if err != nil {
		return nil, err
	}
	whole := filled.(map[string]any)
	data, ok := whole["data"].(map[string]any)
	if !ok {
		return whole, nil
	}
	for name, value := range data {
		if data[name], err = dataText(whole["kind"] == "Secret", name, value); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// fill puts values for placeholders, in a copy of a tree.
func (r *Release) fill(tree any, namespace string) (any, error) {
	switch tree := tree.(type) {
	case string:
		return strings.ReplaceAll(tree, Namespace, namespace), nil
	case []any:
		list := make([]any, len(tree))
		for i, value := range tree {
			filled, err := r.fill(value, namespace)
			if err != nil {
				return nil, err
			}
			list[i] = filled
		}
		return list, nil
	case map[string]any:
		all := make(map[string]any, len(tree))
		for key, value := range tree {
			filled, err := r.fill(value, namespace)
			if err != nil {
				return nil, err
			}
			text, _ := filled.(string)
			name, isImage := strings.CutPrefix(text, ImagePrefix)
			switch {
			case isImage && key == "image":
				if filled = r.Images[name]; filled == "" {
					return nil, fmt.Errorf("image %s has no reference", name)
				}
			case key == "labels":
				fillVersion(filled, r.Version)
			}
			all[key] = filled
		}
		return all, nil
	}
	return tree, nil
}

func fillVersion(labels any, version string) {
	all, _ := labels.(map[string]any)
	for name, label := range all {
		if text, ok := label.(string); ok {
			all[name] = strings.ReplaceAll(text, ReleaseVersion, version)
		}
	}
}

// dataText writes one entry of a ConfigMap or Secret.
func dataText(secret bool, name string, value any) (any, error) {
	text, isText := value.(string)
	settings, isMap := value.(map[string]any)
	switch {
	case isText && secret:
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case isText:
		return text, nil
	case isMap && path.Ext(name) == ".conf":
		return PostgresConf(settings), nil
	}
	content, err := yaml.Dump(value, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	return string(content), err
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
