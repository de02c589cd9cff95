// Package forms writes an installation's Kubernetes objects as files for other tools: manifests, a kustomization, a Helm chart, or values
// for Sourcegraph's own chart. A form is a way to write the objects that package kubernetes renders. The only addition is the guard: see
// Guard. Pure.
//
// One package because all forms share the Secrets that people must make, the guard and the README. The largest part, the translation to
// values of Sourcegraph's chart, is in three separate files.
package forms

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// Input has what files are made from: the objects, and which of their secrets files may contain.
type Input struct {
	Set *kubernetes.Set
	// Release is the release of the set. Values for Sourcegraph's chart are the difference of the set to it.
	Release *catalogue.Release
	// Sources say where the values of secrets come from, for the people who create the Secrets.
	Sources []stack.Secret
	// Guard refuses to apply the files to an installation of a release that this one can't follow; nil: there is no guard.
	Guard *Guard
	// Running says that the objects are in a cluster: values for Sourcegraph's chart keep the hashes by which it restarts pods.
	Running bool
	// Seal returns the file of a Secret with its values encrypted. Without it, Secrets with secret values are left out.
	Seal func(name string, secret *kubernetes.Object) ([]byte, error)
}

// MadeBy is the first comment of every file. It names no release: a file that is the same in two releases does not change.
const MadeBy = "Sourcegraph, made by berth from sourcegraph.yaml. Change that file, not this one: this one is overwritten."

// frontend is the service that people reach.
const frontend = "sourcegraph-frontend"

// Render returns the files of a form, by its name on the command line: "manifests", "kustomize", "helm" or "helm-values". Files of the
// second list belong to the admin: they are written only when they don't exist. What Sourcegraph's chart has no value for is a diag.List.
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

// One writes a form that is one file: the values of Sourcegraph's own chart, or manifests as one YAML stream in the order in which they are applied.
// The guard's Job is not in the stream, since it must end before the rest is applied; the frontend's pods ask the same before they migrate.
func One(form string, in *Input) ([]byte, error) {
	if form == "helm-values" {
		files, err := in.helmValues()
		if err != nil {
			return nil, err
		}
		return files[0].Content, nil
	}
	files, err := in.files("")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b stack.File) int { return strings.Compare(a.Path, b.Path) })
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n# The namespace must be there:  kubectl create namespace %s\n", MadeBy, in.Set.Namespace)
	for _, o := range in.Expected() {
		fmt.Fprintf(&b, "# This Secret must be there:    %s\n", o.Name())
	}
	for _, f := range files {
		b.WriteString("---\n")
		b.Write(bytes.TrimPrefix(f.Content, []byte("# "+MadeBy+"\n")))
	}
	return b.Bytes(), nil
}

// objects are the objects in files: all but the Job that only berth's own apply runs, since the frontend's pods migrate there.
func (in *Input) objects() []*kubernetes.Object {
	var out []*kubernetes.Object
	for i := range in.Set.Objects {
		if o := &in.Set.Objects[i]; !o.OneShot {
			out = append(out, o)
		}
	}
	return out
}

// Expected are the Secrets that the files need, but don't contain.
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

// fileName names an object's file. It begins with the order of its kind, so that a folder's files are sorted in the order in which they are
// applied, and one more object renames no other.
func fileName(o *kubernetes.Object) string {
	name := strings.ReplaceAll(strings.ReplaceAll(o.Name(), ":", "-"), "/", "-")
	return fmt.Sprintf("%02d-%s-%s.yaml", o.Order(), strings.ToLower(o.Kind()), name)
}

// manifests returns one file for each object, for kubectl or a GitOps repository.
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

// files returns a file for each object, in a folder.
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
