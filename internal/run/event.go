package run

import (
	"berth/internal/diag"
	"berth/internal/plan"
)

// Event is something that people who watch a run want to know.
type Event struct {
	Kind    Kind
	Step    plan.Step
	Stage   int // of the plan, of events of stages
	In      int // the step of another plan that the run is a part of
	Text    string
	Seconds float64
	Done    int64 // bytes, of a pull
	Total   int64
	Waiting []string // names of what is waited for

	Plan     *plan.Plan         // that begins, or that a stage is of
	Usual    map[string]float64 // seconds that objects usually take, at the start of a run
	Problems diag.List          // why, of a warning
}

// Kind of an event.
type Kind string

// The kinds.
const (
	Begun      Kind = "begun"
	Progress   Kind = "progress"
	Finished   Kind = "finished" // and ready
	Said       Kind = "said"     // a line of its log
	Waiting    Kind = "waiting"
	Stopping   Kind = "stopping"
	Started    Kind = "started" // the run itself
	Ended      Kind = "ended"   // the run itself, in whatever way
	StageBegun Kind = "stage begun"
	StageDone  Kind = "stage done"
	Noted      Kind = "noted"  // a line about what goes on beside the steps of a run
	Asked      Kind = "asked"  // a line about a question, where nothing is changed
	Warned     Kind = "warned" // something is missing that the run can do without, and why
)
