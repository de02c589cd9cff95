// Package journey walks an installation from one release to another: stop by stop, each a few stages, each of which may be killed and
// begun again. What a journey is made of comes from package upgrade; what runs is changed by ordinary plans; what is done to the
// databases is done by Sourcegraph's migrator, and by the small scripts of this package.
package journey

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// Journey is a way from one release to another, and how far it is. It is kept with the installation: whoever goes on, from wherever, sees
// the same.
type Journey struct {
	ID     string    `json:"id"` // of this walk; identities of tasks begin with it
	From   string    `json:"from"`
	To     string    `json:"to"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
	Status Status    `json:"status"`
	// Config is the admin's file with the release that the journey begins at; File is the file as it was then, which may have named another one.
	Config string `json:"config"`
	File   string `json:"file"`
	// Start is Config with the release of the databases' containers, where those are of another one: then the journey begins with them as they
	// are. NoBack says why the first hop can't be gone back over; "": it can.
	Start  string `json:"start,omitempty"`
	NoBack string `json:"noBack,omitempty"`
	Hops   []Hop  `json:"hops"`
	At     Place  `json:"at"` // the stage in hand
	Done   []Done `json:"done"`
	// Attempts counts how often the stage in hand was begun.
	Attempts   int       `json:"attempts"`
	Backups    []Backup  `json:"backups,omitempty"`   // that were made, oldest first
	Trusted    string    `json:"trusted,omitempty"`   // the admin's own backup, in their words
	Bytes      int64     `json:"bytes"`               // of the databases when it began
	Rehearsal  bool      `json:"rehearsal,omitempty"` // it was walked by a clone, to know how long it takes
	Agent      bool      `json:"agent,omitempty"`     // nobody but the agent walked it
	Problems   diag.List `json:"problems,omitempty"`
	Record     int       `json:"record,omitempty"`     // the number of the history's record of what is in hand
	BackConfig string    `json:"backConfig,omitempty"` // what the way back leads to; "": the config of that release on this journey
	Left       []string  `json:"left,omitempty"`       // releases that were gone back from
	// Previous is the journey before, whose way back holds again when this one is given up before it arrives.
	Previous *Journey `json:"previous,omitempty"`
}

// Backup is a backup of the databases that can be gone back to. Going back to it loses what was written since.
type Backup struct {
	Hop     int       `json:"hop"`
	Name    string    `json:"name"`
	Release string    `json:"release"`
	At      time.Time `json:"at"`
}

// backup is the newest backup; nil when none was made.
func (j *Journey) backup() *Backup {
	if len(j.Backups) == 0 {
		return nil
	}
	return &j.Backups[len(j.Backups)-1]
}

// Status is how a journey stands.
type Status string

// The states of a journey.
const (
	Walking   Status = "walking" // or killed: it never said its end
	Stopped   Status = "stopped" // a stage failed, or the admin stopped it; it can be gone on with, or back from
	Arrived   Status = "arrived"
	Returning Status = "returning" // on the way back
	Returned  Status = "returned"  // back at the release that it began from
	Finished  Status = "finished"  // arrived, and the way back was given up
)

// stamp is how a time is written in names.
const stamp = "20060102-150405"

// Open reports whether a journey is under way: nothing else may change the installation meanwhile.
func (j *Journey) Open() bool {
	return j != nil && (j.Status == Walking || j.Status == Stopped || j.Status == Returning)
}

// Holds reports whether there is a way back that was promised: it was neither used nor given up.
func (j *Journey) Holds() bool { return j.Open() || j != nil && j.Status == Arrived }

// Release is the release that the installation's databases are of, as far as the journey knows.
func (j *Journey) Release() string {
	h := j.Hop()
	if j.passed(Migrate) || j.passed(Deploy) {
		return h.To
	}
	return h.From
}

// Hop is one stop to the next, as it was planned.
type Hop struct {
	upgrade.Hop
	// Config is the config's text at the end of the hop: the admin's own with its release, and the edits that the release asks for.
	Config string `json:"config"`
	// Edits are what Config changes in the admin's file beside its release, in words.
	Edits []string `json:"edits,omitempty"`
}

// Place is a stage of a hop, both from 0.
type Place struct {
	Hop   int   `json:"hop"`
	Stage Stage `json:"stage"`
}

// Done is a stage that came to its end.
type Done struct {
	Place
	Ended   time.Time `json:"ended"`
	Seconds float64   `json:"seconds"`
	Note    string    `json:"note,omitempty"` // what was found, in a few words
}

// Stage is a part of a hop. The order is the order of Stages.
type Stage string

// The stages.
const (
	Check    Stage = "check"    // the databases and every image are as the hop needs them
	Save     Stage = "back up"  // dump the databases, and restore the dump once
	Close    Stage = "close"    // stop what writes, and put the page in front
	Convert  Stage = "convert"  // start the databases with the images of the release, which brings their data to a new major Postgres
	Migrate  Stage = "migrate"  // the migrator's upgrade
	Deploy   Stage = "deploy"   // what the release consists of
	Prove    Stage = "prove"    // drift, and a search
	OpenDoor Stage = "open"     // take the page away
	Settle   Stage = "settle"   // write the release into the admin's file
	Finish   Stage = "finish"   // wait for the migrations that run in the background
	Restore  Stage = "restore"  // the way back: a backup
	Undo     Stage = "undo"     // the way back: the migrator's downgrade
	Redeploy Stage = "redeploy" // the way back: the release before
)

// Stages are what a hop consists of.
func (h *Hop) Stages(saved bool) []Stage {
	stages := []Stage{Check}
	if !saved && (h.Kind == upgrade.MultiVersion || h.Irreversible()) {
		stages = append(stages, Save)
	}
	switch {
	case h.Kind != upgrade.MultiVersion:
		return append(stages, Deploy, Prove, Settle, Finish)
	case h.SameMinor():
		return append(stages, Close, Convert, Deploy, Prove, OpenDoor, Settle, Finish)
	}
	return append(stages, Close, Convert, Migrate, Deploy, Prove, OpenDoor, Settle, Finish)
}

// Front is what people meet while the hop's release starts. A hop that rolls needs no other than the open one: it can do without a door.
func (h *Hop) Front() stack.Front {
	if h.Kind == upgrade.MultiVersion {
		return stack.Behind
	}
	return stack.Open
}

// Irreversible reports whether something of the hop can't be undone but by a backup.
func (h *Hop) Irreversible() bool { return len(h.Hop.Irreversible) > 0 }

// stages are those of the hop in hand. A backup that was made at the begin of the journey serves all of it, until something that can't
// be undone is behind: then a newer one loses less.
func (j *Journey) stages(hop int) []Stage {
	saved := j.Trusted != "" || slices.ContainsFunc(j.Done, func(d Done) bool { return d.Stage == Save && d.Hop < hop }) && !j.Hops[hop].Irreversible()
	return j.Hops[hop].Stages(saved)
}

// Next is the stage after the one in hand, and whether there is one.
func (j *Journey) next() (Place, bool) {
	stages := j.stages(j.At.Hop)
	if i := slices.Index(stages, j.At.Stage); i+1 < len(stages) {
		return Place{j.At.Hop, stages[i+1]}, true
	}
	if j.At.Hop+1 < len(j.Hops) {
		return Place{j.At.Hop + 1, j.stages(j.At.Hop + 1)[0]}, true
	}
	return Place{}, false
}

// Hop is the hop in hand.
func (j *Journey) Hop() *Hop { return &j.Hops[j.At.Hop] }

// passed reports whether a stage of the hop in hand is behind.
func (j *Journey) passed(s Stage) bool {
	return slices.ContainsFunc(j.Done, func(d Done) bool { return d.Place == Place{j.At.Hop, s} })
}

// begun reports whether a stage of the hop in hand was begun, whatever came of it.
func (j *Journey) begun(s Stage) bool {
	return j.passed(s) || j.At.Stage == s
}

// New is a journey that begins.
func New(config string, hops []Hop, trusted string, now time.Time) *Journey {
	j := &Journey{ID: now.UTC().Format(stamp), From: hops[0].From, To: hops[len(hops)-1].To, Began: now, Status: Walking, Config: config, File: config, Hops: hops,
		Trusted: trusted}
	j.At = Place{0, Check}
	return j
}

// Describe says where a journey is: "upgrade step 2 of 3 (5.11.6271 to 6.12.5040), stage migrate".
func (j *Journey) Describe() string {
	h := j.Hop()
	return fmt.Sprintf("upgrade step %d of %d (%s to %s), stage %s", j.At.Hop+1, len(j.Hops), h.From, h.To, cmp.Or(string(j.At.Stage), "check"))
}

// Expects reports whether a text is what the admin's file may be for a journey to go on: as it was when it began, or as the journey wrote it. One
// that was killed right after it wrote the release into the file did not note that it had.
func (j *Journey) Expects(text string) bool {
	if j.passed(Settle) {
		return text == j.Hop().Config
	}
	return text == j.before() || j.At.Hop == 0 && text == j.File || j.At.Stage == Settle && text == j.Hop().Config
}

// Running is the config of what runs, or is to run, where the journey is.
func (j *Journey) Running() string {
	if j.passed(Settle) {
		return j.Hop().Config
	}
	return j.before()
}

// begins is the config whose databases run when the hop in hand begins.
func (j *Journey) begins() string {
	if j.At.Hop == 0 && j.Start != "" {
		return j.Start
	}
	return j.before()
}

// Now says how the installation is, for people.
func (j *Journey) Now() string {
	h := j.Hop()
	switch {
	case j.Status == Returning:
		return "rolling back to " + h.From + "; a page answers, or nothing yet. Nothing was lost"
	case j.passed(OpenDoor) || j.passed(Prove) && h.Kind != upgrade.MultiVersion:
		return h.To + " runs and answers"
	case !j.touched():
		return h.From + " runs and answers, as before; nothing was touched"
	case h.Kind == upgrade.MultiVersion:
		return "a page answers and shows the reason; nothing was lost"
	}
	return "between " + h.From + " and " + h.To + ": some services have one release, some the other"
}

// Times adds how long the stages of a journey took to what is known of others. The newest counts.
func (j *Journey) Times(known []Time) []Time {
	out := slices.Clone(known)
	for _, d := range j.Done {
		h := j.Hops[d.Hop]
		t := Time{From: h.From, To: h.To, Stage: d.Stage, Seconds: d.Seconds, Bytes: j.Bytes, When: d.Ended, Rehearsal: j.Rehearsal}
		if !slices.ContainsFunc(out, func(k Time) bool { return k.Stage == t.Stage && k.When.Equal(t.When) }) {
			out = append(out, t)
		}
	}
	return out[max(0, len(out)-mostTimes):]
}

// mostTimes is how many times are remembered: some ten upgrades of several hops.
const mostTimes = 300
