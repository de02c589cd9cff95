package installation

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/run"
	"berth/internal/state"
)

// Environment is everything that is had from outside, so that all of it runs in tests in-process.
type Environment struct {
	Stdin       io.Reader
	Stderr      io.Writer // also of the programs that say who somebody is to a cluster
	Getenv      func(string) string
	Now         func() time.Time
	Dir         string // the working directory; relative paths start here
	Interactive bool   // Stdin is a terminal, where questions may be asked

	// Watch takes what happens, from several goroutines. Whoever makes an Environment to change anything with gives it.
	Watch func(run.Event)

	// Keep writes the config's text to where the agent has it from; nil: the file itself is the admin's.
	Keep func(text string) error
	// Current says that the cluster is the current one, or that of this pod, whatever context the config names.
	Current bool
}

// Abs gives a path that the admin wrote on the command line.
func (e *Environment) Abs(path string) string { return from(e.Dir, path) }

// Tag is what the tasks of a question have in their names, so that two people can ask at the same time.
func (e *Environment) Tag() string { return fmt.Sprintf("-%08x", uint32(e.Now().UnixNano())) }

// World is what a config in a folder refers to.
func (e *Environment) World(dir string) check.World {
	return check.World{
		ReadFile:  func(name string) ([]byte, error) { return os.ReadFile(from(dir, name)) },
		Stat:      func(name string) (fs.FileInfo, error) { return os.Stat(from(dir, name)) },
		Getenv:    e.Getenv,
		Now:       e.Now,
		Catalogue: e.Catalogue(),
	}
}

// Catalogue is what is known of Sourcegraph's releases.
func (e *Environment) Catalogue() *catalogue.Catalogue { return catalogue.Embedded() }

// from gives a path that a file in dir names.
func from(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// Rewrite makes a text the admin's file, whole or not at all, with the mode that it has.
func (e *Environment) Rewrite(file, text string) error {
	path := e.Abs(file)
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if there, err := os.ReadFile(path); err == nil && string(there) == text {
		return nil
	}
	if e.Keep != nil {
		if err := e.Keep(text); err != nil {
			return err
		}
	}
	return state.WriteFile(path, []byte(text), mode)
}
