// Package candidate works out what a draft of a config asks for, while the draft and its files are not written yet. It reads files of the config's folder.
package candidate

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/registry"
	"berth/internal/stack"
)

// Reader reads drafts. Files are the draft's own, else those of Dir.
type Reader struct {
	Catalogue *catalogue.Catalogue
	Dir       string // of the config
	Now       func() time.Time
}

// Candidate is a draft with what it asks for.
type Candidate struct {
	Doc   *config.Doc
	Stack *stack.Stack
	read  func(name string) ([]byte, error)
}

// File is the config's name in problems.
const File = "sourcegraph.yaml"

// Read reads a draft. The candidate has its document, also where it has problems.
func (r *Reader) Read(text []byte, files map[string][]byte) (Candidate, diag.List) {
	path := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(r.Dir, name)
	}
	out := Candidate{read: func(name string) ([]byte, error) {
		if content, ok := files[name]; ok {
			return content, nil
		}
		return os.ReadFile(path(name))
	}}
	world := check.World{ReadFile: out.read, Getenv: func(string) string { return "" }, Now: r.Now, Catalogue: r.Catalogue, Alone: true,
		Stat: func(name string) (fs.FileInfo, error) {
			if _, ok := files[name]; ok {
				return os.Stat(os.DevNull)
			}
			return os.Stat(path(name))
		}}
	doc, release, problems := check.Read(File, text, r.Catalogue, world)
	if out.Doc = doc; problems.Failed() {
		return out, problems
	}
	contents := map[string][]byte{}
	for _, name := range stack.FileNames(doc.Config) {
		content, err := out.read(name)
		if err != nil {
			return out, Failed(err)
		}
		contents[name] = content
	}
	lock, err := registry.ParseLock(files[registry.LockName])
	if err != nil {
		return out, Failed(err)
	}
	out.Stack = stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Files: contents, Lock: lock.For(doc.Config.Images.Registry, release.Version)})
	return out, nil
}

// At is the line of a key in the draft's text.
func (c *Candidate) At(path string) diag.Range { return cmp.Or(c.Doc.KeyAt(path), c.Doc.At(path)) }

// Values are the values of the secrets. Those that berth would make itself are in generated, or have a value that stands for any.
func (c *Candidate) Values(generated map[string]string) (installation.Values, error) {
	values := installation.Values{}
	for _, s := range c.Stack.Secrets {
		switch {
		case s.File != "":
			content, err := c.read(s.File)
			if err != nil {
				return nil, err
			}
			values[s.Name] = string(content)
			if strings.Count(string(content), "\n") <= 1 {
				values[s.Name] = strings.TrimRight(string(content), "\r\n")
			}
		case s.Parts == nil:
			values[s.Name] = cmp.Or(generated[s.Name], "generated")
		}
	}
	for _, s := range c.Stack.Secrets {
		if s.Parts != nil {
			values[s.Name] = installation.Assembled(s.Parts, values)
		}
	}
	return values, nil
}

// Failed is an error as a problem of what was found.
func Failed(err error) diag.List {
	var problems diag.List
	if errors.As(err, &problems) {
		return problems
	}
	return diag.List{{Code: "BERTH4301", Severity: diag.Error, Summary: strings.ReplaceAll(err.Error(), "\n", " ")}}
}
