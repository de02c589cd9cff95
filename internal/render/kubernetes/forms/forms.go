// Package forms gives an installation's Kubernetes objects as files for other tools: manifests, a kustomization, a Helm chart, or values for
// Sourcegraph's own chart. A form is a way to write the objects that package kubernetes renders. All that it adds is the guard: see Guard.
// Pure.
package forms

import (
	"fmt"
	"strings"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// Input is what files are made of: the objects, and what files may hold of their secrets.
type Input struct {
	Set *kubernetes.Set
	// Release is what the set was rendered from. Values for Sourcegraph's chart say how the set differs from it.
	Release *catalogue.Release
	// Sources say where the values of secrets come from, for the people who make the Secrets.
	Sources []stack.Secret
	// Guard keeps the files from an installation that they would break; nil: nothing does.
	Guard *Guard
	// Seal gives the file of a Secret with its values encrypted. Without it, Secrets with secret values are left out.
	Seal func(name string, secret *kubernetes.Object) ([]byte, error)
}

// MadeBy is the comment that every file begins with. It has no release in it: files that a release leaves as they are don't change.
const MadeBy = "Sourcegraph, made by berth from sourcegraph.yaml. Change that file, not this one: this one is overwritten."

// frontend is the service that people reach.
const frontend = "sourcegraph-frontend"

// Render gives the files of a form, by its name on the command line: "manifests", "kustomize", "helm" or "helm-values". What is in the second
// list belongs to the admin: it is written when it is not there. What Sourcegraph's chart has no value for is a diag.List.
func Render(form string, in *Input) (files, once []stack.File, err error) {
	switch form {
	case "kustomize":
		return in.kustomize()
	case "helm":
		files, err = in.helm()
	case "helm-values":
		files, err = in.helmValues()
	default:
		files, err = in.manifests()
	}
	return files, nil, err
}

// objects are the objects that stand in files: all but the Job that only berth's own apply runs. The frontend's pods migrate there.
func (in *Input) objects() []*kubernetes.Object {
	var out []*kubernetes.Object
	for i := range in.Set.Objects {
		if o := &in.Set.Objects[i]; !o.OneShot {
			out = append(out, o)
		}
	}
	return out
}

// Expected are the Secrets that the files need, but don't hold.
func (in *Input) Expected() []*kubernetes.Object {
	var out []*kubernetes.Object
	for _, o := range in.objects() {
		if o.Secret() && in.Seal == nil {
			out = append(out, o)
		}
	}
	return out
}

// plain is an object without secret values.
func plain(o *kubernetes.Object) map[string]any {
	return o.Whole(func(stack.Part) string { return "" })
}

// fileName names an object's file: its place in the order of kinds, so that a folder's files stand in the order in which they are applied,
// and one more object renames no other.
func fileName(o *kubernetes.Object) string {
	name := strings.ReplaceAll(strings.ReplaceAll(o.Name(), ":", "-"), "/", "-")
	return fmt.Sprintf("%02d-%s-%s.yaml", o.Order(), strings.ToLower(o.Kind()), name)
}

// manifests gives one file for each object, for kubectl or a GitOps repository.
func (in *Input) manifests() ([]stack.File, error) {
	files, err := in.files("")
	if err != nil {
		return nil, err
	}
	if hook := in.guardHook(syncHook()); hook != nil {
		files = append(files, stack.File{Path: guardFile, Content: yaml.Encode(MadeBy, hook.Body)})
	}
	return append(files, stack.File{Path: "README.md", Content: in.manifestsReadme()}), nil
}

// files gives a file for each object, in a folder.
func (in *Input) files(folder string) ([]stack.File, error) {
	var files []stack.File
	var encoder yaml.Encoder
	for _, o := range in.guarded() {
		name := folder + fileName(o)
		switch {
		case !o.Secret():
			files = append(files, stack.File{Path: name, Content: encoder.Encode(MadeBy, plain(o))})
		case in.Seal != nil:
			content, err := in.Seal(name, o)
			if err != nil {
				return nil, fmt.Errorf("encrypt %s: %w", o.Key(), err)
			}
			files = append(files, stack.File{Path: name, Content: content})
		}
	}
	return files, nil
}
