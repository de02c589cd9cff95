// Package issue is the log of issues of deployments and upgrades: what one says, and how it is read from a form, from CSV and from issues of GitHub. One table
// says which values there are, so that all of them read the same. Pure.
package issue

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/report"
	"berth/internal/upgrade/stages"
)

// Issue is something that somebody raised.
type Issue struct {
	Number       int              `json:"number,omitempty"` // in the log; 0: it is not in it yet
	Source       string           `json:"source,omitempty"` // where it stands elsewhere; "": it was entered by hand
	Title        string           `json:"title"`
	Opened       string           `json:"opened"` // yyyy-mm-dd
	Closed       string           `json:"closed,omitempty"`
	During       During           `json:"during,omitempty"`
	Use          report.Use       `json:"use,omitempty"` // of the installation, where it did not report
	Target       catalogue.Target `json:"target,omitempty"`
	Installation string           `json:"installation,omitempty"` // as reports name it
	Release      string           `json:"release,omitempty"`
	Stage        string           `json:"stage,omitempty"` // of the upgrade
	Codes        []string         `json:"codes,omitempty"`
	Cause        string           `json:"cause,omitempty"` // one word
	Hours        float64          `json:"hours,omitempty"` // that it cost
}

// During is what an issue came up in.
type During string

// What issues come up in.
const (
	Deployment During = "deployment"
	Upgrade    During = "upgrade"
	Running    During = "running"
)

// Field is a value of an issue: a column of CSV, a field of a form, a line or label of an issue of GitHub.
type Field struct {
	Key, Label string
	Required   bool
	Choices    []string // that there are; nil: any of the form
	Form       *regexp.Regexp
	Such       string // an example
	get        func(*Issue) string
	set        func(*Issue, string)
}

// text makes a field of a text.
func text[T ~string](f Field, of func(*Issue) *T) Field {
	f.get, f.set = func(i *Issue) string { return string(*of(i)) }, func(i *Issue, value string) { *of(i) = T(value) }
	return f
}

var (
	dayForm      = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	releaseForm  = regexp.MustCompile(`^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,6})?$`)
	causeForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	hoursForm    = regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]{1,2})?$`)
	codesForm    = regexp.MustCompile(`^BERTH[0-9]{4}( BERTH[0-9]{4}){0,19}$`)
	titleForm    = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,300}$`)
	hexadecimals = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// Fields are all values, in the order in which people are asked.
var Fields = []Field{
	text(Field{Key: "title", Label: "Title", Required: true, Form: titleForm, Such: "Migration stops on a large table"}, func(i *Issue) *string { return &i.Title }),
	text(Field{Key: "opened", Label: "Opened on", Required: true, Form: dayForm, Such: "2026-11-29"}, func(i *Issue) *string { return &i.Opened }),
	text(Field{Key: "closed", Label: "Closed on", Form: dayForm, Such: "2026-11-30"}, func(i *Issue) *string { return &i.Closed }),
	text(Field{Key: "during", Label: "During", Choices: []string{string(Deployment), string(Upgrade), string(Running)}}, func(i *Issue) *During { return &i.During }),
	text(Field{Key: "use", Label: "Use", Choices: []string{string(report.Production), string(report.Trial)}}, func(i *Issue) *report.Use { return &i.Use }),
	text(Field{Key: "target", Label: "Target", Choices: []string{string(catalogue.Compose), string(catalogue.Kubernetes)}}, func(i *Issue) *catalogue.Target { return &i.Target }),
	text(Field{Key: "installation", Label: "Installation", Form: hexadecimals, Such: "0123456789abcdef0123456789abcdef"}, func(i *Issue) *string { return &i.Installation }),
	text(Field{Key: "release", Label: "Release", Form: releaseForm, Such: "7.5.4453"}, func(i *Issue) *string { return &i.Release }),
	text(Field{Key: "stage", Label: "Stage", Choices: stages.Names()}, func(i *Issue) *string { return &i.Stage }),
	{Key: "codes", Label: "Codes", Form: codesForm, Such: "BERTH3705 BERTH2101",
		get: func(i *Issue) string { return strings.Join(i.Codes, " ") },
		set: func(i *Issue, value string) {
			i.Codes = strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
			slices.Sort(i.Codes)
			if i.Codes = slices.Compact(i.Codes); len(i.Codes) == 0 {
				i.Codes = nil
			}
		}},
	text(Field{Key: "cause", Label: "Cause", Form: causeForm, Such: "configuration"}, func(i *Issue) *string { return &i.Cause }),
	{Key: "hours", Label: "Hours spent", Form: hoursForm, Such: "2.5",
		get: func(i *Issue) string {
			if i.Hours == 0 {
				return ""
			}
			return strconv.FormatFloat(i.Hours, 'f', -1, 64)
		},
		set: func(i *Issue, value string) { i.Hours, _ = strconv.ParseFloat(value, 64) }}, // its form is a number
}

