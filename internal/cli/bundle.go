package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/internal/bundle"
	"berth/internal/bundle/gather"
	"berth/internal/bundle/redact"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/doctor/look"
	"berth/internal/installation"
	"berth/internal/run"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

const bundleLong = `Write an archive for support: the state of everything, logs, and a list of what could not be collected. Nothing is sent.

Secrets are masked, whatever form they have: those that berth and the target hold, those of Sourcegraph's site configuration and code
hosts, and what looks like one. The finished archive is searched again; if a known secret is in it, berth deletes the archive.

With --pseudonyms, names are replaced, too: host-7k2m9qxa stands for the same host in each bundle of this installation. berth bundle who
says here which one it is; the archive does not.

docs/bundle.md says what is in it.`

// bundleFlags are the flags of berth bundle.
type bundleFlags struct {
	file, out string
	since     time.Duration
	megabytes int64
	preview   bool
	all       bool

	pseudonyms []string // kinds of names
}

func newBundleCmd(env *Env) *cobra.Command {
	var f bundleFlags
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Write an archive for support, without secrets",
		Long:  bundleLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return env.bundle(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	placeFlags(env, cmd, &f.file)
	cmd.Flags().DurationVar(&f.since, "since", 24*time.Hour, "how far back logs and metrics go")
	cmd.Flags().Int64Var(&f.megabytes, "most", 100, "at most this many megabytes of one log; of a longer one, its end")
	cmd.Flags().BoolVar(&f.preview, "preview", false, "show what would be in it, and which files are new; no archive is kept")
	cmd.Flags().StringVar(&f.out, "out", "", "the archive; without it, a new file in this folder")
	cmd.Flags().StringSliceVar(&f.pseudonyms, "pseudonyms", nil, "names to replace by pseudonyms: hosts, addresses, users, repositories, or all")
	_ = cmd.RegisterFlagCompletionFunc("pseudonyms", cobra.FixedCompletions(append(kindsOfNames(), "all"), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	allFlagOf(cmd, &f.all)
	cmd.AddCommand(newBundleAnalyzeCmd(env), newBundleDiffCmd(env), newBundleVerifyCmd(env), newBundleWhoCmd(env))
	return cmd
}

func kindsOfNames() (out []string) {
	for _, k := range redact.Kinds {
		out = append(out, string(k))
	}
	return out
}

// kinds reads the kinds of names that somebody typed.
func kinds(typed []string) (out []redact.Kind, err error) {
	for _, k := range typed {
		switch {
		case k == "all":
			return redact.Kinds, nil
		case !slices.Contains(redact.Kinds, redact.Kind(k)):
			return nil, diag.List{{Code: "BERTH4437", Severity: diag.Error, Subject: "--pseudonyms", Summary: fmt.Sprintf("no kind of names is called %q", k),
				Hint: "name some of these: berth bundle --pseudonyms " + strings.Join(kindsOfNames(), ",")}}
		case !slices.Contains(out, redact.Kind(k)):
			out = append(out, redact.Kind(k))
		}
	}
	return out, nil
}

// allFlagOf adds the flag that shows every line.
func allFlagOf(c *cobra.Command, all *bool) {
	c.Flags().BoolVar(all, "all", false, "every line")
}

// bundleNote is the state's note of the last bundle.
const bundleNote = "bundle"

// noted is what is remembered of a bundle.
type noted struct {
	File  string    `json:"file"`
	Made  time.Time `json:"made"`
	Files []string  `json:"files"`
}

// Bundled is the result of berth bundle.
type Bundled struct {
	*bundle.Made
	News *view.News `json:"news"`
}

func (e *Env) bundle(ctx context.Context, f bundleFlags) error {
	replaced, err := kinds(f.pseudonyms)
	if err != nil {
		return err
	}
	i, o, err := e.reachable(ctx, f.file)
	if err != nil {
		return err
	}
	defer i.Close()
	if err := e.pseudonymsOf(ctx, i, &o, replaced); err != nil {
		return err
	}
	o.Since, o.Most = f.since, f.megabytes<<20
	file, err := e.bundleFile(i, f)
	if err != nil {
		return err
	}
	e.Watch(run.Event{Kind: run.Asked, Text: "collecting; this takes up to a few minutes"})
	made, err := bundle.Make(ctx, gather.Of(ctx, &e.Environment, i, o), file)
	if err != nil {
		return err
	}
	var before noted
	if err := i.Store.Note(ctx, bundleNote, &before); err != nil {
		before = noted{} // what was sent is a comfort, and no reason to give no bundle
	}
	result := Bundled{Made: made, News: newsOf(before, &made.Manifest)}
	if err := rememberNames(ctx, i, made.Names); err != nil {
		return errors.Join(err, os.Remove(file)) // nobody could say what its pseudonyms stand for
	}
	if f.preview {
		if err := os.Remove(file); err != nil {
			return err
		}
		made.File = ""
	} else if err := i.Store.SetNote(ctx, bundleNote, remembered(made, file)); err != nil {
		e.warn(diag.List{{Code: "BERTH4435", Severity: diag.Warning, Subject: i.Stack.Name, Summary: "the bundle is written, but its list of files was not saved: " + err.Error(),
			Hint: "the next preview compares with an earlier one"}})
	}
	return e.give(result, func() {
		view.Bundle(e.Stdout, made, result.News, f.all)
		if f.preview {
			again := "berth bundle"
			if len(replaced) > 0 {
				again += " --pseudonyms " + strings.Join(f.pseudonyms, ",")
			}
			fmt.Fprintln(e.Stdout, "\nno archive was kept; to write one: "+again)
			return
		}
		fmt.Fprintf(e.Stdout, "\nwritten   %s, %.1f MiB; nothing was sent\n", e.relative(file), float64(made.Size)/(1<<20))
		fmt.Fprintf(e.Stdout, "next      see what it says: berth bundle analyze %s\n", e.relative(file))
	})
}

// remembered is what is noted of a bundle.
func remembered(made *bundle.Made, file string) noted {
	out := noted{File: filepath.Base(file), Made: made.Manifest.Ended}
	for _, f := range made.Manifest.Files {
		out.Files = append(out.Files, f.Path)
	}
	return out
}

// newsOf compares a bundle with what is remembered of the one before.
func newsOf(before noted, m *bundle.Manifest) *view.News {
	n := &view.News{Before: before.File, Files: []string{}, Gone: []string{}}
	if before.File == "" {
		return n
	}
	n.Made = before.Made.UTC().Format("2006-01-02 15:04 UTC")
	for _, f := range m.Files {
		if !slices.Contains(before.Files, f.Path) {
			n.Files = append(n.Files, f.Path)
		}
	}
	for _, path := range before.Files {
		if m.File(path) == nil {
			n.Gone = append(n.Gone, path)
		}
	}
	return n
}

// relative is a path as people type it here.
func (e *Env) relative(file string) string {
	if short, err := filepath.Rel(e.Dir, file); err == nil && filepath.IsLocal(short) {
		return short
	}
	return file
}

// bundleFile is where the archive goes. No file is replaced.
func (e *Env) bundleFile(i *installation.Installation, f bundleFlags) (string, error) {
	name := cmp.Or(f.out, "berth-bundle-"+i.Stack.Name+"-"+data.Stamp(e.Now())+bundle.Suffix)
	file := e.Abs(name)
	switch info, err := os.Stat(file); {
	case err == nil && info.IsDir():
		return "", diag.List{{Code: "BERTH4430", Severity: diag.Error, Subject: name, Summary: "it is a folder", Hint: "name a file: berth bundle --out FILE" + bundle.Suffix}}
	case err == nil:
		return "", diag.List{{Code: "BERTH4430", Severity: diag.Error, Subject: name, Summary: "a file of that name exists already", Hint: "name another: berth bundle --out FILE"}}
	case !strings.HasSuffix(name, bundle.Suffix):
		return "", diag.List{{Code: "BERTH4430", Severity: diag.Error, Subject: name, Summary: "the name of a bundle ends in " + bundle.Suffix, Hint: "name it so: berth bundle --out " + name + bundle.Suffix}}
	}
	return file, nil
}

// reachable finds an installation as far as that goes: a bundle is wanted most when something does not answer.
func (e *Env) reachable(ctx context.Context, file string) (*installation.Installation, gather.Options, error) {
	o := gather.Options{Program: version, Open: e.open, Variables: os.Environ()}
	w, problems, err := e.Load(file)
	looker := look.Look{Env: &e.Environment, Open: e.open, Judge: e.beside}
	o.Look = func(context.Context) *doctor.Evidence { return looker.Nothing(problems) }
	if w != nil {
		o.Look = func(ctx context.Context) *doctor.Evidence { return looker.Evidence(ctx, w, problems) }
		o.Exceptions = e.exceptionsOf(w)
	}
	if err == nil && problems.Failed() {
		err = problems
	}
	if err == nil {
		e.warn(problems)
		var i *installation.Installation
		if i, err = e.Targets.Open(ctx, &e.Environment, w); err == nil {
			return i, o, nil
		}
	}
	if ctx.Err() != nil {
		return nil, o, ctx.Err()
	}
	o.Lost = err
	named, namedErr := e.LoadNamed(file)
	if namedErr != nil {
		return nil, o, cmp.Or(err, namedErr)
	}
	i, storedErr := e.Targets.Stored(ctx, &e.Environment, cmp.Or(w, named))
	if storedErr != nil {
		return nil, o, err
	}
	i.Text = named.Text
	e.warn(diag.List{{Code: "BERTH4436", Severity: diag.Warning, Subject: named.File, Summary: "the bundle has only what berth keeps itself: config and history",
		Detail: reasons(err), Hint: "fix that, and write another: berth bundle"}})
	return i, o, nil
}

// reasons are an error as lines.
func reasons(err error) (out []string) {
	var list diag.List
	if !errors.As(err, &list) {
		return []string{err.Error()}
	}
	for _, d := range list {
		out = append(out, d.Summary)
	}
	return out
}

func newBundleAnalyzeCmd(env *Env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "analyze FILE",
		Short: "Show what a bundle says, offline",
		Long: `Show what a bundle says: what berth doctor finds in it today, how containers were, and which errors are in the logs. Bundles of src debug
and troubleshoot are read, too, without the doctor's checks.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := bundle.Analyze(env.Abs(args[0]))
			if err != nil {
				return err
			}
			return env.give(a, func() { view.Analysis(env.Stdout, a, all) })
		},
	}
	allFlagOf(cmd, &all)
	return cmd
}

func newBundleDiffCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "diff FILE FILE",
		Short: "Show what differs between two bundles",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := bundle.Analyze(env.Abs(args[0]))
			if err != nil {
				return err
			}
			after, err := bundle.Analyze(env.Abs(args[1]))
			if err != nil {
				return err
			}
			d := bundle.Diff(before, after)
			return env.give(d, func() { view.Difference(env.Stdout, d) })
		},
	}
}

func newBundleVerifyCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that a bundle is complete and has no secret",
		Long: `Check that no file of a bundle was changed. With the installation's config, berth also searches the bundle for all secrets that it
knows now, and for the names of which the bundle has pseudonyms.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var known []redact.Value
			var names *redact.Pseudonyms
			if _, err := os.Stat(env.Abs(file)); err == nil {
				i, o, err := env.reachable(cmd.Context(), file)
				if err != nil {
					return err
				}
				defer i.Close()
				o.Look = nil
				if err := env.pseudonymsOf(cmd.Context(), i, &o, bundle.Replaced(env.Abs(args[0]))); err != nil {
					return err
				}
				known, names = gather.Known(cmd.Context(), &env.Environment, i, o)
			}
			c, err := bundle.Verify(env.Abs(args[0]), known, names)
			if err != nil {
				return err
			}
			if err := env.give(c, func() {
				if len(c.Problems) == 0 {
					view.Verified(env.Stdout, c)
				}
			}); err != nil || len(c.Problems) == 0 {
				return err
			}
			return c.Problems
		},
	}
	configFlag(cmd, &file)
	return cmd
}
