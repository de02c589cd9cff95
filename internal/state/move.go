package state

import (
	"context"

	"berth/internal/diag"
	"berth/internal/plan"
)

// moveNote is the name of the note of a move.
const moveNote = "move"

// Move is the part that an installation has in a move. Both sides note it before data is carried, so that nobody starts a second Sourcegraph beside the
// first one, or one that has half of the data.
type Move struct {
	Name  string           `json:"name"` // of the move: that of its dump
	Phase Phase            `json:"phase"`
	Other plan.Destination `json:"other"` // the other side
	// Tables are the rows of the destination's tables when it was filled, with their sums, by "pgsql.public.users": what is there later and is not among
	// them was written there. The source has them.
	Tables map[string]string `json:"tables,omitempty"`
}

// Phase is how far a move is, as one side of it sees it.
type Phase string

// The phases.
const (
	Carried Phase = "carried" // of the source: data is carried, or was; the destination was never open
	Opened  Phase = "opened"  // of the source: people may have worked on the destination
	Moved   Phase = "moved"   // of the source: the move is complete
	Filled  Phase = "filled"  // of the destination: it gets the data
	Left    Phase = "left"    // of the destination: a move back led away from it
)

// MoveOf is the part that an installation has in a move; nil: it has none.
func MoveOf(ctx context.Context, notes Notes) (m *Move, err error) {
	return m, notes.Note(ctx, moveNote, &m)
}

// SetMove notes the part that an installation has in a move; nil: it has none any more.
func SetMove(ctx context.Context, notes Notes, m *Move) error { return notes.SetNote(ctx, moveNote, m) }

// Source reports whether the installation is the one that moves away.
func (m *Move) Source() bool {
	return m != nil && (m.Phase == Carried || m.Phase == Opened || m.Phase == Moved)
}

// Stands says why nothing else may be done to an installation; none: it may.
func (m *Move) Stands(file string) diag.List {
	d := diag.Diagnostic{Severity: diag.Error, Subject: file, Hint: "to return to this installation: berth move back"}
	switch {
	case m == nil:
		return nil
	case m.Phase == Carried:
		d.Code, d.Summary = "BERTH4601", "a move to "+m.Other.String()+" is in progress"
		d.Hint = "continue with: berth " + m.Other.Command() + "   or return to this installation: berth move back"
	case m.Phase == Opened:
		d.Code, d.Summary = "BERTH4601", "a move to "+m.Other.String()+" is nearly complete: people can work there"
		d.Hint = "continue with: berth " + m.Other.Command() + "   or return to this installation: berth move back"
	case m.Phase == Moved:
		d.Code, d.Summary = "BERTH4602", "Sourcegraph has moved to "+m.Other.String()
		d.Hint += "   or delete this one: berth move finish"
	case m.Phase == Filled:
		d.Code, d.Summary = "BERTH4603", "this installation receives the data of "+m.Other.String()+" by a move, and is not complete"
		d.Hint = "continue with: berth move --config " + m.Other.File + " --to " + file
	default:
		d.Code, d.Summary = "BERTH4604", "berth move back returned from here to "+m.Other.String()+", where people work now"
		d.Hint = "to delete what is here for good: berth down --config " + file + " --delete-data NAME"
	}
	return diag.List{d}
}
