package stages

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
)

// Progress is the last upgrade of an installation, and how far it is: what its history tells.
type Progress struct {
	Plan     *plan.Plan
	Record   *state.Record
	Began    time.Time
	Ended    time.Time
	Status   Status
	Stage    int // the current one, as an index into the plan's
	Backups  []Made
	Agent    bool      // nobody but the agent worked on it
	Problems diag.List // why it stopped
	Left     []string  // releases that were rolled back from
	// Rollback is the record of the rollback that is under way; nil: there is none. Way is its way.
	Rollback *state.Record
	Way      WayBack
	// Previous is the upgrade before, whose way back holds again when this one is given up before it arrives.
	Previous *Progress
}

// Made is a backup of the databases to which a rollback can restore them. That loses what was written since.
type Made struct {
	Hop     int
	Name    string
	Release string
	At      time.Time
}

// Status is how an upgrade stands.
type Status string

// The states of an upgrade.
const (
	Running   Status = "running" // or killed: it never said its end
	Stopped   Status = "stopped" // a stage failed, or the admin stopped it; it can be continued, or rolled back
	Arrived   Status = "arrived"
	Returning Status = "returning" // a rollback is under way
	Returned  Status = "returned"  // back at the release that it began from
	Finished  Status = "finished"  // arrived, and the way back was given up
)

// Last is the last upgrade of a history, oldest record first; nil when there never was one.
func Last(records []state.Record) *Progress {
	var u *Progress
	for i := range records {
		r := &records[i]
		switch {
		case r.Action == plan.Upgrade && r.Plan != nil:
			if u = progress(r, u); r.GivenUp {
				u = u.returned(u.Plan.From, r.Ended)
			}
		case u == nil || r.Plan == nil && r.Action == plan.Rollback:
		case r.Action == plan.Rollback && r.Result == state.Done:
			u = u.returned(r.Release, r.Ended)
		case r.Action == plan.Rollback:
			u.Status, u.Rollback, u.Problems, u.Way = Returning, r, r.Problems, wayOf(r.Plan)
		case r.Action == plan.Finish && r.Result == state.Done:
			u.Status = Finished
		}
	}
	return u
}

// progress is how far an upgrade is, by its record.
func progress(r *state.Record, before *Progress) *Progress {
	u := &Progress{Plan: r.Plan, Record: r, Began: r.Started, Ended: r.Ended, Agent: r.Agent, Problems: r.Problems, Status: Stopped}
	u.Stage = u.current()
	switch {
	case r.Result == state.Done:
		u.Status, u.Stage = Arrived, len(r.Plan.Stages)-1
	case r.Result == state.Killed:
		u.Status = Running
	}
	for _, t := range r.Steps {
		if t.In == 0 && t.Made != "" {
			hop := u.Plan.Stages[u.Plan.Steps[t.Step-1].Stage].Hop
			at, _ := time.Parse(data.StampForm, t.Made)
			u.Backups = append(u.Backups, Made{Hop: hop, Name: t.Made, Release: u.Plan.Hops[hop].From, At: at.Local()})
		}
	}
	if before != nil {
		if before.Status != Arrived {
			u.Left = before.Left
		} else if u.Status != Arrived {
			u.Previous = before
		}
	}
	return u
}

// current is the first stage that has not ended.
func (u *Progress) current() int {
	for i := range u.Plan.Stages {
		if !u.done(i) {
			return i
		}
	}
	return len(u.Plan.Stages) - 1
}

func (u *Progress) done(stage int) bool {
	return !slices.ContainsFunc(u.Plan.Of(stage), func(s plan.Step) bool { return !u.Record.HasDone(s.ID) })
}

// wayOf is the way of a rollback that was begun.
func wayOf(p *plan.Plan) WayBack {
	w := WayBack{From: p.From, To: p.Release}
	for _, s := range p.Stages {
		if slices.ContainsFunc(back, func(b backStage) bool { return b.name == s.Name }) {
			w.Stages = append(w.Stages, s.Name)
		}
	}
	return w
}

