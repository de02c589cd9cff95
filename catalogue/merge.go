package catalogue

import "go.yaml.in/yaml/v4"

// Null in a merge patch stands for a null in the result. A real null in the patch removes a member.
const Null = "{null}"

// member is the value of a map's key, or nil.
func member(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// remove removes a key from a map.
func remove(node *yaml.Node, key string) {
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content = append(node.Content[:i], node.Content[i+2:]...)
			return
		}
	}
}

// merge applies a JSON merge patch (RFC 7386) to a map.
func merge(node, patch *yaml.Node) {
	for i := 0; i+1 < len(patch.Content); i += 2 {
		key, value := patch.Content[i], patch.Content[i+1]
		old := member(node, key.Value)
		switch {
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null" && value.Value == "":
			// A block that the filter emptied changes nothing. A real null is always written as a word.
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			remove(node, key.Value)
		case old == nil:
			node.Content = append(node.Content, key, value)
		case old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			merge(old, value)
		default:
			*old = *value
		}
	}
}

// restoreNulls replaces the texts that stand for nulls by nulls.
func restoreNulls(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.Value == Null {
		node.Tag, node.Value, node.Style = "!!null", "null", 0
	}
	for _, child := range node.Content {
		restoreNulls(child)
	}
}
