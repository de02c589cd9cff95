// Package report is what an installation tells Sourcegraph's Delivery team about itself, where its admin wants that: what runs, what was done and how it
// ended, and which codes the doctor finds. Every value in it is a number, a time, or a word of a fixed list. So it has no names, hosts,
// repositories or people, whatever stands in the config and in the history. The installation signs it, and its name is the fingerprint of its key: who has
// another key can't speak for it. Pure.
package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/exception"
	"berth/internal/plan"
	"berth/internal/state"
)

// Version is the version of the form.
const Version = 1

// Path is where, below its address, who collects reports takes them: by POST.
const Path = "/v1/reports"

// Report is how an installation is, and what was done to it.
type Report struct {
	Version      int              `json:"version"`
	Installation string           `json:"installation"` // a random name: the fingerprint of its key
	Made         time.Time        `json:"made"`         // whole seconds, in UTC
	Berth        string           `json:"berth"`        // the version of the program
	Use          Use              `json:"use,omitempty"`
	Release      string           `json:"release"` // that runs; "" when nothing does
	Target       catalogue.Target `json:"target"`
	Option       string           `json:"option"`               // of the support record, by its name there
	Size         string           `json:"size,omitempty"`       // the size class that its limits are enough for
	Postgres     int              `json:"postgres,omitempty"`   // the major release of the server; 0: it could not be asked
	External     bool             `json:"external,omitempty"`   // a database of the admin's own
	Start        *Start           `json:"start,omitempty"`      // of a new installation; nil: nobody saw it, or there was data before
	Doctor       []Found          `json:"doctor,omitempty"`     // what berth doctor finds, by code
	Runs         []Run            `json:"runs,omitempty"`       // what was done, oldest first; the newest 500
	Exceptions   []Exception      `json:"exceptions,omitempty"` // from the support record
}

// Start is how a new installation began.
type Start struct {
	Began       time.Time `json:"began"`                        // the first run of berth up
	FirstSearch int       `json:"firstSearchSeconds,omitempty"` // from then until a search had a result; 0: none had one yet
}

// Use is what an installation is used for.
type Use string

// The uses.
const (
	Production Use = "production"
	Trial      Use = "trial"
)

// Found is a code that the doctor finds.
type Found struct {
	Code     string        `json:"code"`
	Severity diag.Severity `json:"severity"`
	Count    int           `json:"count"`
	Muted    bool          `json:"muted,omitempty"`
}

// Run is something that was done to the installation.
type Run struct {
	Number  int         `json:"number"`
	Action  plan.Action `json:"action"`
	Agent   bool        `json:"agent,omitempty"` // nobody but berth agent worked on it
	Started time.Time   `json:"started"`
	Seconds int         `json:"seconds,omitempty"` // until its end; 0: it never said it
	From    string      `json:"from,omitempty"`    // the release before
	Release string      `json:"release,omitempty"` // that it led to
	Result  string      `json:"result"`
	Stage   string      `json:"stage,omitempty"` // that it did not get through, or its last one
	Codes   []string    `json:"codes,omitempty"` // of what stopped it
}

// Exception is an exception from the support record: what it is from, and how it stands.
type Exception struct {
	Subject string           `json:"subject"`
	Status  exception.Status `json:"status"`
}

// Facts are what a report is made of. They may hold anything.
type Facts struct {
	Installation string
	Now          time.Time
	Berth        string
	Use          Use
	Release      string // that runs
	Target       catalogue.Target
	Memory       int64 // bytes: the limits of all instances together; 0: there are none
	Postgres     int
	External     bool
	Start        *state.Start
	Doctor       *doctor.Report
	Records      []state.Record
	Exceptions   []exception.Standing
	Catalogue    *catalogue.Catalogue
}

// Demo is the size of an installation without limits.
const Demo = "demo"

// Other stands for a release that Sourcegraph did not publish, which may be named after anything; to who reads reports also for other words that it does not know.
const Other = "other"

// Options are the deployment options, by target, as the support record names them.
var Options = map[catalogue.Target]string{catalogue.Compose: "compose", catalogue.Kubernetes: "kubernetes"}

