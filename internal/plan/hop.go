package plan

import (
	"fmt"
	"strings"

	"berth/catalogue"
)

// Hop is an upgrade step: from one stop to the next.
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
	// Introduces are the background migrations that begin with the release: the release before refuses to start while one of them has made progress.
	Introduces []int `json:"introduces,omitempty"`
	// ByHand is what berth leaves to the admin.
	ByHand []Reason `json:"byHand,omitempty"`
	// Changes are what people will notice, and berth does by itself.
	Changes []Reason `json:"changes,omitempty"`
	// Background is what the migrator finishes on the way, at which minor release each.
	Background []Interrupt `json:"background,omitempty"`

	// The rest is known of a hop that was planned for an installation.

	Edits    []string `json:"edits,omitempty"`      // of the config, beside its release
	Found    []string `json:"found,omitempty"`      // how things are that the hop depends on, in words
	Downtime float64  `json:"downtimeSeconds"`      // how long Sourcegraph does not answer, estimated; 0: services are replaced one by one
	Before   string   `json:"backBefore,omitempty"` // what a rollback costs before the point of no return
	After    string   `json:"backAfter,omitempty"`  // and after it
	NoBack   string   `json:"noBack,omitempty"`     // why it can't be rolled back; "": it can
}

// Kind is how a hop is done.
type Kind string

// The kinds.
const (
	Patch        Kind = "patch"         // a later patch of the same minor
	Standard     Kind = "standard"      // the very next minor: the release before works with its schema
	MultiVersion Kind = "multi-version" // behind a page: several minors at once, by the migrator's upgrade, or what databases must not be used during
)

// Rolls reports whether services are replaced one by one, while people work with them.
func (h *Hop) Rolls() bool { return h.Kind != MultiVersion }

// OnlyRolls reports whether a hop is done by replacing services one after the other, with nothing before, after or beside it.
func (h *Hop) OnlyRolls() bool {
	return h.Rolls() && h.Undoable() && !h.ConvertsPostgres && !h.Reindexes && len(h.ByHand) == 0
}

// Redeployable reports whether the release before works with what the hop leaves: services were replaced one by one, and nothing else was done.
func (h *Hop) Redeployable() bool { return h.Rolls() && h.Undoable() && len(h.Introduces) == 0 }

// Undoable reports whether nothing of the hop needs a backup to be undone.
func (h *Hop) Undoable() bool { return len(h.Irreversible) == 0 }

// SameMinor reports whether a hop ends in the minor release that it begins in: the migrator has no upgrade for that, and the release's own "up",
// which runs whenever the release is deployed, is enough.
func (h *Hop) SameMinor() bool { return catalogue.Minor(h.From) == catalogue.Minor(h.To) }

// How says how the hop is done, for people.
func (h *Hop) How() string {
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

// Interrupt is a minor release that a migrator's upgrade halts at, with the schema of that release, until background migrations are done.
type Interrupt struct {
	At  string `json:"at"`
	IDs []int  `json:"ids"`
}

// String says it as part of a sentence.
func (i Interrupt) String() string {
	noun := "migration"
	if len(i.IDs) > 1 {
		noun = "migrations"
	}
	return fmt.Sprintf("at %s for background %s %s", i.At, noun, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(i.IDs), "[]")), ", "))
}
