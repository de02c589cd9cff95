package doctor

import (
	"fmt"
	"time"
)

// Summary is a report in a few words, small enough to be kept.
type Summary struct {
	Taken    time.Time `json:"taken"`
	Verdict  Verdict   `json:"verdict"`
	Checks   int       `json:"checks"`   // how many looked, or tried to
	Unseen   int       `json:"unseen"`   // how many of these could not look
	Findings int       `json:"findings"` // that nobody muted
	Causes   []Cause   `json:"causes"`   // the findings among them that follow from no other one, the first one first
	Do       string    `json:"do,omitempty"`
}

// Cause is what a summary says of a finding.
type Cause struct {
	Code    string `json:"code"`
	Subject string `json:"subject"`
	Summary string `json:"summary"`
}

// Summary is what is worth keeping of a report.
func (r *Report) Summary() Summary {
	s := Summary{Taken: r.Taken, Verdict: r.Verdict, Checks: len(r.Checks), Unseen: r.Count(Unknown), Causes: []Cause{}, Do: r.Do}
	for _, f := range r.All() {
		if f.Muted == nil {
			s.Findings++
		}
	}
	for _, f := range r.Findings {
		if f.Muted == nil {
			p := f.Problem.Shown()
			s.Causes = append(s.Causes, Cause{Code: p.Code, Subject: p.Subject, Summary: p.Summary})
		}
	}
	return s
}

// String is the summary in one line. What could not be looked at is no success.
func (s Summary) String() string {
	switch {
	case s.Findings == 0 && s.Unseen == 0:
		return fmt.Sprintf("%s, nothing found", counted(s.Checks, "check", "checks"))
	case s.Findings == 0:
		return fmt.Sprintf("nothing found, but %d of %d checks could not run", s.Unseen, s.Checks)
	}
	text := counted(s.Findings, "finding", "findings")
	switch {
	case s.Do != "":
		text += "; first: " + s.Do
	case len(s.Causes) > 0:
		text += "; first: " + s.Causes[0].Summary
	}
	return text
}
