// Command berth-hq collects the reports of installations in PostgreSQL, and counts the figures that Sourcegraph's Delivery team asks for. It is a program of
// its own, so that berth has nothing of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/hq/store"
)

// env is what the program has from outside.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, &env{os.Stdin, os.Stdout, os.Stderr, os.Getenv, time.Now}, os.Args[1:]))
}

// errRefused ends the program with exit code 3: what was refused is on the screen.
var errRefused = errors.New("some of it was refused")

func run(ctx context.Context, e *env, args []string) int {
	root := &cobra.Command{
		Use:   "berth-hq",
		Short: "Collect reports of installations, and count what they say together",
		Long: `Collect reports of installations in PostgreSQL, and count what they say together.

The address of the database is in the variable BERTH_HQ_DATABASE, such as postgres:///hq?host=/run/postgresql. The variables of psql, such as
PGHOST and PGPASSFILE, work too. BERTH_HQ_RECORD names the support record whose subjects and deciders count; without it the built-in one does.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.AddCommand(newMigrateCmd(e), newImportCmd(e), newExportCmd(e), newSimulateCmd(e), newServeCmd(e), newPeopleCmd(e), newIssuesCmd(e), newExceptionsCmd(e), newDigestCmd(e), newOptionsCmd(e), newBackupCmd(e), newRestoreCmd(e))
	err := root.ExecuteContext(ctx)
	var problems diag.List
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errRefused):
		return 3
	case errors.As(err, &problems):
		problems.WriteText(e.stderr, diag.Paper{})
	default:
		fmt.Fprintln(e.stderr, "berth-hq:", err)
	}
	return 1
}

// open connects to the database.
func (e *env) open(ctx context.Context) (*store.Store, error) {
	return store.Open(ctx, e.getenv("BERTH_HQ_DATABASE"))
}

// ready connects to a database whose schema is the one of this program.
func (e *env) ready(ctx context.Context) (*store.Store, error) {
	s, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// record is the support record that counts: the one that BERTH_HQ_RECORD names, or the built-in one.
func (e *env) record() (*catalogue.SupportRecord, error) {
	name := e.getenv("BERTH_HQ_RECORD")
	if name == "" {
		return catalogue.Embedded().SupportRecord(), nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r, err := catalogue.ParseSupportRecord(text)
	if err != nil {
		return nil, diag.List{{Code: "BERTH4803", Severity: diag.Error, Subject: name, Summary: name + " is not a support record", Detail: strings.Split(err.Error(), "\n"),
			Hint: "name a support.yaml in BERTH_HQ_RECORD"}}
	}
	return r, nil
}

func newMigrateCmd(e *env) *cobra.Command {
	var to int
	var yes bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Migrate the database to the schema of this program, or back",
		Long: `Migrate the database to the schema of this program. Each migration is one transaction.

--to names another schema. An older one deletes the tables that newer migrations made, with their data: back the database up first. It needs --yes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if !cmd.Flags().Changed("to") {
				all, err := store.Migrations()
				if err != nil {
					return err
				}
				to = len(all)
			}
			return migrate(cmd.Context(), e, s, to, yes)
		},
	}
	cmd.Flags().IntVar(&to, "to", 0, "the number of the schema (default the newest)")
	cmd.Flags().BoolVar(&yes, "yes", false, "delete the tables that newer migrations made")
	return cmd
}

// migrate says what will be deleted before anything is changed.
func migrate(ctx context.Context, e *env, s *store.Store, to int, yes bool) error {
	from, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	way, err := store.Way(from, to)
	if err != nil {
		return err
	}
	if to < from && !yes {
		lost := diag.Diagnostic{Code: "BERTH4922", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("schema %d has no place for some of the data", to),
			Hint: fmt.Sprintf("back the database up with berth-hq backup, then: berth-hq migrate --to %d --yes", to)}
		for _, m := range way {
			lost.Detail = append(lost.Detail, "would delete "+m.Deletes)
		}
		return diag.List{lost}
	}
	if err := s.Migrate(ctx, to, func(text string) { fmt.Fprintln(e.stderr, text) }); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "the schema is %d\n", to)
	return nil
}
