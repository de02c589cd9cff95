package catalogue

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Manifest is a file of the catalogue. It has one minor release in the form of its newest patch on each target, and what is different in
// older patches.
type Manifest struct {
	Minor    string                               `yaml:"minor"`
	Releases map[string]map[Target]Tag            `yaml:"releases"`
	Images   map[string]Image                     `yaml:"images"`
	Services map[string]Service                   `yaml:"services"`
	Overlays map[string]map[string]ComposeService `yaml:"overlays,omitempty"`
	Files    Files                                `yaml:"files,omitempty"`
	Objects  map[string]any                       `yaml:"objects,omitempty"`
	// ObjectOverlays is as in Release.
	ObjectOverlays map[string]map[string]any `yaml:"objectOverlays,omitempty"`
	// Older has, by version, the differences of a patch's services, overlays, files and objects, as a JSON merge patch (RFC 7386). The text
	// "{null}" stands for a null in the result, which such a patch cannot express.
	Older map[string]any `yaml:"older,omitempty"`
}

// Image is where an image comes from in each patch release. A pin has one of three forms: "sha256:…"; "tag@sha256:…" where the tag is not
// the version; or the whole reference where the repository differs as well.
type Image struct {
	Repository string            `yaml:"repository"`
	Digests    map[string]string `yaml:"digests"`
	Kubernetes map[string]string `yaml:"kubernetes,omitempty"` // pins of versions whose chart differs from Compose
}

// Reference is the image's reference in a version, or "" when it has none.
func (i Image) Reference(version string, target Target) string {
	pin := i.Digests[version]
	if target == Kubernetes && i.Kubernetes[version] != "" {
		pin = i.Kubernetes[version]
	}
	switch {
	case pin == "" || strings.Contains(pin, "/"):
		return pin
	case strings.HasPrefix(pin, "sha256:"):
		return i.Repository + ":" + version + "@" + pin
	}
	return i.Repository + ":" + pin
}

// Pin is the shortest text from which Reference restores a reference.
func (i Image) Pin(reference, version string) string {
	rest, ok := strings.CutPrefix(reference, i.Repository+":")
	if !ok {
		return reference
	}
	if digest, ok := strings.CutPrefix(rest, version+"@"); ok {
		return digest
	}
	return rest
}

// Minor is the minor release of a version: "7.5" for "7.5.4453".
func Minor(version string) string {
	if dots := strings.SplitN(version, ".", 3); len(dots) == 3 {
		return dots[0] + "." + dots[1]
	}
	return version
}

// CompareVersions orders versions by their numbers.
func CompareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		an, _ := strconv.Atoi(as[i])
		bn, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(an, bn); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// newestFirst sorts versions.
func newestFirst(versions []string) {
	slices.SortFunc(versions, func(a, b string) int { return CompareVersions(b, a) })
}
