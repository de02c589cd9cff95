package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/registry"
	"berth/internal/run"
	"berth/internal/stack"
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
	// Issues are the known issues that count for a config, where a list beside it may be newer; nil: those of the catalogue.
	Issues func(*Want) []catalogue.KnownIssue
	// Place is where this command finds the installation, where that is not as the config says.
	Place Place
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
		Program:   program,
	}
}

// Catalogue is what is known of Sourcegraph's releases.
func (e *Environment) Catalogue() *catalogue.Catalogue { return catalogue.Embedded() }

// KnownIssues are the faults of releases that count for a config.
func (e *Environment) KnownIssues(w *Want) []catalogue.KnownIssue {
	if e.Issues != nil {
		return e.Issues(w)
	}
	return e.Catalogue().KnownIssues().Issues
}

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

// patience is how long a program of this machine may take to read a file.
const patience = 10 * time.Second

// program runs a reader of a file on a text, where this machine has it.
func program(input []byte, name string, args ...string) (output string, ok, ran bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &said
	err = cmd.Run()
	return said.String(), err == nil, ctx.Err() == nil && (err == nil || cmd.ProcessState != nil)
}

// Beside are the files that a config needs, by the names that it has for them, with the config itself and the lock file. Those that may hold secrets are
// among them where secrets is true.
func (e *Environment) Beside(w *Want, secrets bool) (map[string][]byte, error) {
	out := map[string][]byte{filepath.Base(w.File): w.Text}
	names := append(stack.FileNames(w.Doc.Config), registry.LockName)
	if secrets {
		for _, s := range w.Stack.Secrets {
			if s.File != "" {
				names = append(names, s.File)
			}
		}
		// Whoever reads the config reads the rest.
		world := e.World(w.Dir)
		read := world.ReadFile
		world.ReadFile = func(name string) ([]byte, error) {
			names = append(names, name)
			return read(name)
		}
		check.Read(w.File, w.Text, e.Catalogue(), world)
	}
	for _, name := range names {
		if out[name] != nil {
			continue
		}
		content, err := os.ReadFile(from(w.Dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // a lock file is not always there; what a config needs is checked elsewhere
		case err != nil:
			return nil, fmt.Errorf("read a file that %s names: %w", w.File, err)
		}
		out[name] = content
	}
	return out, nil
}
