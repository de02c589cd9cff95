package cli

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
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/eject"
	"berth/internal/installation"
	"berth/internal/installation/engine"
	"berth/internal/render/compose"
	"berth/internal/render/compose/spec"
	"berth/internal/render/kubernetes"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
	"berth/internal/upgrade/survey"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

func newEjectCmd(env *Env) *cobra.Command {
	var file string
	var f ejectFlags
	cmd := &cobra.Command{
		Use:   "eject",
		Short: "Write Sourcegraph's own files for what runs, to continue without berth",
		Long: `Write files that make Sourcegraph's official ones equal to this installation, at the release that runs, so that you can continue without berth. No
running service is changed: DIR/README.md has the commands of the handover, and the settings that the official files lack.

  berth eject --as helm --out DIR                          values for Sourcegraph's Helm chart
  berth eject --as kustomize --official CLONE --out DIR    an overlay of Sourcegraph's Kustomize base
  berth eject --as compose --official CLONE --out DIR      an override for Sourcegraph's Compose file

CLONE is a clone of github.com/sourcegraph/deploy-sourcegraph-k8s or deploy-sourcegraph-docker, at the release that runs (git checkout v7.5.4453).

The installation must match the config: berth plan shows no changes. To use other tools and stay with berth, see: berth render`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.eject(cmd.Context(), file, f) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&f.as, "as", "", "the official files: compose, helm or kustomize")
	cmd.Flags().StringVar(&f.official, "official", "", "with --as compose and --as kustomize: a clone of Sourcegraph's repository, at the release that runs")
	cmd.Flags().StringVar(&f.out, "out", "", "a new or empty folder to write to")
	_ = cmd.MarkFlagRequired("as") // the flags exist
	_ = cmd.MarkFlagRequired("out")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(ejected, cobra.ShellCompDirectiveNoFileComp))
	placeFlags(env, cmd, &file)
	return cmd
}

// ejectFlags are what berth eject is asked for.
type ejectFlags struct{ as, official, out string }

// ejected are the official files, by the names that --as takes.
var ejected = []string{"compose", "helm", "kustomize"}

// Ejected is what berth eject wrote.
type Ejected struct {
	Written
	Release string `json:"release"`
	// Unsaid counts what the official files can't say. The problems of the document list it.
	Unsaid int `json:"unsaid"`
	// Restarts are what the official tool restarts once.
	Restarts []string `json:"restarts,omitempty"`
}