// Causes are those that a form offers. Any other word is one, too.
var Causes = []string{"capacity", "configuration", "database", "defect", "documentation", "environment", "network", "rights"}

// Get is a value as a text.
func (f *Field) Get(i *Issue) string { return f.get(i) }

// Set sets a value, and says what is wrong with it; then the issue is as it was. subject says which issue, for messages.
func (f *Field) Set(i *Issue, subject, value string) diag.List {
	next := *i
	f.set(&next, strings.TrimSpace(value))
	got := strings.TrimSpace(value)
	if f.Key == "codes" {
		got = f.get(&next)
	}
	hint := "leave it out, or write one such as " + f.Such
	if len(f.Choices) > 0 {
		hint = "leave it out, or write one of " + diag.Listed(f.Choices, "and")
	}
	switch {
	case got == "" && f.Required:
		return diag.List{wrong(subject, f.Key+" is missing", "add one such as "+f.Such)}
	case got == "":
	case len(f.Choices) > 0 && !slices.Contains(f.Choices, got), f.Form != nil && !f.Form.MatchString(got):
		return diag.List{wrong(subject, fmt.Sprintf("%s can't be %q", f.Key, cut(got)), hint)}
	case f.Form == dayForm && !isDay(got):
		return diag.List{wrong(subject, fmt.Sprintf("%s is not a day: %q", f.Key, got), hint)}
	}
	*i = next
	return nil
}

func isDay(value string) bool {
	_, err := time.Parse(time.DateOnly, value)
	return err == nil
}

// cut keeps a message short, whatever stands in a file.
func cut(value string) string {
	if r := []rune(value); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return value
}

func wrong(subject, summary, hint string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH4930", Severity: diag.Error, Subject: subject, Summary: summary, Hint: hint}
}

// Read makes an issue of values, and says all that is wrong with them.
func Read(subject string, value func(key string) string) (Issue, diag.List) {
	var i Issue
	var problems diag.List
	for n := range Fields {
		problems = append(problems, Fields[n].Set(&i, subject, value(Fields[n].Key))...)
	}
	return i, append(problems, i.order(subject)...)
}

// order finds an end before its beginning. Days are texts whose order is that of time.
func (i *Issue) order(subject string) diag.List {
	if i.Closed != "" && i.Closed < i.Opened {
		return diag.List{wrong(subject, "it was closed on "+i.Closed+", before it was opened on "+i.Opened, "correct one of the two days")}
	}
	return nil
}

// QuarterOf is the quarter of a day that is written yyyy-mm-dd.
func QuarterOf(day string) string {
	month, err := strconv.Atoi(day[5:7])
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s-Q%d", day[:4], (month+2)/3)
}

// CheckSince is the day since which berth has a check for it: the first one of the codes that it knows; "": it has none.
func (i *Issue) CheckSince() (day string) {
	for _, code := range i.Codes {
		if known, ok := diag.Explain(code); ok && (day == "" || known.Since < day) {
			day = known.Since
		}
	}
	return day
}

// Known reports whether berth knows a code.
func Known(code string) bool {
	_, ok := diag.Explain(code)
	return ok
}
