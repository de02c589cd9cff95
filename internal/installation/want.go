package installation

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
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

// text reads a config's text.
func (e *Environment) text(file string) (*Want, diag.List, error) {
	path := e.Abs(file)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.List{{Code: "BERTH1100", Severity: diag.Error, Subject: file, Summary: "there is no such file",
			Hint: "make one with: berth init --on compose --url http://localhost"}}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read config: %w", err)
	}
	return &Want{File: file, Dir: filepath.Dir(path), Text: text}, nil, nil
}

// Load reads a config and works out what should run. Problems of the file stop it; warnings come back with the result.
func (e *Environment) Load(file string) (*Want, diag.List, error) {
	w, problems, err := e.text(file)
	if err != nil || w == nil {
		return nil, problems, err
	}
	problems, err = e.understand(w, func(found diag.List) diag.List { return found })
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
	return Named(w.File, w.Dir, doc), nil
}

// Another works out what should run with another text in place of the admin's file.
func (e *Environment) Another(w *Want, text []byte) (*Want, diag.List, error) {
	out := &Want{File: w.File, Dir: w.Dir, Text: text}
	problems, err := e.understand(out, func(found diag.List) diag.List { return found })
	return out, problems, err
}

// Accepted is Another for a text that was checked before, when it was the admin's file or was made from it: see check.Accepted. alter changes the
// config before it is resolved; nil: nothing is changed.
func (e *Environment) Accepted(w *Want, text string, alter func(*config.Config)) (*Want, error) {
	out := &Want{File: w.File, Dir: w.Dir, Text: []byte(text)}
	problems, err := e.understand(out, check.Accepted)
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
func (e *Environment) understand(w *Want, count func(diag.List) diag.List) (problems diag.List, err error) {
	// The meaning is checked even where the form has problems, so that all are reported at once.
	w.Doc, w.Release, problems = check.Read(w.File, w.Text, e.Catalogue(), e.World(w.Dir))
	if problems = count(problems); problems.Failed() {
		return problems, nil
	}
	return problems, w.Resolve("")
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
	w.Digests = lock.For(w.Doc.Config.Images.Registry, w.Release.Version)
	w.Input = stack.Input{Config: w.Doc.Config, At: w.Doc.At, Release: w.Release, Files: files, Namespace: namespace, Lock: w.Digests}
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
