package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/installation"
	"github.com/spf13/cobra"
)

// insideFlags adds to a command that looks into what runs the flags that say where that is. -f is left for what it means in other programs.
func insideFlags(env *Env, c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", DefaultConfig, "the site admin's file; - reads it from standard input")
	_ = c.RegisterFlagCompletionFunc("config", yamlFiles) // the flag exists
	placeFlags(env, c, file)
}

// inside is an installation with its instances.
type inside struct {
	*installation.Installation
	all []installation.Instance
}

// inside finds an installation and its instances. The admin's secrets are not needed. Whoever gets it closes it.
func (e *Env) inside(ctx context.Context, file string) (*inside, error) {
	w, err := e.usable(e.LoadReferring(file))
	if err != nil {
		return nil, err
	}
	i, err := e.open(ctx, w)
	if err != nil {
		return nil, err
	}
	all, err := i.Instances(ctx)
	if err != nil {
		i.Close()
		return nil, err
	}
	return &inside{Installation: i, all: all}, nil
}

// one finds the instance to work in: the first that is up of those that a name fits.
func (i *inside) one(name string) (installation.Instance, []installation.Instance, error) {
	chosen, problems := i.Choose(i.all, []string{name})
	if problems.Failed() {
		return installation.Instance{}, nil, problems
	}
	// Of a pod with several containers, the one of the service is meant, and none that ended.
	slices.SortStableFunc(chosen, func(a, b installation.Instance) int { return cmp.Compare(rank(a, name), rank(b, name)) })
	if !chosen[0].Up() {
		return installation.Instance{}, nil, notRunning(chosen[0])
	}
	up := slices.DeleteFunc(slices.Clone(chosen), func(c installation.Instance) bool { return !c.Up() || rank(c, name) > 1 })
	return chosen[0], up, nil
}

func rank(i installation.Instance, name string) (n int) {
	if !i.Up() {
		n += 4
	}
	if i.Init || i.Once {
		n += 2
	}
	if i.Service != name && i.Name != name {
		n++
	}
	return n
}

// notRunning says that an instance takes no commands, and where to look.
func notRunning(i installation.Instance) diag.List {
	how := string(i.State)
	if i.Reason != "" {
		how += " (" + i.Reason + ")"
	}
	return diag.List{{Code: "BERTH4405", Severity: diag.Error, Subject: i.Name, Summary: "it does not run, so no command can run in it: it is " + how,
		Hint: "see why: berth logs " + i.Service}}
}

// commandFailed says what it means that a command could not run.
func commandFailed(err error, i installation.Instance) error {
	var stopped *installation.NotRunning
	if errors.As(err, &stopped) {
		i.State = stopped.State
		return notRunning(i)
	}
	return err
}

// services completes the names of services, without asking the target.
func (e *Env) services(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	f := cmd.Flags().Lookup("config")
	if f == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	w, problems, err := e.LoadReferring(f.Value.String())
	if err != nil || problems.Failed() || w == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range w.ServiceNames() {
		if strings.HasPrefix(name, typed) && !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// service is services for commands that take one.
func (e *Env) service(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return e.services(cmd, args, typed)
}
