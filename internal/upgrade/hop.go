// Package upgrade knows the way from one release to another: which stops it must pass, and what each hop between them is. Pure: catalogue
// and facts go in, hops and diagnostics come out.
package upgrade

import "berth/catalogue"

// Kind is how a hop is done.
type Kind string

// The kinds.
const (
	Patch        Kind = "patch"         // a later patch of the same minor
	Standard     Kind = "standard"      // the very next minor: the release before works with its schema
	MultiVersion Kind = "multi-version" // behind a page: several minors at once, by the migrator's upgrade, or what databases must not be used during
)

// Hop is one stop to the next.
type Hop struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Kind    Kind     `json:"kind"`
	Reasons []Reason `json:"reasons"` // why it ends where it does
	// Migrator is the release whose migrator brings the databases from From to To, and back.
	Migrator string `json:"migrator"`
	// Irreversible are the things that only a backup brings back, in words.
	Irreversible []string `json:"irreversible,omitempty"`
	// ConvertsPostgres says that the release's database images bring bundled databases to another major Postgres when they start.
	ConvertsPostgres bool `json:"convertsPostgres,omitempty"`
	// Reindexes says that the release's database images may order text in another way than those before.
	Reindexes bool `json:"reindexes,omitempty"`
	// ByHand is what berth leaves to the admin.
	ByHand []Reason `json:"byHand,omitempty"`
	// Changes are what people will meet, and berth does by itself.
	Changes []Reason `json:"changes,omitempty"`
	// Background is what the migrator brings to its end on the way, at which minor release each.
	Background []Interrupt `json:"background,omitempty"`
}

// SameMinor reports whether a hop ends in the minor release that it begins in: the migrator has no upgrade for that, and the release's own "up",
// which runs whenever the release is deployed, is enough.
func (h Hop) SameMinor() bool { return catalogue.Minor(h.From) == catalogue.Minor(h.To) }

// How says how the hop is done, for people.
func (h Hop) How() string {
	if h.Kind == MultiVersion && h.SameMinor() {
		return "patch, with a maintenance page"
	}
	return string(h.Kind)
}

// Reason is a statement with where it comes from.
type Reason struct {
	Text   string `json:"text"`
	Source string `json:"source,omitempty"`
}
