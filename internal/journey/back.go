package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// Way is how an installation gets back to the release before the hop in hand, and what that costs.
type Way struct {
	To     string  `json:"to"`
	Stages []Stage `json:"stages"`           // in order; empty: nothing was changed yet
	Cost   string  `json:"cost"`             // what is lost
	Page   bool    `json:"page"`             // Sourcegraph does not answer meanwhile
	Backup string  `json:"backup,omitempty"` // that is restored
}

// Back is the way back from where a journey is. A problem tells why there is none.
func (j *Journey) Back() (Way, diag.List) {
	h := j.Hop()
	way := Way{To: h.From, Cost: "nothing is lost"}
	switch {
	case !j.touched():
		return way, nil
	case j.At.Hop == 0 && j.NoBack != "":
		return way, diag.List{{Code: "BERTH3720", Severity: diag.Error, Subject: h.To, Summary: fmt.Sprintf("%s can't be rolled back to %s: %s", h.To, h.From, j.NoBack),
			Hint: "continue: berth upgrade"}}
	case h.Kind != upgrade.MultiVersion && !h.Irreversible():
		// The release before works with the schema of the one after it.
		way.Stages = []Stage{Redeploy}
		return way, nil
	case h.Kind == upgrade.MultiVersion && !j.begun(Migrate) && !(h.ConvertsPostgres && j.begun(Convert)):
		way.Stages, way.Page = []Stage{Redeploy}, h.Reindexes && j.moved()
		return way, nil
	}
	way.Page = true
	if !h.Irreversible() {
		way.Stages, way.Cost = []Stage{Undo, Redeploy}, "what only the newer release wrote: the migrator removes its columns and tables"
		return way, nil
	}
	backup := j.backup()
	if backup == nil {
		d := diag.Diagnostic{Code: "BERTH3720", Severity: diag.Error, Subject: h.To,
			Summary: fmt.Sprintf("only a backup can take %s back to %s, and berth made none", h.To, h.From), Detail: h.Hop.Irreversible,
			Hint: "restore your own backup with its own tool, then: berth up"}
		if j.Trusted != "" {
			d.Hint = "restore your own backup (" + j.Trusted + ") with its own tool, then: berth up"
		}
		return way, diag.List{d}
	}
	way.To, way.Backup = backup.Release, backup.Name
	way.Stages = []Stage{Restore, Redeploy}
	way.Cost = "what was written since the backup of " + backup.At.Format(time.DateTime)
	return way, nil
}

// touched reports whether the hop in hand changed the installation yet.
func (j *Journey) touched() bool {
	return j.begun(Close) || j.begun(Deploy) || j.passed(Settle)
}

// moved reports whether the databases were started with images of a newer release than the hop in hand begins at.
func (j *Journey) moved() bool { return j.begun(Convert) || j.At.Hop == 0 && j.Start != "" }

// Return takes an installation back. It can be killed and begun again, as Walk can.
func (w *Walker) Return(ctx context.Context, j *Journey, way Way) error {
	j.Status, j.Problems = Returning, nil
	if err := w.save(ctx, j); err != nil {
		return err
	}
	// What the way there left at work would go on with the databases meanwhile.
	for _, task := range []string{"backup", "indexes", "migrate", "background"} {
		if err := w.Site.Forget(ctx, task); err != nil {
			return err
		}
	}
	config := j.BackTo(way)
	for _, stage := range way.Stages {
		place := Place{j.At.Hop, stage}
		begun := w.Now()
		w.Tell(Event{Hop: j.Hop(), Place: place, Of: len(j.Hops), Begun: true})
		if err := w.back(ctx, j, way, stage, config); err != nil {
			j.Problems = nil
			var problems diag.List
			if errors.As(err, &problems) {
				j.Problems = problems
			}
			return errors.Join(err, w.save(ctx, j))
		}
		w.Tell(Event{Hop: j.Hop(), Place: place, Of: len(j.Hops), Done: &Done{Place: place, Ended: w.Now(), Seconds: w.Now().Sub(begun).Seconds()}})
	}
	if err := w.Site.Write(config); err != nil {
		return err
	}
	*j = *j.returned(way.To, w.Now())
	return w.save(ctx, j)
}

