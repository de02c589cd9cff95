package stages

import (
	"slices"
	"time"

	"berth/internal/plan"
	"berth/internal/state"
)

// Time is how long a step of an upgrade or of a rehearsal took once.
type Time struct {
	Stage     string
	Verb      plan.Verb
	From, To  string // of its upgrade step
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
			times = append(times, Time{Stage: stage.Name, Verb: s.Verb, From: h.From, To: h.To, Seconds: took[0].Seconds, Bytes: r.Plan.Bytes, When: took[0].Ended,
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

// latest is how long a step of a stage took the last time, as long as it would take today; known says whether anybody measured it. A backup takes as
// long wherever the upgrade step leads, and the schema is compared in one stage of a rehearsal and in another one of the upgrade. In a clone nobody
// can be asked for a search.
func (c *hop) latest(stage string, verb plan.Verb) (seconds float64, source string, known bool) {
	var last *Time
	for i := range c.measured {
		t := &c.measured[i]
		same := t.Verb == verb && (t.Stage == stage || verb == plan.Compare) && (verb == plan.Dump || t.From == c.From && t.To == c.To)
		if same && !(t.Rehearsal && verb == plan.Prove && !c.rehearsal) && (last == nil || t.When.After(last.When)) {
			last = t
		}
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
