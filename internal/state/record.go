package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
)

// Results of a run.
const (
	Done        = "done"
	Failed      = "failed"
	Interrupted = "interrupted"
	Killed      = "killed" // it never said its end
)

// Record is what somebody asked for, as history keeps it. It holds no secrets: neither config nor plan has any.
type Record struct {
	Number  int         `json:"number"`
	Action  plan.Action `json:"action"`
	Who     Holder      `json:"who"`
	Agent   bool        `json:"agent,omitempty"` // nobody but the agent worked on it
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended,omitzero"`
	Result  string      `json:"result"`
	From    string      `json:"from,omitempty"` // the release before, where the action leads to another one
	Release string      `json:"release"`        // that it leads to
	Config  string      `json:"config"`         // the file's text that it leads to
	// Plan is what was carried out.
	Plan     *plan.Plan `json:"plan,omitempty"`
	Steps    []StepTime `json:"steps"`                   // that were begun, in the order of their end
	Restores int        `json:"restores,omitempty"`      // number of the record whose config a revert returns to
	Waited   float64    `json:"waitedSeconds,omitempty"` // the longest time that requests waited while services were replaced
	GivenUp  bool       `json:"givenUp,omitempty"`       // an upgrade that touched nothing, and is not continued
	Problems diag.List  `json:"problems,omitempty"`
}

// StepTime is how long a step took.
type StepTime struct {
	Step    int       `json:"step"`
	In      int       `json:"in,omitempty"` // the plan's step that the step belongs to; 0: it is one of the plan's own
	Object  string    `json:"object"`
	Seconds float64   `json:"seconds"`
	Ended   time.Time `json:"ended,omitzero"`
	Done    bool      `json:"done"`
	Failed  bool      `json:"failed,omitempty"`
	Undone  bool      `json:"undone,omitempty"` // a fallback led back before it
	Note    string    `json:"note,omitempty"`   // what was found, in a few words
	Made    string    `json:"made,omitempty"`   // the name of what it made, such as a backup
}

// NewRecord is the record of an action that begins. It counts as killed until End is called: that is what it is if nothing more is heard of it.
func NewRecord(action plan.Action, release, config string, now time.Time) *Record {
	return &Record{Action: action, Who: Self(string(action), now), Started: now, Result: Killed, Release: release, Config: config, Steps: []StepTime{}}
}

// End notes how an action ended.
func (r *Record) End(result string, problems diag.List, now time.Time) {
	r.Result, r.Problems, r.Ended = result, problems, now
}

// Resume notes that an action goes on that was stopped or killed.
func (r *Record) Resume() {
	r.Result, r.Problems, r.Ended = Killed, nil, time.Time{}
}

// Entry is one line of a journal.
type Entry struct {
	Time  time.Time `json:"time"`
	Run   int       `json:"run"` // the number of its record
	Event string    `json:"event"`
	Step  int       `json:"step"`
	In    int       `json:"in,omitempty"` // the plan's step that the step belongs to
	Verb  plan.Verb `json:"verb"`
	What  string    `json:"what"`
	Note  string    `json:"note,omitempty"`
	Made  string    `json:"made,omitempty"`
}

// The events of a journal.
const (
	Began     = "begin"
	Finished  = "end"
	Broke     = "failed"
	TakenBack = "undone" // a fallback led back before it
)

// Replay adds to a record what its journal knows: a run that was killed did not write it into the record. Entries of other runs are left out, and so is
// what the record has already.
func (r *Record) Replay(entries []Entry) {
	began := map[int]time.Time{}
	last := r.Started
	for _, s := range r.Steps {
		if s.Ended.After(last) {
			last = s.Ended
		}
	}
	for _, e := range entries {
		if e.Run != r.Number || e.In != 0 || !e.Time.After(last) {
			continue
		}
		switch e.Event {
		case Began:
			began[e.Step] = e.Time
		case TakenBack:
			r.TakeBack(e.Step)
		default:
			r.Steps = append(r.Steps, StepTime{Step: e.Step, Object: e.What, Seconds: e.Time.Sub(began[e.Step]).Seconds(), Ended: e.Time,
				Done: e.Event == Finished, Failed: e.Event == Broke, Note: e.Note, Made: e.Made})
			delete(began, e.Step)
		}
	}
	for _, step := range slices.Sorted(maps.Keys(began)) { // the same journal gives the same record
		r.Steps = append(r.Steps, StepTime{Step: step, Ended: began[step]})
	}
}

