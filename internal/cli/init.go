package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	var a config.Answers
	var on, output string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write sourcegraph.yaml, a few lines",
		Long:  "Write sourcegraph.yaml, a few lines. On a terminal, berth asks for what no flag gives. It never overwrites an existing file.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.On = catalogue.Target(on)
			if a.Namespace != "" && a.On != catalogue.Kubernetes {
				return fmt.Errorf("--namespace is for --on kubernetes")
			}
			if env.Interactive {
				if err := env.ask(cmd, &a); err != nil {
					return err
				}
			}
			return env.init(a, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&on, "on", string(catalogue.Compose), "where Sourcegraph runs: compose or kubernetes")
	f.StringVar(&a.URL, "url", "", "the address that people use (default http://localhost)")
	f.StringVar(&a.Release, "release", "", "the Sourcegraph release (default the newest for this target)")
	f.StringVar(&a.Size, "size", "", "demo, or empty for Sourcegraph's defaults")
	f.StringVar(&a.Name, "name", "", "the installation's name, to run two on one machine")
	f.StringVar(&a.Namespace, "namespace", "", "on Kubernetes, the namespace (default the context's)")
	f.StringVarP(&output, "output", "o", DefaultConfig, "where to write it")
	return cmd
}

// ask puts the questions that no flag answered; an empty answer takes the default.
func (e *Env) ask(cmd *cobra.Command, a *config.Answers) error {
	in := bufio.NewReader(e.Stdin)
	for _, q := range []struct {
		flag, question, def string
		answer              *string
		on                  catalogue.Target // "": both
	}{
		{"url", "The address that people use; with localhost, only this machine can reach it", "http://localhost", &a.URL, ""},
		{"size", "Size: demo for a laptop, empty for Sourcegraph's defaults", "", &a.Size, ""},
		{"namespace", "Namespace, created if it does not exist; empty for the current one", "", &a.Namespace, catalogue.Kubernetes},
	} {
		if cmd.Flags().Changed(q.flag) || q.on != "" && q.on != a.On {
			continue
		}
		fmt.Fprintf(e.Stderr, "%s [%s]: ", q.question, q.def)
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the answer: %w", err)
		}
		*q.answer = strings.TrimSpace(line)
		if *q.answer == "" {
			*q.answer = q.def
		}
	}
	return nil
}

func (e *Env) init(a config.Answers, output string) error {
	if a.URL == "" {
		a.URL = "http://localhost"
	}
	cat := e.Catalogue()
	if a.Release == "" {
		a.Release = cat.Newest(a.On)
	} else if v, err := cat.Resolve(a.Release, a.On); err == nil {
		a.Release = v
	}
	if refused := upgrade.Refused(cat, a.Release, a.On); refused.Failed() {
		return refused
	}
	text := config.Init(a)
	// The new file passes the same checks as any other, before it is written.
	if _, _, problems := check.Read(output, text, cat, e.World(filepath.Dir(e.Abs(output)))); problems.Failed() {
		return problems
	}
	file, err := os.OpenFile(e.Abs(output), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return diag.List{{Code: "BERTH1119", Severity: diag.Error, Subject: output, Summary: "the file exists already; nothing was written",
			Hint: "edit it, or write another one with --output"}}
	}
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	fmt.Fprintf(e.Stdout, "wrote %s\n", filepath.ToSlash(output))
	fmt.Fprintf(e.Stdout, "  release  %s\n  url      %s\n  size     %s\n", a.Release, a.URL, sizeWords(a.Size))
	fmt.Fprintf(e.Stdout, "next: berth check\n")
	return nil
}

func sizeWords(size string) string {
	if size == "" {
		return "as Sourcegraph ships it"
	}
	return size
}
