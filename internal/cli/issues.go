package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/signed"

	"github.com/spf13/cobra"
)

// issuesOf are the known issues that count for a config.
func (e *Env) issuesOf(w *installation.Want) []catalogue.KnownIssue {
	list, _, _ := e.issuesIn(filepath.Dir(w.File)) // the problem is said with those of the support record
	return list.Issues
}

// issuesIn is the newer of the built-in list of known issues and one in a folder, and where it is from. One that can't be trusted says nothing, and prevents
// nothing: it is a warning.
func (e *Env) issuesIn(folder string) (list *catalogue.KnownIssues, from string, problems diag.List) {
	builtIn := e.Catalogue().KnownIssues()
	name := filepath.Join(folder, catalogue.IssuesFile)
	if there, problems := e.signedBeside(name); !there {
		return builtIn, "", problems
	}
	newer, err := e.signedIssues(name)
	switch {
	case err != nil && !errors.As(err, &problems):
		problems = diag.List{{Code: "BERTH4817", Severity: diag.Warning, Subject: name, Summary: name + " can't be read", Detail: []string{err.Error()}, Hint: "see that this user may read it"}}
		fallthrough
	case err != nil, newer.Read < builtIn.Read:
		return builtIn, "", keyless(problems, "")
	}
	return newer, name, nil
}

// signedIssues reads a list that the publisher signed.
func (e *Env) signedIssues(name string) (*catalogue.KnownIssues, error) {
	public, text, signature, err := e.signedFile(name, "")
	if err != nil {
		return nil, err
	}
	if _, err := signed.Verify(public, name, text, signature); err != nil {
		return nil, err
	}
	list, err := catalogue.ParseKnownIssues(text)
	if err != nil {
		return nil, diag.List{{Code: "BERTH4817", Severity: diag.Error, Subject: name, Summary: name + " is not a list of known issues", Detail: strings.Split(err.Error(), "\n"),
			Hint: "get a " + catalogue.IssuesFile + " that was published for berth"}}
	}
	return list, nil
}

func newCatalogueIssuesCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "issues",
		Short: "List known issues of releases, and what has to hold for each",
		Long: `List the known issues of Sourcegraph's releases, and what has to hold for each. berth doctor reports those that an installation meets, and an
upgrade stops before a release with one that pauses it.

A newer list may lie beside the config, as known-issues.yaml, with its signature known-issues.yaml.minisig.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, from, problems := env.issuesIn(filepath.Dir(file))
			env.warn(problems)
			return env.give(list, func() { showIssues(env.Stdout, list, from) })
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func showIssues(w io.Writer, list *catalogue.KnownIssues, from string) {
	if from == "" {
		from = "built in"
	}
	fmt.Fprintf(w, "known issues of %s, %s\n", list.Read, from)
	for _, i := range list.Issues {
		fmt.Fprintf(w, "\n%s: %s\n", i.ID, i.Title)
		row := func(word, text string) { fmt.Fprintf(w, "  %-8s  %s\n", word, text) }
		releases := i.Releases
		if i.From != "" {
			releases += ", upgraded from " + i.From
		}
		row("releases", releases)
		for _, c := range i.When.Listed() {
			row("where", c)
		}
		if i.Pauses {
			row("pauses", "upgrades to these releases")
		}
		row("says", i.Says)
		row("do", i.Do)
		row("source", i.Source)
	}
}
