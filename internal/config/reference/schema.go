// Package reference makes the JSON Schema of sourcegraph.yaml, for editors, from the keys of package config. Its tests prove that the schema and the
// generated documents docs/config.md, docs/codes.md and docs/upgrade-rules.md are up to date, and write them with -update.
package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"berth/catalogue"
	"berth/internal/config"
	"go.yaml.in/yaml/v4"
)

// node is a part of a JSON Schema, draft 7, which editors know best.
type node struct {
	Schema               string           `json:"$schema,omitempty"`
	ID                   string           `json:"$id,omitempty"`
	Title                string           `json:"title,omitempty"`
	Ref                  string           `json:"$ref,omitempty"`
	Description          string           `json:"description,omitempty"`
	Type                 any              `json:"type,omitempty"`
	Enum                 []string         `json:"enum,omitempty"`
	Pattern              string           `json:"pattern,omitempty"`
	MinLength            int              `json:"minLength,omitempty"`
	Minimum              *int             `json:"minimum,omitempty"`
	Maximum              *int             `json:"maximum,omitempty"`
	ExclusiveMinimum     *int             `json:"exclusiveMinimum,omitempty"`
	Properties           *properties      `json:"properties,omitempty"`
	PropertyNames        *node            `json:"propertyNames,omitempty"`
	PatternProperties    map[string]*node `json:"patternProperties,omitempty"`
	AdditionalProperties any              `json:"additionalProperties,omitempty"`
	Required             []string         `json:"required,omitempty"`
	Items                *node            `json:"items,omitempty"`
	OneOf                []*node          `json:"oneOf,omitempty"`
	AllOf                []*node          `json:"allOf,omitempty"`
	Default              any              `json:"default,omitempty"`
	Examples             []any            `json:"examples,omitempty"`
	Deprecated           string           `json:"deprecationMessage,omitempty"` // editors do not propose the key then
	Definitions          *properties      `json:"definitions,omitempty"`
}

// properties keep the order of the keys, which editors show.
type properties struct {
	names []string
	nodes []*node
}

func (p *properties) add(name string, n *node) {
	p.names = append(p.names, name)
	p.nodes = append(p.nodes, n)
}

