package cli

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/stack"
	"github.com/spf13/cobra"
)

// databaseNames are what people call the databases, by ours.
var databaseNames = map[string]string{"pgsql": "pgsql", "frontend": "pgsql", "codeintel": "codeintel-db", "codeintel-db": "codeintel-db",
	"codeinsights": "codeinsights-db", "codeinsights-db": "codeinsights-db"}

// psqlFlags are what berth psql can be told.
type psqlFlags struct {
	file  string
	write bool
}

func newPsqlCmd(env *Env) *cobra.Command {
	var f psqlFlags
	cmd := &cobra.Command{
		Use:   "psql [pgsql|codeintel|codeinsights] [-- ARGUMENT...]",
		Short: "Open a database with psql, read-only unless --write",
		Long: `Open one of Sourcegraph's databases with psql: pgsql, or the one that you name. It asks for no password, and puts none on a command line.

  berth psql                                     read-only
  berth psql codeintel --write                   it may write
  berth psql -- -c 'SELECT count(*) FROM repo'   arguments of psql stand after --
  berth psql < queries.sql

For a bundled database psql runs in its container, for an external one in a task beside the installation. Read-only means that the server refuses
to write in every transaction of the session, unless a statement turns that off. It guards against mistakes, and removes no rights.`,
		Args: func(cmd *cobra.Command, args []string) error {
			before := len(args)
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				before = at
			}
			if before > 1 {
				return usageError(cmd.CommandPath(), "it takes one database", "arguments of psql stand after --, such as: berth psql -- -l")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "pgsql"
			if cmd.ArgsLenAtDash() != 0 && len(args) > 0 {
				name, args = args[0], args[1:]
			}
			return env.psql(cmd.Context(), f, name, args)
		},
	}
	cmd.Flags().BoolVar(&f.write, "write", false, "transactions may write; berth's history does not list what they change")
	insideFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) psql(ctx context.Context, f psqlFlags, name string, args []string) error {
	if e.out.machine() {
		return usageError("--output", "the output is psql's own", "such as: berth psql -- --csv")
	}
	database := databaseNames[name]
	if database == "" {
		names := slices.Sorted(maps.Keys(databaseNames))
		d := diag.Diagnostic{Code: "BERTH4404", Severity: diag.Error, Subject: name, Summary: "there is no such database", Hint: "choose one of pgsql, codeintel and codeinsights"}
		if near := diag.Closest(name, names); near != "" {
			d.Hint = "did you mean " + near + "?"
		}
		return diag.List{d}
	}
	w, err := e.LoadUsable(f.file)
	if err != nil {
		return err
	}
	i, err := e.open(ctx, w)
	if err != nil {
		return err
	}
	defer i.Close()
	s := data.Session{Database: database, Write: f.write, Prompt: name + " read-only=> "}
	if f.write {
		s.Prompt = name + " WRITE=> "
	}
	if w.Doc.Config.Databases[database].External != nil {
		return i.Session(ctx, &e.Environment, s, func(in installation.Instance) error { return e.session(ctx, i, in, s, s.Outside, args) })
	}
	all, err := i.Instances(ctx)
	if err != nil {
		return err
	}
	in, _, err := (&inside{Installation: i, all: all}).one(database)
	if err != nil {
		return err
	}
	return e.session(ctx, i, in, s, s.Inside, args)
}

// session proves that the server keeps what the session promises, and then gives psql to a person or a script.
func (e *Env) session(ctx context.Context, i installation.Insider, in installation.Instance, s data.Session, command func(...string) []string, args []string) error {
	if !s.Write {
		var said, complaint bytes.Buffer
		code, err := i.Exec(ctx, in, installation.Command{Args: command("-XAtqc", "SHOW transaction_read_only"), Stdout: &said, Stderr: &complaint})
		if err != nil {
			return commandFailed(err, in)
		}
		if is := strings.TrimSpace(said.String()); code != 0 {
			return diag.List{{Code: "BERTH3701", Severity: diag.Error, Subject: s.Database, Summary: "the database does not answer",
				Detail: lastLines(complaint.String(), 5), Hint: "see its log: berth logs " + s.Database}}
		} else if is != "on" {
			return diag.List{{Code: "BERTH4407", Severity: diag.Error, Subject: s.Database, Summary: "the server does not make the session read-only",
				Detail: []string{"transaction_read_only is " + is, "a pooler in between may ignore the settings that a client asks for"},
				Hint:   "to open it anyway: berth psql --write"}}
		}
	}
	c := installation.Command{Args: command(args...), Stdout: e.raw(), Stderr: e.Stderr}
	if e.Interactive || len(args) == 0 {
		c.Stdin = e.Stdin
	}
	return e.attached(ctx, i, in, c, e.Interactive)
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[max(0, len(lines)-n):]
}

// databases completes the names of databases.
func databases(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range stack.Databases() {
		names = append(names, strings.TrimSuffix(name, "-db"))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
