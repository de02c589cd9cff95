package project

import (
	"context"

	"berth/internal/state"
)

// noteApplied is the note of what containers saw.
const noteApplied = "applied"

// Applied says which content of its settings files a container's last start saw, by container ID: labels can't change with a restart.
func Applied(ctx context.Context, notes state.Notes) (map[string]string, error) {
	applied := map[string]string{}
	return applied, notes.Note(ctx, noteApplied, &applied)
}

// SetApplied records it.
func SetApplied(ctx context.Context, notes state.Notes, applied map[string]string) error {
	return notes.SetNote(ctx, noteApplied, applied)
}
