package compose

import (
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/adopt/candidate"
	"berth/internal/diag"
	"berth/internal/installation"
	render "berth/internal/render/compose"
)

// Renderer renders drafts of a config for package adopt. Files are the draft's own, else those of Dir.
type Renderer struct {
	Catalogue *catalogue.Catalogue
	Dir       string // of the config
	Root      string // of the fork
	Now       func() time.Time
}

// Render is an adopt.Render.
func (r *Renderer) Render(text []byte, files map[string][]byte, generated map[string]string) (adopt.Rendering, diag.List) {
	c, problems := (&candidate.Reader{Catalogue: r.Catalogue, Dir: r.Dir, Now: r.Now}).Read(text, files)
	out := adopt.Rendering{At: c.At}
	if problems.Failed() {
		return out, problems
	}
	values, err := c.Values(generated)
	if err != nil {
		return out, candidate.Failed(err)
	}
	p, problems := render.Render(c.Stack, nil)
	if problems.Failed() {
		return out, problems
	}
	if out.Objects, err = r.objects(p, values); err != nil {
		return out, candidate.Failed(err)
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
