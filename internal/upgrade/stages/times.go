package stages

import (
	"slices"
	"strings"
	"time"

	"berth/internal/plan"
	"berth/internal/state"
)

// Time is how long a step of an upgrade or of a rehearsal took once.
type Time struct {
	Stage     string
	Verb      plan.Verb
	From, To  string // of its upgrade step
	Rolls     bool   // which replaced services one after the other
	Seconds   float64
	Bytes     int64 // of the databases then
	When      time.Time
	Rehearsal bool
}

// Times are how long steps took, as the history tells. One that was killed and done again was not measured.
func Times(records []state.Record) (times []Time) {
	for _, r := range records {
		if r.Plan == nil || r.Action != plan.Upgrade && r.Action != plan.Rehearse {
			continue
		}
		for _, s := range r.Plan.Steps {
			took := slices.DeleteFunc(slices.Clone(r.Steps), func(t state.StepTime) bool { return t.Step != s.ID || t.In != 0 || t.Undone })
			if len(took) != 1 || !took[0].Done {
				continue
			}
			stage := r.Plan.Stages[s.Stage]
			h := r.Plan.Hops[stage.Hop]
			times = append(times, Time{Stage: stage.Name, Verb: s.Verb, From: h.From, To: h.To, Rolls: h.Rolls(), Seconds: took[0].Seconds, Bytes: r.Plan.Bytes, When: took[0].Ended,
				Rehearsal: r.Action == plan.Rehearse})
		}
	}
	return times
}

// Waited is for how many seconds requests waited at most in the last upgrade or rollback that let them; 0: there was none.
func Waited(records []state.Record) float64 {
	for _, r := range slices.Backward(records) {
		if r.Waited > 0 && (r.Action == plan.Upgrade || r.Action == plan.Rollback) {
			return r.Waited
		}
	}
	return 0
}

// throughAll are the stages that go through all data: with more data they take longer.
var throughAll = []string{Backup, Convert, Migrate}

// latest is how long a step of a stage took the last time, as long as it would take today; known says whether anybody measured it. What the databases go
// through counts for the upgrade step that it was measured in, and the rest also for others of its kind.
func (c *hop) latest(stage string, verb plan.Verb) (seconds float64, source string, known bool) {
	last := c.last(stage, verb, func(t *Time) bool { return t.From == c.From && t.To == c.To })
	if last == nil && stage != Convert && stage != Migrate && stage != Finish {
		last = c.last(stage, verb, func(t *Time) bool { return verb == plan.Dump || t.Rolls == c.Rolls() && !t.Rehearsal })
	}
	if last == nil {
		return 0, "", false
	}
	seconds, source = last.Seconds, "measured here "+last.When.Format(time.DateOnly)
	if last.Rehearsal {
		source = "rehearsed " + last.When.Format(time.DateOnly)
	}
	if c.facts != nil && last.Bytes > 0 && slices.Contains(throughAll, stage) {
		seconds *= max(1, float64(c.facts.Bytes())/float64(last.Bytes))
	}
	return seconds, source, true
}

// last is the last of the times of a step in a stage of which something is true. The schema is compared in one stage of a rehearsal and in another one
// of the upgrade. In a clone nobody can be asked for a search.
func (c *hop) last(stage string, verb plan.Verb, is func(*Time) bool) (last *Time) {
	for i := range c.measured {
		t := &c.measured[i]
		searched := verb != plan.Prove || t.Rehearsal == c.rehearsal
		if t.Verb == verb && (t.Stage == stage || verb == plan.Compare) && searched && is(t) && (last == nil || t.When.After(last.When)) {
			last = t
		}
	}
	return last
}

// starts is how long services take to start, as they did here the last time.
func (c *hop) starts(otherwise float64, services ...string) (seconds float64, source string) {
	for object, took := range c.usual {
		_, name, inCluster := strings.Cut(object, "/")
		if !inCluster {
			name = object
		}
		name = strings.TrimRight(strings.TrimRight(name, "0123456789"), "-")
		if slices.Contains(services, name) {
			seconds = max(seconds, took)
		}
	}
	if seconds == 0 {
		return otherwise, standard
	}
	return seconds, "as its services started here"
}

// estimate is how long a stage may take, in seconds: as its steps took in a rehearsal, or the last time here, or as the documents say. It notes in the
// steps what was measured of them.
func (c *hop) estimate(s *stage, steps, beside []plan.Step) (seconds float64, source string) {
	all := true
	for i := range steps {
		took, from, known := c.latest(s.name, steps[i].Verb)
		steps[i].Seconds, all = took, all && known
		seconds += took
		if known {
			source = from
		}
	}
	for i := range beside {
		took, _, _ := c.latest(s.name, beside[i].Verb)
		beside[i].Seconds = took
		seconds = max(seconds, took)
	}
	if all {
		return seconds, source
	}
	return s.estimate(c)
}

// Comparison is how long an upgrade took beside what its plan said.
type Comparison struct {
	Duration Pair // of all stages
	Downtime Pair // of those in which Sourcegraph does not answer
	Migrator Pair // what of the downtime is the migrator's
}

// Pair is how many seconds were foreseen, and how many it took.
type Pair struct{ Foreseen, Took float64 }

func (p *Pair) add(foreseen, took float64) {
	p.Foreseen += foreseen
	p.Took += took
}

// Compared is how long an upgrade took beside what its plan said; nil: the record is of no upgrade that arrived.
func Compared(r *state.Record) *Comparison {
	if r.Action != plan.Upgrade || r.Plan == nil {
		return nil
	}
	done := r.Stages()
	if len(done) == 0 || len(done) < len(r.Plan.Stages) {
		return nil
	}
	c := &Comparison{}
	for _, t := range done {
		s := r.Plan.Stages[t.Stage]
		c.Duration.add(s.Seconds, t.Seconds)
		if s.Effect == plan.Downtime {
			c.Downtime.add(s.Seconds, t.Seconds)
		}
		if s.Name == Migrate {
			c.Migrator.add(s.Seconds, t.Seconds)
		}
	}
	return c
}

// MigratorShare is how many seconds of a plan's downtime are the migrator's, as far as it is foreseen: of one upgrade step, or of all of them.
func MigratorShare(p *plan.Plan, hops ...int) (seconds float64) {
	for _, s := range p.Stages {
		if s.Name == Migrate && (len(hops) == 0 || slices.Contains(hops, s.Hop)) {
			seconds += s.Seconds
		}
	}
	return seconds
}
