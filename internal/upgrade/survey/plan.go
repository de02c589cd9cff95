package survey

import (
	"context"
	"errors"
	"slices"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade"
	"berth/internal/upgrade/stages"
)

// Wish is an upgrade that somebody asks for.
type Wish struct {
	To     string // a release, or a minor; "": the one in the file if it is newer, or the newest that is offered
	Trust  string // the admin's own backup, in their words; "": berth makes one
	Action plan.Action
}

// Plan works out the way, and looks at the installation as every step of it would. The plan has no hops where there is nothing to upgrade. Problems
// that keep a plan from being made are the error.
func Plan(ctx context.Context, e *installation.Environment, i *installation.Installation, records []state.Record, wish Wish) (*plan.Plan, error) {
	found, err := find(ctx, e, i, records)
	if err != nil {
		return nil, err
	}
	problems, facts := found.problems, found.facts
	to := wish.To
	if to == "" && upgrade.Newer(i.Release.Version, found.release) {
		to = i.Release.Version // the admin has written it down already
	}
	way, refusals := upgrade.Path(e.Catalogue(), upgrade.Request{From: found.release, To: to, Target: i.Stack.Target, Facts: Facts(i.Want, facts)})
	problems = append(problems, refusals...)
	if refusals.Failed() {
		return nil, problems
	}
	if way.Then != "" {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3756", Severity: diag.Warning, Subject: way.To, Summary: "the upgrade ends at " + way.To + " for now",
			Hint: way.Then})
	}
	w, more := As(e, i.Want, found.release)
	problems = append(problems, more...)
	if w == nil {
		return nil, problems
	}
	hops, configs, more := hops(e, w, way)
	problems = append(problems, more...)
	if len(hops) == 0 {
		return &plan.Plan{Format: plan.Format, Action: plan.Upgrade, Installation: w.Stack.Name, Target: w.Stack.Target, From: found.release, Release: found.release,
			Problems: problems, Steps: []plan.Step{}, Unchanged: []string{}}, nil
	}
	configs[plan.ConfigFile] = string(i.Text)
	r := stages.Request{Installation: w.Stack.Name, Target: w.Stack.Target, Hops: hops, Configs: configs, HoldsRequests: w.Doc.Config.HoldsRequests(), Trusted: wish.Trust,
		Facts: facts, Measured: stages.Times(records), Usual: state.Usually(records), Waited: stages.Waited(records)}
	if found.start != nil {
		configs[plan.ConfigStart] = string(found.start.Text)
		if upgrade.Converted(e.Catalogue(), found.standing, found.release, Facts(w, facts)) {
			hops[0].NoBack = "the databases were started with images of " + found.start.Release.Version + ", which convert their data for a newer Postgres, and berth made no backup before"
		}
	}
	p := stages.Upgrade(r)
	if facts != nil {
		space, err := i.Space(ctx)
		if err != nil {
			return nil, err
		}
		problems = append(problems, stages.Preflight(&p.Hops[0], facts)...)
		problems = append(problems, stages.Enough(space, &p.Hops[0], facts, stages.Saves(p, 0))...)
		p.Hops[0].Found = stages.Found(space, &p.Hops[0], facts, stages.Saves(p, 0))
	}
	if wish.Action == plan.Rehearse {
		p = stages.Rehearsal(r)
	}
	p.Problems = append(problems, issues(e, w, p.Hops, facts)...)
	return p, nil
}

// found is how an installation stands before a way is planned.
type found struct {
	release  string // of its data
	standing upgrade.Standing
	facts    *data.Facts        // nil: the databases did not answer
	start    *installation.Want // the config with the release of the databases' containers, where that is another one than the data's; else nil
	problems diag.List
}

// find asks containers and databases how they stand.
func find(ctx context.Context, e *installation.Environment, i *installation.Installation, records []state.Record) (f found, err error) {
	services, err := i.Services(ctx)
	if err != nil {
		return f, err
	}
	f.standing.Runs = services.Runs()
	if len(f.standing.Runs) == 0 {
		return f, NotRunning(ctx, i, records)
	}
	// The databases are asked with the tools of their own release, which are here already.
	asked := i.Want
	atDatabases := ofDatabases(f.standing.Runs)
	if atDatabases != "" && atDatabases != i.Release.Version {
		var more diag.List
		if f.start, more = As(e, i.Want, atDatabases); f.start != nil {
			asked = f.start
		}
		f.problems = append(f.problems, more...)
	}
	asker := data.Worker{Tasks: i.Tasks, Tag: e.Tag()}
	f.facts, err = asker.Inspect(ctx, asked.Image("pgsql"))
	var problems diag.List
	if errors.As(err, &problems) {
		f.problems, err = append(f.problems, problems...), nil
	}
	if err != nil {
		return f, err
	}
	if f.facts != nil {
		f.standing.Databases, f.standing.Postgres = f.facts.Release, f.facts.Postgres()
	} else {
		f.standing.Recorded = recorded(records)
	}
	f.release = f.standing.Installed(e.Catalogue(), i.Stack.Target, Facts(i.Want, f.facts))
	if atDatabases == f.release {
		f.start = nil
	}
	if f.standing.Mixed(f.release) {
		f.problems = append(f.problems, upgrade.Mixture(f.standing, f.release, i.Release.Version, i.File))
	}
	return f, nil
}

// ofDatabases is the release of the databases' containers; "" when none runs.
func ofDatabases(runs map[string][]string) (release string) {
	for r, services := range runs {
		if slices.Contains(services, "pgsql") {
			release = r
		}
	}
	return release
}

// NotRunning refuses to upgrade what is not there. Data that was kept comes up with its own release first.
func NotRunning(ctx context.Context, i *installation.Installation, records []state.Record) error {
	standing, err := Stand(ctx, i, records, nil, InDoubt)
	if err != nil {
		return err
	}
	hint := "start it first: berth up"
	if standing.Data && standing.Recorded != "" && standing.Recorded != i.Release.Version {
		hint = "its data is of " + standing.Recorded + ": write  release: " + standing.Recorded + "  in " + i.File + ", then: berth up   then: berth upgrade"
	}
	return diag.List{{Code: "BERTH3737", Severity: diag.Error, Subject: i.File, Summary: "Sourcegraph does not run here, so there is nothing to upgrade", Hint: hint}}
}
