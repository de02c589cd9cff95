package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"berth/internal/config"
	"berth/internal/manual"
	"berth/internal/runbook"
	"github.com/spf13/cobra"
)

// runbookFlags are what berth runbook is asked for.
type runbookFlags struct {
	file, out string
	html      bool
}

func newRunbookCmd(env *Env) *cobra.Command {
	var f runbookFlags
	cmd := &cobra.Command{
		Use:   "runbook",
		Short: "Write a runbook for the people who run this installation",
		Long: `Write a runbook for the people who run this installation: where it is, where its data and backups are, what is special, and the commands for each case
with its own names. Then follow the pages of the documentation that matter for it. It comes from the config alone, and has no secrets.

It goes to the standard output, as Markdown where that is no terminal, or to a file. With --html it is one file for a browser or for paper.`,
		Example: "  berth runbook\n  berth runbook --html --out runbook.html",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return env.runbook(f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().BoolVar(&f.html, "html", false, "as HTML, in one file")
	cmd.Flags().StringVar(&f.out, "out", standardOutput, "the file to write to; - is standard output")
	return cmd
}

func (e *Env) runbook(f runbookFlags) error {
	l, err := e.usable(e.LoadAlone(f.file))
	if err != nil {
		return err
	}
	path := e.Abs(f.file)
	in := runbook.Input{Config: l.Doc.Config, Stack: l.Stack, File: filepath.Base(path), Folder: filepath.Dir(path), Berth: version}
	in.Variables, in.Files = outside(l)
	if b := in.Config.Backup; b != nil && b.S3 != nil {
		for _, s := range []*config.Secret{b.S3.AccessKeyID, b.S3.SecretAccessKey} {
			switch {
			case s == nil:
			case s.Env != "":
				in.Variables = append(in.Variables, s.Env)
			default:
				in.Files = append(in.Files, s.File)
			}
		}
	}
	text := runbook.Of(in, page)
	if f.html {
		text = manual.HTML(text, func(target string) string { return target }) // the addresses of pages elsewhere; paper shows them, too
	}
	if f.out == standardOutput {
		if e.out.machine() {
			return e.standardOutput([]byte(text))
		}
		if e.Terminal {
			text = manual.Text(text, e.proseWidth(), e.Color, func(target string) string { return target })
		}
		return e.paged(text)
	}
	if err := os.WriteFile(e.Abs(f.out), []byte(text), 0o644); err != nil {
		return err
	}
	return e.give(Written{Files: []string{filepath.ToSlash(f.out)}}, func() { fmt.Fprintf(e.Stdout, "wrote %s\n", f.out) })
}
