// Package release is berth's own releases: the signed list of them, by which an installed berth learns of a newer one. Pure.
package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"aead.dev/minisign"
	"berth/internal/diag"
	"berth/internal/signed"
	"golang.org/x/mod/semver"
)

// ListName is the file that a release of berth publishes its list in; its signature lies beside it.
const ListName = "releases.json"

// List is what was released until a day, newest first.
type List struct {
	Made     time.Time `json:"made"`
	Releases []Release `json:"releases"`
}

// Release is a release of berth.
type Release struct {
	Version     string `json:"version"`            // 0.4.0
	Date        string `json:"date"`               // yyyy-mm-dd
	Security    bool   `json:"security,omitempty"` // it fixes a vulnerability of an earlier one
	Notes       string `json:"notes,omitempty"`    // one line
	Sourcegraph string `json:"sourcegraph"`        // the newest release of Sourcegraph that it knows
}

// Parse reads a list that its owner signed.
func Parse(key minisign.PublicKey, name string, text, signature []byte) (*List, error) {
	if _, err := signed.Verify(key, name, text, signature); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text)) // keys of a later form are no harm
	var list List
	if err := decoder.Decode(&list); err != nil {
		return nil, unreadable(name, err)
	}
	for _, r := range list.Releases {
		if !semver.IsValid("v" + r.Version) {
			return nil, unreadable(name, fmt.Errorf("%q is no version", r.Version))
		}
	}
	slices.SortStableFunc(list.Releases, func(a, b Release) int { return semver.Compare("v"+b.Version, "v"+a.Version) })
	return &list, nil
}

func unreadable(name string, err error) error {
	return diag.List{{Code: "BERTH4703", Severity: diag.Error, Summary: name + " is not a list of berth's releases", Detail: []string{err.Error()},
		Hint: "name the " + ListName + " that a release of berth publishes", Subject: name}}
}

// Newer are the releases after a version, newest first. A version that no release has, as that of a build from source, is older than none: ok is
// false then.
func (l *List) Newer(version string) (newer []Release, ok bool) {
	if !semver.IsValid("v" + version) {
		return nil, false
	}
	for _, r := range l.Releases {
		if semver.Compare("v"+r.Version, "v"+version) > 0 && semver.Prerelease("v"+r.Version) == "" {
			newer = append(newer, r)
		}
	}
	return newer, true
}

// Add puts a release into a list; one of the same version is replaced.
func (l *List) Add(r Release, now time.Time) {
	l.Made = now
	l.Releases = slices.DeleteFunc(l.Releases, func(old Release) bool { return old.Version == r.Version })
	l.Releases = append(l.Releases, r)
	slices.SortStableFunc(l.Releases, func(a, b Release) int { return semver.Compare("v"+b.Version, "v"+a.Version) })
}
