// Package state is what is kept of an installation: generated secrets, the lock, the journal of the current run, the history of all runs, and notes.
// Where it is kept is a target's: see target/compose/store and target/kubernetes/store.
package state

import (
	"context"
	"time"
)

// Store keeps the state of one installation.
type Store struct {
	Locker
	Secrets
	Log
	Notes
}

// Locker keeps others away.
type Locker interface {
	// Lock keeps others from working on the installation until release is called. When somebody else holds it, the error is a diag.List
	// that tells who. The context that it gives is for the work: it ends when the lock is lost, with a diag.List as its cause.
	Lock(ctx context.Context, command string, now func() time.Time) (held context.Context, release func(), err error)
	// Forget deletes everything, the generated secrets included, once the data that they protect is deleted.
	Forget(ctx context.Context) error
}

// Notes are small documents that outlive a run, by name. They hold no secrets.
type Notes interface {
	// Note reads a note as JSON into out, which stays as it is when there is none.
	Note(ctx context.Context, name string, out any) error
	// SetNote writes a note whole; it is kept when SetNote returns.
	SetNote(ctx context.Context, name string, note any) error
}

// Secrets are the secrets that were generated for an installation.
type Secrets interface {
	// Generated gives them, by name.
	Generated(ctx context.Context) (map[string]string, error)
	// Generate makes those of some names that are not there yet, and gives all. They are kept before anything uses them.
	Generate(ctx context.Context, names []string) (map[string]string, error)
}

// Log is what was done to an installation.
type Log interface {
	// Add adds a record to the history, and gives it its number. What the journal knows of a run before, which was killed, is in that one's
	// record from then on.
	Add(ctx context.Context, r *Record) error
	// Save writes a record of the history again.
	Save(ctx context.Context, r *Record) error
	// History gives the records that are remembered, oldest first. The last one has what its journal knows.
	History(ctx context.Context) ([]Record, error)
	// Journal opens the journal of a run. That of another run is replaced; that of the same run goes on.
	Journal(ctx context.Context, run int) (Journal, error)
}

// Journal records what a run does while it does it, so that the next one can go on after one that was killed.
type Journal interface {
	// Add writes entries; they are kept when Add returns.
	Add(entries ...Entry) error
	// Close ends the journal. It stays to be read.
	Close() error
}
