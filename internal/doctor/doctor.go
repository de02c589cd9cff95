// Package doctor says what is wrong with an installation, why, and what to do. It is pure: its input is Evidence, which package look collects
// from a running installation and which a support bundle keeps; its output is a Report. Checks are a list, data as far as that goes; causes are
// edges between their findings.
//
// One package because the list of checks is one thing: each file has those of one part of Sourcegraph.
package doctor

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
)

// Verdict is what a check comes to.
type Verdict string

// The verdicts.
const (
	Pass    Verdict = "pass"
	Warn    Verdict = "warn"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown" // it could not look
)

// Check is one thing that the doctor looks at. Its title, its reason and its remedy are those of its code: see diag.Explain.
type Check struct {
	Code     string           // of what it finds, unless it passes on what another part of berth finds
	Looks    string           // at what, in a few words
	Needs    []Source         // evidence without which it can't tell
	Target   catalogue.Target // the only one that it is for; "": both
	Limit    *Limit           // for checks that measure
	Symptoms []string         // what people see, for docs/troubleshooting.md
	Strict   bool             // its findings can't be muted
	Named    bool             // only where somebody names it, because it takes minutes
	Passes   string           // the codes that it passes on, as a pattern: "BERTH21*"; "" for its own

	find  func(e *Evidence, c *Check) []*Finding
	blind func(e *Evidence) string // why it can't tell although its sources answered; "": it can. nil: it always can
}

// Limit is from where on a measure is a problem. A measure that is bad when it is low has Fail below Warn.
type Limit struct {
	Warn, Fail float64
	Unit       string
}

// severity grades a measure; "" is well.
func (l Limit) severity(v float64) diag.Severity {
	bad := func(limit float64) bool { return v >= limit }
	if l.Fail < l.Warn {
		bad = func(limit float64) bool { return v <= limit }
	}
	switch {
	case bad(l.Fail):
		return diag.Error
	case bad(l.Warn):
		return diag.Warning
	}
	return ""
}

// String is the limit in words.
func (l Limit) String() string {
	word := "from"
	if l.Fail < l.Warn {
		word = "at"
	}
	if l.Fail == l.Warn {
		return fmt.Sprintf("fails %s %g %s", word, l.Fail, l.Unit)
	}
	return fmt.Sprintf("warns %s %g %s, fails %s %g %s", word, l.Warn, l.Unit, word, l.Fail, l.Unit)
}

// Finding is one problem, with what follows from it.
type Finding struct {
	Check   string          `json:"check"`             // the code of the check that found it
	Service string          `json:"service,omitempty"` // that it is about
	Problem diag.Diagnostic `json:"problem"`
	Muted   *Mute           `json:"muted,omitempty"`
	Remedy  Remedy          `json:"remedy,omitempty"` // what berth doctor --fix does about it; "": nothing
	// Statements are what it runs in the service, a database.
	Statements []string `json:"statements,omitempty"`
	Bytes      int64    `json:"bytes,omitempty"` // of the database that is rebuilt
	// Left is why berth does nothing about it, although a command would; "": there is none, or berth does it.
	Left    string     `json:"left,omitempty"`
	Follows []*Finding `json:"follows,omitempty"` // findings that have this one as their cause

	number int // in the order of the list
}

// Mute keeps a finding from counting until a day.
type Mute struct {
	Code   string    `json:"code"`
	On     string    `json:"on,omitempty"` // the subject that it is for; "": all
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"` // the first moment at which it does not count any more
}

// Result is what one check came to.
type Result struct {
	Code    string  `json:"code"`
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"` // why it could not look
}

// Report is what the doctor says.
type Report struct {
	Installation string     `json:"installation"`
	Release      string     `json:"release,omitempty"`
	Taken        time.Time  `json:"taken"`
	Milliseconds int64      `json:"milliseconds"`
	Verdict      Verdict    `json:"verdict"`      // the worst of all; unknown where nothing was found, but not all could be looked at
	Do           string     `json:"do,omitempty"` // the one thing to do first
	Findings     []*Finding `json:"findings"`     // causes, the first one first, each with what follows from it
	Checks       []Result   `json:"checks"`
	Did          []Remedy   `json:"did,omitempty"` // what was carried out before this look
	// Exceptions are how many exceptions from the support record there are, by their status.
	Exceptions map[string]int `json:"exceptions,omitempty"`
}

