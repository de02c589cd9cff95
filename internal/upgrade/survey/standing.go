// Package survey finds out how an installation stands before an upgrade, and plans it: it asks containers, databases and history, and touches
// nothing.
package survey

import (
	"context"
	"slices"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade"
	"berth/internal/upgrade/stages"
)

// When says when the databases are asked which release they are of.
type When int

// When they are asked.
const (
	InDoubt When = iota // where containers are not all of the config's release
	IfQuick             // also where it takes no time: on an engine, and not in a cluster, where it takes a Job
	Always
)

// Known is what is known of an installation's release, beside its config.
type Known struct {
	upgrade.Change
	Standing upgrade.Standing
	Upgrade  *stages.Progress // the last one; nil when there never was one
}

// Compare compares an installation's release with the one that its config names. runs are the services by the release of their containers.
func Compare(ctx context.Context, c *catalogue.Catalogue, i *installation.Installation, records []state.Record, runs map[string][]string, when When) (k Known, err error) {
	k.Upgrade = stages.Last(records)
	if k.Standing, err = Stand(ctx, i, records, runs, when); err == nil {
		k.Change = Change(c, i.Want, k.Standing, k.Upgrade)
	}
	return k, err
}

// Stand gathers what an installation's containers, its databases and its history say of its release.
func Stand(ctx context.Context, i *installation.Installation, records []state.Record, runs map[string][]string, when When) (s upgrade.Standing, err error) {
	s.Runs = runs
	agree := len(runs) == 1 && runs[i.Stack.Release] != nil
	if agree && (when == InDoubt || when == IfQuick && i.Stack.Target != catalogue.Compose) {
		s.Data = true
		return s, nil
	}
	s.Recorded = recorded(records)
	if s.Data, err = i.Present(ctx); err != nil {
		return s, err
	}
	var said installation.Said
	if len(runs) > 0 {
		if said, err = i.Asked(ctx); err != nil {
			return s, err
		}
	}
	s.Databases, s.Postgres, s.Silent = said.Release, said.Postgres, s.Data && !said.Answered
	return s, nil
}

// recorded is the release that an installation's data is of, by its history; "" when it does not say. An upgrade that was killed did not write it
// into its record.
func recorded(records []state.Record) string {
	for n, r := range slices.Backward(records) {
		switch r.Action {
		case plan.Upgrade:
			if r.Plan != nil {
				return stages.Last(records[n : n+1]).Release()
			}
		case plan.Up, plan.Revert, plan.Rollback:
			return r.Release
		}
	}
	return ""
}

// Change compares what an installation says of its release with the one that a config names. last is the last upgrade; nil when there never was
// one.
func Change(c *catalogue.Catalogue, w *installation.Want, s upgrade.Standing, last *stages.Progress) upgrade.Change {
	wish := upgrade.Wish{File: w.File}
	if w.Doc.Has("release") {
		wish.At = w.Doc.At("release")
	}
	if last.Holds() {
		if way, none := last.Back(); len(none) == 0 {
			wish.BackTo, wish.BackCost = way.To, way.Cost
		}
	}
	return upgrade.Compare(c, s, upgrade.Request{To: w.Release.Version, Target: w.Stack.Target, Facts: Facts(w, nil)}, wish)
}

// Circumstances are what is known of an installation as far as known issues ask for it. f is nil where the databases did not answer.
func Circumstances(w *installation.Want, f *data.Facts) catalogue.Circumstances {
	own := Facts(w, nil)
	c := catalogue.Circumstances{Target: w.Stack.Target, External: own.External, Bundled: !own.External || own.Mixed,
		Has: func(key string) bool { return len(w.Doc.Matching(key)) > 0 }}
	if f != nil {
		c.Bytes = f.Bytes()
		for _, d := range f.Databases {
			c.Postgres = append(c.Postgres, d.Major())
		}
	}
	return c
}

// Facts are what the config and the databases say that a way from one release to another depends on. f is nil where the databases did not answer.
func Facts(w *installation.Want, f *data.Facts) upgrade.Facts {
	facts := upgrade.Facts{Has: w.Doc.Has}
	own := map[string]bool{}
	for name, d := range w.Doc.Config.Databases {
		own[name] = d.External != nil
		facts.External = facts.External || own[name]
	}
	facts.Mixed = facts.External && slices.ContainsFunc(w.Stack.Instances, func(i stack.Instance) bool { return slices.Contains(stack.Databases(), i.Service) })
	if f == nil {
		return facts
	}
	for _, d := range f.Databases {
		if own[d.Name] && (facts.Postgres == 0 || d.Major() < facts.Postgres) {
			facts.Postgres = d.Major()
		}
	}
	return facts
}
