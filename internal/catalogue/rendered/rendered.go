// Package rendered has what berth renders for a config that says nothing but where: what catalogue verify compares with what Sourcegraph
// ships.
package rendered

import (
	"encoding/base64"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/render/compose"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
)

// Resolve resolves a release for the text of a config.
func Resolve(release *catalogue.Release, text, namespace string) (*stack.Stack, error) {
	doc, problems := config.Load("sourcegraph.yaml", []byte(text))
	if problems.Failed() {
		return nil, problems
	}
	return stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Namespace: namespace}), nil
}

// Project renders a release as a Compose project.
func Project(release *catalogue.Release) (composeFile []byte, files map[string][]byte, err error) {
	s, err := Resolve(release, "target: compose\nurl: http://sourcegraph.example.com\n", "")
	if err != nil {
		return nil, nil, err
	}
	project, problems := compose.Render(s, nil)
	if problems.Failed() {
		return nil, nil, problems
	}
	files = map[string][]byte{}
	for _, file := range project.Files {
		files[file.Path] = file.Content
	}
	composeFile = files[compose.ComposeFile]
	delete(files, compose.ComposeFile)
	return composeFile, files, nil
}

// Asking are the lines of a config that ask for an overlay, and for nothing else.
var Asking = map[string]string{"": "", catalogue.Jaeger: "tracing: {jaeger: true}\n", catalogue.Executors: "executors: {}\n"}

// Objects renders a release as Kubernetes objects, with an overlay or without. {NAME} stands in Secrets for the values that are
// generated.
func Objects(release *catalogue.Release, overlay, namespace string) (map[string]any, error) {
	s, err := Resolve(release, "target: kubernetes\nurl: https://sourcegraph.example.com\n"+Asking[overlay], namespace)
	if err != nil {
		return nil, err
	}
	set, problems := kubernetes.Render(s, nil)
	if problems.Failed() {
		return nil, problems
	}
	objects := map[string]any{}
	for _, o := range set.Objects {
		if o.Values != nil {
			data := map[string]any{}
			for key, parts := range o.Values {
				text := ""
				for _, p := range parts {
					text += p.Text
					if p.Secret != "" {
						text += "{" + p.Secret + "}"
					}
				}
				data[key] = base64.StdEncoding.EncodeToString([]byte(text))
			}
			o.Body["data"] = data
		}
		objects[o.Key()] = o.Body
	}
	return objects, nil
}
