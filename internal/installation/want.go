package installation

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/jsonc"
	"berth/internal/registry"
	"berth/internal/stack"
)

// Want is a config with all that follows from it: it is read, checked and resolved once, and everybody works with the value.
type Want struct {
	File    string // as the admin named it
	Dir     string // where it is
	Text    []byte
	Doc     *config.Doc
	Release *catalogue.Release
	Input   stack.Input // of Stack
	Stack   *stack.Stack
	Digests map[string]string // that the admin recorded for their own registry, by image name
	Front   stack.Front       // what people meet; during upgrades it is a page
	Page    string            // its text
	// Converting is how long a bundled database may take to be ready, since it converts its data to another major Postgres first; 0: as long as usual.
	Converting time.Duration

	open *stack.Stack // without a front
}

// With is the same with another front, and page as the text of its page.
func (w *Want) With(front stack.Front, page string) *Want {
	out := *w
	out.Front, out.Page, out.Stack = front, page, w.open.With(front, page)
	return &out
}

// Named is a config of which only the name and the target are known.
func Named(file, dir string, doc *config.Doc) *Want {
	return &Want{File: file, Dir: dir, Doc: doc, Stack: &stack.Stack{Name: NameOf(doc.Config), Target: doc.Config.On}}
}

// StandardInput is the name of a config that is read from standard input. Its folder is the working directory.
const StandardInput = "-"

// text reads a config's text.
func (e *Environment) text(file string) (*Want, diag.List, error) {
	if file == StandardInput {
		text, err := io.ReadAll(io.LimitReader(e.Stdin, config.MaxSize+1))
		if err != nil {
			return nil, nil, fmt.Errorf("read the config from standard input: %w", err)
		}
		return &Want{File: "stdin", Dir: e.Dir, Text: text}, nil, nil
	}
	path := e.Abs(file)
	text, err := config.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, diag.List{{Code: "BERTH1100", Severity: diag.Error, Subject: file, Summary: "there is no such file",
			Hint: "create one with: berth init"}}, nil
	case err != nil:
		return nil, diag.List{{Code: "BERTH1115", Severity: diag.Error, Subject: file, Summary: err.Error(),
			Hint: "name the config with: --config FILE"}}, nil
	}
	return &Want{File: file, Dir: filepath.Dir(path), Text: text}, nil, nil
}

// Load reads a config and works out what should run. Problems of the file stop it; warnings come back with the result.
func (e *Environment) Load(file string) (*Want, diag.List, error) { return e.load(file, e.World) }

// LoadReferring is Load for what only refers to secrets, such as rendered Kubernetes objects: values that are not there are no problem then.
func (e *Environment) LoadReferring(file string) (*Want, diag.List, error) {
	return e.load(file, func(dir string) check.World {
		world := e.World(dir)
		world.Referring = true
		return world
	})
}

// LoadAlone is Load for a check of the file alone, where its secrets need not be.
func (e *Environment) LoadAlone(file string) (*Want, diag.List, error) {
	return e.load(file, func(dir string) check.World {
		world := e.World(dir)
		world.Alone = true
		return world
	})
}

func (e *Environment) load(file string, around func(dir string) check.World) (*Want, diag.List, error) {
	w, problems, err := e.text(file)
	if err != nil || w == nil {
		return nil, problems, err
	}
	problems, err = e.understand(w, around(w.Dir), func(found diag.List) diag.List { return found })
	if err != nil || problems.Failed() {
		return nil, problems, err
	}
	return w, problems, nil
}

// LoadNamed reads as much of a config as tells its installation: an installation must be possible to stop when a secret is missing or its release
// is not known.
func (e *Environment) LoadNamed(file string) (*Want, error) {
	w, problems, err := e.text(file)
	if err != nil || problems.Failed() {
		return nil, cmp.Or(err, problems.Err())
	}
	doc, problems := config.Load(file, w.Text)
	if problems.Failed() {
		return nil, problems
	}
	e.Place.put(doc.Config)
	return Named(w.File, w.Dir, doc), nil
}

// Another works out what should run with another text in place of the admin's file.
func (e *Environment) Another(w *Want, text []byte) (*Want, diag.List, error) {
	out := &Want{File: w.File, Dir: w.Dir, Text: text}
	problems, err := e.understand(out, e.World(w.Dir), func(found diag.List) diag.List { return found })
	return out, problems, err
}

