package kubernetes

import (
	"encoding/base64"
	"fmt"
	"strings"

	"berth/catalogue"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// Form is a set as files for other tools, and what these files may hold of its secrets.
type Form struct {
	Set *Set
	// Sources say where the values of secrets come from, for the people who make the Secrets.
	Sources []stack.Secret
	// Seal gives the file of a Secret with its values encrypted. Without it, Secrets with secret values are left out.
	Seal func(name string, secret *Object) ([]byte, error)
}

// MadeBy is the comment that every file begins with. It has no release in it: files that a release leaves as they are don't change.
const MadeBy = "Sourcegraph, made by berth from sourcegraph.yaml. Change that file, not this one: this one is written anew."

// objects are the objects that stand in files: all but the Job that only berth's own apply runs. The frontend's pods migrate there.
func (f *Form) objects() []*Object {
	var out []*Object
	for i := range f.Set.Objects {
		if o := &f.Set.Objects[i]; !o.OneShot {
			out = append(out, o)
		}
	}
	return out
}

// Expected are the Secrets that the files need, but don't hold.
func (f *Form) Expected() []*Object {
	var out []*Object
	for _, o := range f.objects() {
		if o.Secret() && f.Seal == nil {
			out = append(out, o)
		}
	}
	return out
}

// Secret reports whether an object holds secret values.
func (o *Object) Secret() bool {
	for _, parts := range o.Values {
		for _, p := range parts {
			if p.Secret != "" {
				return true
			}
		}
	}
	return false
}

// Whole is the object as the API takes it, with a Secret's data.
func (o *Object) Whole(value func(secret stack.Part) string) map[string]any {
	if o.Values == nil {
		return o.Body
	}
	body := make(map[string]any, len(o.Body)+1)
	for k, v := range o.Body {
		body[k] = v
	}
	data := make(map[string]any, len(o.Values))
	for key, parts := range o.Values {
		var text strings.Builder
		for _, p := range parts {
			if p.Secret != "" {
				text.WriteString(value(p))
			} else {
				text.WriteString(p.Text)
			}
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text.String()))
	}
	body["data"] = data
	return body
}

// plain is the object without secret values.
func (o *Object) plain() map[string]any {
	return o.Whole(func(stack.Part) string { return "" })
}

// fileName names an object's file: its place in the order of kinds, so that a folder's files stand in the order in which they are applied,
// and one more object renames no other.
func fileName(o *Object) string {
	name := strings.ReplaceAll(strings.ReplaceAll(o.Name(), ":", "-"), "/", "-")
	return fmt.Sprintf("%02d-%s-%s.yaml", order(o), strings.ToLower(o.Kind()), name)
}

// Manifests gives one file for each object, for kubectl or a GitOps repository.
func (f *Form) Manifests() ([]stack.File, error) {
	files, err := f.files("")
	if err != nil {
		return nil, err
	}
	return append(files, stack.File{Path: "README.md", Content: f.manifestsReadme()}), nil
}

// files gives a file for each object, in a folder.
func (f *Form) files(folder string) ([]stack.File, error) {
	var files []stack.File
	var encoder yaml.Encoder
	for _, o := range f.objects() {
		name := folder + fileName(o)
		switch {
		case !o.Secret():
			files = append(files, stack.File{Path: name, Content: encoder.Encode(MadeBy, o.plain())})
		case f.Seal != nil:
			content, err := f.Seal(name, o)
			if err != nil {
				return nil, fmt.Errorf("encrypt %s: %w", o.Key(), err)
			}
			files = append(files, stack.File{Path: name, Content: content})
		}
	}
	return files, nil
}

// Files gives the files of a form, by its name on the command line. What is in the second list belongs to the admin: it is written when it
// is not there.
func (f *Form) Files(form string, release *catalogue.Release) (files, once []stack.File, err error) {
	switch form {
	case "kustomize":
		return f.Kustomize()
	case "helm":
		files, err = f.Chart()
	case "helm-values":
		files, err = f.ChartValues(release)
	default:
		files, err = f.Manifests()
	}
	return files, nil, err
}
