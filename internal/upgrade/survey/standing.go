package installation

import (
	"context"
	"fmt"
	"slices"

	"berth/catalogue"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade"
)

// Answer is what the databases say of themselves. The zero Answer says that they could not be asked.
type Answer struct {
	Answered bool
	Release  string // "" before Sourcegraph ever ran
	Postgres int    // the major release of the server
}

// Asking says when the databases are asked which release they are of.
type Asking int

// When they are asked.
const (
	InDoubt Asking = iota // where containers are not all of the config's release
	IfQuick               // also where it takes no time: on an engine, and not in a cluster, where it takes a Job
	Always
)

// Stand gathers what an installation's containers, its databases and its history say of its release. runs are the services by the release of
// their containers.
func Stand(ctx context.Context, e *Environment, s Site, runs map[string][]string, when Asking) (upgrade.Standing, error) {
	standing := upgrade.Standing{Runs: runs}
	settled := len(runs) == 1 && runs[s.Of().Stack.Release] != nil
	if settled && (when == InDoubt || when == IfQuick && s.Of().Stack.Target != catalogue.Compose) {
		standing.Data = true
		return standing, nil
	}
	records, err := s.Store().History(ctx)
	if err != nil {
		return standing, err
	}
	j, err := journey.Load(ctx, s.Store())
	if err != nil {
		return standing, err
	}
	standing.Recorded = recorded(records, j)
	if standing.Data, err = s.Data(ctx); err != nil {
		return standing, err
	}
	var answer Answer
	if len(runs) > 0 {
		if answer, err = s.Databases(ctx, e); err != nil {
			return standing, err
		}
	}
	standing.Databases, standing.Postgres, standing.Silent = answer.Release, answer.Postgres, standing.Data && !answer.Answered
	return standing, nil
}

// Inspected asks the databases by a task. Where none can be run, for whatever reason, they can't be asked.
func Inspected(ctx context.Context, e *Environment, l *Want) (Answer, error) {
	fmt.Fprintln(e.Stderr, "asking the databases which release they are of")
	facts, err := journey.Inspect(ctx, NewPlace(e, l, 0), string(l.Text), e.Tag())
	if err != nil {
		return Answer{}, ctx.Err()
	}
	return Answer{Answered: true, Release: facts.Release, Postgres: facts.Postgres()}, nil
}

// recorded is the release that an installation's data is of, by its history; "" when it does not say. A journey knows better than its record,
// which is written after it.
func recorded(records []state.Record, j *journey.Journey) string {
	for _, r := range slices.Backward(records) {
		switch r.Action {
		case plan.Up, plan.Revert, plan.Upgrade, plan.Rollback:
			if j != nil && j.Record == r.Number {
				return j.Release()
			}
			return r.Release
		}
	}
	return ""
}

// Compare compares what is there with the release that the config names. j is the last upgrade; nil when there never was one.
func (l *Want) Compare(c *catalogue.Catalogue, standing upgrade.Standing, j *journey.Journey) upgrade.Change {
	w := upgrade.Wish{File: l.File}
	if l.Doc.Has("release") {
		w.At = l.Doc.At("release")
	}
	if j.Holds() {
		if way, none := j.Back(); len(none) == 0 {
			w.BackTo, w.BackCost = way.To, way.Cost
		}
	}
	return upgrade.Compare(c, standing, upgrade.Request{To: l.Release.Version, Target: l.Stack.Target, Facts: l.Known(nil)}, w)
}

// Known is what the config and the databases say that a way from one release to another depends on. f is nil where the databases did not answer.
func (l *Want) Known(f *journey.Facts) upgrade.Facts {
	facts := upgrade.Facts{Has: l.Doc.Has}
	own := map[string]bool{}
	for name, d := range l.Doc.Config.Databases {
		own[name] = d.External != nil
		facts.External = facts.External || own[name]
	}
	facts.Mixed = facts.External && slices.ContainsFunc(l.Stack.Instances, func(i stack.Instance) bool { return slices.Contains(stack.Databases(), i.Service) })
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
