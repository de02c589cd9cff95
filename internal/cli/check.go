package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/diag"
	"github.com/spf13/cobra"
)

func newCheckCmd(env *Env) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look at the config and at this host; nothing is touched",
		Long: `Look at the config, at what it refers to, at this host, and at the registry, and tell every problem at once. Nothing is touched. Exit code 3 says
that something must be mended first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := env.check(cmd.Context(), file)
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
func (e *Env) check(ctx context.Context, file string) (diag.List, error) {
	l, problems, err := e.Load(file)
	if err != nil || l == nil {
		return problems, err
	}
	i, err := e.Connect(ctx, l)
	if list, ok := err.(diag.List); ok {
		return append(problems, list...), nil
	}
	if err != nil {
		return nil, err
	}
	defer i.Close()
	refused, err := e.withdrawn(ctx, i)
	if list, ok := err.(diag.List); ok {
		refused, err = list, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range refused { // it says more than the file's warning
		problems = slices.DeleteFunc(problems, func(d diag.Diagnostic) bool { return d.Code == r.Code })
	}
	return slices.Concat(problems, refused, i.Survey(ctx, &e.Environment)), nil
}
