package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/adopt"
	theirs "berth/internal/adopt/compose"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/engine"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/target/compose/store"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// adoptFlags are what berth adopt is asked for.
type adoptFlags struct {
	read       theirs.Options
	helm       string // the name of a Helm release
	live       bool   // what runs in a namespace, without any files
	running    bool   // what docker compose made on this engine, without any files
	chart      chart  // the chart with files of values
	at         installation.Place
	url, out   string
	yes, whole bool
}

// taking is an installation of theirs that was read, with the config for it. keep remembers what berth takes over; nil: nothing has to be remembered.
type taking struct {
	target  catalogue.Target
	result  adopt.Result
	guessed bool // nothing of theirs says the address that people use
	keep    func(ctx context.Context, w *installation.Want, wrote map[string]string) error
}

// Adopted is what berth adopt found and wrote.
type Adopted struct {
	Written
	Report adopt.Report `json:"report"`
	// Newest is the newest release for the target.
	Newest string `json:"newest"`
	// Support is what the support record says of the config, but for what is plainly supported.
	Support []plan.Judged `json:"support,omitempty"`
}

// oneSource refuses words of a command line that belong to another kind of source.
func (f *adoptFlags) oneSource(args []string) error {
	p := diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: "--helm"}
	switch {
	case f.running && len(args) > 0:
		p.Subject, p.Summary, p.Hint = "--running", "it reads containers, and no folder", "leave "+args[0]+" out, or leave --running out"
	case len(f.chart.values) > 0 && len(args) > 0:
		p.Subject, p.Summary, p.Hint = "--values", "it takes a folder or values for the chart, not both", "leave "+args[0]+" out, or leave --values out"
	case len(f.chart.values) == 0 && (f.chart.version != "" || f.chart.name != officialChart):
		p.Subject, p.Summary, p.Hint = "--chart", "it belongs to the values that you give the chart", "name them with: --values FILE"
	case f.helm != "" && len(args) > 0:
		p.Summary, p.Hint = "it takes a folder or a Helm release, not both", "leave "+args[0]+" out, or leave --helm out"
	default:
		return nil
	}
	return &usage{p}
}

// reportFile is where the report is, beside the config.
const reportFile = "adopt-report.md"

func newAdoptCmd(env *Env) *cobra.Command {
	var f adoptFlags
	cmd := &cobra.Command{
		Use:   "adopt [DIR]",
		Short: "Take over a Sourcegraph that runs from Sourcegraph's Compose repository, Helm chart or Kustomize repository",
		Long: `Read a folder with a fork of Sourcegraph's Compose repository, and write the sourcegraph.yaml that gives the same installation. It is read as docker
compose reads it, without DIR the folder that you are in: with docker-compose.override.yaml, .env, profiles, extends and includes. Nothing that runs is changed.

With --helm, read a release of Sourcegraph's Helm chart instead: Helm's record of it, and its objects as they are in the cluster now. Where Helm has no record, as
with Argo CD, --values names your override files; the program helm makes the objects, and they are read as they are in the cluster now.

Where DIR is an overlay of Sourcegraph's Kustomize repository, or a folder of manifests, read the objects of these files as they are in the cluster now. The
program kustomize, or else kubectl, makes the objects of an overlay.

Without files, --context or --namespace says where it runs. Then the API server is asked which fields it writes by itself; all others are wishes. On a Docker
Engine, --running reads the containers: what they have beyond their images is wished.

  berth adopt DIR     writes sourcegraph.yaml and a report about each line of yours
  berth plan          what taking over would change: normally nothing
  berth up            takes over in place; services that need no change keep running
  berth adopt finish  when you are sure: you no longer need your fork
  berth adopt undo    returns everything: docker compose up in DIR works as before

Names of containers, volumes and networks, ports and passwords stay what they are. Secrets go into files that only you can read. berth lists
settings that can't be kept, and asks.`,
		Args:        cobra.MaximumNArgs(1),
		Annotations: map[string]string{takesWord: "DIR"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.oneSource(args); err != nil {
				return err
			}
			f.live = len(args) == 0 && f.helm == "" && len(f.chart.values) == 0 && f.at != (installation.Place{})
			return env.adopt(cmd.Context(), append(args, ".")[0], f)
		},
	}
	f.add(env, cmd)
	cmd.AddCommand(newAdoptUndoCmd(env), newAdoptFinishCmd(env))
	return cmd
}

