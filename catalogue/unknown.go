package catalogue

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// UnknownError says that a target has no such release.
type UnknownError struct {
	Name       string
	Target     Target
	Elsewhere  []Target // targets that have it
	Candidates []string // releases that may have been meant, most likely first
	Oldest     string   // the catalogue's oldest release, when the name is of an older one; the only candidate is the newest then
}

func (e *UnknownError) Error() string {
	if e.Oldest != "" {
		return fmt.Sprintf("berth has releases from %s on, and %s is older", e.Oldest, e.Name)
	}
	text := fmt.Sprintf("release %s is not in the catalogue", e.Name)
	if len(e.Elsewhere) > 0 {
		text = fmt.Sprintf("Sourcegraph has not released %s for %s", e.Name, e.Target)
	}
	if len(e.Candidates) > 0 {
		text += "; did you mean " + strings.Join(e.Candidates, " or ") + "?"
	}
	return text
}

func (c *Catalogue) unknown(name string, target Target) *UnknownError {
	index := c.index()
	e := &UnknownError{Name: name, Target: target}
	if oldest := c.oldest(); versionForm().MatchString(name) && CompareVersions(name, oldest) < 0 {
		e.Oldest, e.Candidates = oldest, []string{c.Newest(target)}
		return e
	}
	for _, other := range []Target{Compose, Kubernetes} {
		if index.Releases[name][other] != "" || Minor(name) == name && c.newest(name, other) != "" {
			e.Elsewhere = append(e.Elsewhere, other)
		}
	}
	if version := c.newest(Minor(name), target); version != "" {
		e.Candidates = append(e.Candidates, version)
	}
	if len(e.Elsewhere) == 0 {
		e.Candidates = append(e.Candidates, nearby(index, name, target)...)
	}
	if len(e.Candidates) == 0 {
		e.Candidates = append(e.Candidates, c.Newest(target))
	}
	seen := map[string]bool{}
	e.Candidates = slices.DeleteFunc(e.Candidates, func(version string) bool {
		again := seen[version]
		seen[version] = true
		return again
	})
	return e
}

// versionForm is a release as people write it: 4.5 or 4.5.1.
var versionForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?$`) })

// oldest is the oldest release of any target.
func (c *Catalogue) oldest() string {
	return slices.MinFunc(slices.Collect(maps.Keys(c.index().Releases)), CompareVersions)
}

// nearby lists up to two releases that differ in one letter: typing mistakes.
func nearby(index *Index, name string, target Target) []string {
	var near []string
	for version, dates := range index.Releases {
		if dates[target] != "" && distance(version, name) <= 1 {
			near = append(near, version)
		}
	}
	newestFirst(near)
	return near[:min(2, len(near))]
}

// distance is the number of letters to change, add or remove to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
