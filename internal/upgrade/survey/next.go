package survey

import (
	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/state"
	"berth/internal/upgrade"
	"berth/internal/upgrade/stages"
)

// Newest is what an upgrade to the newest release would cost, as far as is known without looking at the databases.
type Newest struct {
	Release string  `json:"release"`
	Steps   int     `json:"steps"`                 // upgrade steps
	Seconds float64 `json:"seconds"`               // of all stages
	Page    float64 `json:"pageSeconds,omitempty"` // while people see the maintenance page
	// Migrator is how much of Page is the migrator's.
	Migrator float64 `json:"migratorSeconds,omitempty"`
	Waits    float64 `json:"waitsSeconds,omitempty"` // the longest time that a request waited in the last upgrade; 0: not known
	Fails    bool    `json:"requestsFail,omitempty"` // requests don't wait, but fail, while services restart
	Refused  bool    `json:"portCloses,omitempty"`   // the front proxy takes no connections for about a second
}

// NewestFor is what an upgrade from a release to the newest one would cost; nil: it is the newest, or no upgrade leads there.
func NewestFor(c *catalogue.Catalogue, w *installation.Want, release string, records []state.Record) *Newest {
	way, problems := upgrade.Path(c, upgrade.Request{From: release, Target: w.Stack.Target, Facts: Facts(w, nil)})
	if problems.Failed() || len(way.Hops) == 0 {
		return nil
	}
	held := w.Doc.Config.HoldsRequests()
	p := stages.Upgrade(stages.Request{Target: w.Stack.Target, Hops: way.Hops, HoldsRequests: held, Measured: stages.Times(records), Usual: state.Usually(records), Waited: stages.Waited(records)})
	n := &Newest{Release: way.To, Steps: len(way.Hops), Page: p.Downtime, Migrator: stages.MigratorShare(p)}
	for _, s := range p.Stages {
		n.Seconds += s.Seconds
	}
	for i := range way.Hops {
		if !way.Hops[i].Rolls() {
			continue
		}
		n.Fails, n.Refused = !held, w.Stack.Target == catalogue.Compose
		if held {
			n.Waits = stages.Waited(records)
		}
	}
	return n
}
