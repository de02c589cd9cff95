package catalogue

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Misplaced is an image that is not of the release that ships it.
type Misplaced struct {
	When     `yaml:",inline"`
	Image    string            `yaml:"image"`              // a pattern of path.Match
	Tags     []string          `yaml:"tags"`               // patterns
	Versions []string          `yaml:"versions,omitempty"` // releases; none: all
	Instead  map[string]string `yaml:"instead,omitempty"`  // by release, the digest of its own image, which runs in place of what was shipped
	Reason   string            `yaml:"reason"`
	Source   string            `yaml:"source"`
}

// Stray is an image of a release with the tag of another.
type Stray struct {
	Release string `json:"release"`
	Target  Target `json:"target"`
	Image   string `json:"image"`
	Tag     string `json:"tag"`
	Instead string `json:"instead,omitempty"` // the reference that runs in its place
	Reason  string `json:"reason,omitempty"`  // "": nobody has explained it
}

func (s Stray) String() string {
	text := fmt.Sprintf("%s on %s: %s:%s", s.Release, s.Target, s.Image, s.Tag)
	if s.Instead != "" {
		text += " -> " + s.Instead
	}
	return text + ": " + s.Reason
}

// RegistryKey is the key of the config that names the admin's own registry.
const RegistryKey = "images.registry"

// Fetched is an image that a running Sourcegraph fetches by itself, for jobs of executors.
type Fetched struct {
	When   `yaml:",inline"`
	Image  string   `yaml:"image"`
	Queue  string   `yaml:"queue,omitempty"` // whose jobs run it; "": of all
	Tag    string   `yaml:"tag,omitempty"`   // with ReleaseVersion in it; "": Sourcegraph decides
	Path   []string `yaml:"path"`            // where the site configuration says another name of the image
	Source string   `yaml:"source"`
}

// misplaced finds the entry about an image's tag; nil without one.
func (r *Relations) misplaced(image, tag, version string, target Target) *Misplaced {
	i := slices.IndexFunc(r.Images, func(m Misplaced) bool {
		known := len(m.Versions) == 0 && (len(m.Instead) == 0 || m.Instead[version] != "") || slices.Contains(m.Versions, version)
		named, _ := path.Match(m.Image, image) // TestStrays proves the form
		return named && known && m.Holds(version, target) && matches(m.Tags, tag)
	})
	if i < 0 {
		return nil
	}
	return &r.Images[i]
}

// tagOf splits a reference by digest into its repository and its tag.
func tagOf(reference string) (repository, tag string) {
	tagged, _, _ := strings.Cut(reference, "@")
	colon := strings.LastIndexByte(tagged, ':')
	if colon < strings.LastIndexByte(tagged, '/') {
		return tagged, ""
	}
	return tagged[:colon], tagged[colon+1:]
}

// correct puts a release's own images in the place of others, and lists what it found.
func (r *Relations) correct(images map[string]string, version string, target Target) []Stray {
	var found []Stray
	for _, name := range slices.Sorted(maps.Keys(images)) {
		repository, tag := tagOf(images[name])
		if tag == version {
			continue
		}
		stray := Stray{Release: version, Target: target, Image: name, Tag: tag}
		if m := r.misplaced(name, tag, version, target); m != nil {
			stray.Reason = m.Reason
			if digest := m.Instead[version]; digest != "" {
				stray.Instead = repository + ":" + version + "@" + digest
				images[name] = stray.Instead
			}
		}
		found = append(found, stray)
	}
	return found
}

// Shipped are the digests of the images of the releases of some minor releases, by version.
func (c *Catalogue) Shipped(target Target, minors []string) (map[string]map[string]bool, error) {
	out := map[string]map[string]bool{}
	for _, minor := range minors {
		images, err := c.images(minor)
		if err != nil {
			return nil, err
		}
		for version, dates := range c.index().Releases {
			if Minor(version) != minor || dates[target] == "" {
				continue
			}
			out[version] = map[string]bool{}
			for _, image := range images {
				if _, digest, found := strings.Cut(image.Reference(version, target), "@"); found {
					out[version][digest] = true
				}
			}
		}
	}
	return out, nil
}

// Strays are the images of all releases that are not of their release, by release and target. It reads all manifests.
func (c *Catalogue) Strays() ([]Stray, error) {
	var all []Stray
	for _, minor := range slices.SortedFunc(maps.Keys(c.index().Manifests), CompareVersions) {
		images, err := c.images(minor)
		if err != nil {
			return nil, err
		}
		for _, version := range slices.SortedFunc(maps.Keys(c.index().Releases), CompareVersions) {
			for _, target := range []Target{Compose, Kubernetes} {
				if Minor(version) != minor || c.index().Releases[version][target] == "" {
					continue
				}
				shipped := map[string]string{}
				for name, image := range images {
					if reference := image.Reference(version, target); reference != "" {
						shipped[name] = reference
					}
				}
				all = append(all, c.relations().correct(shipped, version, target)...)
			}
		}
	}
	return all, nil
}