// add adds the flags to a command.
func (f *adoptFlags) add(env *Env, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.helm, "helm", "", "the name of a Helm release, in place of a folder")
	flags.StringArrayVar(&f.chart.values, "values", nil, "values for Sourcegraph's Helm chart, as helm has them, in place of a folder")
	flags.StringVar(&f.chart.name, "chart", officialChart, "with --values, the chart as helm has it: a name, a folder or an archive")
	flags.StringVar(&f.chart.version, "chart-version", "", "with --values, the chart's version, which is that of Sourcegraph (default the newest of the chart)")
	flags.StringVar(&f.at.Context, "context", "", "in a cluster, the kube context (default the current one)")
	flags.StringVarP(&f.at.Namespace, "namespace", "n", "", "in a cluster, the namespace (default that of the files, else the context's)")
	_ = cmd.RegisterFlagCompletionFunc("context", env.contexts) // the flags exist
	_ = cmd.RegisterFlagCompletionFunc("namespace", env.namespaces)
	flags.BoolVar(&f.running, "running", false, "the containers that run on this Docker Engine, in place of a folder: nobody has its files")
	flags.StringArrayVarP(&f.read.Files, "file", "f", nil, "a Compose file, as docker compose has it (default as docker compose finds them)")
	flags.StringArrayVar(&f.read.Profiles, "profile", nil, "a profile, as docker compose has it")
	flags.StringArrayVar(&f.read.EnvFiles, "env-file", nil, "a file with variables, as docker compose has it")
	flags.StringVarP(&f.read.Name, "project-name", "p", "", "the Compose project (default as docker compose finds it: mostly the folder's name)")
	flags.StringVar(&f.url, "url", "", "the address that people use (default as the front proxy's settings say it)")
	flags.StringVar(&f.out, "out", DefaultConfig, "where to write the config")
	for _, ofFolders := range []string{"file", "profile", "env-file", "project-name", "values"} {
		cmd.MarkFlagsMutuallyExclusive("helm", ofFolders)
	}
	for _, other := range []string{"helm", "values", "context", "namespace", "file", "profile", "env-file"} {
		cmd.MarkFlagsMutuallyExclusive("running", other)
	}
	flags.BoolVar(&f.whole, "all", false, "every line, also those that are as Sourcegraph ships them")
	yesFlag(cmd, &f.yes)
}

func (e *Env) adopt(ctx context.Context, dir string, f adoptFlags) error {
	if _, err := os.Lstat(e.Abs(f.out)); !errors.Is(err, fs.ErrNotExist) {
		return exists(f.out)
	}
	t, err := e.read(ctx, dir, &f)
	if err != nil {
		return err
	}
	report := t.result.Report
	if !e.out.machine() {
		view.Adoption(e.Stdout, report, f.whole)
	}
	newest := e.Catalogue().Newest(t.target)
	e.out.result = Adopted{Report: report, Newest: newest, Written: Written{Files: []string{}}}
	if undone := report.Undone(); len(undone) > 0 {
		if err := e.agree(ctx, f.yes, fmt.Sprintf("%s can't be kept. Continue without it?", things(len(undone)))); err != nil {
			return err
		}
	}
	files, err := e.takeOver(ctx, f.out, t)
	if err != nil {
		return err
	}
	w, _, err := e.LoadAlone(f.out)
	if err != nil {
		return err
	}
	var support []plan.Judged
	if w != nil {
		var beside diag.List
		if support, beside, err = e.judged(w, "", report.Base.Release); err != nil {
			return err
		}
		e.warn(beside)
	}
	return e.give(Adopted{Report: report, Newest: newest, Written: Written{Files: files}, Support: support}, func() {
		fmt.Fprintf(e.Stdout, "\nwrote %s; nothing that runs was changed\n", strings.Join(files, ", "))
		if t.guessed {
			fmt.Fprintf(e.Stdout, "note      nothing says which address people use: correct  url  in %s\n", f.out)
		}
		fmt.Fprintln(e.Stdout, e.behind(report.Base.Release, newest, t.target))
		view.Judged(e.Stdout, support)
		fmt.Fprintln(e.Stdout, "next: berth plan"+naming(f.out))
	})
}

