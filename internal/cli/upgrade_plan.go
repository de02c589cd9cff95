package cli

import (
	"context"
	"errors"
	"slices"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/installation"
	"berth/internal/upgrade"
)

// planJourney works out the way, and looks at the installation with every hop's eyes. Nothing is touched.
func (e *Env) planJourney(ctx context.Context, s installation.Site, f upgradeFlags) (*journey.Plan, *journey.Journey, error) {
	found, err := e.find(ctx, s, f.file)
	if err != nil {
		return nil, nil, err
	}
	problems, facts := found.problems, found.facts
	to := f.to
	if to == "" && upgrade.Newer(s.Of().Release.Version, found.release) {
		to = s.Of().Release.Version // the admin has written it down already
	}
	way, refusals := upgrade.Path(e.Catalogue(), upgrade.Request{From: found.release, To: to, Target: s.Of().Stack.Target, Facts: s.Of().Known(facts)})
	problems = append(problems, refusals...)
	if refusals.Failed() {
		return nil, nil, problems
	}
	if way.Then != "" {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3756", Severity: diag.Warning, Subject: way.To, Summary: "the upgrade ends at " + way.To + " for now",
			Hint: way.Then})
	}
	l, more := e.as(s.Of(), found.release)
	problems = append(problems, more...)
	if l == nil {
		return nil, nil, problems
	}
	hops, more := e.hops(l, way)
	problems = append(problems, more...)
	if len(hops) == 0 {
		return &journey.Plan{Format: 1, Installation: l.Stack.Name, Target: l.Stack.Target, From: found.release, To: found.release, Problems: problems}, nil, nil
	}
	j := journey.New(string(l.Text), hops, f.trust, e.Now())
	j.File = string(s.Of().Text)
	if j.Previous, err = journey.Load(ctx, s.Store()); err != nil {
		return nil, nil, err
	}
	if j.Previous != nil && j.Previous.Status != journey.Arrived {
		j.Left, j.Previous = j.Previous.Left, nil
	}
	if found.start != nil {
		j.Start = string(found.start.Text)
		if upgrade.Converted(e.Catalogue(), found.standing, found.release, l.Known(facts)) {
			j.NoBack = "the databases were started with images of " + found.start.Release.Version + ", which convert their data for a newer Postgres, and berth made no backup before"
		}
	}
	var conditions []string
	if facts != nil {
		j.Bytes = facts.Bytes()
		space, err := s.Disk(ctx)
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, journey.Preflight(&hops[0], facts)...)
		saves := f.trust == "" && slices.Contains(hops[0].Stages(false), journey.Save)
		problems = append(problems, space.Enough(&hops[0], facts, saves)...)
		conditions = space.Found(&hops[0], facts, saves)
	}
	var times []journey.Time
	if err := s.Store().Note(ctx, journey.TimesName, &times); err != nil {
		return nil, nil, err
	}
	p := journey.Planned(l.Stack.Name, l.Stack.Target, l.Doc.Config.Held(), j, facts, times)
	p.Problems, p.Hops[0].Found = problems, conditions
	return p, j, nil
}

// found is how an installation stands before a way is planned.
type found struct {
	release  string // of its data
	standing upgrade.Standing
	facts    *journey.Facts // nil: the databases did not answer
	start    *installation.Want   // the config with the release of the databases' containers, where that is another one than the data's; else nil
	problems diag.List
}

// find asks containers and databases how they stand.
func (e *Env) find(ctx context.Context, s installation.Site, file string) (f found, err error) {
	l := s.Of()
	services, _, _, err := s.Services(ctx, &e.Environment)
	if err != nil {
		return f, err
	}
	f.standing.Runs = runs(services)
	if len(f.standing.Runs) == 0 {
		return f, e.notRunning(ctx, s, file)
	}
	// The databases are asked with the tools of their own release, which are here already.
	text, atDatabases := string(l.Text), ""
	for release, services := range f.standing.Runs {
		if slices.Contains(services, "pgsql") {
			atDatabases = release
		}
	}
	if atDatabases != "" && atDatabases != l.Release.Version {
		var more diag.List
		if f.start, more = e.as(l, atDatabases); f.start != nil {
			text = string(f.start.Text)
		}
		f.problems = append(f.problems, more...)
	}
	f.facts, err = journey.Inspect(ctx, installation.NewPlace(&e.Environment, l, 0), text, e.Tag())
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
		answerless, err := installation.Stand(ctx, &e.Environment, s, nil, installation.InDoubt)
		if err != nil {
			return f, err
		}
		f.standing.Recorded = answerless.Recorded
	}
	f.release = f.standing.Installed(e.Catalogue(), l.Stack.Target, l.Known(f.facts))
	if atDatabases == f.release {
		f.start = nil
	}
	if f.standing.Mixed(f.release) {
		f.problems = append(f.problems, upgrade.Mixture(f.standing, f.release, l.Release.Version, file))
	}
	return f, nil
}

// as is a config with another release, and as it is where it names that one. Problems are why there is none.
func (e *Env) as(l *installation.Want, release string) (*installation.Want, diag.List) {
	if l.Release.Version == release {
		return l, nil
	}
	out, _, problems := e.later(l, release)
	if problems.Failed() {
		return nil, problems
	}
	return out, nil
}

// notRunning refuses to upgrade what is not there. Data that was kept comes up with its own release first.
func (e *Env) notRunning(ctx context.Context, s installation.Site, file string) error {
	standing, err := installation.Stand(ctx, &e.Environment, s, nil, installation.InDoubt)
	if err != nil {
		return err
	}
	hint := "start it first: berth up"
	if standing.Data && standing.Recorded != "" && standing.Recorded != s.Of().Release.Version {
		hint = "its data is of " + standing.Recorded + ": write  release: " + standing.Recorded + "  in " + file + ", then: berth up   then: berth upgrade"
	}
	return diag.List{{Code: "BERTH3737", Severity: diag.Error, Subject: file, Summary: "Sourcegraph does not run here, so there is nothing to upgrade", Hint: hint}}
}
