package catalogue

import (
	"encoding/base64"
	"fmt"
	"maps"
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

// Recompose returns the objects that Sourcegraph's chart with default values makes for a namespace, by "Kind/name". For overlays see With.
// Each object is as Object returns it.
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

// Object returns one of the release's objects for a namespace, with its placeholders filled. The caller owns it and may change it. Nulls
// mean nothing and are left out. The error is that an image has no reference.
func (r *Release) Object(object any, namespace string) (map[string]any, error) {
	f := filler{release: r, namespace: namespace}
	whole := deepCopy(object)
	f.mapping(false, whole)
	data, _ := whole["data"].(map[string]any)
	for name, value := range data {
		data[name] = dataText(whole["kind"] == "Secret", value)
	}
	return whole, f.err
}

// deepCopy copies all of a tree.
func deepCopy(object any) map[string]any {
	if e, ok := object.(encoded); ok {
		return e.tree()
	}
	return copied(object).(map[string]any)
}

func copied(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		all := maps.Clone(tree)
		for key, value := range all {
			all[key] = copied(value)
		}
		return all
	case []any:
		list := slices.Clone(tree)
		for i, value := range list {
			list[i] = copied(value)
		}
		return list
	}
	return tree
}

// filler fills the placeholders in trees, and removes nulls.
type filler struct {
	release   *Release
	namespace string
	err       error
}

// mapping fills a map: of labels, or another.
func (f *filler) mapping(labels bool, tree map[string]any) {
	for name, value := range tree {
		in := name
		if labels {
			in = "labels"
		}
		switch value := value.(type) {
		case nil:
			delete(tree, name)
		case string:
			if text := f.text(in, value); text != value {
				tree[name] = text
			}
		case map[string]any:
			f.mapping(in == "labels", value)
		case []any:
			f.list(value)
		}
	}
}

func (f *filler) list(list []any) {
	for i, value := range list {
		switch value := value.(type) {
		case string:
			if text := f.text("", value); text != value {
				list[i] = text
			}
		case map[string]any:
			f.mapping(false, value)
		case []any:
			f.list(value)
		}
	}
}

// text fills the text of a key: labels get the release, images their reference.
func (f *filler) text(key, text string) string {
	if strings.IndexByte(text, '{') >= 0 {
		text = strings.ReplaceAll(text, Namespace, f.namespace)
	}
	switch key {
	case "labels":
		return strings.ReplaceAll(text, ReleaseVersion, f.release.Version)
	case "image":
		if name, isImage := strings.CutPrefix(text, ImagePrefix); isImage {
			if text = f.release.Images[name]; text == "" {
				f.err = fmt.Errorf("image %s has no reference", name)
			}
		}
	}
	return text
}

// writeData writes the files in ConfigMaps that a manifest has as trees. Database settings stay trees, because the config is merged into
// them.
func writeData(objects map[string]any) error {
	for key, object := range objects {
		data := Branch(object, "data")
		for name, value := range data {
			if _, isText := value.(string); isText || path.Ext(name) == ".conf" {
				continue
			}
			content, err := fileText(value)
			if err != nil {
				return fmt.Errorf("write %s of %s: %w", name, key, err)
			}
			data[name] = content
		}
	}
	return nil
}

// fileText is a tree as the text of a file.
func fileText(tree any) (string, error) {
	content, err := yaml.Dump(tree, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	return string(content), err
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

// ReadPostgresConf reads a postgresql.conf. A later line overrides an earlier one, as in Postgres.
func ReadPostgresConf(content []byte) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		end := strings.IndexAny(line, " \t=")
		if end <= 0 || line[0] == '#' {
			continue
		}
		value := strings.TrimLeft(line[end:], " \t=")
		all[strings.ToLower(line[:end])] = settingValue(value)
	}
	return all
}

// settingValue removes quotes and a comment from a value.
func settingValue(value string) string {
	if !strings.HasPrefix(value, "'") {
		value, _, _ = strings.Cut(value, "#")
		return strings.TrimSpace(value)
	}
	var out strings.Builder
	for i := 1; i < len(value); i++ {
		if value[i] == '\'' {
			if i+1 == len(value) || value[i+1] != '\'' {
				break
			}
			i++
		}
		out.WriteByte(value[i])
	}
	return out.String()
}
