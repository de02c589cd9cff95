package installation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/jsonc"
	"berth/internal/plan"
	"berth/internal/run"
)

// mostNames is how many names a warning lists.
const mostNames = 20

// Replaced warns what Sourcegraph's own configuration files take away from a Sourcegraph that runs, before they do: a file of code hosts deletes every
// connection that it does not have, and a site configuration or settings replace what people edited in Sourcegraph's pages. It asks the databases
// only where a plan gives the frontend a new file.
//
// Source: https://sourcegraph.com/docs/self-hosted/advanced-config-file and cmd/frontend/internal/cli/config.go of Sourcegraph's public source
func (i *Installation) Replaced(ctx context.Context, e *Environment, p *plan.Plan) diag.List {
	c := i.Doc.Config
	if c.SiteConfig == nil && c.CodeHosts == nil && c.Settings == nil || !restartsFrontend(p) || !i.databaseRuns(p) {
		return nil
	}
	e.Watch(run.Event{Kind: run.Asked, Text: "querying the databases for what your configuration files would replace"})
	asker := data.Worker{Tasks: i.Tasks, Tag: e.Tag()}
	there, err := asker.Configured(ctx, i.Image("pgsql"))
	if err != nil {
		return diag.List{{Code: "BERTH1532", Severity: diag.Warning, Subject: i.File, Summary: "the databases could not be queried, so berth can't show what your configuration files replace",
			Detail: []string{err.Error(), "a codeHosts file deletes every connection that is not in it; site configuration and settings files replace what people edited"},
			Hint:   "compare the files with Sourcegraph's pages before you continue"}}
	}
	generated, err := i.Store.Generated(ctx)
	if err != nil {
		return nil // whoever carries the plan out reports it
	}
	values, err := e.Secrets(i.Want, generated)
	if err != nil {
		return nil
	}
	return slices.Concat(
		i.connections(c.CodeHosts, values["code-hosts-file"], there.Connections),
		i.names("siteConfig", "the site configuration", c.SiteConfig, values["site-config"], there.SiteConfig),
		i.names("settings", "the global settings", c.Settings, values["settings-file"], there.Settings))
}

// Address warns where people set another address in Sourcegraph's pages than the config's url, or none: single sign-on and links in mails use that one.
// Where the site configuration is a file, berth writes the address.
func (i *Installation) Address(ctx context.Context, e *Environment, p *plan.Plan) diag.List {
	if i.Doc.Config.SiteConfig != nil || i.Stack.URL == "" || !i.databaseRuns(p) {
		return nil
	}
	e.Watch(run.Event{Kind: run.Asked, Text: "querying the databases for Sourcegraph's address"})
	asker := data.Worker{Tasks: i.Tasks, Tag: e.Tag()}
	there, err := asker.Configured(ctx, i.Image("pgsql"))
	if err != nil || strings.TrimRight(there.ExternalURL, "/") == strings.TrimRight(i.Stack.URL, "/") {
		return nil // databases that do not answer are another question's to report
	}
	d := diag.Diagnostic{Code: "BERTH1545", Severity: diag.Warning, Range: i.Doc.At("url"),
		Summary: "Sourcegraph does not know its address: its site configuration has no externalURL",
		Hint:    fmt.Sprintf("set  \"externalURL\": %q  at %[1]s/site-admin/configuration", i.Stack.URL)}
	if there.ExternalURL != "" {
		d.Summary = fmt.Sprintf("Sourcegraph's site configuration has %s, but the config's url is %s", there.ExternalURL, i.Stack.URL)
		d.Detail = []string{"single sign-on and links in mails lead to the former"}
	}
	return diag.List{d}
}

// restartsFrontend reports whether a plan gives the frontend something new.
func restartsFrontend(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return s.Service == "sourcegraph-frontend" && s.Verb != plan.Pull && s.Verb != plan.Wait
	})
}

// databaseRuns reports whether there is a database that can be asked.
func (i *Installation) databaseRuns(p *plan.Plan) bool {
	if i.Doc.Config.Databases["pgsql"].External != nil {
		return len(p.Runs) > 0
	}
	for services := range maps.Values(p.Runs) {
		if slices.Contains(services, "pgsql") {
			return true
		}
	}
	return false
}

// connections warns about connections that a file of code hosts deletes. Sourcegraph names those of the file by kind and number.
func (i *Installation) connections(file *config.ConfigFile, text string, there []data.Connection) diag.List {
	root, ok := jsonc.Parse([]byte(text))
	if file == nil || !ok {
		return nil
	}
	kept := map[data.Connection]bool{}
	for _, m := range root.Members {
		for n := range m.Value.Items {
			kept[data.Connection{Kind: m.Name, Name: fmt.Sprintf("%s #%d", m.Name, n+1)}] = true
		}
	}
	var gone []string
	for _, c := range there {
		if !kept[c] {
			gone = append(gone, fmt.Sprintf("%s %q, with its repositories", c.Kind, c.Name))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	what := "1 connection"
	if len(gone) > 1 {
		what = fmt.Sprintf("%d connections", len(gone))
	}
	return diag.List{{Code: "BERTH1530", Severity: diag.Warning, Range: i.Doc.At("codeHosts.file"), Detail: few(gone),
		Summary: file.File + " deletes " + what + " to code hosts that Sourcegraph has now",
		Hint:    "to keep one, copy its configuration from Sourcegraph's page of code host connections into the file, with its secrets"}}
}

// names warns about keys that Sourcegraph has and a file does not.
func (i *Installation) names(key, what string, file *config.ConfigFile, text string, there []string) diag.List {
	root, ok := jsonc.Parse([]byte(text))
	if file == nil || !ok {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(there), func(name string) bool { return root.At(name) != nil })
	if len(gone) == 0 {
		return nil
	}
	return diag.List{{Code: "BERTH1531", Severity: diag.Warning, Range: i.Doc.At(key + ".file"), Detail: few(gone),
		Summary: file.File + " replaces what " + what + " of Sourcegraph has now",
		Hint:    "to keep it, copy it from Sourcegraph's page into the file, with its secrets"}}
}

// few are the first of many lines.
func few(lines []string) []string {
	if n := len(lines) - mostNames; n > 0 {
		return append(lines[:mostNames:mostNames], fmt.Sprintf("and %d more", n))
	}
	return lines
}
