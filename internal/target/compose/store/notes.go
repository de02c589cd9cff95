package store

import "context"

// Note reads a note.
func (d Dir) Note(_ context.Context, name string, out any) error {
	return d.readJSON(name+".json", out)
}

// SetNote writes a note.
func (d Dir) SetNote(_ context.Context, name string, note any) error {
	if err := d.Make(); err != nil {
		return err
	}
	return d.writeJSON(name+".json", note, 0o600)
}
