package stages

import (
	"slices"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/plan"
	"berth/internal/stack"
)

// Figures for what nobody has measured here yet.
const (
	// conversionPerGiB is the documented 2.5 hours for a terabyte.
	//
	// Source: https://sourcegraph.com/docs/self-hosted/postgres12-end-of-life-notice
	conversionPerGiB = 9.0
	// savePerGiB is a dump and a restore at 50 MB a second each.
	savePerGiB = 40.0
	// indexPerGiB is a read of the data and a write of the indexes at 50 MB a second.
	indexPerGiB = 20.0
	// migration is what Sourcegraph's guide asks to set aside for an upgrade.
	//
	// Source: https://sourcegraph.com/docs/self-hosted/deploy/kubernetes/upgrade
	migration = 600.0
	// deployment is a first start as bench/ measures it, with room.
	deployment = 90.0
	aMoment    = 5.0

	standard = "default"

	// frontend is the service that starts last of those that answer people.
	frontend = "sourcegraph-frontend"
)

// Request is an upgrade that is to be planned.
type Request struct {
	Installation  string
	Target        catalogue.Target
	Hops          []plan.Hop
	Configs       plan.Configs // by release, of the first hop's From and of every To; and those that have a name of their own
	HoldsRequests bool         // requests wait while services are replaced
	Waited        float64      // for how many seconds they waited the last time; 0: not known
	Trusted       string       // the admin's own backup, in their words; "": berth makes one
	Facts         *data.Facts  // nil: the databases did not answer
	Measured      []Time
	Usual         map[string]float64 // how many seconds objects took to start here, by their names
}

// Upgrade is the plan of an upgrade.
func Upgrade(r Request) *plan.Plan {
	p := r.plan(plan.Upgrade)
	saved := r.Trusted != ""
	for i := range r.Hops {
		c := r.hop(i)
		// A backup that is made at the begin serves all of it, until something that can't be undone is behind: then a newer one loses less.
		c.saves = r.Trusted == "" && (!c.Rolls() || !c.Undoable()) && (!saved || !c.Undoable())
		saved = saved || c.saves
		h := &p.Hops[i]
		h.Before, h.After = "redeploy "+h.From+": nothing is lost", after(h, r.Trusted)
		for _, s := range table {
			if !s.when(c) {
				continue
			}
			made, steps, beside := s.planned(c)
			if made.Effect == plan.Downtime {
				h.Downtime += made.Seconds
			}
			p.Append(made, steps)
			p.Beside(beside)
		}
		p.Downtime += h.Downtime
	}
	if r.HoldsRequests && r.Waited > 0 && !slices.ContainsFunc(r.Hops, func(h plan.Hop) bool { return !h.Rolls() }) {
		p.Notice = &plan.Notice{Waits: r.Waited}
	}
	return p
}

// Rehearsal is the plan of an upgrade on a clone: the databases are dumped, the dump is restored into the clone, and there every upgrade step's stages
// that are about databases are done.
func Rehearsal(r Request) *plan.Plan {
	p := r.plan(plan.Rehearse)
	first := r.hop(0)
	p.Append(plan.Stage{Name: Backup}, one(plan.Dump, "databases", start)(first))
	p.Append(plan.Stage{Name: Restore}, []plan.Step{reach(first.start, stack.Closed, ""), {Verb: plan.Restore, Object: "databases", Config: first.start}})
	for i := range r.Hops {
		c := r.hop(i)
		c.rehearsal = true
		for _, s := range table {
			if s.rehearsed && s.when(c) {
				made, steps, _ := s.planned(c)
				p.Append(made, steps)
			}
		}
	}
	return p
}

func (r *Request) plan(action plan.Action) *plan.Plan {
	p := &plan.Plan{Format: plan.Format, Action: action, Installation: r.Installation, Target: r.Target, Hops: r.Hops, Configs: r.Configs, Trusted: r.Trusted,
		Steps: []plan.Step{}, Unchanged: []string{}, From: r.Hops[0].From, Release: r.Hops[len(r.Hops)-1].To}
	if r.Facts != nil {
		p.Bytes = r.Facts.Bytes()
	}
	return p
}

// hop is a hop with what its stages depend on.
func (r *Request) hop(i int) *hop {
	c := &hop{Hop: r.Hops[i], index: i, held: r.HoldsRequests, proxied: r.Target == catalogue.Compose, waited: r.Waited, start: r.Hops[i].From, facts: r.Facts, measured: r.Measured, usual: r.Usual}
	if i == 0 && r.Configs[plan.ConfigStart] != "" {
		c.start = plan.ConfigStart
	}
	if i+1 < len(r.Hops) {
		c.next = r.Hops[i+1].To
	}
	return c
}

// planned is a stage as a plan has it, with its steps, and those that are done beside them.
func (s *stage) planned(c *hop) (out plan.Stage, steps, beside []plan.Step) {
	out = plan.Stage{Name: s.name, Hop: c.index, Text: s.text(c), Effect: plan.None}
	steps = s.steps(c)
	if s.beside != nil {
		beside = s.beside(c)
	}
	out.Seconds, out.Source = c.estimate(s, steps, beside)
	if s.closed && !c.Rolls() {
		out.Effect = plan.Downtime
	}
	out.NoReturn = s.noReturn != nil && s.noReturn(c)
	out.Fallback, out.Again = s.fallback(c)
	return out, steps, beside
}

// after is what going back costs after the point of no return.
func after(h *plan.Hop, trusted string) string {
	switch {
	case !h.Undoable() && trusted != "":
		return "restore your own backup (" + trusted + "): what was written since then is lost"
	case !h.Undoable():
		return "restore the backup made before: what was written since then is lost"
	case h.Redeployable():
		return "redeploy " + h.From + ", which works with the schema of " + h.To + ": nothing is lost"
	case !h.Rolls() && h.SameMinor():
		return "redeploy " + h.From + ", which works with the schema of " + h.To + ", after a check of its indexes: nothing is lost"
	}
	return "the migrator's downgrade: what only " + h.To + " wrote is lost"
}

// gib is the size of the databases.
func (c *hop) gib() float64 {
	if c.facts == nil {
		return 0
	}
	return float64(c.facts.Bytes()) / (1 << 30)
}
