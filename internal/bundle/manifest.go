// Package bundle makes an archive for support of what an installation has to tell, without its secrets, and reads such archives. Collectors run at the
// same time, each with a time limit, and what one can't tell is noted with the reason. Everything that is written goes through package redact first:
// nothing unmasked reaches the disk. The finished archive is read again, and is thrown away when a known secret is in it.
//
// Collectors come from the installation (what its target reports) and from whoever makes the bundle; this package knows no target.
package bundle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/bundle/redact"
	"berth/internal/diag"
)

// Names in a bundle, below its folder.
const (
	SummaryFile  = "summary.md"
	ManifestFile = "manifest.json"
	CanaryFile   = "redaction-check.txt"
)

// ManifestVersion is the version of the form of a bundle.
const ManifestVersion = 1

// Manifest says what is in a bundle, and what is not.
type Manifest struct {
	Version      int           `json:"version"`
	Program      string        `json:"program"` // the version of berth
	Installation string        `json:"installation"`
	Target       string        `json:"target"`
	Release      string        `json:"release,omitempty"` // that runs, or that the config asks for where nothing is known
	Began        time.Time     `json:"began"`
	Ended        time.Time     `json:"ended"`
	Since        time.Time     `json:"since"` // logs and events begin here
	Files        []File        `json:"files"`
	Collectors   []Collected   `json:"collectors"`
	Missing      []Missing     `json:"missing"` // what could not be collected, and why
	Masked       []Masked      `json:"masked"`
	Known        int           `json:"known"`                // secrets that were searched for by their value
	Pseudonyms   []redact.Kind `json:"pseudonyms,omitempty"` // of names of which kinds
	Unwell       []Instance    `json:"unwell,omitempty"`     // containers that are not as they should be
	Findings     diag.List     `json:"findings,omitempty"`
	Exceptions   []string      `json:"exceptions,omitempty"` // from the support record, each in a line
}

// File is one file of a bundle.
type File struct {
	Path      string   `json:"path"`
	Bytes     int64    `json:"bytes"`
	SHA256    string   `json:"sha256"`
	Collector string   `json:"collector"`
	LeftOut   int64    `json:"leftOut,omitempty"` // bytes at its begin that are more than a file may have
	Masked    []Masked `json:"masked,omitempty"`
}

// Masked is how often something was masked.
type Masked struct {
	What  string `json:"what"`
	Times int    `json:"times"`
}

// Secrets are what was masked, without the names that pseudonyms replaced.
func (m *Manifest) Secrets() (out []Masked) {
	for _, one := range m.Masked {
		if !slices.ContainsFunc(redact.Kinds, func(k redact.Kind) bool { return k.Word() == one.What }) {
			out = append(out, one)
		}
	}
	return out
}

// masked are counts in the order of their words.
func masked(counts map[string]int) []Masked {
	out := []Masked{}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, Masked{what, counts[what]})
	}
	return out
}

// Collected is how a collector did.
type Collected struct {
	Name    string    `json:"name"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Files   int       `json:"files"`
}

// Missing is something that could not be collected.
type Missing struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// File finds a file; nil: there is none.
func (m *Manifest) File(path string) *File {
	for i := range m.Files {
		if m.Files[i].Path == path {
			return &m.Files[i]
		}
	}
	return nil
}

// Size is a number of bytes for people.
func Size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// order puts a manifest's lists into their order.
func (m *Manifest) order() {
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Collectors, func(a, b Collected) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Missing, func(a, b Missing) int { return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.Why, b.Why)) })
}

// InstancesFile has the containers and how they are; EvidenceFile what the doctor's checks look at.
const (
	InstancesFile = "berth/instances.json"
	EvidenceFile  = "berth/evidence.json"
)
