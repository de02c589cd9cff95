package stages

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/stack"
)

// WayBack is how an installation gets back to the release before the current upgrade step, and what that costs.
type WayBack struct {
	From   string // the release that the current upgrade step leads to
	To     string
	Stages []string // in order; none: nothing was changed yet
	Cost   string   // what is lost
	Page   bool     // Sourcegraph does not answer meanwhile
	Backup string   // that is restored
}

// Back is the way back from where an upgrade is. A problem tells why there is none.
func (u *Progress) Back() (WayBack, diag.List) {
	if u.Rollback != nil {
		return u.Way, nil
	}
	h := u.Hop()
	way := WayBack{From: h.To, To: h.From, Cost: "nothing is lost"}
	switch {
	case !u.touched():
		return way, nil
	case h.NoBack != "":
		return way, diag.List{{Code: "BERTH3720", Severity: diag.Error, Subject: h.To, Summary: fmt.Sprintf("%s can't be rolled back to %s: %s", h.To, h.From, h.NoBack),
			Hint: "continue: berth upgrade"}}
	case h.Redeployable():
		// The release before works with the schema of the one after it.
		way.Stages = []string{Redeploy}
		return way, nil
	case !h.Rolls() && !u.begun(Migrate) && !(h.ConvertsPostgres && u.begun(Convert)):
		way.Stages, way.Page = []string{Redeploy}, h.Reindexes && u.moved()
		return way, nil
	}
	way.Page = true
	if h.Undoable() {
		way.Stages, way.Cost = []string{Undo, Redeploy}, "data in columns and tables of the newer release: the migrator removes them"
		return way, nil
	}
	if len(u.Backups) == 0 {
		own := "your own backup"
		if u.Plan.Trusted != "" {
			own += " (" + u.Plan.Trusted + ")"
		}
		return way, diag.List{{Code: "BERTH3720", Severity: diag.Error, Subject: h.To,
			Summary: fmt.Sprintf("only a backup can take %s back to %s, and berth made none", h.To, h.From), Detail: h.Irreversible,
			Hint: "restore " + own + " with its own tool, then: berth up"}}
	}
	backup := u.Backups[len(u.Backups)-1]
	way.To, way.Backup = backup.Release, backup.Name
	way.Stages = []string{Restore, Redeploy}
	way.Cost = "what was written since the backup of " + backup.At.Format(time.DateTime)
	return way, nil
}

// backStage is an entry of the table of a rollback's stages.
type backStage struct {
	name  string
	text  func(w WayBack) string
	steps func(u *Progress, w WayBack) []plan.Step
}

// back are the stages of a rollback in their order.
var back = []backStage{
	{Restore, func(w WayBack) string { return "backup " + w.Backup + " is restored" },
		func(u *Progress, w WayBack) (s []plan.Step) {
			if u.Hop().ConvertsPostgres {
				s = append(s, reach(plan.ConfigBack, stack.Stopped, plan.RollbackPage), plan.Step{Verb: plan.SetAside, Object: "data", Config: plan.ConfigBack})
			}
			return append(s, reach(plan.ConfigBack, stack.Closed, plan.RollbackPage), plan.Step{Verb: plan.Restore, Object: "databases", Config: plan.ConfigBack, Backup: w.Backup})
		}},
	{Undo, func(w WayBack) string { return "the migrator takes the databases back to " + w.To },
		func(u *Progress, _ WayBack) []plan.Step {
			return []plan.Step{reach(u.Hop().To, stack.Closed, plan.RollbackPage), {Verb: plan.Downgrade, Object: "schemas", Config: u.Hop().To}}
		}},
	{Redeploy, func(w WayBack) string { return w.To + " is deployed again" },
		func(u *Progress, w WayBack) (s []plan.Step) {
			if u.Hop().Reindexes && w.Stages[0] != Restore && u.moved() {
				// What the newer system put in order is not in the older one's.
				s = append(s, reach(plan.ConfigBack, stack.Closed, plan.RollbackPage), plan.Step{Verb: plan.Index, Object: "indexes", Config: plan.ConfigBack})
			}
			if u.Hop().Rolls() {
				return append(s, plan.Step{Verb: plan.Roll, Object: w.To, Config: plan.ConfigBack})
			}
			return append(s, reach(plan.ConfigBack, stack.Open, ""))
		}},
}

// Return is the plan of a rollback. config is the text that it leads to, and now is the one of what runs.
func (u *Progress) Return(way WayBack, config, now string) *plan.Plan {
	h := *u.Hop()
	p := &plan.Plan{Format: plan.Format, Action: plan.Rollback, Installation: u.Plan.Installation, Target: u.Plan.Target, From: h.To, Release: way.To,
		Hops: []plan.Hop{h}, Configs: plan.Configs{h.From: u.Plan.Configs[h.From], h.To: now, plan.ConfigBack: config}, Steps: []plan.Step{}, Unchanged: []string{}}
	// Tasks of the upgrade that still run would go on to change the databases.
	p.Append(plan.Stage{Name: "stop", Text: "tasks of the upgrade stop"}, []plan.Step{{Verb: plan.Halt, Object: "tasks"}})
	for _, s := range back {
		if slices.Contains(way.Stages, s.name) {
			p.Append(plan.Stage{Name: s.name, Text: s.text(way)}, s.steps(u, way))
		}
	}
	p.Append(plan.Stage{Name: Save, Text: "release: " + way.To + " is written into your file"}, []plan.Step{{Verb: plan.Save, Object: "release", Config: plan.ConfigBack}})
	return p
}

// Config is the config with which a release ran on the way of an upgrade.
func (u *Progress) Config(release string) string {
	return cmp.Or(u.Plan.Configs[release], u.Plan.Configs[u.Hop().From])
}
