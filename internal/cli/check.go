package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/stores"
	"berth/internal/upgrade"
	"berth/internal/upgrade/survey"
	"github.com/spf13/cobra"
)

func newCheckCmd(env *Env) *cobra.Command {
	var file string
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the config and this host; nothing is changed",
		Long: `Check the config, the files that it names, this host or the cluster, and the registry, and report all problems at once. Nothing is changed. Exit
code 3: something must be fixed first.

With --offline only the file is checked, with the files that it names, its release and its patches: for CI, where no installation is reachable. It
lists what it did not check. --against RELEASE does the same, and says whether this file may follow that release.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := env.check(cmd.Context(), file, f)
			if err != nil {
				return err
			}
			env.out.found = problems // they are the result here, and not on the way to one
			if !env.out.machine() {
				problems.WriteText(env.Stdout, env.paper())
				env.verdict(problems)
			}
			if f.offline || f.against != "" {
				env.notSeen(file)
			}
			if problems.Failed() {
				return exit(ExitChecks)
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&f.offline, "offline", false, "check only the file and what it names; ask no engine, no cluster and no registry")
	cmd.Flags().StringVar(&f.against, "against", "", "check only the file, as a change of an installation of this release: for CI, where no installation is reachable")
	placeFlags(env, cmd, &file)
	for _, alone := range []string{"offline", "against"} {
		cmd.MarkFlagsMutuallyExclusive(alone, "context")
	}
	return cmd
}

// checkFlags say what is checked.
type checkFlags struct {
	offline bool
	against string // a release
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
		fmt.Fprintln(e.Stdout, "no problems; nothing was changed\nnext: berth plan")
	case problems.Failed():
		fmt.Fprintf(e.Stdout, "\n%s found; nothing was changed\n", counted(n))
	default:
		fmt.Fprintf(e.Stdout, "\n%s found, only warnings; nothing was changed\nnext: berth plan\n", counted(n))
	}
}

// check collects the problems of the config, the host, and the registry.
func (e *Env) check(ctx context.Context, file string, f checkFlags) (diag.List, error) {
	if f.offline || f.against != "" {
		return e.checkFile(file, f.against)
	}
	l, problems, err := e.Load(file)
	if err != nil || l == nil {
		return problems, err
	}
	problems = append(problems, e.Outlook(l)...)
	problems = append(problems, e.beside(l)...)
	s := &seen{saidBeside: true} // by the line above
	if s.Installation, err = e.open(ctx, l); err == nil {
		defer s.Close()
		problems = append(problems, s.Survey(ctx)...)
		err = s.remember(ctx)
	}
	if err == nil {
		err = s.observe(ctx, e, survey.IfQuick, "")
	}
	if err == nil && s.Reached && !lacksRights(problems) { // what follows runs tasks: with half of the rights, they are left behind
		s.Problems = append(s.Problems, s.Address(ctx, &e.Environment, s.plan)...)
		if !stores.OpensDatabases(s.plan) { // else it was asked already
			s.Problems = append(s.Problems, stores.Check(ctx, &e.Environment, s.Installation, s.plan)...)
		}
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

// lacksRights reports whether the admin lacks rights in the cluster.
func lacksRights(problems diag.List) bool {
	return slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return d.Code == "BERTH2201" })
}

// checkFile checks a config alone, with its patches, and as one that follows a release; "" for none.
func (e *Env) checkFile(file, against string) (diag.List, error) {
	l, problems, err := e.LoadAlone(file)
	if err != nil || l == nil {
		return problems, err
	}
	problems = append(problems, e.Outlook(l)...)
	problems = append(problems, e.beside(l)...)
	if against != "" {
		problems = append(problems, e.checkAgainst(l, against)...)
	}
	return problems, nil
}

// notSeen says what a check of the file alone did not look at.
func (e *Env) notSeen(file string) {
	out := e.Stdout
	if e.out.machine() {
		out = e.Stderr // the document has problems only
	}
	place := "this host: the engine, free ports, memory and disk, and what runs"
	if w, err := e.LoadNamed(file); err == nil && w.Stack.Target == catalogue.Kubernetes {
		place = "the cluster: rights, nodes, storage and ingress classes, and what runs"
	}
	fmt.Fprintf(out, "not checked:\n  %s\n  the registry: whether the images are there\n  databases and other programs outside: whether they answer\n"+
		"  values of secrets that are not here\n", place)
}

// checkAgainst holds a config's release beside that of an installation that can't be asked.
func (e *Env) checkAgainst(l *installation.Want, release string) diag.List {
	if _, err := e.Catalogue().Release(release, l.Stack.Target); err != nil {
		return diag.List{{Code: "BERTH3751", Severity: diag.Error, Subject: "--against", Summary: fmt.Sprintf("%s is not a release for %s", release, l.Stack.Target),
			Hint: "see the releases: berth catalogue list"}}
	}
	return survey.Change(e.Catalogue(), l, upgrade.Standing{Databases: release, Data: true}, nil).Problems
}
