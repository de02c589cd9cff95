package catalogue

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v4"
)

// The fast form is what most commands need of the catalogue, in JSON, which is read several times faster than YAML: the index, and of each
// manifest the Compose half of its newest patch. It is made from the files that people read and says which of them; where it does not fit
// them it is not used.

// FastIndex is the index in its fast form.
const FastIndex = "fast/index.json"

// FastFile is where the fast form of a minor release's manifest is kept.
func FastFile(minor string) string { return "fast/" + minor + ".json" }

// fast is the fast form of a file.
type fast[T any] struct {
	Of   string // digest of the file that it was made from
	Form T
}

// Fast makes the fast form of a manifest with a digest.
func Fast(manifest []byte, digest string) ([]byte, error) {
	var m Manifest
	if err := yaml.Load(filter(manifest, "", Compose), &m); err != nil {
		return nil, err
	}
	m.Objects = nil
	for version := range m.Older {
		m.Older[version] = nil // only that it has differences
	}
	return json.Marshal(fast[Manifest]{Of: digest, Form: m})
}

// FastOfIndex makes the fast form of the index.
func FastOfIndex(index []byte) ([]byte, error) {
	var i Index
	if err := yaml.Load(index, &i); err != nil {
		return nil, err
	}
	return json.Marshal(fast[Index]{Of: digestOf(index), Form: i})
}

// readFast reads a fast form; nil when there is none, or it was made from something else.
func readFast[T any](fsys fs.FS, name, digest string) *T {
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil
	}
	var f fast[T]
	if json.Unmarshal(content, &f) != nil || f.Of != digest {
		return nil
	}
	return &f.Form
}

// readIndex reads the index, from its fast form where that fits.
func readIndex(fsys fs.FS) (*Index, error) {
	content, err := fs.ReadFile(fsys, IndexFile)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	if i := readFast[Index](fsys, FastIndex, digestOf(content)); i != nil {
		return i, nil
	}
	return read[Index](fsys, IndexFile)
}

// readFastManifest reads a manifest's fast form; nil when there is none that fits.
func readFastManifest(fsys fs.FS, minor, digest string) *Manifest {
	m := readFast[Manifest](fsys, FastFile(minor), digest)
	if m == nil {
		return nil
	}
	for name, content := range m.Files.YAML {
		m.Files.YAML[name] = integers(content)
	}
	for _, s := range m.Services {
		if s.Compose != nil {
			integers(s.Compose.Other)
		}
	}
	return m
}

// integers makes whole numbers of a decoded tree integers, as YAML has them and JSON does not.
func integers(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for k, v := range tree {
			tree[k] = integers(v)
		}
	case []any:
		for i, v := range tree {
			tree[i] = integers(v)
		}
	case float64:
		if tree == float64(int(tree)) {
			return int(tree)
		}
	}
	return tree
}