// Excepted counts an exception from the support record.
func (r *Report) Excepted(status string) {
	if r.Exceptions == nil {
		r.Exceptions = map[string]int{}
	}
	r.Exceptions[status]++
}

// Count is how many checks came to a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// All are all findings, causes before what follows from them.
func (r *Report) All() (all []*Finding) {
	var walk func([]*Finding)
	walk = func(list []*Finding) {
		for _, f := range list {
			all = append(all, f)
			walk(f.Follows)
		}
	}
	walk(r.Findings)
	return all
}

// Request says what is to be checked.
type Request struct {
	Only []string // codes of checks; none: all
}

// Checks is the list of all checks that are for a target; "" for both. Nobody changes it.
func Checks(target catalogue.Target) []*Check {
	var out []*Check
	for _, c := range slices.Concat(seen, runChecks) {
		if target == "" || c.Target == "" || c.Target == target {
			out = append(out, c)
		}
	}
	return out
}

// Examine holds all checks against evidence.
func Examine(e *Evidence, r Request) *Report {
	report := &Report{Installation: e.Installation, Release: e.Release, Taken: e.Taken, Findings: []*Finding{}, Checks: []Result{}}
	var found []*Finding
	for _, c := range Checks(e.Target) {
		if named := slices.Contains(r.Only, c.Code); !named && (c.Named || len(r.Only) > 0) {
			continue
		}
		findings := c.find(e, c)
		result := Result{Code: c.Code, Title: c.Title(), Verdict: Pass}
		for _, f := range findings {
			f.number = len(found)
			found = append(found, f)
			if f.Muted = muted(f, c, e.Mutes, e.Taken); f.Muted == nil {
				result.Verdict = worse(result.Verdict, f.verdict())
			}
		}
		if why := c.unseen(e); len(findings) == 0 && why != "" {
			result.Verdict, result.Why = Unknown, why
		}
		report.Checks = append(report.Checks, result)
	}
	report.Findings = append(report.Findings, caused(e, found)...)
	report.conclude()
	return report
}

// conclude sets the verdict of the whole, and the one thing to do.
func (r *Report) conclude() {
	r.Verdict = Pass
	if r.Count(Unknown) > 0 {
		r.Verdict = Unknown
	}
	for _, v := range []Verdict{Warn, Fail} {
		if r.Count(v) > 0 {
			r.Verdict = v
		}
	}
	for _, f := range r.Findings {
		if f.Muted == nil && f.Problem.Hint != "" {
			r.Do = f.Problem.Hint
			return
		}
	}
}

// Title is the title of its code.
func (c *Check) Title() string { return titles()[c.Code] }

// titles are those of all codes. A test proves that they can be read.
var titles = sync.OnceValue(func() map[string]string {
	codes, _ := diag.Codes()
	out := map[string]string{}
	for _, c := range codes {
		out[c.Code] = c.Title
	}
	return out
})

// unseen says why the check could not look; "" when it could.
func (c *Check) unseen(e *Evidence) string {
	for _, s := range c.Needs {
		if why := e.unseen(s); why != "" {
			return why
		}
	}
	if c.blind != nil {
		return c.blind(e)
	}
	return ""
}

func (f *Finding) verdict() Verdict {
	if f.Problem.Severity == diag.Error {
		return Fail
	}
	return Warn
}

func worse(a, b Verdict) Verdict {
	order := []Verdict{Pass, Warn, Fail}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// muted is the mute that holds for a finding; nil when none does, or when its check is strict.
func muted(f *Finding, c *Check, mutes []Mute, now time.Time) *Mute {
	if c.Strict {
		return nil
	}
	for _, m := range mutes {
		if (m.Code == f.Problem.Code || m.Code == c.Code) && (m.On == "" || m.On == f.Problem.Subject || m.On == f.Service) && now.Before(m.Until) {
			return &m
		}
	}
	return nil
}

// found is a finding of a check about a service.
func (c *Check) found(service string, severity diag.Severity, summary, hint string, detail ...string) *Finding {
	return &Finding{Check: c.Code, Service: service, Problem: diag.Diagnostic{Code: c.Code, Severity: severity, Subject: service, Summary: summary, Hint: hint, Detail: detail}}
}

// passed are problems that another part of berth found.
func (c *Check) passed(e *Evidence, problems diag.List) (out []*Finding) {
	for _, p := range problems {
		out = append(out, &Finding{Check: c.Code, Service: e.service(p.Subject), Problem: p})
	}
	return out
}
