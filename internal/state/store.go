package state

import (
	"context"
	"time"
)

// Store keeps the state of one installation, wherever that lies: in a folder beside its config, or in its namespace of a cluster.
type Store interface {
	// Lock keeps others from working on the installation until release is called. When somebody else holds it, the error is a diag.List
	// that tells who. The context that it gives is for the work: it ends when the lock is lost, with a diag.List as its cause.
	Lock(ctx context.Context, command string, now func() time.Time) (held context.Context, release func(), err error)
	// Forget deletes everything, the generated secrets included, once the data that they protect is deleted.
	Forget(ctx context.Context) error
	Secrets
	Log
	Notes
}

// Notes are small documents that outlive a run, by name: how far an upgrade is, for one. They hold no secrets.
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
	// Add adds a record to the history, and gives it its number.
	Add(ctx context.Context, r *Record) error
	// Save writes a record of the history again.
	Save(ctx context.Context, r *Record) error
	// History gives the records that are remembered, oldest first.
	History(ctx context.Context) ([]Record, error)
	// Journal begins the journal of a run, in place of that of the run before.
	Journal(ctx context.Context) (Journal, error)
}

// Journal records what a run does while it does it, so that the next one can tell what a killed one was about.
type Journal interface {
	// Add writes entries; they are kept when Add returns.
	Add(entries ...Entry) error
	// Close ends the journal. It stays to be read.
	Close() error
}

var _ Store = Dir{}
