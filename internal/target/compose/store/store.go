// Package store keeps the state of an installation on a Docker Engine in a folder beside its config: generated secrets, the lock, the journal
// of the current run, the history of all runs, and notes. Every file is written whole or not at all.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"berth/internal/state"
)

// Folder is where state lies, beside the config.
const Folder = ".berth"

// Dir is the state of one installation. The zero Dir is not usable; see At.
type Dir struct{ path string }

// At gives the state of an installation whose config is in a folder. Nothing is made yet.
func At(configDir, name string) Dir { return Dir{filepath.Join(configDir, Folder, name)} }

// Rendering gives the state of a project that was rendered to a folder, for docker compose alone: the passwords that it was made with.
func Rendering(dir string) Dir { return Dir{filepath.Join(dir, Folder)} }

// Store gives it as the state of an installation.
func (d Dir) Store() state.Store { return state.Store{Locker: d, Secrets: d, Log: d, Notes: d} }

// Path is the folder.
func (d Dir) Path() string { return d.path }

// Make makes the folder, for its owner only; git does not see it.
func (d Dir) Make() error { return makeFolder(d.path, filepath.Dir(d.path)) }

// Beside writes a file for programs of this machine into the folder beside a config, such as the schema that editors read.
func Beside(configDir, name string, text []byte) error {
	folder := filepath.Join(configDir, Folder)
	if err := makeFolder(folder, folder); err != nil {
		return err
	}
	return state.WriteFile(filepath.Join(folder, name), text, 0o600)
}

// makeFolder makes a folder, and hides the one above all states from git.
func makeFolder(path, hidden string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	ignore := filepath.Join(hidden, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		return state.WriteFile(ignore, []byte("*\n"), 0o600)
	}
	return nil
}

// readJSON reads a file of the state; one that is not there leaves v as it is.
func (d Dir) readJSON(name string, v any) error {
	text, err := os.ReadFile(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

func (d Dir) writeJSON(name string, v any, mode os.FileMode) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return state.WriteFile(filepath.Join(d.path, name), append(text, '\n'), mode)
}

const secretsFile = "secrets.json"

// Generated gives the generated secrets, by name.
func (d Dir) Generated(context.Context) (map[string]string, error) {
	values := map[string]string{}
	return values, d.readJSON(secretsFile, &values)
}

// Generate makes the secrets of some names that are not there yet, and gives all. They are on disk before anything uses them.
func (d Dir) Generate(ctx context.Context, names []string) (map[string]string, error) {
	values, err := d.Generated(ctx)
	if err != nil {
		return nil, err
	}
	missing := false
	for _, name := range names {
		if values[name] == "" {
			values[name] = state.Random()
			missing = true
		}
	}
	if !missing {
		return values, nil
	}
	if err := d.Make(); err != nil {
		return nil, err
	}
	return values, d.writeJSON(secretsFile, values, 0o600)
}

// Keep keeps values as if they had been generated, for an installation that somebody else made with them.
func (d Dir) Keep(ctx context.Context, values map[string]string) error {
	all, err := d.Generated(ctx)
	if err != nil || len(values) == 0 {
		return err
	}
	maps.Copy(all, values)
	if err := d.Make(); err != nil {
		return err
	}
	return d.writeJSON(secretsFile, all, 0o600)
}

// Forget deletes everything, the generated secrets included, once the data that they protect is deleted.
func (d Dir) Forget(context.Context) error {
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("delete the state: %w", err)
	}
	return nil
}