// returned is what is left of an upgrade that was rolled back to a release: its earlier upgrade steps, which can be rolled back, too. Where none is
// left, the upgrade before can be rolled back again.
func (u *Progress) returned(release string, at time.Time) *Progress {
	hop := max(0, slices.IndexFunc(u.Plan.Hops, func(h plan.Hop) bool { return h.From == release }))
	for _, h := range u.Plan.Hops[hop:] {
		u.Left = append(u.Left, h.To)
	}
	u.Rollback, u.Ended, u.Problems = nil, at, nil
	if hop == 0 {
		u.Status, u.Stage = Returned, 0
		if u.Previous != nil {
			u.Previous.Left = append(u.Previous.Left, u.Left...)
			return u.Previous
		}
		return u
	}
	short := *u.Plan
	short.Hops, short.Release = u.Plan.Hops[:hop:hop], release
	short.Stages = slices.DeleteFunc(slices.Clone(u.Plan.Stages), func(s plan.Stage) bool { return s.Hop >= hop })
	short.Steps = slices.DeleteFunc(slices.Clone(u.Plan.Steps), func(s plan.Step) bool { return s.Stage >= len(short.Stages) })
	u.Plan, u.Status, u.Previous, u.Stage = &short, Arrived, nil, len(short.Stages)-1
	u.Backups = slices.DeleteFunc(u.Backups, func(b Made) bool { return b.Hop >= hop })
	return u
}

// Open reports whether an upgrade is under way: nothing else may change the installation meanwhile.
func (u *Progress) Open() bool {
	return u != nil && (u.Status == Running || u.Status == Stopped || u.Status == Returning)
}

// Holds reports whether there is a way back that was promised: it was neither used nor given up.
func (u *Progress) Holds() bool { return u.Open() || u != nil && u.Status == Arrived }

// Hop is the current upgrade step.
func (u *Progress) Hop() *plan.Hop { return &u.Plan.Hops[u.Plan.Stages[u.Stage].Hop] }

// find is the index of a stage of the current hop; -1 when it has none of that name.
func (u *Progress) find(name string) int { return u.Plan.Find(u.Plan.Stages[u.Stage].Hop, name) }

// passed reports whether a stage of the current hop is behind.
func (u *Progress) passed(name string) bool {
	i := u.find(name)
	return i >= 0 && u.done(i)
}

// begun reports whether a stage of the current hop was begun, whatever came of it.
func (u *Progress) begun(name string) bool {
	i := u.find(name)
	if i < 0 {
		return false
	}
	if i < u.Stage {
		return true
	}
	return slices.ContainsFunc(u.Plan.Of(i), func(s plan.Step) bool {
		begun, _ := u.Record.HasBegun(s.ID)
		return begun
	})
}

// touched reports whether the current hop changed the installation yet.
func (u *Progress) touched() bool { return u.begun(Close) || u.begun(Deploy) || u.passed(Save) }

// moved reports whether the databases were started with images of a newer release than the current hop begins at.
func (u *Progress) moved() bool {
	return u.begun(Convert) || u.Plan.Stages[u.Stage].Hop == 0 && u.Plan.Configs[plan.ConfigStart] != ""
}

// Release is the release that the installation's databases are of, as far as the upgrade knows.
func (u *Progress) Release() string {
	if u.passed(Migrate) || u.passed(Deploy) {
		return u.Hop().To
	}
	return u.Hop().From
}

// Describe says where an upgrade is: "upgrade step 2 of 3 (5.11.6271 to 6.12.5040), stage migrate".
func (u *Progress) Describe() string {
	h, s := u.Hop(), u.Plan.Stages[u.Stage]
	return fmt.Sprintf("upgrade step %d of %d (%s to %s), stage %s", s.Hop+1, len(u.Plan.Hops), h.From, h.To, cmp.Or(s.Name, Check))
}

// Expects reports whether a text is what the admin's file may be for an upgrade to go on: as it was when it began, or as the upgrade wrote it. One
// that was killed right after it wrote the release into the file did not note that it had.
func (u *Progress) Expects(text string) bool {
	h := u.Hop()
	if u.passed(Save) {
		return text == u.Plan.Configs[h.To]
	}
	return text == u.Plan.Configs[h.From] || u.Plan.Stages[u.Stage].Hop == 0 && text == u.Plan.Configs[plan.ConfigFile] ||
		u.Plan.Stages[u.Stage].Name == Save && text == u.Plan.Configs[h.To]
}

// Running is the config of what runs, or is to run, where the upgrade is.
func (u *Progress) Running() string {
	if u.passed(Save) {
		return u.Plan.Configs[u.Hop().To]
	}
	return u.Plan.Configs[u.Hop().From]
}

// Now says how the installation is, for people.
func (u *Progress) Now() string {
	h := u.Hop()
	switch {
	case u.Status == Returning:
		return "rolling back to " + u.Way.To + "; a page answers, or nothing yet. Nothing was lost"
	case u.passed(Open) || u.passed(Prove) && h.Rolls():
		return h.To + " runs and answers"
	case !u.touched():
		return h.From + " runs and answers, as before; nothing was changed"
	case !h.Rolls():
		return "a page answers and shows the reason; nothing was lost"
	}
	return "between " + h.From + " and " + h.To + ": some services have one release, some the other"
}
