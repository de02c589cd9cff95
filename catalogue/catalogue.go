package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// Names of the catalogue's files.
const (
	IndexFile    = "index.yaml"
	NoticesFile  = "notices.yaml"
	ServicesFile = "services.yaml"
	RulesFile    = "import.yaml"
	IntendedFile = "intended.yaml"
)

// ManifestFile is the path of the manifest of a minor release.
func ManifestFile(minor string) string { return "releases/" + minor + ".yaml" }

// Catalogue reads releases from its files, each on demand. It is safe for concurrent use.
type Catalogue struct {
	fsys      fs.FS
	fast      bool // this is the embedded catalogue, so the fast form belongs to it
	index     func() *Index
	notices   func() *notices
	services  func() map[string]ServiceInfo
	relations func() *Relations
	loaded    sync.Map // releases, by the names of their fast forms
}

// Open reads a catalogue from a folder: everything but its manifests.
func Open(fsys fs.FS) (*Catalogue, error) {
	index, err := read[Index](fsys, IndexFile)
	if err != nil {
		return nil, err
	}
	notes, err := read[notices](fsys, NoticesFile)
	if err != nil {
		return nil, err
	}
	services, err := read[map[string]ServiceInfo](fsys, ServicesFile)
	if err != nil {
		return nil, err
	}
	relations, err := read[Relations](fsys, RelationsFile)
	if err != nil {
		return nil, err
	}
	return &Catalogue{
		fsys:      fsys,
		relations: func() *Relations { return relations },
		index:     func() *Index { return index },
		notices:   func() *notices { return notes },
		services:  func() map[string]ServiceInfo { return *services },
	}, nil
}

// Embedded is the catalogue that this program was built with. It reads each file on demand, and once.
func Embedded() *Catalogue { return embedded() }

var embedded = sync.OnceValue(func() *Catalogue {
	return &Catalogue{
		fsys:      files,
		fast:      true,
		index:     sync.OnceValue(func() *Index { return must(readFast[Index](fastOf(IndexFile))) }),
		notices:   sync.OnceValue(func() *notices { return must(readFast[notices](fastOf(NoticesFile))) }),
		relations: sync.OnceValue(func() *Relations { return must(readFast[Relations](fastOf(RelationsFile))) }),
		services:  sync.OnceValue(func() map[string]ServiceInfo { return *must(read[map[string]ServiceInfo](files, ServicesFile)) }),
	}
})

// must is for embedded files, which tests have read before.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Index lists all releases, so that a version can be resolved without reading manifests.
type Index struct {
	Manifests map[string]string            `yaml:"manifests"` // minor -> sha256 of its manifest
	Releases  map[string]map[Target]string `yaml:"releases"`  // version -> target -> date of its tag
}

// Version is a release in a list.
type Version struct {
	Version string            `json:"version"`
	Dates   map[Target]string `json:"dates"` // when each target's form was tagged, yyyy-mm-dd
	Notices []Notice          `json:"notices,omitempty"`
	Support Support           `json:"support"`
}

// Offered reports whether berth may offer this release for a target: the target has it, and no notice advises against it.
func (v Version) Offered(target Target) bool {
	if v.Dates[target] == "" {
		return false
	}
	return !slices.ContainsFunc(v.Notices, func(n Notice) bool { return n.Use == AnyUse && n.concerns(target) })
}

// Versions lists the releases of a target, newest first. With target "" it lists those of all targets.
func (c *Catalogue) Versions(target Target) []Version {
	index := c.index()
	names := make([]string, 0, len(index.Releases))
	for name, dates := range index.Releases {
		if target == "" || dates[target] != "" {
			names = append(names, name)
		}
	}
	newestFirst(names)
	support := c.notices().supporter(index)
	list := make([]Version, len(names))
	for i, name := range names {
		list[i] = Version{name, index.Releases[name], c.notices().about(name, target), support(name)}
	}
	return list
}

// Newest is the newest release that berth may offer for a target.
func (c *Catalogue) Newest(target Target) string { return c.newest("", target) }

// newest looks in one minor release, or with minor "" in all. It is "" when there is none.
func (c *Catalogue) newest(minor string, target Target) string {
	for _, v := range c.Versions(target) {
		if v.Offered(target) && (minor == "" || Minor(v.Version) == minor) {
			return v.Version
		}
	}
	return ""
}

// Resolve turns what an admin wrote into a version: a version, or a minor release ("7.5"), which means its newest patch that may be
// offered. An exact version is returned even when a notice advises against it, since it may run already. The error is an *UnknownError when
// the target has no such release.
func (c *Catalogue) Resolve(name string, target Target) (string, error) {
	name = strings.TrimPrefix(name, "v")
	if c.hasFast(name, target) || c.index().Releases[name][target] != "" {
		return name, nil
	}
	if strings.Count(name, ".") == 1 {
		if version := c.newest(name, target); version != "" {
			return version, nil
		}
	}
	return "", c.unknown(name, target)
}

// Notices are the notices about a version on a target.
func (c *Catalogue) Notices(version string, target Target) []Notice {
	return c.notices().about(version, target)
}

// Support says whether Sourcegraph supports a version.
func (c *Catalogue) Support(version string) Support { return c.notices().supporter(c.index())(version) }

// Describe says in plain words what the services of all releases do, by name.
func (c *Catalogue) Describe() map[string]ServiceInfo { return c.services() }

// Files are the catalogue's files.
func (c *Catalogue) Files() fs.FS { return c.fsys }

// Digest identifies the catalogue's content: a plan that was made with another content is stale. The index contains the digests of the
// manifests, so these are not read.
func (c *Catalogue) Digest() string {
	sum := sha256.New()
	for _, name := range []string{IndexFile, NoticesFile, IssuesFile, RelationsFile, ServicesFile} {
		content := must(fs.ReadFile(c.fsys, name))
		fmt.Fprintf(sum, "%s %d\n", name, len(content))
		sum.Write(content)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// read parses one of the catalogue's files.
func read[T any](fsys fs.FS, name string) (*T, error) {
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	value := new(T)
	if err := yaml.Load(content, value, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("read catalogue: %s: %w", name, err)
	}
	return value, nil
}
