package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"berth/internal/bundle/gather"
	"berth/internal/bundle/redact"
	"berth/internal/diag"
	"berth/internal/installation"
	"github.com/spf13/cobra"
)

func newBundleWhoCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "who PSEUDONYM...",
		Short: "Show which names pseudonyms of a bundle replace",
		Long: `Show which names pseudonyms of a bundle replace, such as host-7k2m9qxa. berth keeps the names that it replaced where it keeps this
installation's secrets. A name that is not among them is searched for in the config, on the target and in the database.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return env.who(cmd.Context(), file, args) },
	}
	configFlag(cmd, &file)
	return cmd
}

// pseudonymsOf asks for pseudonyms of some kinds of names. Their key is a secret of the installation.
func (e *Env) pseudonymsOf(ctx context.Context, i *installation.Installation, o *gather.Options, kinds []redact.Kind) error {
	if len(kinds) == 0 {
		return nil
	}
	key, err := e.own(ctx, i, gather.KeyName, "bundle")
	if err != nil {
		return diag.List{{Code: "BERTH4438", Severity: diag.Error, Subject: "--pseudonyms", Summary: "the key of the pseudonyms can't be read", Detail: reasons(err),
			Hint: "fix that, or write a bundle with all names: berth bundle"}}
	}
	o.Pseudonyms, o.Key = kinds, []byte(key)
	return nil
}

const (
	// namesNote is the state's note of names that pseudonyms replaced, newest first.
	namesNote = "names"
	// mostNames is how long that note may be: a ConfigMap holds 1 MiB.
	mostNames = 700 << 10
)

// behind is a name, and what replaced it.
type behind struct {
	Pseudonym string `json:"pseudonym"`
	Name      string `json:"name"`
}

// rememberNames adds names to those that berth can translate back. The oldest are forgotten where there are too many.
func rememberNames(ctx context.Context, i *installation.Installation, used []redact.Used) error {
	if len(used) == 0 {
		return nil
	}
	var before []behind
	if err := i.Store.Note(ctx, namesNote, &before); err != nil {
		return err
	}
	all, size := []behind{}, 0
	seen := map[string]bool{}
	add := func(n behind) {
		text, _ := json.Marshal(n)
		if size += len(text) + 1; size <= mostNames && !seen[n.Pseudonym] {
			seen[n.Pseudonym] = true
			all = append(all, n)
		}
	}
	for _, u := range used {
		add(behind{u.Pseudonym, u.Name})
	}
	for _, n := range before {
		add(n)
	}
	return i.Store.SetNote(ctx, namesNote, all)
}

// asked are all names that the config, the target and the database have now. Without a key, no bundle had pseudonyms.
func (e *Env) asked(ctx context.Context, i *installation.Installation, o gather.Options) (out []behind, err error) {
	kept, err := i.Store.Generated(ctx)
	if err != nil || kept[gather.KeyName] == "" {
		return nil, err
	}
	o.Pseudonyms, o.Key = redact.Kinds, []byte(kept[gather.KeyName])
	p, _ := gather.Pseudonyms(ctx, &e.Environment, i, o)
	for _, n := range p.Names {
		if of := cmp.Or(n.Of, n.Text); !n.Path {
			out = append(out, behind{p.Of(n.Kind, of), of})
		}
	}
	return out, nil
}

// who shows the names behind pseudonyms.
func (e *Env) who(ctx context.Context, file string, pseudonyms []string) error {
	i, o, err := e.reachable(ctx, file)
	if err != nil {
		return err
	}
	defer i.Close()
	var known []behind
	if err := i.Store.Note(ctx, namesNote, &known); err != nil {
		return err
	}
	knows := func(pseudonym string) bool {
		return slices.ContainsFunc(known, func(n behind) bool { return n.Pseudonym == pseudonym })
	}
	if slices.ContainsFunc(pseudonyms, func(p string) bool { return !knows(p) }) {
		more, err := e.asked(ctx, i, o)
		if err != nil {
			return err
		}
		known = append(known, more...)
	}
	var found []behind
	var problems diag.List
	for _, p := range pseudonyms {
		at := slices.IndexFunc(known, func(n behind) bool { return n.Pseudonym == p })
		if at < 0 {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4439", Severity: diag.Error, Subject: p, Summary: "no name of this installation has this pseudonym",
				Hint: "compare its spelling, and use the config of the installation that wrote the bundle: berth bundle who --config FILE " + p})
			continue
		}
		found = append(found, known[at])
	}
	if err := e.give(found, func() {
		for _, n := range found {
			fmt.Fprintf(e.Stdout, "%s  %s\n", n.Pseudonym, n.Name)
		}
	}); err != nil || len(problems) == 0 {
		return err
	}
	return problems
}
