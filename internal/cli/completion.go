package cli

import (
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"github.com/spf13/cobra"
)

// completer gives what may be typed at a place.
type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completions adds to all commands what their flags and arguments may be.
func completions(root *cobra.Command, env *Env) {
	flags := map[string]completer{
		"to":      env.newer,
		"release": env.releases,
		"from":    env.releases,
		"against": env.releases,
		"target":  cobra.FixedCompletions([]string{string(catalogue.Compose), string(catalogue.Kubernetes)}, cobra.ShellCompDirectiveNoFileComp),
		"as":      cobra.FixedCompletions([]string{"compose", "manifests", "kustomize", "helm", "helm-values"}, cobra.ShellCompDirectiveNoFileComp),
		"secrets": cobra.FixedCompletions([]string{"reference", "age"}, cobra.ShellCompDirectiveNoFileComp),
		"render":  cobra.FixedCompletions([]string{"systemd", "cronjob"}, cobra.ShellCompDirectiveNoFileComp),
		"tls": cobra.FixedCompletions([]string{string(config.CertifiedByLetsEncrypt), string(config.CertifiedByFiles), string(config.CertifiedBySecret),
			string(config.CertifiedInFront), string(config.NotCertified)}, cobra.ShellCompDirectiveNoFileComp),
		"databases": cobra.FixedCompletions([]string{bundledDatabases, ownDatabases}, cobra.ShellCompDirectiveNoFileComp),
		"size":      cobra.FixedCompletions([]string{"demo"}, cobra.ShellCompDirectiveNoFileComp),
	}
	exceptions := map[string]completer{
		"berth lock --to": env.releases, // also the one that runs
		"berth move --to": cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	arguments := map[string]completer{"berth explain": env.topics, "berth catalogue show": env.releases, "berth doctor": env.checkCodes, "berth logs": env.services, "berth exec": env.service, "berth psql": databases, "berth top": env.services, "berth restart": env.services}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for name, complete := range flags {
			if own := exceptions[cmd.CommandPath()+" --"+name]; own != nil {
				complete = own
			}
			if f := cmd.Flags().Lookup(name); f != nil && f.Value.Type() == "string" {
				_ = cmd.RegisterFlagCompletionFunc(name, complete) // the flag exists
			}
		}
		switch own := arguments[cmd.CommandPath()]; {
		case own != nil:
			cmd.ValidArgsFunction = own
		case cmd.ValidArgsFunction == nil && !cmd.HasSubCommands():
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(root)
}

// newer are the releases after that of the config; all, where there is no config.
func (e *Env) newer(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	all := e.Catalogue().Versions("")
	if f := cmd.Flags().Lookup("config"); f != nil {
		if w, problems, err := e.LoadReferring(f.Value.String()); err == nil && !problems.Failed() && w != nil {
			all = slices.DeleteFunc(e.Catalogue().Versions(w.Stack.Target), func(v catalogue.Version) bool {
				return catalogue.CompareVersions(v.Version, w.Release.Version) <= 0
			})
		}
	}
	return among(all, typed)
}

// releases are those that begin with what was typed: minor releases first.
func (e *Env) releases(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return among(e.Catalogue().Versions(""), typed)
}

// among are the minor releases, and with two points typed the releases, that begin with what was typed.
func among(all []catalogue.Version, typed string) ([]string, cobra.ShellCompDirective) {
	var minors, patches []string
	for _, v := range all {
		if minor := catalogue.Minor(v.Version); !slices.Contains(minors, minor) && strings.HasPrefix(minor, typed) {
			minors = append(minors, minor)
		}
		if strings.Count(typed, ".") > 1 && strings.HasPrefix(v.Version, typed) {
			patches = append(patches, v.Version)
		}
	}
	return append(minors, patches...), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// topics are what berth explain explains: keys of the config, one level at a time, and codes.
func (e *Env) topics(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if strings.HasPrefix(strings.ToUpper(typed), "B") {
		codes, _ := diag.Codes() // a test reads them
		var found []string
		for _, c := range codes {
			if strings.HasPrefix(c.Code, strings.ToUpper(typed)) {
				found = append(found, cobra.CompletionWithDesc(c.Code, c.Title))
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	above := ""
	if at := strings.LastIndexByte(typed, '.'); at >= 0 {
		above = typed[:at]
	}
	return e.keysBelow(above, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// keysBelow are the keys below a path that begin with what was typed.
func (e *Env) keysBelow(above, typed string) []string {
	k, path := config.Root(), ""
	if above != "" {
		path = above + "."
		for name := range strings.SplitSeq(above, ".") {
			switch below := k.Key(name); {
			case below != nil:
				k = below
			case k.Elem != nil:
				k = k.Elem
			default:
				return nil
			}
		}
	}
	names := k.Names()
	switch {
	case above == "services":
		for name := range e.Catalogue().Describe() {
			names = append(names, name)
		}
	case k.Kind == config.Named && k.Under != nil:
		names = k.Under
	case k.Kind == config.Named && k.Elem != nil:
		names = append(names, k.Elem.Names()...)
	}
	slices.Sort(names)
	var found []string
	for _, name := range names {
		if strings.HasPrefix(path+name, typed) {
			found = append(found, path+name)
		}
	}
	return found
}
