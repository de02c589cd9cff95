package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Release loads one version for one target, once: nobody changes what is loaded. The error is an *UnknownError when the target has no such release.
func (c *Catalogue) Release(version string, target Target) (*Release, error) {
	key := fastRelease(version, target)
	if known, ok := c.loaded.Load(key); ok {
		return known.(*Release), nil
	}
	release, err := c.load(version, target)
	if err == nil {
		release.Relations = c.relations().of(version, target)
		c.loaded.Store(key, release)
	}
	return release, err
}

// load parses only the parts of the manifest that the target needs.
func (c *Catalogue) load(version string, target Target) (*Release, error) {
	if c.hasFast(version, target) {
		return readFastRelease(version, target)
	}
	index := c.index()
	if index.Releases[version][target] == "" {
		return nil, c.unknown(version, target)
	}
	minor := Minor(version)
	content, err := fs.ReadFile(c.fsys, ManifestFile(minor))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	if digestOf(content) != index.Manifests[minor] {
		return nil, fmt.Errorf("read catalogue: %s was changed by hand: its digest is not the index's", ManifestFile(minor))
	}
	release, err := ParseRelease(filter(content, version, target), version, target)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", ManifestFile(minor), err)
	}
	c.relations().correct(release.Images, version, target)
	return release, nil
}

// images are the images of a manifest. It parses nothing else.
func (c *Catalogue) images(minor string) (map[string]Image, error) {
	content, err := fs.ReadFile(c.fsys, ManifestFile(minor))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	_, rest, _ := strings.Cut(string(content), "\nimages:\n")
	section, _, _ := strings.Cut(rest, "\nservices:\n")
	var images map[string]Image
	if err := yaml.Load([]byte(section), &images); err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", ManifestFile(minor), err)
	}
	return images, nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// ParseRelease reads one version for one target from a manifest.
func ParseRelease(manifest []byte, version string, target Target) (*Release, error) {
	var document yaml.Node
	if err := yaml.Load(manifest, &document); err != nil {
		return nil, err
	}
	root := &document
	if root.Kind == yaml.DocumentNode {
		root = root.Content[0]
	}
	if patch := member(member(root, "older"), version); patch != nil {
		merge(root, patch)
		restoreNulls(root)
	}
	remove(root, "older")
	var m Manifest
	if err := root.Decode(&m); err != nil {
		return nil, err
	}
	return m.release(version, target)
}

func (m *Manifest) release(version string, target Target) (*Release, error) {
	r := &Release{
		Version: version, Minor: m.Minor, Tags: m.Releases[version],
		Images: map[string]string{}, Services: map[string]Service{},
	}
	used := map[string]bool{}
	for name, service := range m.Services {
		if target == Compose && service.Compose != nil {
			r.Services[name] = Service{Compose: service.Compose}
			used[service.Compose.Image] = true
		}
		if target == Kubernetes && service.Kubernetes != nil {
			r.Services[name] = Service{Kubernetes: service.Kubernetes}
			imagesIn(service.Kubernetes.Objects, used)
			if err := writeData(service.Kubernetes.Objects); err != nil {
				return nil, err
			}
		}
	}
	if target == Compose {
		r.Files, r.Overlays = m.Files, m.Overlays
	} else {
		r.Objects, r.ObjectOverlays = m.Objects, m.ObjectOverlays
		imagesIn(m.Objects, used)
		for _, changes := range m.ObjectOverlays {
			imagesIn(changes, used)
		}
	}
	delete(used, "")
	r.containers()
	for name := range used {
		reference := m.Images[name].Reference(version, target)
		if reference == "" {
			return nil, fmt.Errorf("image %s has no digest for %s on %s", name, version, target)
		}
		r.Images[name] = reference
	}
	return r, nil
}

// ImagePrefix marks an image's name in an object.
const ImagePrefix = "image:"

// imagesIn collects the names of the images that a tree uses.
func imagesIn(tree any, used map[string]bool) {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			if text, ok := value.(string); ok && key == "image" {
				if name, ok := strings.CutPrefix(text, ImagePrefix); ok {
					used[name] = true
				}
				continue
			}
			imagesIn(value, used)
		}
	case []any:
		for _, value := range tree {
			imagesIn(value, used)
		}
	}
}