// read reads an installation of theirs, and finds the config for it. Nothing is written.
func (e *Env) read(ctx context.Context, dir string, f *adoptFlags) (taking, error) {
	switch {
	case f.helm != "":
		return e.helmRelease(ctx, f)
	case len(f.chart.values) > 0:
		return e.valued(ctx, f)
	case f.live:
		return e.inNamespace(ctx, f)
	case f.running:
		return e.containers(ctx, f)
	}
	objects, err := e.objects(ctx, dir, f)
	switch {
	case err != nil:
		return taking{}, err
	case objects != nil:
		return e.applied(ctx, dir, e.reapply(dir), objects, f)
	case f.at != (installation.Place{}):
		return taking{}, &usage{diag.Diagnostic{Code: "BERTH4101", Severity: diag.Error, Subject: "--helm", Summary: "--context and --namespace say where an installation is in a cluster, and " + dir + " has no files of one",
			Hint: "name the release with: --helm RELEASE   or the folder that kubectl applied: berth adopt DIR"}}
	}
	return e.fork(ctx, dir, f)
}

// fork reads a fork of Sourcegraph's Compose repository, and finds the config for it. Nothing is written.
func (e *Env) fork(ctx context.Context, dir string, f *adoptFlags) (taking, error) {
	s, base, err := e.theirs(ctx, dir, f)
	if err != nil {
		return taking{}, err
	}
	return e.onEngine(s, base, dir, f)
}

// containers reads what docker compose made on this engine, and finds the config for it. Nothing is written.
func (e *Env) containers(ctx context.Context, f *adoptFlags) (taking, error) {
	seen, err := engine.Theirs(ctx, &e.Environment, cmp.Or(f.read.Name, e.Getenv("COMPOSE_PROJECT_NAME")))
	if err != nil {
		return taking{}, err
	}
	images, name := seen.Images(), "the Compose project "+seen.Project
	base, err := adopt.FindBase(e.Catalogue(), catalogue.Compose, images)
	if err != nil {
		return taking{}, err
	}
	if problems := theirs.Known(base, images, name, "Compose project of the installation with --project-name"); problems.Failed() {
		return taking{}, problems
	}
	release, err := e.Catalogue().Release(base.Release, catalogue.Compose)
	if err != nil {
		return taking{}, err
	}
	return e.onEngine(seen.Source(release), base, name, f)
}

// onEngine finds the config for a Compose project of theirs.
func (e *Env) onEngine(s *theirs.Source, base adopt.Base, name string, f *adoptFlags) (taking, error) {
	r, problems := theirs.Adopt(s, e.Catalogue(), base, f.url, filepath.Dir(e.Abs(f.out)), e.Now)
	if problems.Failed() {
		return taking{}, problems
	}
	r.Report.Source = name
	return taking{target: catalogue.Compose, result: r, guessed: s.Guessed, keep: func(ctx context.Context, w *installation.Want, wrote map[string]string) error {
		t := adopt.Takeover{Project: s.Name, Release: base.Release, Dir: s.Dir, Files: s.Files, Wrote: wrote}
		return engine.TakeOver(ctx, &e.Environment, w, t, s.Root, r)
	}}, nil
}

// naming is the flag that names a config that is not the default one.
func naming(file string) string {
	if file == DefaultConfig {
		return ""
	}
	return " -c " + file
}

// behind says how far a release is behind the newest.
func (e *Env) behind(release, newest string, target catalogue.Target) string {
	if release == newest {
		return "runs Sourcegraph " + release + ", the newest"
	}
	n := 0
	for _, v := range e.Catalogue().Versions(target) {
		if v.Version == release {
			break
		}
		n++
	}
	releases := "releases"
	if n == 1 {
		releases = "release"
	}
	return fmt.Sprintf("runs Sourcegraph %s, %d %s behind %s; when berth has taken over: berth upgrade --to %s", release, n, releases, newest, newest)
}

