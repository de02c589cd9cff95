package compose

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/stack"
)

// Renderer renders drafts of a config for package adopt. Files are the draft's own, else those of Dir.
type Renderer struct {
	Catalogue *catalogue.Catalogue
	Dir       string // of the config
	Root      string // of the fork
	Now       func() time.Time
}

// File is the config's name in problems.
const File = "sourcegraph.yaml"

// Render is an adopt.Render.
func (r *Renderer) Render(text []byte, files map[string][]byte, generated map[string]string) (adopt.Rendering, diag.List) {
	read := func(name string) ([]byte, error) {
		if content, ok := files[name]; ok {
			return content, nil
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.Dir, name)
		}
		return os.ReadFile(name)
	}
	world := check.World{ReadFile: read, Getenv: func(string) string { return "" }, Now: r.Now, Catalogue: r.Catalogue, Alone: true,
		Stat: func(name string) (fs.FileInfo, error) {
			if _, ok := files[name]; ok {
				return os.Stat(os.DevNull)
			}
			if !filepath.IsAbs(name) {
				name = filepath.Join(r.Dir, name)
			}
			return os.Stat(name)
		}}
	doc, release, problems := check.Read(File, text, r.Catalogue, world)
	out := adopt.Rendering{At: func(path string) diag.Range { return cmp.Or(doc.KeyAt(path), doc.At(path)) }}
	if problems.Failed() {
		return out, problems
	}
	contents := map[string][]byte{}
	for _, name := range stack.FileNames(doc.Config) {
		content, err := read(name)
		if err != nil {
			return out, failed(err)
		}
		contents[name] = content
	}
	lock, err := registry.ParseLock(files[registry.LockName])
	if err != nil {
		return out, failed(err)
	}
	s := stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Files: contents, Lock: lock.For(doc.Config.Images.Registry, release.Version)})
	values, err := valuesOf(s.Secrets, generated, read)
	if err != nil {
		return out, failed(err)
	}
	p, problems := render.Render(s, nil)
	if problems.Failed() {
		return out, problems
	}
	if out.Objects, err = r.objects(p, values); err != nil {
		return out, failed(err)
	}
	return out, nil
}

// Services are the services of a rendered project, in the form of Objects.
func Services(p *render.Project, values installation.Values) (map[string]map[string]any, error) {
	objects, _, err := projectObjects(p, values, "")
	out := map[string]map[string]any{}
	for name, s := range objects {
		if name, ok := strings.CutPrefix(name, service); ok {
			out[name] = s
		}
	}
	return out, err
}

func projectObjects(p *render.Project, values installation.Values, root string) (adopt.Objects, map[string]bool, error) {
	env := map[string]string{}
	for name, value := range values {
		env[render.Variable(name)] = value
	}
	for _, f := range p.Files {
		if f.Path == render.ComposeFile {
			return ofRendered(p.Name, f.Content, env, root)
		}
	}
	return nil, nil, nil
}

// objects are a rendered project as objects, with its files.
func (r *Renderer) objects(p *render.Project, values installation.Values) (adopt.Objects, error) {
	out, forked, err := projectObjects(p, values, r.Root)
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	for _, f := range p.Files {
		if f.Path != render.ComposeFile {
			contents[f.Path] = f.Content
		}
	}
	readFiles(out, func(name string) (map[string][]byte, error) {
		if forked[name] {
			return Contents(r.Root)(name)
		}
		found := map[string][]byte{}
		for path, content := range contents {
			if path == name || strings.HasPrefix(path, name+"/") {
				found[path] = content
			}
		}
		return found, nil
	})
	return out, nil
}

// valuesOf are the values of a stack's secrets.
func valuesOf(secrets []stack.Secret, generated map[string]string, read func(string) ([]byte, error)) (installation.Values, error) {
	values := installation.Values{}
	for _, s := range secrets {
		switch {
		case s.File != "":
			content, err := read(s.File)
			if err != nil {
				return nil, err
			}
			values[s.Name] = string(content)
			if strings.Count(string(content), "\n") <= 1 {
				values[s.Name] = strings.TrimRight(string(content), "\r\n")
			}
		case s.Parts == nil:
			values[s.Name] = generated[s.Name]
			if values[s.Name] == "" {
				values[s.Name] = "generated" // berth would make one
			}
		}
	}
	for _, s := range secrets {
		if s.Parts != nil {
			values[s.Name] = installation.Assembled(s.Parts, values)
		}
	}
	return values, nil
}

func failed(err error) diag.List {
	var problems diag.List
	if errors.As(err, &problems) {
		return problems
	}
	return diag.List{{Code: "BERTH4301", Severity: diag.Error, Summary: strings.ReplaceAll(err.Error(), "\n", " ")}}
}
