package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/upgrade"
	"github.com/spf13/cobra"
)

func newInitCmd(env *Env) *cobra.Command {
	d := &draft{}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write sourcegraph.yaml, a few lines",
		Long: `Write sourcegraph.yaml, a few lines. On a terminal, berth asks for each setting that no flag gives, and checks each answer. Without a terminal,
such settings get a default, and the result lists them. Only the provider of the certificate has no default. It never overwrites an existing file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.given = cmd.Flags().Changed
			return env.init(cmd.Context(), d)
		},
	}
	d.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("context", env.contexts) // the flags exist
	_ = cmd.RegisterFlagCompletionFunc("namespace", env.namespaces)
	for _, files := range []string{"certificate", "key"} {
		_ = cmd.MarkFlagFilename(files)
	}
	return cmd
}

// draft is a new config in the making.
type draft struct {
	config.Answers
	target, certified    string
	release              string // as it was given: what it means is the target's question
	people, repositories int
	databases            string
	file                 string
	given                func(flag string) bool
	plain                bool // the address has no scheme: who provides the certificate decides
}

// Where databases are.
const (
	bundledDatabases = "bundled"
	ownDatabases     = "own"
)

func (d *draft) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.target, "target", string(catalogue.Compose), "where Sourcegraph runs: compose or kubernetes")
	f.StringVar(&d.Context, "context", "", "on Kubernetes, the kube context (default the current one)")
	f.StringVarP(&d.Namespace, "namespace", "n", "", "on Kubernetes, the namespace (default the context's)")
	f.StringVar(&d.URL, "url", "http://localhost", "the address that people use")
	f.StringVar(&d.certified, "tls", "", "who provides the certificate: letsencrypt, files, secret, front or none")
	f.StringVar(&d.Email, "email", "", "with --tls letsencrypt: where Let's Encrypt writes to")
	f.StringVar(&d.Certificate, "certificate", "", "with --tls files: the file with the certificate and its chain")
	f.StringVar(&d.Key, "key", "", "with --tls files: the file with its private key")
	f.StringVar(&d.TLSSecret, "tls-secret", "", "with --tls secret: the Secret of the namespace")
	f.IntVar(&d.people, "people", 0, "how many people will use it (default as for what Sourcegraph ships)")
	f.IntVar(&d.repositories, "repositories", 0, "how many repositories it will have (default as for what Sourcegraph ships)")
	f.StringVar(&d.Size, "size", "", "demo: no limits; in place of --people and --repositories")
	f.StringVar(&d.databases, "databases", bundledDatabases, "bundled, or own: a Postgres server of yours")
	f.StringVar(&d.DatabaseHost, "database-host", "", "with --databases own: the server, with its port if that is not 5432")
	f.StringVar(&d.DatabaseUser, "database-user", "sourcegraph", "with --databases own: the role that owns the three databases")
	f.StringVar(&d.release, "release", "", "the Sourcegraph release (default the newest for this target)")
	f.StringVar(&d.Name, "name", "", "the installation's name, to run two on one machine")
	f.StringVar(&d.file, "out", DefaultConfig, "where to write it; - is standard output")
	cmd.MarkFlagsMutuallyExclusive("size", "people")
	cmd.MarkFlagsMutuallyExclusive("size", "repositories")
}

func (e *Env) init(ctx context.Context, d *draft) error {
	if done, err := e.existing(ctx, d.file); done || err != nil {
		return err
	}
	if problems := d.readFlags(e, e.Interactive); problems.Failed() {
		return problems
	}
	if e.Interactive {
		if err := e.interview(ctx, d); err != nil {
			return err
		}
	}
	text := config.Init(d.Answers)
	// The new file passes the same checks as any other, before it is written.
	if problems := e.doubts(d, d.Answers); problems.Failed() {
		return problems
	}
	if d.file == standardOutput {
		return e.standardOutput(text)
	}
	if err := e.create(d.file, text); err != nil {
		return err
	}
	e.out.result = Written{Files: []string{filepath.ToSlash(d.file)}}
	return e.summary(d, text)
}

// existing notices a file that is there before anything is asked. Who sits at a terminal may edit it right away.
func (e *Env) existing(ctx context.Context, file string) (done bool, err error) {
	if _, err := os.Lstat(e.Abs(file)); file == standardOutput || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	editor := strings.Fields(e.Getenv("VISUAL"))
	if len(editor) == 0 {
		editor = strings.Fields(e.Getenv("EDITOR"))
	}
	if !e.Interactive || len(editor) == 0 {
		return false, exists(file)
	}
	if err := e.agree(ctx, false, file+" exists already. Open it in "+editor[0]+"?"); err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], e.Abs(file))...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = e.Stdin, e.raw(), e.Stderr, e.Dir
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("run %s: %w", editor[0], err)
	}
	fmt.Fprintln(e.Stdout, "next: berth check")
	return true, nil
}

func exists(file string) error {
	return diag.List{{Code: "BERTH1119", Severity: diag.Error, Subject: file, Summary: "the file exists already; nothing was written",
		Hint: "edit it, or write another one with --out"}}
}

// create writes a file that is not there yet, and the schema for editors beside it.
func (e *Env) create(name string, text []byte) error {
	path := e.Abs(name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exists(name)
	}
	if err == nil {
		_, err = file.Write(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	return e.createSchema(filepath.Dir(path))
}

// doubts are the problems of a draft's file, by the checks that every file passes. Secrets need not be here yet.
func (e *Env) doubts(d *draft, a config.Answers) diag.List {
	cat := e.Catalogue()
	if refused := upgrade.Refused(cat, a.Release, a.On); refused.Failed() {
		return refused
	}
	world := e.World(filepath.Dir(e.Abs(d.file)))
	world.Alone = true
	_, _, problems := check.Read(d.file, config.Init(a), cat, world)
	return problems
}

// readFlags makes of flags what they mean together. Those that say nothing of the certificate are refused, unless somebody can be asked.
func (d *draft) readFlags(e *Env, asked bool) diag.List {
	d.On = catalogue.Target(d.target)
	if !d.given("target") && (d.given("context") || asked && d.onlyOn(e.Catalogue(), catalogue.Kubernetes)) {
		d.On = catalogue.Kubernetes
	}
	switch {
	case d.On == catalogue.Kubernetes:
	case d.given("namespace") && !d.given("target") && asked: // the first question decides
	case d.Namespace != "":
		return misfit("--namespace", "--namespace is for --target kubernetes", "add --target kubernetes")
	case d.Context != "":
		return misfit("--context", "--context is for --target kubernetes", "leave it out: a config of Docker Compose names no context")
	}
	for _, n := range []struct {
		flag string
		n    int
	}{{"people", d.people}, {"repositories", d.repositories}} {
		if d.given(n.flag) && n.n < 1 {
			return misfit("--"+n.flag, "--"+n.flag+" is a number from 1", "write how many there are")
		}
	}
	d.newest(e)
	d.address(d.URL)
	d.scale(e.Catalogue())
	if problems := d.readDatabases(asked); problems.Failed() {
		return problems
	}
	return d.readTLS(asked)
}

// readDatabases reads the flags about databases.
func (d *draft) readDatabases(asked bool) diag.List {
	if d.DatabaseHost != "" && !d.given("databases") {
		d.databases = ownDatabases
	}
	switch {
	case d.databases != ownDatabases && d.databases != bundledDatabases:
		return misfit("--databases", fmt.Sprintf("--databases is bundled or own, not %q", d.databases), "write --databases bundled")
	case d.databases == bundledDatabases && d.DatabaseHost != "":
		return misfit("--database-host", "--database-host is for --databases own", "write --databases own")
	case d.databases == ownDatabases && d.DatabaseHost == "" && !asked:
		return misfit("--databases", "--databases own needs the server", "add --database-host HOST")
	}
	return nil
}

// newest pins the release.
func (d *draft) newest(e *Env) {
	cat := e.Catalogue()
	d.Release = d.release
	if !d.given("release") {
		d.Release = cat.Newest(d.On)
	} else if v, err := cat.Resolve(d.release, d.On); err == nil {
		d.Release = v
	}
}

// onlyOn reports whether the release that was asked for exists for one target alone.
func (d *draft) onlyOn(cat *catalogue.Catalogue, target catalogue.Target) bool {
	for _, t := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		if _, err := cat.Resolve(d.release, t); (err == nil) != (t == target) {
			return false
		}
	}
	return d.given("release")
}

func misfit(flag, summary, hint string) diag.List {
	return diag.List{{Code: "BERTH4113", Severity: diag.Error, Subject: flag, Summary: summary + "; nothing was written", Hint: hint}}
}