// theirs reads an installation of theirs, and finds its release.
func (e *Env) theirs(ctx context.Context, dir string, f *adoptFlags) (*theirs.Source, adopt.Base, error) {
	f.read.Dir = e.Abs(dir)
	f.read.Env = map[string]string{"HOME": e.Getenv("HOME")}
	if f.read.Name == "" {
		f.read.Name = e.Getenv("COMPOSE_PROJECT_NAME")
	}
	for i, name := range f.read.Files {
		f.read.Files[i] = e.Abs(name)
	}
	if problems := theirs.Look(&f.read); problems.Failed() {
		return nil, adopt.Base{}, problems
	}
	s, err := theirs.Open(ctx, f.read)
	if err != nil {
		return nil, adopt.Base{}, diag.List{{Code: "BERTH4302", Severity: diag.Error, Subject: dir, Summary: "docker compose can't read it: " + oneLine(err.Error()),
			Hint: "see what docker compose itself says: docker compose --project-directory " + dir + " config"}}
	}
	base, err := adopt.FindBase(e.Catalogue(), catalogue.Compose, s.Images)
	if err != nil {
		return nil, base, err
	}
	return s, base, theirs.Known(base, s.Images, dir, "folder of the installation").Err()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// takeOver writes the config with its files, and remembers what is taken over. It gives the files.
func (e *Env) takeOver(ctx context.Context, out string, t taking) ([]string, error) {
	r := t.result
	dir := filepath.Dir(e.Abs(out))
	wrote := map[string]string{}
	put := func(name string, content []byte, mode os.FileMode) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if there, err := os.ReadFile(path); err == nil && !bytes.Equal(there, content) {
			return diag.List{{Code: "BERTH4307", Severity: diag.Error, Subject: name, Summary: "the file exists with another content; nothing of it was changed", Hint: "move it away, or write elsewhere with: --out DIR/" + DefaultConfig}}
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		wrote[path] = adopt.Hash(map[string][]byte{"": content})
		return state.WriteFile(path, content, mode)
	}
	for name, content := range r.Files {
		if err := put(name, content, 0o600); err != nil {
			return nil, err
		}
	}
	var report bytes.Buffer
	view.Adoption(&report, r.Report, true)
	if err := put(reportFile, report.Bytes(), 0o600); err != nil {
		return nil, err
	}
	if err := e.create(out, r.Text); err != nil {
		return nil, err
	}
	wrote[e.Abs(out)] = adopt.Hash(map[string][]byte{"": r.Text})
	w, err := e.LoadUsable(out)
	if err != nil {
		return nil, err
	}
	if t.keep != nil {
		if err := t.keep(ctx, w, wrote); err != nil {
			return nil, err
		}
	}
	var files []string
	for path := range wrote {
		name, err := filepath.Rel(e.Dir, path)
		if err != nil {
			name = path
		}
		files = append(files, filepath.ToSlash(name))
	}
	slices.Sort(files)
	return files, nil
}

func newAdoptUndoCmd(env *Env) *cobra.Command {
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Return an installation to the files that it was started from",
		Long: `Forget that berth took an installation over, and remove the files that berth adopt wrote, unless you changed them. No container is changed:
containers that berth recreated keep running, and docker compose up in your folder recreates them as they were.

In a cluster, make the objects those of Helm or kubectl again, with all their fields, and forget the installation. helm upgrade and kubectl apply work as before. No pod
restarts, but for objects that were made again because of their selectors: these are made again as they were. The config stays.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.adoptUndo(cmd.Context(), file, yes) },
	}
	configFlag(cmd, &file)
	yesFlag(cmd, &yes)
	placeFlags(env, cmd, &file)
	return cmd
}

// taken is an installation on an engine that was taken over; the error says that it was not.
func (e *Env) taken(ctx context.Context, w *installation.Want, file string) (*installation.Want, store.Dir, adopt.Takeover, error) {
	var t adopt.Takeover
	d := store.At(w.Dir, w.Stack.Name)
	if err := d.Note(ctx, adopt.TakeoverNote, &t); err != nil {
		return nil, d, t, err
	}
	if t.Project == "" || t.Final {
		return nil, d, t, noTakeover(file)
	}
	return w, d, t, nil
}

func noTakeover(file string) error {
	return diag.List{{Code: "BERTH4308", Severity: diag.Error, Subject: file, Summary: "this installation has no takeover to undo or finish; nothing was changed",
		Hint: "berth adopt DIR begins one; to leave berth: berth eject"}}
}

func (e *Env) adoptUndo(ctx context.Context, file string, yes bool) error {
	w, err := e.LoadNamed(file)
	if err != nil {
		return err
	}
	if w.Stack.Target == catalogue.Kubernetes {
		return e.giveBack(ctx, w, yes)
	}
	w, d, t, err := e.taken(ctx, w, file)
	if err != nil {
		return err
	}
	if w.Doc.Config.Release != t.Release {
		return diag.List{{Code: "BERTH4309", Severity: diag.Error, Subject: file, Summary: "your own files are of " + t.Release + ", and the config is of another release; nothing was changed",
			Hint: "roll back first: berth rollback; or leave with Sourcegraph's files of that release: berth eject"}}
	}
	if err := e.agree(ctx, yes, "Forget the takeover, and remove what berth adopt wrote?"); err != nil {
		return err
	}
	if err := d.Forget(ctx); err != nil {
		return err
	}
	var removed, kept []string
	for path, hash := range t.Wrote {
		content, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err == nil && adopt.Hash(map[string][]byte{"": content}) == hash:
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove what berth adopt wrote: %w", err)
			}
			removed = append(removed, path)
		default:
			kept = append(kept, path)
		}
	}
	slices.Sort(removed)
	slices.Sort(kept)
	command := "docker compose --project-name " + t.Project + " --project-directory " + t.Dir
	for _, name := range t.Files {
		command += " --file " + name
	}
	return e.give(Returned{Removed: removed, Kept: kept, Next: command + " up --detach"}, func() {
		fmt.Fprintln(e.Stdout, "berth has forgotten the installation; no container was changed")
		for _, path := range kept {
			fmt.Fprintln(e.Stdout, "kept      "+path+": you changed it")
		}
		for _, name := range t.Files {
			if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(e.Stdout, "missing   "+name+": this host no longer has it; bring it back first")
			}
		}
		fmt.Fprintln(e.Stdout, "next: "+command+" up --detach")
	})
}

// Returned is what berth adopt undo did.
type Returned struct {
	Removed []string `json:"removed"`
	Kept    []string `json:"kept,omitempty"` // that the admin changed
	Next    string   `json:"next"`           // the command of their own that goes on
}

func newAdoptFinishCmd(env *Env) *cobra.Command {
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Make the takeover final",
		Long: `Make the takeover final: berth adopt undo is refused from now on. The command lists the files of your folder that are still in use; you can delete the rest.

In a cluster it deletes Helm's records of the release, after you confirm: helm no longer knows the installation. Of an overlay or manifests it deletes the file
adopt-before.json, by which berth adopt undo knows how the objects were.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.adoptFinish(cmd.Context(), file, yes) },
	}
	configFlag(cmd, &file)
	yesFlag(cmd, &yes)
	placeFlags(env, cmd, &file)
	return cmd
}

