package cli

import (
	"context"
	"errors"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/installation"
	"berth/internal/upgrade"
)

// compared is what an installation says of its release, held beside the one that its config names.
type compared struct {
	upgrade.Change
	standing upgrade.Standing
	upgrade  *journey.Journey // the last one; nil when there never was one
}

// observe makes the plan of what a config asks for, and holds the installation's release beside the one that the config names. What stands in the way
// of the plan is among the problems of c, where there is a plan at all.
func (e *Env) observe(ctx context.Context, s installation.Site, when installation.Asking, dataOf string) (p *plan.Plan, c compared, err error) {
	p, err = e.planned(ctx, s)
	var problems diag.List
	if p == nil || err != nil && !errors.As(err, &problems) {
		return p, c, err
	}
	c, err = e.compare(ctx, s, p, when, dataOf)
	c.Problems = append(problems, c.Problems...)
	return p, c, err
}

// compare holds an installation's release beside the one that its config names. p is the plan of what the config asks for. dataOf is the release
// of the data as the admin says, for databases that can't be asked; "": they say nothing.
func (e *Env) compare(ctx context.Context, s installation.Site, p *plan.Plan, when installation.Asking, dataOf string) (c compared, err error) {
	if c.upgrade, err = journey.Load(ctx, s.Store()); err != nil {
		return c, err
	}
	if c.upgrade.Open() { // nobody may ask for a change before it is over
		c.Problems = diag.List{underway(c.upgrade, s.Of().File)}
		return c, nil
	}
	if c.standing, err = installation.Stand(ctx, &e.Environment, s, p.Runs, when); err != nil {
		return c, err
	}
	if dataOf != "" {
		c.standing.Recorded = dataOf
	}
	c.Change = s.Of().Compare(e.Catalogue(), c.standing, c.upgrade)
	return c, nil
}

// runs are services by the release of their containers, but for the migrator, which ran once.
func runs(services []installation.Service) map[string][]string {
	out := map[string][]string{}
	for _, v := range services {
		if v.Release != "" && v.Name != "migrator" {
			out[v.Release] = append(out[v.Release], v.Name)
		}
	}
	return out
}
