package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/target/compose"
	"berth/internal/target/kubernetes"
	"github.com/spf13/cobra"
)

// placeFlags adds to a command that reaches a target the flags that say where it is this time. file is the command's config.
func placeFlags(env *Env, c *cobra.Command, file *string) {
	var at installation.Place
	c.Flags().StringVar(&at.Context, "context", "", "this time, the kube context or the Docker context; asks if the config names another")
	c.Flags().StringVarP(&at.Namespace, "namespace", "n", "", "this time, the namespace; asks if the config names another")
	if c.Flags().Lookup("yes") == nil {
		yesFlag(c, new(bool))
	}
	_ = c.RegisterFlagCompletionFunc("context", env.contexts) // the flags exist
	_ = c.RegisterFlagCompletionFunc("namespace", env.namespaces)
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		yes, _ := cmd.Flags().GetBool("yes") // the flag exists
		if err := env.place(cmd.Context(), *file, at, yes); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

// place makes a command look for its installation at a place. One that is not that of the config has to be confirmed.
func (e *Env) place(ctx context.Context, file string, at installation.Place, yes bool) error {
	if at == (installation.Place{}) {
		return nil
	}
	text, err := e.peek(file)
	if err != nil {
		return err
	}
	w, err := e.LoadNamed(file)
	e.again(file, text)
	if err != nil {
		return err
	}
	differs, err := contradictions(w, at)
	if err != nil {
		return err
	}
	if err := e.confirmPlace(ctx, yes, differs); err != nil {
		return err
	}
	e.Place = at
	if w.Stack.Target == catalogue.Compose {
		e.Getenv = dockerContext(e.Getenv, at.Context)
	}
	return nil
}

// contradictions are the keys of a config that name another place.
func contradictions(w *installation.Want, at installation.Place) (differs diag.List, err error) {
	doc := w.Doc
	if doc.Config.On == catalogue.Compose {
		if at.Namespace != "" {
			return nil, diag.List{{Code: "BERTH4111", Severity: diag.Error, Subject: "--namespace", Range: doc.At("target"), Summary: "this installation runs on Docker Compose, which has no namespaces",
				Hint: "leave --namespace out; the key name tells installations on one machine apart"}}
		}
		return nil, nil // no config names a Docker context
	}
	k := doc.Config.Kubernetes
	if k == nil {
		k = &config.KubernetesOptions{}
	}
	if problems := check.Namespace(at.Namespace); problems.Failed() {
		return nil, problems
	}
	for _, v := range []struct{ flag, key, given, named string }{
		{"--context", "kubernetes.context", at.Context, k.Context},
		{"--namespace", "kubernetes.namespace", at.Namespace, k.Namespace},
	} {
		if v.given != "" && v.named != "" && v.given != v.named {
			differs = append(differs, diag.Diagnostic{Code: "BERTH4112", Severity: diag.Error, Subject: v.flag, Range: doc.At(v.key),
				Summary: fmt.Sprintf("%s %s differs from the config: %s", v.flag, v.given, v.named),
				Hint:    "to use it from now on, change " + v.key})
		}
	}
	return differs, nil
}

// confirmPlace asks whether a place is meant that is not the config's.
func (e *Env) confirmPlace(ctx context.Context, yes bool, differs diag.List) error {
	switch {
	case yes || len(differs) == 0:
		return nil
	case !e.Interactive:
		for i := range differs {
			differs[i].Summary += "; nothing was changed"
			differs[i].Hint = "to use it this time: --yes; " + differs[i].Hint
		}
		return differs
	}
	for i := range differs {
		differs[i].Severity = diag.Warning
	}
	differs.WriteText(e.Stdout, e.paper())
	return e.agree(ctx, false, "Use it this time?")
}

// peek reads a config that comes on standard input; again gives it to whoever reads it next.
func (e *Env) peek(file string) ([]byte, error) {
	if file != installation.StandardInput {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(e.Stdin, config.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the config from standard input: %w", err)
	}
	e.again(file, text)
	return text, nil
}

func (e *Env) again(file string, text []byte) {
	if file == installation.StandardInput {
		e.Stdin = bytes.NewReader(text)
	}
}

// dockerContext is an environment in which the docker program uses a context; "" is the one of before.
func dockerContext(getenv func(string) string, name string) func(string) string {
	if name == "" {
		return getenv
	}
	return func(variable string) string {
		switch variable {
		case "DOCKER_CONTEXT":
			return name
		case "DOCKER_HOST":
			return ""
		}
		return getenv(variable)
	}
}

// contexts completes --context: those of the config's target, or of both where there is no config.
func (e *Env) contexts(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	on := e.targetOf(cmd)
	if on != catalogue.Compose {
		for _, c := range kubernetes.Contexts(e.Getenv) {
			names = append(names, c.Name)
		}
	}
	if on != catalogue.Kubernetes {
		names = append(names, compose.Contexts(e.Getenv)...)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// namespaces completes --namespace, with those that contexts name: a cluster would take too long.
func (e *Env) namespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, c := range kubernetes.Contexts(e.Getenv) {
		if c.Namespace != "" {
			names = append(names, c.Namespace)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}

// targetOf is the target of a command's config; "" where it can't be told.
func (e *Env) targetOf(cmd *cobra.Command) catalogue.Target {
	for _, flag := range []string{"target", "config"} {
		f := cmd.Flags().Lookup(flag)
		if f == nil {
			continue
		}
		if flag == "target" {
			return catalogue.Target(f.Value.String())
		}
		if w, err := e.LoadNamed(f.Value.String()); err == nil {
			return w.Stack.Target
		}
	}
	return ""
}
