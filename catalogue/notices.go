package catalogue

import (
	"slices"
	"strconv"
	"strings"
)

// Use is what a notice advises against.
type Use string

// The uses that a notice can name.
const (
	AnyUse       Use = "any"                          // berth must not offer the release at all
	MultiVersion Use = "multi-version upgrade target" // only as the end of a multi-version upgrade
)

// Notice is what a site admin must know about a release before running it.
type Notice struct {
	Releases []string `yaml:"releases" json:"releases"`
	Target   Target   `yaml:"target" json:"target,omitempty"` // "": all of them
	Use      Use      `yaml:"use" json:"use"`
	Reason   string   `yaml:"reason" json:"reason"`
	Instead  string   `yaml:"instead" json:"instead"` // the release to use instead
	Source   string   `yaml:"source" json:"source"`
}

func (n Notice) concerns(target Target) bool {
	return n.Target == "" || target == "" || n.Target == target
}

// Support says whether Sourcegraph supports a release.
type Support struct {
	Status  string `json:"status"` // "supported", "upgrade first"
	Source  string `json:"source"`
	Checked string `json:"checked"` // when the source was read, yyyy-mm-dd
	// Ended is when that was so first, yyyy-mm-dd: the day of the major release that left no room for this one. "": it is supported.
	Ended string `json:"ended,omitempty"`
}

// policy is Sourcegraph's support policy.
type policy struct {
	Majors  int    `yaml:"majors"` // how many major releases are supported, counted from the newest
	Within  string `yaml:"within"` // status of releases in them
	Outside string `yaml:"outside"`
	Source  string `yaml:"source"`
	Checked string `yaml:"checked"`
}

type notices struct {
	Notices []Notice `yaml:"notices"`
	Support policy   `yaml:"support"`
}

func (n *notices) about(version string, target Target) []Notice {
	var found []Notice
	for _, notice := range n.Notices {
		if notice.concerns(target) && slices.Contains(notice.Releases, version) {
			found = append(found, notice)
		}
	}
	return found
}

// supporter applies the policy to versions, given the newest major release.
func (n *notices) supporter(index *Index) func(version string) Support {
	newest := 0
	began := map[int]string{} // each major release
	for version, dates := range index.Releases {
		newest = max(newest, major(version))
		for _, date := range dates {
			if first := began[major(version)]; first == "" || date < first {
				began[major(version)] = date
			}
		}
	}
	return func(version string) Support {
		s := Support{Status: n.Support.Within, Source: n.Support.Source, Checked: n.Support.Checked}
		if major(version) <= newest-n.Support.Majors {
			s.Status, s.Ended = n.Support.Outside, began[major(version)+n.Support.Majors]
		}
		return s
	}
}

func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	number, _ := strconv.Atoi(first)
	return number
}

// ServiceInfo says in plain words what a service does.
type ServiceInfo struct {
	Does string `yaml:"does" json:"does"`
	// Without is what people miss without the service; "" when Sourcegraph needs it.
	Without string `yaml:"without" json:"without,omitempty"`
	// User is whom its processes run as, "100:101", of a service with a volume; "" for others.
	User string `yaml:"user" json:"user,omitempty"`
	// Keeps is what would be lost with its volume; "" where nothing is that is not made again soon.
	Keeps string `yaml:"keeps" json:"keeps,omitempty"`
}

// Optional reports whether Sourcegraph works without the service.
func (s ServiceInfo) Optional() bool { return s.Without != "" }
