package catalogue

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// LifeStage is a stage in the life of a deployment option.
type LifeStage string

// The stages, in the order of a life. An option may begin at any of them and leave some out.
const (
	Candidate     LifeStage = "candidate"   // somebody proposes it
	InProof       LifeStage = "in proof"    // somebody tries it
	InBeta        LifeStage = "beta"        // customers try it
	InSupport     LifeStage = "supported"   //
	InDeprecation LifeStage = "deprecated"  // still supported, and on its way out
	EndOfLife     LifeStage = "end of life" // new installations are refused
)

// LifeStages are all of them, in their order.
var LifeStages = []LifeStage{Candidate, InProof, InBeta, InSupport, InDeprecation, EndOfLife}

// Status is what a stage means for the support of an option.
func (s LifeStage) Status() SupportStatus {
	return map[LifeStage]SupportStatus{Candidate: Exception, InProof: Exception, InBeta: Guidance, InSupport: Supported, InDeprecation: Deprecated, EndOfLife: Unsupported}[s]
}

// Ends reports whether a stage leads off.
func (s LifeStage) Ends() bool { return s == InDeprecation || s == EndOfLife }

// Stage is when a stage began, or will. It begins with a release of Sourcegraph where it names one, so that what runs an older release is still in the stage
// before; else on its day.
type Stage struct {
	Stage   LifeStage `yaml:"stage" json:"stage"`
	On      string    `yaml:"on,omitempty" json:"on,omitempty"`           // yyyy-mm-dd or yyyy-mm; "": no source names the day
	Release string    `yaml:"release,omitempty" json:"release,omitempty"` // of Sourcegraph
	Says    string    `yaml:"says,omitempty" json:"says,omitempty"`
	Source  string    `yaml:"source,omitempty" json:"source,omitempty"` // an address, or a path under Docs
	Dated   string    `yaml:"dated,omitempty" json:"dated,omitempty"`   // where the day is known from, if Source does not name it
	Read    string    `yaml:"read,omitempty" json:"read,omitempty"`     // when the source was read
	// Evidence is a test of berth that showed it.
	Evidence string `yaml:"evidence,omitempty" json:"evidence,omitempty"`
}

// began reports whether a stage was reached in a release, on a day. Without a release its day counts.
func (s Stage) began(release, day string) bool {
	if s.Release != "" && release != "" {
		within, err := Within(release, ">="+s.Release)
		return err == nil && within
	}
	return s.On <= day
}

// WayOff is where an installation of an option goes when that ends.
type WayOff struct {
	To      string `yaml:"to" json:"to"` // the id of another option
	Says    string `yaml:"says" json:"says"`
	Command string `yaml:"command" json:"command"` // to begin with
}

// When says when a stage begins, for people.
func (s Stage) When() string {
	switch {
	case s.On != "" && s.Release != "":
		return s.On + ", with " + s.Release
	case s.Release != "":
		return "with " + s.Release
	}
	return cmp.Or(s.On, "no source names the day")
}

// Life is the life of an option: its stages in order, the first one first, each once.
type Life []Stage

// At is the stage that an option is in for a release, on a day; nil where none began.
func (l Life) At(release, day string) (now *Stage) {
	for i := range l {
		if l[i].began(release, day) {
			now = &l[i]
		}
	}
	return now
}

// Of is the stage with a name, and the one that comes next; nil where there is none.
func (l Life) Of(name LifeStage) (stage, next *Stage) {
	i := slices.IndexFunc(l, func(s Stage) bool { return s.Stage == name })
	if i < 0 {
		return nil, nil
	}
	if i+1 < len(l) {
		next = &l[i+1]
	}
	return &l[i], next
}

// String is the stages in a line: "supported (2022-10) · deprecated (2026-02-19)".
func (l Life) String() string {
	var stages []string
	for _, s := range l {
		stages = append(stages, fmt.Sprintf("%s (%s)", s.Stage, s.When()))
	}
	return strings.Join(stages, " · ")
}

// Wrong is what is wrong with the order and the days of a life.
func (l Life) Wrong() (out []string) {
	before, day := -1, ""
	for _, s := range l {
		at := slices.Index(LifeStages, s.Stage)
		switch {
		case at < 0:
			out = append(out, fmt.Sprintf("%q is no stage", s.Stage))
		case at <= before:
			out = append(out, fmt.Sprintf("%s comes after %s", s.Stage, LifeStages[before]))
		}
		if s.On != "" && !dayOrMonth.MatchString(s.On) {
			out = append(out, fmt.Sprintf("%q is not a day", s.On))
		} else if s.On != "" && s.On < day {
			out = append(out, s.On+" is before "+day)
		}
		if s.Stage == EndOfLife && s.On == "" && s.Release == "" {
			out = append(out, "the end of life has no day and no release")
		}
		before, day = max(before, at), max(day, s.On)
	}
	return out
}

var dayOrMonth = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?$`)
