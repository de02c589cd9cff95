// Package stores asks the admin's own databases whether Sourcegraph can use them, and says what to do where it can't: data.Worker asks, and what it
// finds becomes problems of the config. Nothing is changed.
package stores

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
)

// longestQuestion is how long it may take until something runs that asks: an image may have to be pulled first.
const longestQuestion = 2 * time.Minute

// Check asks the admin's own databases whether they answer, and whether their user may do what the migrator does there. It asks from beside
// Sourcegraph, where they will be used: a firewall may let this machine through, or only the others. p is the plan that is made now: what it starts
// does not lead to a database yet.
func Check(ctx context.Context, e *installation.Environment, i *installation.Installation, p *plan.Plan) diag.List {
	wanted := map[string][]string{}
	for name, d := range i.Release.Relations.Stores.Postgres.Databases {
		if external := i.Doc.Config.Databases[name].External; external != nil && !leadsThrough(i.Want, external.Host, p) {
			wanted[name] = d.Extensions
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	e.Watch(run.Event{Kind: run.Asked, Text: "checking whether Sourcegraph can use your own databases"})
	asker := data.Worker{Tasks: i.Tasks, Tag: e.Tag()}
	within, cancel := context.WithTimeout(ctx, longestQuestion)
	defer cancel()
	found, err := asker.Reach(within, i.Image("pgsql"), wanted)
	if ctx.Err() != nil {
		return nil // whoever asked reports it
	}
	if err != nil {
		_ = i.Forget(context.WithoutCancel(ctx), "reach"+asker.Tag)
		return diag.List{notAsked(i.Want, slices.Sorted(maps.Keys(wanted)), err)}
	}
	var problems diag.List
	for _, r := range found {
		problems = append(problems, judge(e, i.Want, r)...)
	}
	return problems
}

// OpensDatabases reports whether a plan starts what opens the databases first.
func OpensDatabases(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		return (s.Service == "sourcegraph-frontend" || s.Service == "migrator") && s.Verb != plan.Pull && s.Verb != plan.Wait
	})
}

// leadsThrough reports whether a host is a container of the admin's own that this plan starts, or a sidecar: nothing can be asked through it now.
func leadsThrough(w *installation.Want, host string, p *plan.Plan) bool {
	address, err := netip.ParseAddr(host)
	if err == nil && address.IsLoopback() || host == "localhost" {
		return true
	}
	own := slices.ContainsFunc(w.Stack.Instances, func(inst stack.Instance) bool { return inst.Own && inst.Name == host })
	return own && (len(p.Runs) == 0 || slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Service == host }))
}

// notAsked says that databases could not be asked, and why. It is no error: what keeps a question from being asked may not keep Sourcegraph from running.
func notAsked(w *installation.Want, names []string, err error) diag.Diagnostic {
	d := diag.Diagnostic{Code: "BERTH1540", Severity: diag.Warning, Range: w.Doc.At("databases." + names[0] + ".external"),
		Summary: "berth could not check whether Sourcegraph can use " + diag.Listed(names, "and"), Detail: []string{err.Error()},
		Hint: "berth up checks them again before it starts anything"}
	var list diag.List
	if errors.As(err, &list) && len(list) > 0 {
		d.Detail = append([]string{list[0].Summary}, list[0].Detail...)
		if list[0].Hint != "" && list[0].Code != "BERTH3701" {
			d.Hint = list[0].Hint
		}
	}
	return d
}

// judge says what is wrong with one of the admin's own databases.
func judge(e *installation.Environment, w *installation.Want, r data.Reached) (problems diag.List) {
	path := "databases." + r.Name + ".external"
	external := w.Doc.Config.Databases[r.Name].External
	add := func(code, hint, format string, args ...any) {
		problems = append(problems, diag.Diagnostic{Code: code, Severity: diag.Error, Range: w.Doc.At(path), Summary: fmt.Sprintf(format, args...), Hint: hint})
	}
	if r.Why != "" {
		add("BERTH1541", unanswered(r.Why, external), "%s does not answer Sourcegraph at %s", r.Name, external.Host)
		problems[0].Detail = []string{strings.Join(strings.Fields(r.Why), " ")}
		return problems
	}
	if least := e.Catalogue().Upgrades().LeastExternal(w.Release.Version); r.Major() < least {
		add("BERTH1542", fmt.Sprintf("upgrade the server to Postgres %d or later, or name another one", least),
			"%s is Postgres %d, and Sourcegraph %s needs %d", r.Name, r.Major(), w.Release.Version, least)
	}
	switch {
	case !r.Create:
		add("BERTH1543", "run there as its owner:  GRANT CREATE ON SCHEMA public TO "+quotedName(external.User), "%s: the user %s may not create tables in %s", r.Name, external.User, external.Database)
	case r.Owner != "":
		add("BERTH1543", "run there as "+r.Owner+":  REASSIGN OWNED BY "+quotedName(r.Owner)+" TO "+quotedName(external.User)+"   or sign in as "+r.Owner,
			"%s: the tables belong to %s, and the user %s may not change them", r.Name, r.Owner, external.User)
	}
	if len(r.Absent) > 0 {
		add("BERTH1544", "install them on the server, or use one that has them", "%s: the server has no %s, which Sourcegraph needs", r.Name, diag.Listed(r.Absent, "and"))
	}
	if len(r.Refused) > 0 {
		var commands []string
		for _, name := range r.Refused {
			commands = append(commands, "CREATE EXTENSION "+name)
		}
		add("BERTH1544", "run in "+external.Database+" as a superuser:  "+strings.Join(commands, "; "), "%s: the user %s may not create %s, which Sourcegraph needs", r.Name, external.User,
			diag.Listed(r.Refused, "and"))
	}
	return problems
}

// unanswered is what to do about an answer of psql's.
func unanswered(why string, e *config.ExternalDatabase) string {
	for _, c := range []struct{ says, do string }{
		{"could not translate host name", "correct  host, or let the containers resolve it: berth explain allServices.extraHosts"},
		{"password authentication failed", "check  user  and  password"},
		{"no password supplied", "check  password: it is empty"},
		{"no pg_hba.conf entry", "let the server accept this user from here: pg_hba.conf, or its firewall"},
		{"does not support SSL", "turn TLS on at the server, or write  sslmode: disable  if the network is trusted"},
		{"certificate verify failed", "name the authority of the server's certificate:  ca: FILE"},
		{"server certificate for", "write the host that the certificate is for, or  sslmode: verify-ca"},
		{`database "` + e.Database + `" does not exist`, "create it:  CREATE DATABASE " + quotedName(e.Database) + " OWNER " + quotedName(e.User)},
		{`role "` + e.User + `" does not exist`, "create the user:  CREATE ROLE " + quotedName(e.User) + " LOGIN"},
		{"Connection refused", "check  host  and  port, and that the server listens on other addresses than localhost"},
		{"timeout expired", "check  host  and  port, and the firewalls between here and the server"},
		{"too many", "free connections at the server, or raise its max_connections"},
	} {
		if strings.Contains(why, c.says) {
			return c.do
		}
	}
	return "check  databases  in the config:  berth explain databases.pgsql.external"
}

// quotedName is a name as SQL takes it.
func quotedName(name string) string {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}
