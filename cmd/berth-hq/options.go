package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"berth/internal/diag"
	"berth/internal/hq/option"
	"berth/internal/hq/store"
)

const refusedSheet = "refused"

// sheet keeps a sheet of options from a file, as a new version.
func (i *importer) sheet(ctx context.Context, name string, in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	_, problems := option.Parse(name, text)
	if !problems.Failed() {
		all, err := i.store.Sheets(ctx)
		if err != nil {
			return err
		}
		after := 0
		if len(all) > 0 {
			after = all[0].Number
		}
		if err := i.store.KeepSheet(ctx, i.by(), after, string(text)); err != nil && !errors.As(err, &problems) {
			return err
		}
	}
	if problems.Failed() {
		problems.WriteText(i.stderr, diag.Paper{})
		i.Sheet = refusedSheet
		return nil
	}
	i.Sheet = "kept"
	return nil
}

func newOptionsCmd(e *env) *cobra.Command {
	var asCSV, asSheet, asRecord, example bool
	cmd := &cobra.Command{
		Use:   "options",
		Short: "Write the deployment options in their order, and what the order depends on",
		Long: `Write the deployment options in their order with all scores, and how much the first place depends on each weight, as JSON.

The sheet is one YAML file with criteria, options, scores with evidence, reviews, proofs of concept, decisions and life-cycles. It is changed on the page Options,
or here; each version is kept:

    berth-hq options --example > options.yaml
    berth-hq import options.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if example {
				_, err := io.WriteString(e.stdout, option.Example)
				return err
			}
			return e.with(func(ctx context.Context, s *store.Store, _ []string) error {
				all, err := s.Sheets(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					return diag.List{{Code: "BERTH4952", Severity: diag.Error, Subject: "options", Summary: "there is no sheet of options yet", Hint: "write one, then: berth-hq import options.yaml"}}
				}
				sheet, problems := option.Parse(fmt.Sprintf("version %d", all[0].Number), []byte(all[0].Text))
				switch {
				case asSheet:
					_, err = io.WriteString(e.stdout, all[0].Text)
					return err
				case problems.Failed():
					return problems
				case asCSV:
					return sheet.WriteCSV(e.stdout, e.now())
				case asRecord:
					text, err := sheet.Record(e.now())
					if err == nil {
						_, err = e.stdout.Write(text)
					}
					return err
				}
				return writeJSON(e.stdout, map[string]any{"version": all[0].Number, "criteria": sheet.Criteria, "options": sheet.Rank(), "sensitivities": sheet.Sensitivities()})
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "the order as CSV, for spreadsheets")
	cmd.Flags().BoolVar(&asSheet, "sheet", false, "the sheet as it was written")
	cmd.Flags().BoolVar(&asRecord, "record", false, "the life-cycles in the form of the support record")
	cmd.Flags().BoolVar(&example, "example", false, "an example to begin with; needs no database")
	cmd.MarkFlagsMutuallyExclusive("csv", "sheet", "record", "example")
	return cmd
}