// Accepted is Another for a text that was checked before, when it was the admin's file or was made from it: see check.Accepted. alter changes the
// config before it is resolved; nil: nothing is changed.
func (e *Environment) Accepted(w *Want, text string, alter func(*config.Config)) (*Want, error) {
	out := &Want{File: w.File, Dir: w.Dir, Text: []byte(text)}
	problems, err := e.understand(out, e.World(w.Dir), check.Accepted)
	if err != nil || problems.Failed() {
		return nil, cmp.Or(err, problems.Err())
	}
	if alter != nil {
		alter(out.Doc.Config)
		return out, out.Resolve("")
	}
	return out, nil
}

// understand works out what should run from the text that was read.
func (e *Environment) understand(w *Want, world check.World, count func(diag.List) diag.List) (problems diag.List, err error) {
	// The meaning is checked even where the form has problems, so that all are reported at once.
	w.Doc, w.Release, problems = check.Read(w.File, w.Text, e.Catalogue(), world)
	if problems = count(problems); problems.Failed() {
		return problems, nil
	}
	e.Place.put(w.Doc.Config)
	if err := w.Resolve(""); err != nil {
		return problems, err
	}
	return append(problems, count(proof(w.open))...), nil
}

// Resolve works out what should run. namespace is that of the kube context; it counts where the config names none.
func (w *Want) Resolve(namespace string) error {
	files, err := w.Files()
	if err != nil {
		return err
	}
	lock, err := w.Lock()
	if err != nil {
		return err
	}
	site, err := w.siteConfig()
	if err != nil {
		return err
	}
	w.Digests = lock.For(w.Doc.Config.Images.Registry, w.Release.Version)
	w.Input = stack.Input{Config: w.Doc.Config, At: w.Doc.At, Release: w.Release, Files: files, Namespace: namespace, SiteConfig: site, Lock: w.Digests}
	w.open = stack.Resolve(w.Input)
	w.Stack = w.open.With(w.Front, w.Page)
	return nil
}

// Image is the image of a service as its release has it, also of one that runs elsewhere here, such as an external database.
func (w *Want) Image(service string) string {
	name := ""
	switch s := w.Release.Services[service]; w.Stack.Target {
	case catalogue.Kubernetes:
		if workload := w.Release.Workload(service); workload != nil {
			ref, _ := workload.Container["image"].(string)
			name = strings.TrimPrefix(ref, catalogue.ImagePrefix)
		}
	default:
		if s.Compose != nil {
			name = s.Compose.Image
		}
	}
	return stack.Image(w.Doc.Config.Images.Registry, w.Release, w.Digests, name)
}

// Migrator is the reference of a release's migrator, from the registry that the config names.
func (w *Want) Migrator(c *catalogue.Catalogue, release string) (string, error) {
	r, err := c.Release(release, w.Doc.Config.On)
	if err != nil {
		return "", err
	}
	lock, err := w.Lock()
	if err != nil {
		return "", err
	}
	return stack.Image(w.Doc.Config.Images.Registry, r, lock.For(w.Doc.Config.Images.Registry, release), "migrator"), nil
}

// Files reads the files that the config names; check.Read has seen them.
func (w *Want) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range stack.FileNames(w.Doc.Config) {
		content, err := os.ReadFile(from(w.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read a file that %s names: %w", w.File, err)
		}
		files[name] = content
	}
	return files, nil
}

// siteConfig reads Sourcegraph's site configuration, where the config names a file; check.Read has seen it.
func (w *Want) siteConfig() (jsonc.Value, error) {
	if w.Doc.Config.SiteConfig == nil {
		return jsonc.Value{}, nil
	}
	name := w.Doc.Config.SiteConfig.File
	content, err := os.ReadFile(from(w.Dir, name))
	if err != nil {
		return jsonc.Value{}, fmt.Errorf("read a file that %s names: %w", w.File, err)
	}
	site, ok := jsonc.Parse(content)
	if !ok {
		return jsonc.Value{}, fmt.Errorf("read %s: it is not JSON", name)
	}
	return site, nil
}

// Lock reads the lock file beside the config; without one nothing is recorded.
func (w *Want) Lock() (registry.Lock, error) {
	text, err := os.ReadFile(filepath.Join(w.Dir, registry.LockName))
	if errors.Is(err, fs.ErrNotExist) {
		return registry.Lock{}, nil
	}
	if err != nil {
		return registry.Lock{}, fmt.Errorf("read lock file: %w", err)
	}
	return registry.ParseLock(text)
}
