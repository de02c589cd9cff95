package catalogue

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// UnmarshalYAML reads a text, or a map with join and items.
func (v *Value) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		v.Text = node.Value
		return nil
	}
	var list valueList
	if err := node.Decode(&list); err != nil {
		return fmt.Errorf("read value in line %d: %w", node.Line, err)
	}
	v.Join, v.Items = list.Join, list.Items
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (v Value) MarshalYAML() (any, error) {
	if v.Items == nil {
		return v.Text, nil
	}
	return valueList{v.Join, v.Items}, nil
}

type valueList struct {
	Join  string `yaml:"join"`
	Items []Item `yaml:"items"`
}
