package compose

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// mapping is a YAML mapping whose keys stand in the order in which a person would write them.
type mapping []field

type field struct {
	key   string
	value any // string, bool, int, float64, mapping, sequenceOf
}

// sequenceOf is a YAML sequence.
type sequenceOf []any

// encode writes a mapping as YAML under a comment.
func encode(comment string, m mapping) []byte {
	var b bytes.Buffer
	for _, line := range strings.Split(comment, "\n") {
		b.WriteString("# " + line + "\n")
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	// A tree of strings, numbers and maps always encodes, and a buffer takes everything.
	_ = enc.Encode(node(m))
	_ = enc.Close()
	return b.Bytes()
}

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case mapping:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, f := range v {
			n.Content = append(n.Content, node(f.key), node(f.value))
		}
		return n
	case sequenceOf:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			n.Content = append(n.Content, node(item))
		}
		return n
	case string:
		n := &yaml.Node{}
		n.SetString(v)
		return n
	default:
		n := &yaml.Node{}
		_ = n.Encode(v) // a number or bool
		return n
	}
}

// plain turns a mapping into maps and lists, for hashing and for patches. Keys are sorted when it is marshalled.
func plain(v any) any {
	switch v := v.(type) {
	case mapping:
		m := make(map[string]any, len(v))
		for _, f := range v {
			m[f.key] = plain(f.value)
		}
		return m
	case sequenceOf:
		l := make([]any, len(v))
		for i, item := range v {
			l[i] = plain(item)
		}
		return l
	default:
		return v
	}
}
