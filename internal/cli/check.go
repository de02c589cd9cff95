package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/upgrade"
	"berth/internal/upgrade/survey"
	"github.com/spf13/cobra"
)

func newCheckCmd(env *Env) *cobra.Command {
	var file, against string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the config and this host; nothing is touched",
		Long: `Check the config, the files that it names, this host, and the registry, and report all problems at once. Nothing is touched. Exit code 3:
something must be fixed first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := env.check(cmd.Context(), file, against)
			if err != nil {
				return err
			}
			if asJSON {
				if problems == nil {
					problems = diag.List{}
				}
				err = env.printJSON(problems)
			} else {
				problems.WriteText(env.Stdout, env.Color)
				env.verdict(problems)
			}
			if err == nil && problems.Failed() {
				return exit(ExitChecks)
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&against, "against", "", "check only the file, as a change of an installation of this release: for CI, where no installation is reachable")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// counted is a number of problems in words.
func counted(n int) string {
	if n == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", n)
}

func (e *Env) verdict(problems diag.List) {
	switch n := len(problems); {
	case n == 0:
		fmt.Fprintln(e.Stdout, "no problems; nothing was touched\nnext: berth plan")
	case problems.Failed():
		fmt.Fprintf(e.Stdout, "\n%s found; nothing was touched\n", counted(n))
	default:
		fmt.Fprintf(e.Stdout, "\n%s found, only warnings; nothing was touched\nnext: berth plan\n", counted(n))
	}
}

// check collects the problems of the config, the host, and the registry.
func (e *Env) check(ctx context.Context, file, against string) (diag.List, error) {
	l, problems, err := e.Load(file)
	if err != nil || l == nil {
		return problems, err
	}
	if against != "" {
		return append(problems, e.checkAgainst(l, against)...), nil
	}
	s := &seen{}
	if s.Installation, err = e.open(ctx, l); err == nil {
		defer s.Close()
		problems = append(problems, s.Survey(ctx)...)
		err = s.remember(ctx)
	}
	if err == nil {
		err = s.observe(ctx, e, survey.IfQuick, "")
	}
	if list, ok := err.(diag.List); ok {
		return append(problems, list...), nil
	}
	if err != nil {
		return nil, err
	}
	for _, d := range s.Problems { // one that is known of the file says less
		problems = slices.DeleteFunc(problems, func(f diag.Diagnostic) bool { return f.Code == d.Code })
	}
	return append(problems, s.Problems...), nil
}

// checkAgainst holds a config's release beside that of an installation that can't be asked.
func (e *Env) checkAgainst(l *installation.Want, release string) diag.List {
	if _, err := e.Catalogue().Release(release, l.Stack.Target); err != nil {
		return diag.List{{Code: "BERTH3751", Severity: diag.Error, Subject: "--against", Summary: fmt.Sprintf("%s is not a release for %s", release, l.Stack.Target),
			Hint: "see the releases: berth catalogue list"}}
	}
	return survey.Change(e.Catalogue(), l, upgrade.Standing{Databases: release, Data: true}, nil).Problems
}
