package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/target/compose"
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
	return append(problems, i.Survey(ctx, e)...), nil
}

// hostProblems are those of this host for this installation.
func (e *Env) hostProblems(ctx context.Context, i *installation) diag.List {
	version, err := i.engine.ComposeVersion(ctx)
	var problems diag.List
	if list, ok := err.(diag.List); ok {
		problems = append(problems, list...)
	}
	facts, err := i.engine.Facts(ctx, version, i.project.Name)
	if err != nil {
		return append(problems, diag.Diagnostic{Code: "BERTH2103", Severity: diag.Error, Subject: "host", Summary: "the Docker Engine does not tell about itself", Detail: []string{err.Error()}, Hint: "see the engine's log"})
	}
	return append(problems, compose.Check(facts, i.needs())...)
}

// needs is what the installation asks of its host.
func (i *installation) needs() compose.Needs {
	n := compose.Needs{Registry: i.Doc.Config.Images.Registry}
	for _, inst := range i.Stack.Instances {
		n.Limits = append(n.Limits, compose.Limit{Service: inst.Service, CPUs: inst.CPUs, Memory: inst.Memory, At: i.Doc.At("services." + inst.Service)})
		n.Ports = append(n.Ports, inst.Ports...)
		n.SecretFiles = n.SecretFiles || hasSecretFile(inst)
		n.Storage = append(n.Storage, i.storage(inst.Service)...)
	}
	return n
}

func hasSecretFile(inst stack.Instance) bool {
	return slices.ContainsFunc(inst.Mounts, func(m stack.Mount) bool { return m.Secret != "" })
}

// storage is the size that the config expects a service's volume to have.
func (i *installation) storage(service string) []compose.Storage {
	q := i.Doc.Config.Services[service].Storage
	if q == "" {
		return nil
	}
	n, _ := config.Bytes(q) // check.Read has read it
	return []compose.Storage{{Service: service, Bytes: n, At: i.Doc.At("services." + service + ".storage")}}
}
