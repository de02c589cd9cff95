package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/site"
	"berth/internal/upgrade"
	"github.com/spf13/cobra"
)

func newCheckCmd(env *Env) *cobra.Command {
	var file, against string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look at the config and at this host; nothing is touched",
		Long: `Look at the config, at what it refers to, at this host, and at the registry, and tell every problem at once. Nothing is touched. Exit code 3 says
that something must be mended first.`,
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
	cmd.Flags().StringVar(&against, "against", "", "look at the file alone, as a change of an installation of this release: for CI, where there is none to ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func (e *Env) verdict(problems diag.List) {
	switch n := len(problems); {
	case n == 0:
		fmt.Fprintln(e.Stdout, "no problems; nothing was touched\nnext: berth plan")
	case problems.Failed():
		fmt.Fprintf(e.Stdout, "\n%d to look at, nothing was touched\n", n)
	default:
		fmt.Fprintf(e.Stdout, "\n%d to look at, none of which stops you; nothing was touched\nnext: berth plan\n", n)
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
	i, err := e.Connect(ctx, l)
	if list, ok := err.(diag.List); ok {
		return append(problems, list...), nil
	}
	if err != nil {
		return nil, err
	}
	defer i.Close()
	problems = append(problems, i.Survey(ctx, &e.Environment)...)
	_, c, err := e.observe(ctx, i, site.IfQuick, "")
	if list, ok := err.(diag.List); ok {
		return append(problems, list...), nil
	}
	if err != nil {
		return nil, err
	}
	for _, d := range c.Problems { // one that is known of the file says less
		problems = slices.DeleteFunc(problems, func(f diag.Diagnostic) bool { return f.Code == d.Code })
	}
	problems = append(problems, c.Problems...)
	return problems, nil
}

// checkAgainst holds a config's release beside that of an installation that can't be asked.
func (e *Env) checkAgainst(l *site.Loaded, release string) diag.List {
	if _, err := e.Catalogue().Release(release, l.Stack.Target); err != nil {
		return diag.List{{Code: "BERTH3751", Severity: diag.Error, Subject: "--against", Summary: fmt.Sprintf("%s is no release on %s", release, l.Stack.Target),
			Hint: "see what there is: berth catalogue list"}}
	}
	return l.Compare(e.Catalogue(), upgrade.Standing{Databases: release, Data: true}, nil).Problems
}
