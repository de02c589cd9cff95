package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/hq/fleet"
	"berth/internal/hq/issue"
	"berth/internal/hq/option"
	"berth/internal/hq/review"
	"berth/internal/hq/simulate"
	"berth/internal/hq/store"
	"berth/internal/report"
)

// Imported is what became of the reports and issues of some files.
type Imported struct {
	Taken   int            `json:"taken"`
	Known   int            `json:"known"` // they had arrived before
	Refused map[string]int `json:"refused,omitempty"`

	Issues     *importedIssues   `json:"issues,omitempty"`     // nil: no file had issues
	Exceptions *importedRequests `json:"exceptions,omitempty"` // nil: no file was a request for one
	Sheet      string            `json:"sheet,omitempty"`      // of options: kept or refused; "": no file was one
}

func newImportCmd(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take reports, issues, requests for exceptions and options from files",
		Long: `Take reports from files, as berth report --out writes them: one in a file, or several behind each other. "-" is the input.

A file may also have issues: CSV with the columns title and opened at least, or JSON of issues of GitHub, as its API and gh issue list --json write it.
berth-hq sees which it is. What it reads of an issue: ` + strings.Join(issue.Columns(), ", ") + `.
On GitHub these are in labels, such as cause/configuration, or in lines of the text, such as "Release: 7.5.4453".

A file of berth exception new is a request for an exception, on which people then vote. One with criteria is the
sheet of options: a new version of it.

Reports and issues may be old, in any order, or imported before. Refused ones are named, and the others are imported. Exit code 3 when some were
refused.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			s, err := e.ready(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			i := &importer{env: e, store: s, Imported: Imported{Refused: map[string]int{}}}
			for _, name := range files {
				if err := i.file(cmd.Context(), name); err != nil {
					return err
				}
			}
			if asJSON {
				err = writeJSON(e.stdout, i.Imported)
			} else {
				err = i.WriteText(e.stdout)
			}
			if err == nil && i.someRefused() {
				return errRefused
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// WriteText says what became of them.
func (i *importer) WriteText(w io.Writer) error {
	if i.reports {
		if _, err := fmt.Fprintf(w, "%d reports imported, %d known already, %d refused\n", i.Taken, i.Known, i.refused); err != nil {
			return err
		}
	}
	if i.Issues != nil {
		if err := i.Issues.WriteText(w); err != nil {
			return err
		}
	}
	if i.Exceptions != nil {
		if _, err := fmt.Fprintf(w, "requests for exceptions: %d added, %d refused\n", i.Exceptions.Added, i.Exceptions.Refused); err != nil {
			return err
		}
	}
	if i.Sheet != "" {
		_, err := fmt.Fprintf(w, "sheet of options: %s\n", i.Sheet)
		return err
	}
	return nil
}

// someRefused reports whether something was not taken.
func (i *importer) someRefused() bool {
	return i.refused > 0 || i.Issues != nil && i.Issues.Refused > 0 || i.Exceptions != nil && i.Exceptions.Refused > 0 || i.Sheet == refusedSheet
}

// batch is how many reports of a file are taken in one transaction.
const batch = 200

// importer takes the reports of files.
type importer struct {
	*env
	Imported
	store   *store.Store
	pending []*report.Received
	reports bool // a file had reports, or nothing else
	refused int  // reports
}

func (i *importer) file(ctx context.Context, name string) error {
	in := i.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	text := bufio.NewReader(in)
	if read := issuesOf(text); read != nil {
		return i.log(ctx, read(name, text))
	}
	switch begin, _ := text.Peek(peeked); {
	case option.IsSheet(begin):
		return i.sheet(ctx, name, text)
	case review.IsFile(begin):
		return i.request(ctx, name, text)
	}
	i.reports = true
	n, known := 0, report.KnownOf(catalogue.Embedded())
	err := report.All(text, func(text []byte) error {
		n++
		r, problems := report.Open(text, i.now())
		if problems.Failed() {
			return i.refuse(ctx, fmt.Sprintf("%s, report %d", name, n), problems)
		}
		known.Narrow(&r.Report)
		i.pending = append(i.pending, r)
		if len(i.pending) < batch {
			return nil
		}
		return i.take(ctx)
	})
	if problem := i.take(ctx); problem != nil {
		return problem
	}
	var broken *json.SyntaxError
	if errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) { // nobody knows where the next one would begin
		return i.refuse(ctx, fmt.Sprintf("%s, after report %d", name, n), report.NoReport())
	}
	return err
}

func (i *importer) take(ctx context.Context) error {
	known, err := i.store.Take(ctx, i.pending...)
	if err != nil {
		return err
	}
	i.Known += len(known)
	i.Taken += len(i.pending) - len(known)
	i.pending = i.pending[:0]
	return nil
}

func (i *importer) refuse(ctx context.Context, where string, problems diag.List) error {
	for n := range problems {
		problems[n].Subject = where
		i.Refused[problems[n].Code]++
	}
	i.refused++
	problems.WriteText(i.stderr, diag.Paper{})
	return i.store.Refuse(ctx, i.now(), problems[0].Code)
}

func writeJSON(w io.Writer, document any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

// query are the flags that say which figures are wanted.
type query struct {
	day, target, use string
	fleet.Query
}

func newExportCmd(e *env) *cobra.Command {
	var q query
	var row string
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "export [FIGURE]",
		Short: "Write figures as JSON or CSV, with their definitions",
		Long: `Write all figures, or one of them, as JSON with its definition, or as CSV.

Figures: ` + strings.Join(fleet.IDs(), ", ") + `. With --row it is the list that a row was counted from; the key of each row is in the JSON.`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: fleet.IDs(),
		RunE: q.counts(e, func(f *fleet.Fleet, names []string) error {
			if len(names) == 0 {
				return exportAll(e, f, q.Query)
			}
			return exportOne(e, f, q.Query, names[0], row, asCSV)
		}),
	}
	q.flags(cmd)
	cmd.Flags().StringVar(&row, "row", "", "the list behind the row with this key")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV, for spreadsheets (one figure)")
	return cmd
}

func (q *query) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.day, "day", "", "figures as of the end of this day, yyyy-mm-dd (default today)")
	cmd.Flags().IntVar(&q.Months, "months", 18, "months before it, for figures over time")
	cmd.Flags().StringVar(&q.target, "target", "", "only installations with this target: compose or kubernetes")
	cmd.Flags().StringVar(&q.Option, "option", "", "only those with this deployment option")
	cmd.Flags().StringVar(&q.Size, "size", "", "only those of this size")
	cmd.Flags().StringVar(&q.use, "use", "", "only those for production or trial")
}

func (q *query) read(now time.Time) (err error) {
	q.Target, q.Use, q.Day = catalogue.Target(q.target), report.Use(q.use), now.UTC()
	if q.day != "" {
		if q.Day, err = time.Parse(time.DateOnly, q.day); err != nil {
			return fmt.Errorf("--day %s is not a day such as 2026-11-29", q.day)
		}
	}
	return nil
}

// counts is a command that counts figures for the query.
func (q *query) counts(e *env, do func(*fleet.Fleet, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := q.read(e.now()); err != nil {
			return err
		}
		return e.with(func(ctx context.Context, s *store.Store, args []string) error {
			record, err := e.record()
			if err != nil {
				return err
			}
			f, err := s.Fleet(ctx, catalogue.Embedded(), record)
			if err != nil {
				return err
			}
			return do(f, args)
		})(cmd, args)
	}
}

func exportAll(e *env, f *fleet.Fleet, q fleet.Query) error {
	all := []*fleet.Figure{}
	for _, id := range fleet.IDs() {
		figure, _ := f.Figure(id, q) // it is one of them
		all = append(all, figure)
	}
	return writeJSON(e.stdout, all)
}

func exportOne(e *env, f *fleet.Fleet, q fleet.Query, id, key string, asCSV bool) error {
	figure, ok := f.Figure(id, q)
	if !ok {
		return fmt.Errorf("there is no figure %q; there are %s", id, diag.Listed(fleet.IDs(), "and"))
	}
	table, document := figure.Table, any(figure)
	if key != "" {
		row, ok := figure.Row(key)
		if !ok {
			return fmt.Errorf("%s has no row %q; see its keys: berth-hq export %s", id, key, id)
		}
		table = row.List()
		document = table
	}
	if asCSV {
		return table.WriteCSV(e.stdout)
	}
	return writeJSON(e.stdout, document)
}

func newDigestCmd(e *env) *cobra.Command {
	var q query
	cmd := &cobra.Command{
		Use:   "digest",
		Short: "Write the news of the week, as Markdown",
		Long: `Write the news of the week, as Markdown for a message or a page: each figure beside that of the week before where it differs, the new issues, and the
exceptions that need somebody.

    berth-hq digest --day 2026-11-29 > week.md`,
		Args: cobra.NoArgs,
		RunE: q.counts(e, func(f *fleet.Fleet, _ []string) error {
			_, err := io.WriteString(e.stdout, f.Digest(q.Query))
			return err
		}),
	}
	q.flags(cmd)
	return cmd
}

func newSimulateCmd(e *env) *cobra.Command {
	var installations, months int
	var seed uint64
	var issues string
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Write the reports of a simulated fleet, for a look and for tests",
		Long: `Write the signed reports of a simulated fleet, as they would arrive: some late, some twice. The same seed gives the same fleet.

Never import them into the database of real installations: nobody can tell them apart later.

    berth-hq simulate --issues issues.csv | berth-hq import -
    berth-hq import issues.csv`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			to := e.now().UTC().Truncate(24 * time.Hour)
			shape := simulate.Shape{Seed: seed, Installations: installations, From: to.AddDate(0, -months, 0), To: to, Every: every}
			if shape.From.Before(report.First) {
				return fmt.Errorf("--months %d begins before %s; no report is taken that is older", months, report.First.Format(time.DateOnly))
			}
			lives := simulate.Fleet(shape, catalogue.Embedded())
			if issues != "" {
				if err := writeIssues(issues, simulate.Issues(seed, lives, to)); err != nil {
					return err
				}
			}
			for text, err := range simulate.Arrivals(seed, lives) {
				if err == nil {
					_, err = fmt.Fprintf(e.stdout, "%s\n", text)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&installations, "installations", 300, "how many installations")
	cmd.Flags().IntVar(&months, "months", 18, "how many months until today")
	cmd.Flags().DurationVar(&every, "every", 7*24*time.Hour, "time between two reports of an installation")
	cmd.Flags().StringVar(&issues, "issues", "", "also write the issues of the fleet to this file, as CSV")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "another fleet")
	return cmd
}

func writeIssues(name string, all []issue.Issue) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(issue.WriteCSV(f, all), f.Close())
}