// Of makes the report of some facts. What is not on a list is left out or becomes Other.
func Of(f Facts) *Report {
	known := KnownOf(f.Catalogue)
	r := &Report{Version: Version, Installation: f.Installation, Made: f.Now.UTC().Truncate(time.Second), Berth: berth(f.Berth), Use: f.Use,
		Release: known.release(f.Release), Target: f.Target, Option: Options[f.Target], Size: sizeOf(f.Catalogue.Sizing(), f.Memory), Postgres: f.Postgres, External: f.External}
	r.Start = startOf(f.Start, r.Made)
	if f.Doctor != nil {
		r.Doctor = found(f.Doctor)
	}
	f.Records = f.Records[max(0, len(f.Records)-maxRuns):]
	for i := range f.Records {
		r.Runs = append(r.Runs, runOf(&f.Records[i], known))
	}
	for _, s := range f.Exceptions {
		if slices.ContainsFunc(f.Catalogue.SupportRecord().Subjects, func(of catalogue.SupportSubject) bool { return of.ID == s.Subject }) {
			r.Exceptions = append(r.Exceptions, Exception{Subject: s.Subject, Status: s.Status})
		}
	}
	return r
}

// startOf is what a report has of a start. Where a clock was set back since, nobody knows how long anything took: the report leaves it out.
func startOf(s *state.Start, made time.Time) *Start {
	if s == nil {
		return nil
	}
	out := &Start{Began: s.Began.UTC().Truncate(time.Second)}
	if !s.Waits() {
		out.FirstSearch = max(1, int(s.Took().Seconds()))
	}
	if !out.believable(made) {
		return nil
	}
	return out
}

// believable reports whether a start can be true in a report that was made at a time: nothing in it was later.
func (s *Start) believable(made time.Time) bool {
	return !s.Began.Before(First) && s.FirstSearch >= 0 && s.FirstSearch <= math.MaxInt32 && !s.Began.Add(time.Duration(s.FirstSearch)*time.Second).After(made)
}

// berth is the version of a release of berth. That of a build by somebody is not told.
func berth(version string) string {
	if versionForm.MatchString(version) {
		return version
	}
	return Other
}

// sizeOf is the smallest size whose machine has the memory.
func sizeOf(s *catalogue.Sizing, memory int64) string {
	if memory == 0 {
		return Demo
	}
	for _, size := range s.Sizes {
		if memory <= int64(size.Memory)<<30 {
			return size.Name
		}
	}
	return s.Sizes[len(s.Sizes)-1].Name
}

// found counts what the doctor finds, by code and severity.
func found(d *doctor.Report) (out []Found) {
	for _, f := range d.All() {
		if !codeForm.MatchString(f.Problem.Code) {
			continue
		}
		one := Found{Code: f.Problem.Code, Severity: f.Problem.Severity, Muted: f.Muted != nil}
		at := slices.IndexFunc(out, func(o Found) bool { return o.Code == one.Code && o.Severity == one.Severity && o.Muted == one.Muted })
		if at < 0 {
			out, at = append(out, one), len(out)
		}
		out[at].Count++
	}
	slices.SortFunc(out, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Severity, b.Severity))
	})
	return out
}

// runOf is what a report has of a record: neither its config, its plan, nor who did it.
func runOf(r *state.Record, known *Known) Run {
	out := Run{Number: r.Number, Action: r.Action, Agent: r.Agent, Started: r.Started.UTC().Truncate(time.Second), From: known.release(r.From),
		Release: known.release(r.Release), Result: r.Result}
	if !r.Ended.IsZero() {
		out.Seconds = max(1, int(r.Ended.Sub(r.Started).Seconds()))
	}
	if r.Plan != nil && len(r.Plan.Stages) > 0 {
		reached := len(r.Stages())
		if r.Result != state.Done || reached == len(r.Plan.Stages) {
			out.Stage = r.Plan.Stages[min(reached, len(r.Plan.Stages)-1)].Name
		}
		if !slices.Contains(known.stages, out.Stage) {
			out.Stage = ""
		}
	}
	for _, p := range r.Problems {
		if codeForm.MatchString(p.Code) && p.Severity == diag.Error {
			out.Codes = append(out.Codes, p.Code)
		}
	}
	slices.Sort(out.Codes)
	out.Codes = slices.Compact(out.Codes)
	return out
}
