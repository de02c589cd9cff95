package maintain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func with(m map[string]any, key string, value any) map[string]any {
	if m == nil {
		m = map[string]any{}
	}
	m[key] = value
	return m
}

// text writes a scalar as a person would.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// texts reads a list of texts, or splits a single text as a shell would.
func texts(value any) ([]string, error) {
	switch value := value.(type) {
	case string:
		return strings.Fields(value), nil
	case []any:
		list := make([]string, len(value))
		for i, item := range value {
			if _, ok := item.(map[string]any); ok {
				return nil, fmt.Errorf("item %d is a map, which the catalogue has no place for", i+1)
			}
			list[i] = text(item)
		}
		return list, nil
	}
	return nil, fmt.Errorf("is no list")
}

// unescape undoes Compose's escape of the dollar sign, in all texts of a tree.
func unescape(value any) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, "$$", "$")
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = unescape(item)
		}
		return list
	case map[string]any:
		tree := make(map[string]any, len(value))
		for key, item := range value {
			tree[key] = unescape(item)
		}
		return tree
	}
	return value
}

// compact removes the spaces from a JSON text and keeps the order of its members.
func compact(object []byte) string {
	var out bytes.Buffer
	if json.Compact(&out, object) != nil {
		return string(object)
	}
	return out.String()
}

// repositoryOf is the repository of a reference: "index.docker.io/caddy" of "index.docker.io/caddy:2.7.6-alpine@sha256:…".
func repositoryOf(reference string) (string, error) {
	name, _, _ := strings.Cut(reference, "@")
	slash := strings.LastIndexByte(name, '/')
	colon := strings.LastIndexByte(name, ':')
	if colon <= slash {
		return "", fmt.Errorf("image %q has no tag", reference)
	}
	return name[:colon], nil
}
