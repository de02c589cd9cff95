package contents

import (
	"errors"
	"slices"
	"strings"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// The sections of a collector's configuration, and those whose parts pipelines name.
//
// Source: https://opentelemetry.io/docs/collector/configuration/
var (
	collectorSections = []string{"receivers", "processors", "exporters", "connectors", "extensions", "service"}
	pipelineParts     = []string{"receivers", "processors", "exporters"}
)

// Collector checks a configuration of the OpenTelemetry collector: its sections, and that pipelines name what is there. The collector stops otherwise.
func Collector(file File) diag.List {
	f := &found{File: file}
	var document yaml.Node
	if err := yaml.Load(file.Data, &document); err != nil {
		line := 1
		var e *yaml.LoadError
		if errors.As(err, &e) && e.Mark.Line > 0 {
			line = e.Mark.Line
		}
		f.line("BERTH1533", line, 1, "correct the marked line, or the one above it", "the collector can't read this as YAML")
		return f.problems
	}
	root := &document
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		f.whole("BERTH1533", "it has receivers, exporters, and service with pipelines", "is not a configuration of a collector")
		return f.problems
	}
	for i := 0; i < len(root.Content); i += 2 {
		if key := root.Content[i]; !slices.Contains(collectorSections, key.Value) {
			hint := "sections are " + diag.Listed(collectorSections, "and")
			if guess := diag.Closest(key.Value, collectorSections); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			f.line("BERTH1533", key.Line, key.Column, hint, "the collector has no section of this name")
		}
	}
	pipelines := member(member(root, "service"), "pipelines")
	if pipelines == nil || len(pipelines.Content) == 0 {
		f.whole("BERTH1533", "add  service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}", "has no pipelines, and the collector does not start without one")
		return f.problems
	}
	for i := 1; i < len(pipelines.Content); i += 2 {
		for _, part := range pipelineParts {
			f.pipeline(root, pipelines.Content[i], part)
		}
	}
	if extensions := member(member(root, "service"), "extensions"); extensions != nil {
		f.defined(root, extensions, "extensions")
	}
	return f.problems
}

// pipeline checks one part of a pipeline. A connector is a receiver and an exporter.
func (f *found) pipeline(root, pipeline *yaml.Node, part string) {
	names := member(pipeline, part)
	if names == nil {
		if part != "processors" {
			f.line("BERTH1533", pipeline.Line, pipeline.Column, "add  "+part+": [NAME]", "the pipeline has no %s", part)
		}
		return
	}
	if part == "processors" {
		f.defined(root, names, part)
		return
	}
	f.defined(root, names, part, "connectors")
}

// defined checks that names are those of what a section defines.
func (f *found) defined(root, names *yaml.Node, sections ...string) {
	var there []string
	for _, section := range sections {
		if s := member(root, section); s != nil {
			for i := 0; i < len(s.Content); i += 2 {
				there = append(there, s.Content[i].Value)
			}
		}
	}
	for _, n := range names.Content {
		if slices.Contains(there, n.Value) || strings.Contains(n.Value, "${") {
			continue
		}
		hint := "add it to " + sections[0]
		if guess := diag.Closest(n.Value, there); guess != "" {
			hint = "did you mean " + guess + "?"
		}
		f.line("BERTH1534", n.Line, n.Column, hint, "the pipeline names one of %s that is not defined", sections[0])
	}
}

// member is a value of a map; nil without one.
func member(node *yaml.Node, name string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1]
		}
	}
	return nil
}
