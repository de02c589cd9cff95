package engine

import (
	"context"
	"slices"
	"strings"

	"berth/internal/adopt"
	theirs "berth/internal/adopt/compose"
	"berth/internal/diag"
	"berth/internal/installation"
	render "berth/internal/render/compose"
	"berth/internal/target/compose"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
)

// adopted are the containers that were taken over from a Compose project; nil where there are none.
func (i *onEngine) adopted(ctx context.Context) (*compose.Adopted, error) {
	var t adopt.Takeover
	if err := i.state.Note(ctx, adopt.TakeoverNote, &t); err != nil || t.Project == "" {
		return nil, err
	}
	out := &compose.Adopted{Installation: i.project.Name, Release: t.Release, Project: t.Project, Services: map[string]string{}}
	for _, u := range t.Units {
		out.Services[u.Unit] = u.Service
	}
	if len(i.project.Units) == 0 {
		return out, nil // only the name is known, and nothing is compared
	}
	services, err := theirs.Services(i.project, i.values)
	if err != nil {
		return nil, err
	}
	out.Differs = func(unit string, c container.InspectResponse, of image.InspectResponse) []string {
		return theirs.Differs(services[unit], c, of, func(projects, hosts string) bool {
			s, known := t.Shared[projects]
			if !known || s.Path != hosts || s.Ours != adopt.Hash(below(i.project, projects)) {
				return false
			}
			now, _ := theirs.Contents(s.Path)(".")
			if len(now) == 0 && !c.State.Running {
				return false // it is gone, and the container can't be started with it
			}
			return s.Theirs == adopt.Hash(now)
		})
	}
	return out, nil
}

// below are the files of a project at a path.
func below(p *render.Project, path string) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range p.Files {
		if f.Path == path || strings.HasPrefix(f.Path, path+"/") {
			out[f.Path] = f.Content
		}
	}
	return out
}

// Theirs reads what docker compose made on the engine, of which nobody has the files. asked is the Compose project; "" where there is one alone. It changes
// nothing.
func Theirs(ctx context.Context, e *installation.Environment, asked string) (*theirs.Seen, error) {
	host, err := compose.Connect(ctx, e.Getenv)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	if host.Elsewhere() {
		return nil, diag.List{{Code: "BERTH4321", Severity: diag.Error, Subject: "--running", Summary: "the Docker Engine is on another host, whose files berth can't read",
			Hint: "run it on that host: berth adopt --running"}}
	}
	all, err := host.All(ctx)
	if err != nil {
		return nil, err
	}
	project, ids, problems := theirs.Choose(all, asked)
	if problems.Failed() {
		return nil, problems
	}
	made, err := host.Made(ctx, ids)
	if err != nil {
		return nil, err
	}
	return theirs.See(project, made.Containers, made.Images, made.Networks, made.Volumes)
}

// TakeOver remembers that containers of a Compose project are the installation of a config from now on, and writes the project that berth
// would make of it. No container is changed. root is the folder that the Compose project mounts its files from.
func TakeOver(ctx context.Context, e *installation.Environment, w *installation.Want, t adopt.Takeover, root string, r adopt.Result) error {
	i := &onEngine{Want: w, env: e, state: store.At(w.Dir, w.Stack.Name)}
	if err := i.state.Keep(ctx, r.Generated); err != nil {
		return err
	}
	generated, err := i.state.Generate(ctx, installation.GeneratedNames(w.Stack.Secrets))
	if err != nil {
		return err
	}
	if err := i.Render(generated); err != nil {
		return err
	}
	differing := r.Report.Differing()
	t.Units, t.Shared = map[string]adopt.Unit{}, map[string]adopt.Shared{}
	for _, u := range i.project.Units {
		t.Units[u.Container] = adopt.Unit{Unit: u.Name, Service: u.Service}
	}
	for _, inst := range w.Stack.Instances {
		for _, m := range inst.Mounts {
			name := clean(m.File)
			differs := slices.ContainsFunc(differing, func(other string) bool { return other == name || strings.HasPrefix(other, name+"/") })
			if m.File != "" && !differs {
				t.Shared[name] = i.share(root, name)
			}
		}
	}
	if err := i.state.SetNote(ctx, adopt.TakeoverNote, t); err != nil {
		return err
	}
	return project.Replace(project.Folder(i.state), i.project, func(name string) string { return i.values[name] })
}

func clean(file string) string { return strings.TrimSuffix(strings.TrimPrefix(file, "./"), "/") }

// share is a file or a folder of the fork that has the content of one of the project.
func (i *onEngine) share(root, file string) adopt.Shared {
	path := root + "/" + file
	contents, _ := theirs.Contents(path)(".") // one that is not there shares nothing
	return adopt.Shared{Path: path, Theirs: adopt.Hash(contents), Ours: adopt.Hash(below(i.project, file))}
}
