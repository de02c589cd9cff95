package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"berth/internal/diag"
	"berth/internal/hq/review"
	"berth/internal/hq/store"
)

// importedRequests is what became of files with requests for exceptions.
type importedRequests struct {
	Added   int `json:"added"`
	Refused int `json:"refused"`
}

// request takes a request for an exception from a file.
func (i *importer) request(ctx context.Context, name string, in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	record, err := i.record()
	if err != nil {
		return err
	}
	if i.Exceptions == nil {
		i.Exceptions = &importedRequests{}
	}
	r, problems := review.Read(name, text, store.CommandLine, record)
	if !problems.Failed() {
		if _, err = i.store.AddRequest(ctx, i.by(), r); err != nil && !errors.As(err, &problems) {
			return err
		}
	}
	if problems.Failed() {
		i.Exceptions.Refused++
		problems.WriteText(i.stderr, diag.Paper{})
		return nil
	}
	i.Exceptions.Added++
	return nil
}

func newExceptionsCmd(e *env) *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "exceptions",
		Short: "List exceptions from the support record, those that need somebody first",
		Long: `List exceptions from the support record as JSON or CSV: requests first, then those to be signed, then valid ones by their last day.

Requests come in on the page Exceptions, and from files of berth exception new: berth-hq import redis-sentinel.yaml. Votes, decisions and the signed files
are on the pages.`,
		Args: cobra.NoArgs,
		RunE: e.with(func(ctx context.Context, s *store.Store, _ []string) error {
			record, err := e.record()
			if err != nil {
				return err
			}
			all, err := s.Requests(ctx)
			if err != nil {
				return err
			}
			standings := review.Standings(all, record, e.now())
			if asCSV {
				return review.WriteCSV(e.stdout, standings)
			}
			return writeJSON(e.stdout, standings)
		}),
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV, for spreadsheets")
	return cmd
}
