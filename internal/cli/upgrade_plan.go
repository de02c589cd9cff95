package cli

import (
	"context"
	"errors"
	"slices"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/site"
	"berth/internal/upgrade"
)

// planJourney works out the way, and looks at the installation with every hop's eyes. Nothing is touched.
func (e *Env) planJourney(ctx context.Context, s site.Site, f upgradeFlags) (*journey.Plan, *journey.Journey, error) {
	l := s.Of()
	_, _, from, err := s.Services(ctx, &e.Environment)
	if err != nil {
		return nil, nil, err
	}
	if from == "" {
		return nil, nil, notRunning(f.file)
	}
	at := site.NewPlace(&e.Environment, l, 0)
	facts, err := journey.Inspect(ctx, at, string(l.Text))
	var problems diag.List
	if errors.As(err, &problems) {
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	way, refusals := upgrade.Path(e.Catalogue(), upgrade.Request{From: from, To: f.to, Target: l.Stack.Target, Facts: known(l, facts)})
	problems = append(problems, refusals...)
	if refusals.Failed() {
		return nil, nil, problems
	}
	if way.Then != "" {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3756", Severity: diag.Warning, Subject: way.To, Summary: "the way ends at " + way.To + " for now",
			Hint: way.Then})
	}
	hops, more := e.hops(l, way)
	problems = append(problems, more...)
	if len(hops) == 0 {
		return &journey.Plan{Format: 1, Installation: l.Stack.Name, Target: l.Stack.Target, From: from, To: from, Problems: problems}, nil, nil
	}
	j := journey.New(string(l.Text), hops, f.trust, e.Now())
	var found []string
	if facts != nil {
		j.Bytes = facts.Bytes()
		space, err := s.Disk(ctx)
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, journey.Preflight(&hops[0], facts)...)
		saves := f.trust == "" && slices.Contains(hops[0].Stages(false), journey.Save)
		problems = append(problems, space.Enough(&hops[0], facts, saves)...)
		found = space.Found(&hops[0], facts, saves)
	}
	var times []journey.Time
	if err := s.Store().Note(ctx, journey.TimesName, &times); err != nil {
		return nil, nil, err
	}
	p := journey.Planned(l.Stack.Name, l.Stack.Target, l.Doc.Config.Held(), j, facts, times)
	p.Problems, p.Hops[0].Found = problems, found
	return p, j, nil
}

// notRunning refuses to upgrade what is not there.
func notRunning(file string) diag.List {
	return diag.List{{Code: "BERTH3737", Severity: diag.Error, Subject: file, Summary: "Sourcegraph does not run here, so there is nothing to upgrade",
		Hint: "set the release in " + file + ", then: berth up"}}
}