// returned is what is left of a journey that went back to a release: the way there, with its own way back. Where nothing is left of it, the way
// back of the journey before holds again.
func (j *Journey) returned(release string, now time.Time) *Journey {
	hop := max(0, slices.IndexFunc(j.Hops, func(h Hop) bool { return h.From == release }))
	for _, h := range j.Hops[hop:] {
		j.Left = append(j.Left, h.To)
	}
	j.BackConfig, j.Ended = "", now
	if hop == 0 {
		j.Status, j.At, j.Done = Returned, Place{0, Check}, nil
		if j.Previous != nil {
			j.Previous.Left = append(j.Previous.Left, j.Left...)
			return j.Previous
		}
		return j
	}
	j.Status, j.To, j.Previous = Arrived, release, nil
	j.Hops, j.At = j.Hops[:hop], Place{hop - 1, Finish}
	j.Done = slices.DeleteFunc(j.Done, func(d Done) bool { return d.Hop >= hop })
	j.Backups = slices.DeleteFunc(j.Backups, func(b Backup) bool { return b.Hop >= hop })
	return j
}

// BackTo is the config that a way back leads to.
func (j *Journey) BackTo(way Way) string { return cmp.Or(j.BackConfig, j.configOf(way.To)) }

// configOf is the config with which a release ran on this journey.
func (j *Journey) configOf(release string) string {
	for i := range j.Hops {
		if j.Hops[i].From == release {
			if i == 0 {
				return j.Config
			}
			return j.Hops[i-1].Config
		}
	}
	return j.before()
}

// again is what to do when a stage of the way back failed.
const again = "fix the cause shown above, then: berth rollback"

// back walks a stage of the way back.
func (w *Walker) back(ctx context.Context, j *Journey, way Way, stage Stage, config string) error {
	h := j.Hop()
	page := Page(j, diag.List{{Code: "BERTH3721", Summary: "it rolls back to " + h.From}})
	switch stage {
	case Redeploy:
		if h.Reindexes && way.Stages[0] != Restore && j.moved() {
			// What the newer system put in order is not in the older one's.
			if err := w.Site.Deploy(ctx, config, stack.Closed, page); err != nil {
				return err
			}
			if err := w.indexes(ctx, j, config, again); err != nil {
				return err
			}
		}
		if h.Kind != upgrade.MultiVersion {
			return w.Site.Roll(ctx, config)
		}
		return w.Site.Deploy(ctx, config, stack.Open, "")
	case Undo:
		if err := w.Site.Deploy(ctx, h.Config, stack.Closed, page); err != nil {
			return err
		}
		facts, err := Inspect(ctx, w.Site, h.Config, w.Tag)
		if err != nil {
			return err
		}
		image, err := w.Site.Migrator(h.Migrator)
		if err != nil {
			return err
		}
		command := []string{"downgrade", "--from=v" + h.To, "--to=v" + h.From, "--disable-animation", "--ignore-migrator-update", "--skip-drift-check"}
		if same(facts.Release, h.From) {
			// The migrator writes the release when all is done: it was stopped in the middle on the way there, and left schemas between the
			// two; or a run before this one was killed after the way back, and this one finds nothing to do.
			command = append(command, "--skip-version-check")
		}
		return w.task(ctx, j, run.Task{Name: "downgrade", Identity: j.identity("downgrade"), Image: image, Command: command},
			"BERTH3722", "the migrator could not take the databases back to "+h.From, again)
	case Restore:
		if h.ConvertsPostgres {
			if err := w.Site.SetAside(ctx, config, page); err != nil {
				return err
			}
		}
		return w.restore(ctx, j, way.Backup, config, page)
	}
	return fmt.Errorf("unknown rollback stage %q", stage)
}
