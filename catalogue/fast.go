package catalogue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// The fast form has what most commands need of the embedded catalogue, in CBOR, which is read many times faster than YAML: the index, the
// notices, the relations, and the newest release of each minor and target, complete. It is made from the files that people read; TestFastFormsAreFresh
// proves that both agree.

// FastDir is the folder of the fast form.
const FastDir = "fast"

func fastRelease(version string, target Target) string {
	return path.Join(FastDir, string(target), version+".cbor")
}

func fastOf(name string) string { return path.Join(FastDir, name+".cbor") }

// Fast makes the fast form of a catalogue's files, by name.
func Fast(fsys fs.FS) (map[string][]byte, error) {
	c, err := Open(fsys)
	if err != nil {
		return nil, err
	}
	forms := map[string]any{fastOf(IndexFile): c.index(), fastOf(NoticesFile): c.notices(), fastOf(RelationsFile): c.relations()}
	for minor := range c.index().Manifests {
		for _, target := range []Target{Compose, Kubernetes} {
			newest := c.highest(minor, target)
			if newest == "" {
				continue
			}
			release, err := c.Release(newest, target)
			if err != nil {
				return nil, err
			}
			if target == Kubernetes {
				if release, err = release.encoded(); err != nil {
					return nil, err
				}
			}
			forms[fastRelease(newest, target)] = release
		}
	}
	files := map[string][]byte{}
	for name, form := range forms {
		if files[name], err = fastEncoding.Marshal(form); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return files, nil
}

// highest is the highest version of a minor release on a target, offered or not; "" when it has none.
func (c *Catalogue) highest(minor string, target Target) string {
	highest := ""
	for version, dates := range c.index().Releases {
		if Minor(version) == minor && dates[target] != "" && (highest == "" || CompareVersions(version, highest) > 0) {
			highest = version
		}
	}
	return highest
}

// readFast reads a file of the embedded catalogue's fast form.
func readFast[T any](name string) (*T, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	value := new(T)
	if err := fastDecoding.Unmarshal(content, value); err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", name, err)
	}
	return value, nil
}

// hasFast reports whether the fast form has a release.
func (c *Catalogue) hasFast(version string, target Target) bool {
	if !c.fast {
		return false
	}
	f, err := files.Open(fastRelease(version, target))
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// readFastRelease reads a release.
func readFastRelease(version string, target Target) (*Release, error) {
	if target == Kubernetes {
		return readFastObjects(version)
	}
	r, err := readFast[Release](fastRelease(version, target))
	if err != nil {
		return nil, err
	}
	for name, content := range r.Files.YAML {
		r.Files.YAML[name] = integers(content)
	}
	for _, s := range r.Services {
		if s.Compose != nil {
			integers(s.Compose.Other)
		}
	}
	return r, nil
}

// encoded returns a release with each object encoded by itself. Each is decoded on demand, so every caller gets its own copy.
func (r *Release) encoded() (*Release, error) {
	with := *r
	with.Services = make(map[string]Service, len(r.Services))
	var failed error
	encode := func(objects map[string]any) map[string]any {
		out := make(map[string]any, len(objects))
		for key, object := range objects {
			content, err := fastEncoding.Marshal(object)
			failed = errors.Join(failed, err)
			out[key] = content
		}
		return out
	}
	for name, s := range r.Services {
		if s.Kubernetes != nil {
			k := *s.Kubernetes
			k.Objects = encode(k.Objects)
			s.Kubernetes = &k
		}
		with.Services[name] = s
	}
	with.Objects = encode(r.Objects)
	return &with, failed
}

// readFastObjects reads a release for Kubernetes, which consists mostly of objects. TestFastFormSaysTheSame reports a field that is missing
// here.
func readFastObjects(version string) (*Release, error) {
	content, err := fs.ReadFile(files, fastRelease(version, Kubernetes))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	f, err := readTree(string(content))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", fastRelease(version, Kubernetes), err)
	}
	services, overlays := Branch(f, "Services"), Branch(f, "ObjectOverlays")
	r := &Release{Version: textOf(f["Version"]), Minor: textOf(f["Minor"]), Tags: map[Target]Tag{}, Images: map[string]string{}, Objects: Branch(f, "Objects"),
		Services: make(map[string]Service, len(services)), ObjectOverlays: make(map[string]map[string]any, len(overlays))}
	for target, tag := range Branch(f, "Tags") {
		r.Tags[Target(target)] = Tag{Date: textOf(Branch(tag)["date"]), Commit: textOf(Branch(tag)["commit"])}
	}
	for name, reference := range Branch(f, "Images") {
		r.Images[name] = textOf(reference)
	}
	for name, s := range services {
		k, c := Branch(s, "Kubernetes"), Branch(s, "Kubernetes", "Container")
		container := Container{Object: textOf(c["Object"]), Name: textOf(c["Name"]), Init: c["Init"] == true}
		container.Variables = textsOf(c["Variables"])
		for service, names := range Branch(c, "Leads") {
			if container.Leads == nil {
				container.Leads = map[string][]string{}
			}
			container.Leads[service] = textsOf(names)
		}
		r.Services[name] = Service{Kubernetes: &KubernetesService{Objects: Branch(k, "Objects"), Container: container,
			In: textOf(k["In"]), Overlay: textOf(k["Overlay"])}}
	}
	for name, changes := range overlays {
		r.ObjectOverlays[name] = Branch(changes)
	}
	return r, nil
}

func textOf(v any) string {
	text, _ := v.(string)
	return text
}

func textsOf(v any) []string {
	list, _ := v.([]any)
	var texts []string
	for _, item := range list {
		texts = append(texts, textOf(item))
	}
	return texts
}

// The fast form's encoding is deterministic: the same content has the same bytes.
var (
	fastEncoding = must(cbor.EncOptions{Sort: cbor.SortBytewiseLexical}.EncMode())
	fastDecoding = must(cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any](), IntDec: cbor.IntDecConvertSignedOrFail}.DecMode())
)

// integers gives the whole numbers of a decoded tree the type that YAML numbers have.
func integers(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for k, v := range tree {
			switch v := v.(type) {
			case map[string]any, []any:
				integers(v)
			case int64:
				tree[k] = int(v)
			}
		}
	case []any:
		for i, v := range tree {
			tree[i] = integers(v)
		}
	case int64:
		return int(tree)
	}
	return tree
}