// MarshalJSON writes an object in the order of the keys.
func (p *properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range p.names {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(p.nodes[i])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const (
	secretRef  = "#/definitions/secret"
	valueRef   = "#/definitions/value"
	serviceRef = "#/definitions/service"

	// poolPattern are the services of the pools that workers defines.
	poolPattern = "^worker-"

	// schemaID is the name of the schema, by which editors tell it from others. It is no address.
	schemaID = "https://berth.dev/schema/sourcegraph.schema.json"
)

// Schema is the JSON Schema of sourcegraph.yaml.
//
// With a catalogue it also proposes the releases and services that are known. The schema that is kept beside the source has none of them, so that a new
// release changes no file but the catalogue's.
func Schema(known *catalogue.Catalogue) ([]byte, error) {
	root := describe(config.Root())
	root.Schema = "http://json-schema.org/draft-07/schema#"
	root.ID, root.Title = schemaID, "sourcegraph.yaml"
	root.Description = "What a site admin wants of Sourcegraph."
	root.PatternProperties = map[string]*node{"^x-": {Description: "Yours: it only holds anchors."}}
	root.Definitions = &properties{}
	root.Definitions.add("secret", oneOf(config.Root().Key("license")))
	root.Definitions.add("value", oneOf(config.Root().Key("proxy").Key("http")))
	services := config.Root().Key("services")
	root.Definitions.add("service", describe(services.Elem))
	if known != nil {
		root.name(known, "services")
		root.name(known, "release")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return b.Bytes(), nil
}

// name makes editors know what the catalogue knows: the services of all releases, each with what it does, and the minor releases. Other services are
// marked: berth check refuses them, too. It also knows which of them the config's release has.
func (n *node) name(cat *catalogue.Catalogue, key string) {
	at := n.Properties.nodes[slices.Index(n.Properties.names, key)]
	if key == "release" {
		at.Examples = nil
		for _, v := range cat.Versions("") {
			if minor := catalogue.Minor(v.Version); !slices.Contains(at.Examples, any(minor)) {
				at.Examples = append(at.Examples, minor)
			}
		}
		at.Examples = append([]any{cat.Versions("")[0].Version}, at.Examples...)
		return
	}
	known := cat.Describe()
	at.Properties, at.PatternProperties, at.AdditionalProperties = &properties{}, map[string]*node{poolPattern: {Ref: serviceRef}}, false
	for _, name := range slices.Sorted(maps.Keys(known)) {
		at.Properties.add(name, &node{Description: known[name].Does, AllOf: []*node{{Ref: serviceRef}}})
	}
}

// oneOf requires exactly one of its keys.
func oneOf(k *config.Key) *node {
	n := object(k)
	for i, name := range n.Properties.names {
		n.Properties.nodes[i].MinLength = 1
		n.OneOf = append(n.OneOf, &node{Required: []string{name}})
	}
	return n
}

func object(k *config.Key) *node {
	n := &node{Type: "object", Properties: &properties{}, AdditionalProperties: false}
	for _, c := range k.Keys() {
		n.Properties.add(c.Name, describe(c))
		switch {
		case c.Also != "":
			older := describe(c)
			older.Deprecated = "The same as " + c.Name + ", which YAML 1.1 parsers do not read as a boolean."
			n.Properties.add(c.Also, older)
			n.OneOf = []*node{{Required: []string{c.Name}}, {Required: []string{c.Also}}}
		case c.Needed:
			n.Required = append(n.Required, c.Name)
		}
	}
	return n
}

// describe describes a key's values. Texts may be numbers, as in the decoder.
func describe(k *config.Key) *node {
	n := &node{}
	zero := 0
	switch k.Kind {
	case config.Object:
		n = object(k)
	case config.Hidden:
		n.AllOf = []*node{{Ref: secretRef}} // draft 7 ignores everything beside a $ref
	case config.Variable:
		n.OneOf = []*node{{Type: []string{"string", "number", "boolean"}}, {Ref: valueRef}}
	case config.Named:
		n.Type, n.AdditionalProperties = "object", describe(k.Elem)
		if k.Elem.Kind == config.Text {
			n.AdditionalProperties = &node{Type: []string{"string", "number", "boolean"}}
		}
		if k.Under != nil {
			n.PropertyNames = &node{Enum: k.Under}
		}
	case config.Items:
		n.Type, n.Items = "array", describe(k.Elem)
	case config.Anything:
		n.Type = "object"
	case config.Flag:
		n.Type = "boolean"
	case config.Number:
		n.Type, n.Minimum, n.Maximum = "integer", k.Min, k.Max
	case config.CPU:
		n.Type, n.Pattern, n.ExclusiveMinimum = []string{"string", "number"}, config.CoresPattern, &zero
	case config.Memory:
		n.Type, n.Pattern = "string", config.BytesPattern
	default:
		n.Type, n.Enum, n.Pattern = []string{"string", "number"}, k.Enum, k.Pattern
		if n.Pattern != "" {
			n.Type = "string"
		}
	}
	if value := any(nil); yaml.Load([]byte(k.Default), &value) == nil && takes(k, value) {
		n.Default = value
	}
	n.Description = k.Doc
	if k.Example != "" {
		var value any
		if err := yaml.Load([]byte(k.Example), &value); err == nil {
			n.Examples = []any{value}
		}
	}
	return n
}

// takes reports whether a value is one that the key may have: many defaults are explained in words.
func takes(k *config.Key, value any) bool {
	switch value := value.(type) {
	case bool:
		return k.Kind == config.Flag
	case int:
		return k.Kind == config.Number
	case string:
		return slices.Contains(k.Enum, value)
	}
	return false
}
