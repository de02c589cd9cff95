// Package diag is how berth reports problems in what people wrote and in its environment: what, where, why, what to do next, with a stable
// code. Problems are values: callers collect all of them, and nothing is printed here.
package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"berth/internal/secret"
)

// Severity says whether a problem is an error or a warning. An error stops the work.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Range is a place in a file. Lines and columns count from 1; columns count characters. The zero Range is no place.
type Range struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Length  int    `json:"length,omitempty"`  // characters to underline
	Excerpt string `json:"excerpt,omitempty"` // the line itself
}

// Diagnostic is one problem.
type Diagnostic struct {
	Code     string   `json:"code"` // BERTH1102; explained in docs/codes.md
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`          // what is wrong, in one line, no final period
	Detail   []string `json:"detail,omitempty"` // why, and the evidence: log lines for example
	Hint     string   `json:"hint,omitempty"`   // what to do next: a command or an edit
	Range    Range    `json:"range,omitzero"`
	Subject  string   `json:"subject,omitempty"` // an object where there is no file: "host", "gitserver-0"
}

// Shown is the problem with secrets masked: quotes from elsewhere may have some.
func (d Diagnostic) Shown() Diagnostic {
	d.Summary, d.Hint, d.Range.Excerpt = secret.Mask(d.Summary), secret.Mask(d.Hint), secret.Mask(d.Range.Excerpt)
	d.Detail = slices.Clone(d.Detail)
	for i := range d.Detail {
		d.Detail[i] = secret.Mask(d.Detail[i])
	}
	return d
}

// MarshalJSON writes the problem with secrets masked.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	type plain Diagnostic // a type without this method
	return json.Marshal(plain(d.Shown()))
}

// List is several problems. As an error it is their summaries.
type List []Diagnostic

// Error joins the summaries, for callers that can only return an error.
func (l List) Error() string {
	var s []string
	for _, d := range l {
		s = append(s, fmt.Sprintf("%s: %s", d.Code, secret.Mask(d.Summary)))
	}
	return strings.Join(s, "; ")
}

// Failed reports whether one of the problems stops the work.
func (l List) Failed() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Err returns the list as an error, or nil when no problem stops the work.
func (l List) Err() error {
	if l.Failed() {
		return l
	}
	return nil
}

// Warnings are the same problems for work that goes on in spite of them.
func (l List) Warnings() List {
	out := slices.Clone(l)
	for i := range out {
		out[i].Severity = Warning
	}
	return out
}

// Sort orders by place, then by code, so that the same problems print in the same order.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Range.File, b.Range.File), cmp.Compare(a.Range.Line, b.Range.Line),
			cmp.Compare(a.Range.Column, b.Range.Column), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Code, b.Code))
	})
}
