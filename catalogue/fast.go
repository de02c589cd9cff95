package catalogue

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
)

// The fast form is what most commands need of the embedded catalogue, in JSON, which is read several times faster than YAML: the index, the
// notices, and the newest release of each minor and target, put together. It is made from the files that people read;
// TestFastFormsAreFresh proves that it fits them.

// FastDir is where the fast form is kept.
const FastDir = "fast"

func fastRelease(version string, target Target) string {
	return path.Join(FastDir, string(target), version+".json")
}

func fastOf(name string) string { return path.Join(FastDir, name+".json") }

// Fast makes the fast form of a catalogue's files, by name.
func Fast(fsys fs.FS) (map[string][]byte, error) {
	c, err := Open(fsys)
	if err != nil {
		return nil, err
	}
	forms := map[string]any{fastOf(IndexFile): c.index(), fastOf(NoticesFile): c.notices()}
	for minor := range c.index().Manifests {
		for _, target := range []Target{Compose, Kubernetes} {
			newest := c.highest(minor, target)
			if newest == "" {
				continue
			}
			if forms[fastRelease(newest, target)], err = c.Release(newest, target); err != nil {
				return nil, err
			}
		}
	}
	files := map[string][]byte{}
	for name, form := range forms {
		if files[name], err = json.Marshal(form); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return files, nil
}

// highest is the highest version that a minor release has on a target, offered or not; "" when it has none.
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
	if err := json.Unmarshal(content, value); err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", name, err)
	}
	return value, nil
}

// hasFast reports whether a release can be had in the fast form.
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
		if s.Kubernetes != nil {
			integers(s.Kubernetes.Objects)
		}
	}
	integers(r.Objects)
	return r, nil
}

// integers makes whole numbers of a decoded tree integers, as YAML has them and JSON does not.
func integers(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for k, v := range tree {
			switch v := v.(type) {
			case map[string]any, []any:
				integers(v)
			case float64:
				tree[k] = integer(v)
			}
		}
	case []any:
		for i, v := range tree {
			tree[i] = integers(v)
		}
	case float64:
		return integer(tree)
	}
	return tree
}

func integer(f float64) any {
	if f == float64(int(f)) {
		return int(f)
	}
	return f
}
