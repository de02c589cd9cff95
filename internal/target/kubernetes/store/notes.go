package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// noteKey is the key of a note's ConfigMap.
const noteKey = "note.json"

// Note reads a note.
func (s *Store) Note(ctx context.Context, name string, out any) error {
	return s.load(ctx, s.configMap("-"+name), noteKey, out)
}

// SetNote writes a note.
func (s *Store) SetNote(ctx context.Context, name string, note any) error {
	text, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("write the note of %s: %w", name, err)
	}
	err = s.put(ctx, s.object(s.configMap("-"+name), name, map[string]any{"data": map[string]any{noteKey: string(text)}}))
	if err != nil {
		return s.explain("write the note of "+name, err)
	}
	return nil
}
