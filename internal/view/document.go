package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// DocumentVersion is the version of Document and of all results in it. It changes when a field is removed or means something else; new fields
// may come at any time.
const DocumentVersion = 1

// Document is what every command prints for machines, once, also when it fails. schema/documents.schema.json has the results of all commands.
type Document struct {
	Version  int       `json:"version"`
	Command  string    `json:"command"`          // "berth upgrade path"
	ExitCode int       `json:"exitCode"`         // of the program
	Result   any       `json:"result,omitempty"` // what the command gives; absent when it failed before there was any
	Problems diag.List `json:"problems"`         // errors and warnings, the same form everywhere
}

// Format is how a result is printed.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
	YAML Format = "yaml"
)

// Formats are all of them, for messages and completion.
var Formats = []Format{Text, JSON, YAML}

// Write prints the document as JSON or YAML.
func (d *Document) Write(w io.Writer, as Format) error {
	if d.Problems == nil {
		d.Problems = diag.List{}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if as == YAML { // JSON is YAML, and so the keys are the same and in the same order
		var tree yaml.Node
		if err := yaml.Load([]byte(b.String()), &tree); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		block(&tree)
		text, err := yaml.Dump(&tree)
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		_, err = w.Write(text)
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// block makes a tree be written in lines, not in braces and quotes.
func block(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle | yaml.DoubleQuotedStyle
	for _, below := range n.Content {
		block(below)
	}
}