func (e *Env) eject(ctx context.Context, file string, f ejectFlags) error {
	s, err := e.asAsked(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := f.fits(s.Want); err != nil {
		return err
	}
	to := &folder{path: e.Abs(f.out), name: f.out}
	if err := to.empty(); err != nil {
		return err
	}
	r, err := e.ejected(ctx, s, f)
	if err != nil {
		return err
	}
	if err := to.replace(r.Files, nil); err != nil {
		return err
	}
	if f.as == "kustomize" {
		if err := e.proved(ctx, s, to.path, r); err != nil {
			return err
		}
	}
	e.warn(r.Unsaid)
	return e.give(Ejected{Written: filesWritten(f.out, r.Files), Release: s.Release.Version, Unsaid: len(r.Unsaid), Restarts: r.Restarts}, func() {
		fmt.Fprintf(e.Stdout, "wrote %d files to %s; nothing that runs was changed\n", len(r.Files), f.out)
		if n := len(r.Unsaid); n > 0 {
			fmt.Fprintf(e.Stdout, "the official files have no setting for %s, which the official tool would change\n", things(n))
		}
		if len(r.Restarts) > 0 {
			fmt.Fprintf(e.Stdout, "the official tool restarts once: %s\n", strings.Join(r.Restarts, ", "))
		}
		fmt.Fprintf(e.Stdout, "next: %s/README.md has the commands of the handover\n", f.out)
	})
}

// things is a number of things in words.
func things(n int) string {
	if n == 1 {
		return "one thing"
	}
	return fmt.Sprintf("%d things", n)
}

// asAsked opens an installation that is what its config asks for. Whoever gets it closes it.
func (e *Env) asAsked(ctx context.Context, file string) (*seen, error) {
	s, err := e.look(ctx, file)
	if err != nil {
		return nil, err
	}
	if err = s.observe(ctx, e, survey.InDoubt, ""); err == nil && s.Problems.Failed() {
		err = s.Problems
	}
	if err == nil && (!s.Reached || !s.plan.Empty()) {
		err = diag.List{{Code: "BERTH4330", Severity: diag.Error, Subject: s.File, Summary: "what runs differs from what the config asks for; nothing was written",
			Hint: "look at the difference: berth plan; then: berth up"}}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	e.warn(s.Problems)
	return s, nil
}

// official are the official files: the target that they are for, and the repository that has them; "": the tool fetches them.
var official = map[string]struct {
	target     catalogue.Target
	repository string
}{"compose": {catalogue.Compose, "deploy-sourcegraph-docker"}, "helm": {catalogue.Kubernetes, ""}, "kustomize": {catalogue.Kubernetes, "deploy-sourcegraph-k8s"}}

// fits refuses official files for the other target, and flags for other files.
func (f ejectFlags) fits(w *installation.Want) error {
	switch of, known := official[f.as]; {
	case !known:
		return usageError("--as", fmt.Sprintf("there are no official files %q", f.as), "name compose, helm or kustomize")
	case w.Stack.Target != of.target:
		return usageError("--as", fmt.Sprintf("%s is for another target: the installation runs on %s", f.as, w.Stack.Target), "for compose: --as compose   for kubernetes: --as helm, or --as kustomize")
	case of.repository != "" && f.official == "":
		return usageError("--official", "it is missing: the files of Sourcegraph's own repository",
			fmt.Sprintf("add --official with a clone of github.com/sourcegraph/%s, at v%s", of.repository, w.Release.Version))
	case of.repository == "" && f.official != "":
		return usageError("--official", "not with --as helm: Helm fetches the chart itself", "leave it out")
	}
	return nil
}

// ejected makes the files of an installation.
func (e *Env) ejected(ctx context.Context, s *seen, f ejectFlags) (*eject.Result, error) {
	generated, err := s.Store.Generated(ctx)
	if err != nil {
		return nil, err
	}
	if f.as == "compose" {
		return e.ejectedProject(s, generated, f)
	}
	set, err := e.running(s, generated)
	if err != nil {
		return nil, err
	}
	if f.as == "helm" {
		return eject.Helm(set, s.Release, s.plan.Conflicts)
	}
	place := filepath.Join(e.Abs(f.official), "base")
	base := eject.Base{}
	if base.Place, err = filepath.Rel(e.Abs(f.out), place); err != nil {
		return nil, err
	}
	if base.Objects, err = e.kustomized(ctx, place); err != nil {
		return nil, err
	}
	return eject.Kustomize(set, base)
}

// running are the objects of an installation that is as its config asks for.
func (e *Env) running(s *seen, generated map[string]string) (*kubernetes.Set, error) {
	values, err := e.Secrets(s.Want, generated)
	if err != nil {
		return nil, err
	}
	set, problems := kubernetes.Render(s.Stack, installation.Fingerprints(s.Stack.Secrets, values))
	return set, problems.Err()
}

// proved builds a written overlay, and adds to its result what differs from what runs.
func (e *Env) proved(ctx context.Context, s *seen, dir string, r *eject.Result) error {
	made, err := e.kustomized(ctx, dir)
	if err != nil {
		return err
	}
	generated, err := s.Store.Generated(ctx)
	if err != nil {
		return err
	}
	set, err := e.running(s, generated)
	if err == nil {
		r.Unsaid = append(r.Unsaid, eject.Built(set, made)...)
	}
	return err
}

// kustomized are the objects that a folder makes, by the program kustomize or by kubectl.
func (e *Env) kustomized(ctx context.Context, dir string) ([]map[string]any, error) {
	args := []string{"kustomize", "build", dir}
	if _, err := exec.LookPath(args[0]); err != nil {
		args = []string{"kubectl", "kustomize", dir}
	}
	text, err := made(ctx, dir, args...)
	if err != nil {
		return nil, err
	}
	var objects []map[string]any
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what %s says: %w", strings.Join(args[:2], " "), err)
		}
		if o != nil {
			objects = append(objects, o)
		}
	}
}

func (e *Env) ejectedProject(s *seen, generated map[string]string, f ejectFlags) (*eject.Result, error) {
	rendered, values, err := engine.Render(&e.Environment, s.Want, generated)
	if err != nil {
		return nil, err
	}
	p := eject.Project{Release: s.Release.Version, Folder: project.Folder(store.At(s.Dir, s.Stack.Name)), Env: map[string]string{}, Out: e.Abs(f.out)}
	for _, secret := range rendered.Secrets {
		p.Env[compose.Variable(secret.Name)] = values[secret.Name]
	}
	for _, file := range rendered.Files {
		if file.Path == compose.ComposeFile {
			p.File = spec.File{Name: filepath.Join(p.Folder, file.Path), Content: file.Content}
		}
	}
	if p.Official, err = officialFile(e.Abs(f.official)); err != nil {
		return nil, err
	}
	return eject.Compose(p)
}

// officialFile reads the official Compose file: a clone has it in a folder.
func officialFile(place string) (spec.File, error) {
	for _, name := range []string{filepath.Join(place, "docker-compose", compose.ComposeFile), filepath.Join(place, compose.ComposeFile), place} {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		content, err := os.ReadFile(name)
		return spec.File{Name: name, Content: content}, err
	}
	return spec.File{}, diag.List{{Code: "BERTH4333", Severity: diag.Error, Subject: place, Summary: "there is no official Compose file",
		Hint: "name a clone of github.com/sourcegraph/deploy-sourcegraph-docker with: --official DIR"}}
}

// empty refuses a folder with something in it.
func (f *folder) empty() error {
	entries, err := os.ReadDir(f.path)
	switch {
	case err == nil && len(entries) > 0:
		return diag.List{{Code: "BERTH4331", Severity: diag.Error, Subject: f.name, Summary: "the folder is not empty; nothing was written", Hint: "name a new folder with: --out DIR"}}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the folder to write to: %w", err)
	}
	return nil
}
