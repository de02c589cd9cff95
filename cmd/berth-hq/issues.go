package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"berth/internal/diag"
	"berth/internal/hq/issue"
	"berth/internal/hq/store"
)

// importedIssues is what became of issues of some files.
type importedIssues struct {
	store.Logged
	Refused int `json:"refused"`
	Skipped int `json:"pullRequests,omitempty"` // they are no issues
}

// peeked is how much of a file says which form it has.
const peeked = 4096

// issuesOf reads issues, where a file begins as one of them does; else it gives nil.
func issuesOf(in *bufio.Reader) func(name string, in io.Reader) issue.Log {
	begin, _ := in.Peek(peeked) // of a shorter file it is all
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(begin), []byte("[")):
		return issue.FromGitHub
	case issue.IsCSV(begin):
		return issue.FromCSV
	}
	return nil
}

// log logs issues that were read, and says what is wrong with the others.
func (i *importer) log(ctx context.Context, log issue.Log) error {
	log.Problems.WriteText(i.stderr, diag.Paper{})
	done, err := i.store.LogIssues(ctx, i.by(), log.Issues...)
	if err != nil {
		return err
	}
	if i.Issues == nil {
		i.Issues = &importedIssues{}
	}
	i.Issues.Added += done.Added
	i.Issues.Changed += done.Changed
	i.Issues.Same += done.Same
	i.Issues.Skipped += log.Skipped
	i.Issues.Refused += log.Refused
	return nil
}

// WriteText says what became of issues.
func (i *importedIssues) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "issues: %d added, %d changed, %d as before, %d refused, %d pull requests left out\n", i.Added, i.Changed, i.Same, i.Refused, i.Skipped)
	return err
}

func newIssuesCmd(e *env) *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "issues",
		Short: "Write the log of issues as JSON or CSV",
		Long: `Write the log of issues as JSON, or as CSV that berth-hq import reads.

Add issues on the page Issues, or from files: berth-hq import issues.csv. Figures that are counted from them: issues, causes, checks.`,
		Args: cobra.NoArgs,
		RunE: e.with(func(ctx context.Context, s *store.Store, _ []string) error {
			all, err := s.Issues(ctx)
			if err != nil {
				return err
			}
			if asCSV {
				return issue.WriteCSV(e.stdout, all)
			}
			return writeJSON(e.stdout, all)
		}),
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV, for spreadsheets")
	return cmd
}