// TakeBack notes that a fallback led back before a step.
func (r *Record) TakeBack(step int) {
	for i := range r.Steps {
		if r.Steps[i].Step == step && r.Steps[i].In == 0 {
			r.Steps[i].Undone = true
		}
	}
}

// HasDone reports whether a step of the plan came to its end.
func (r *Record) HasDone(step int) (done bool) {
	for _, s := range r.Steps {
		if s.Step == step && s.In == 0 && !s.Undone {
			done = s.Done // the last time counts: it may have been begun again beside another one
		}
	}
	return done
}

// HasBegun reports whether a step of the plan was begun, and whether it was seen to fail the last time.
func (r *Record) HasBegun(step int) (begun, failed bool) {
	for _, s := range r.Steps {
		if s.Step == step && s.In == 0 && !s.Undone {
			begun, failed = true, s.Failed
		}
	}
	return begun, failed
}

// Pause says for how long requests waited, beside what was foreseen; "" when they did not.
func (r *Record) Pause() string {
	if r.Waited == 0 {
		return ""
	}
	text := fmt.Sprintf("requests waited, %.0f s at most", r.Waited)
	if r.Plan != nil && r.Plan.Notice != nil {
		text += fmt.Sprintf("; the estimate was %.0f s", r.Plan.Notice.Waits)
	}
	return text
}

// StageTime is how long a stage of a plan took.
type StageTime struct {
	Stage   int // index among the plan's
	Ended   time.Time
	Seconds float64
	Note    string // what was found, in a few words
}

// Stages are the stages of the plan that came to their end, in their order.
func (r *Record) Stages() []StageTime {
	if r.Plan == nil {
		return nil
	}
	var out []StageTime
	for i := range r.Plan.Stages {
		var steps []StepTime
		for _, s := range r.Plan.Of(i) {
			if !r.HasDone(s.ID) {
				steps = nil
				break
			}
			k := slices.IndexFunc(r.Steps, func(t StepTime) bool { return t.Step == s.ID && t.In == 0 && t.Done && !t.Undone })
			steps = append(steps, r.Steps[k])
		}
		if len(steps) > 0 {
			t := StageTime{Stage: i, Note: r.Notes(r.Plan, i)}
			t.Seconds, t.Ended = took(steps)
			out = append(out, t)
		}
	}
	return out
}

// took is how long steps took together, and when the last one ended. Time in which several were done counts once, and a pause between two does not.
func took(steps []StepTime) (seconds float64, ended time.Time) {
	slices.SortStableFunc(steps, func(a, b StepTime) int { return a.Ended.Compare(b.Ended) })
	for i := len(steps) - 1; i >= 0; i-- {
		began := steps[i].Ended.Add(-time.Duration(steps[i].Seconds * float64(time.Second)))
		for ; i > 0 && !steps[i-1].Ended.Before(began); i-- { // it ran beside this one
			if other := steps[i-1].Ended.Add(-time.Duration(steps[i-1].Seconds * float64(time.Second))); other.Before(began) {
				began = other
			}
			steps[i-1].Ended = steps[i].Ended
		}
		seconds += steps[i].Ended.Sub(began).Seconds()
	}
	return seconds, steps[len(steps)-1].Ended
}

// Usually gives how many seconds each object took in the runs before, the last time that counts.
func Usually(records []Record) map[string]float64 {
	usual := map[string]float64{}
	for _, r := range records {
		for _, t := range r.Steps {
			if t.Done {
				usual[t.Object] = t.Seconds
			}
		}
	}
	return usual
}

// Notes are what was found in a stage, in a few words.
func (r *Record) Notes(p *plan.Plan, stage int) string {
	var notes []string
	for _, s := range p.Of(stage) {
		for _, t := range slices.Backward(r.Steps) {
			if t.Step == s.ID && t.In == 0 {
				if t.Note != "" {
					notes = append(notes, t.Note)
				}
				break
			}
		}
	}
	return strings.Join(notes, "; ")
}
