package site

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

// Loaded is a config with all that follows from it.
type Loaded struct {
	File    string // as the admin named it
	Dir     string // where it is
	Text    []byte
	Doc     *config.Doc
	Release *catalogue.Release
	Input   stack.Input // of stack
	Stack   *stack.Stack
	Digests map[string]string // that the admin recorded for their own registry, by image name
	Front   stack.Front       // what stands behind the front door; during upgrades it is a page
	Page    string            // its text
	// Accepted says that the text is not the admin's file of now: see check.Accepted.
	Accepted bool
}

// text reads a config's text.
func (e *Environment) text(file string) (*Loaded, diag.List, error) {
	path := e.Abs(file)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.List{{Code: "BERTH1100", Severity: diag.Error, Subject: file, Summary: "there is no such file",
			Hint: "make one with: berth init --on compose --url http://localhost"}}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read config: %w", err)
	}
	return &Loaded{File: file, Dir: filepath.Dir(path), Text: text}, nil, nil
}

// Load reads a config and works out what should run. Problems of the file stop it; warnings come back with the result.
func (e *Environment) Load(file string) (*Loaded, diag.List, error) {
	l, problems, err := e.text(file)
	if err != nil || l == nil {
		return nil, problems, err
	}
	problems, err = e.Understand(l)
	if err != nil || problems.Failed() {
		return nil, problems, err
	}
	return l, problems, nil
}

// Understand works out what should run from the text that was read.
func (e *Environment) Understand(l *Loaded) (problems diag.List, err error) {
	// The meaning is checked even where the form has problems, so that all are told at once.
	l.Doc, l.Release, problems = check.Read(l.File, l.Text, e.Catalogue(), e.World(l.Dir))
	if l.Accepted {
		problems = check.Accepted(problems)
	}
	if problems.Failed() {
		return problems, nil
	}
	return problems, l.Resolve("")
}

// Resolve works out what should run. namespace is that of the kube context; it counts where the config names none.
func (l *Loaded) Resolve(namespace string) error {
	files, err := l.Files()
	if err != nil {
		return err
	}
	lock, err := l.Lock()
	if err != nil {
		return err
	}
	l.Digests = lock.For(l.Doc.Config.Images.Registry, l.Release.Version)
	l.Input = stack.Input{Config: l.Doc.Config, At: l.Doc.At, Release: l.Release, Files: files, Namespace: namespace, Lock: l.Digests}
	l.Stack = stack.Resolve(l.Input)
	l.Stack = l.Stack.With(l.Front, l.Page)
	return nil
}

// Files reads the files that the config names; check.Read has seen them.
func (l *Loaded) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range stack.FileNames(l.Doc.Config) {
		content, err := os.ReadFile(from(l.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read a file that %s names: %w", l.File, err)
		}
		files[name] = content
	}
	return files, nil
}

// Lock reads the lock file beside the config; without one nothing is recorded.
func (l *Loaded) Lock() (registry.Lock, error) {
	text, err := os.ReadFile(filepath.Join(l.Dir, registry.LockName))
	if errors.Is(err, fs.ErrNotExist) {
		return registry.Lock{}, nil
	}
	if err != nil {
		return registry.Lock{}, fmt.Errorf("read lock file: %w", err)
	}
	return registry.ParseLock(text)
}