// Finished is what berth adopt finish says.
type Finished struct {
	Dir   string   `json:"dir"`
	InUse []string `json:"inUse"` // paths of the folder that containers still mount
}

func (e *Env) adoptFinish(ctx context.Context, file string, yes bool) error {
	w, err := e.LoadNamed(file)
	if err != nil {
		return err
	}
	if w.Stack.Target == catalogue.Kubernetes {
		return e.finishCluster(ctx, w, yes)
	}
	_, d, t, err := e.taken(ctx, w, file)
	if err != nil {
		return err
	}
	t.Final = true
	if err := d.SetNote(ctx, adopt.TakeoverNote, t); err != nil {
		return err
	}
	text, err := os.ReadFile(e.Abs(file))
	if err != nil {
		return fmt.Errorf("read the config: %w", err)
	}
	root, inUse := filepath.Dir(t.Dir), []string{}
	for _, s := range t.Shared {
		inUse = append(inUse, s.Path)
	}
	if strings.Contains(string(text), root+"/") {
		inUse = append(inUse, "what "+file+" names below "+root)
	}
	slices.Sort(inUse)
	return e.give(Finished{Dir: t.Dir, InUse: inUse}, func() {
		fmt.Fprintln(e.Stdout, "the takeover is final")
		for _, path := range inUse {
			fmt.Fprintln(e.Stdout, "in use    "+path+": until the container that mounts it is recreated")
		}
		fmt.Fprintln(e.Stdout, "next: berth status"+naming(file))
	})
}
