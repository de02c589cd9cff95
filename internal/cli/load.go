package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/registry"
	"berth/internal/stack"
)

// DefaultConfig is the name of the site admin's file.
const DefaultConfig = "sourcegraph.yaml"

// loaded is a config with all that follows from it.
type loaded struct {
	file    string // as the admin named it
	dir     string // where it is
	text    []byte
	doc     *config.Doc
	release *catalogue.Release
	input   stack.Input // of stack
	stack   *stack.Stack
	digests map[string]string // that the admin recorded for their own registry, by image name
	front   stack.Front       // what stands behind the front door; during upgrades it is a page
	page    string            // its text
}

// abs gives a path that the admin wrote on the command line.
func (e *Env) abs(path string) string { return from(e.Dir, path) }

// text reads a config's text.
func (e *Env) text(file string) (*loaded, diag.List, error) {
	path := e.abs(file)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.List{{Code: "BERTH1100", Severity: diag.Error, Subject: file, Summary: "there is no such file",
			Hint: "make one with: berth init --on compose --url http://localhost"}}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read config: %w", err)
	}
	return &loaded{file: file, dir: filepath.Dir(path), text: text}, nil, nil
}

// load reads a config and works out what should run. Problems of the file stop it; warnings come back with the result.
func (e *Env) load(file string) (*loaded, diag.List, error) {
	l, problems, err := e.text(file)
	if err != nil || l == nil {
		return nil, problems, err
	}
	problems, err = e.understand(l)
	if err != nil || problems.Failed() {
		return nil, problems, err
	}
	return l, problems, nil
}

// understand works out what should run from the text that was read.
func (e *Env) understand(l *loaded) (problems diag.List, err error) {
	// The meaning is checked even where the form has problems, so that all are told at once.
	l.doc, l.release, problems = check.Read(l.file, l.text, e.catalogue(), e.world(l.dir))
	if problems.Failed() {
		return problems, nil
	}
	return problems, l.resolve("")
}

// resolve works out what should run. namespace is that of the kube context; it counts where the config names none.
func (l *loaded) resolve(namespace string) error {
	files, err := l.files()
	if err != nil {
		return err
	}
	lock, err := l.lock()
	if err != nil {
		return err
	}
	l.digests = lock.For(l.doc.Config.Images.Registry, l.release.Version)
	l.input = stack.Input{Config: l.doc.Config, At: l.doc.At, Release: l.release, Files: files, Namespace: namespace, Lock: l.digests}
	l.stack = stack.Resolve(l.input)
	l.stack = l.stack.With(l.front, l.page)
	return nil
}

// world is what a config in a folder refers to.
func (e *Env) world(dir string) check.World {
	return check.World{
		ReadFile:  func(name string) ([]byte, error) { return os.ReadFile(from(dir, name)) },
		Stat:      func(name string) (fs.FileInfo, error) { return os.Stat(from(dir, name)) },
		Getenv:    e.Getenv,
		Now:       e.Now,
		Catalogue: e.catalogue(),
	}
}

// from gives a path that a file in dir names.
func from(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// files reads the files that the config names; check.Read has seen them.
func (l *loaded) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range stack.FileNames(l.doc.Config) {
		content, err := os.ReadFile(from(l.dir, name))
		if err != nil {
			return nil, fmt.Errorf("read a file that %s names: %w", l.file, err)
		}
		files[name] = content
	}
	return files, nil
}

// lock reads the lock file beside the config; without one nothing is recorded.
func (l *loaded) lock() (registry.Lock, error) {
	text, err := os.ReadFile(filepath.Join(l.dir, registry.LockName))
	if errors.Is(err, fs.ErrNotExist) {
		return registry.Lock{}, nil
	}
	if err != nil {
		return registry.Lock{}, fmt.Errorf("read lock file: %w", err)
	}
	return registry.ParseLock(text)
}

func (e *Env) catalogue() *catalogue.Catalogue { return catalogue.Embedded() }
