package state

import (
	"context"
	"time"
)

// startNote is the name of the note of an installation's start.
const startNote = "start"

// Start is how a new installation began, and when its first search was answered with a result. One that had data before has none: it was adopted, restored or
// moved.
type Start struct {
	Began    time.Time `json:"began"`             // the first run of berth up
	Searched time.Time `json:"searched,omitzero"` // as berth saw it; zero: no search was answered with a result yet
}

// StartOf is how an installation began; nil: nobody saw that.
func StartOf(ctx context.Context, notes Notes) (s *Start, err error) {
	return s, notes.Note(ctx, startNote, &s)
}

// Begin notes that a new installation begins. One that was killed after that begins once: what is noted stays.
func Begin(ctx context.Context, notes Notes, now time.Time) error {
	if s, err := StartOf(ctx, notes); err != nil || s != nil {
		return err
	}
	return notes.SetNote(ctx, startNote, Start{Began: now})
}

// Waits reports whether the first search is still to come.
func (s *Start) Waits() bool { return s != nil && s.Searched.IsZero() }

// Took is the time to the first search.
func (s *Start) Took() time.Duration { return s.Searched.Sub(s.Began) }

// Searched notes that a search was answered with a result, where it is the first one; first says so. A clock that was set back since the beginning measures
// nothing: a later search is noted.
func Searched(ctx context.Context, notes Notes, now time.Time) (first *Start, err error) {
	s, err := StartOf(ctx, notes)
	if err != nil || !s.Waits() || now.Before(s.Began) {
		return nil, err
	}
	s.Searched = now
	return s, notes.SetNote(ctx, startNote, s)
}
