// Package fleet is what the reports of many installations say together: which of them are active, what each ran when, and the figures that follow.
// A report says how an installation was at one moment. Reports that say the same are joined to spans of time, so that a figure of any day is read from a
// few spans and not from all reports. Each figure has its definition, and each of its rows has the list that it was counted from. Pure.
//
//	installations ──> columns, once ──> a view of what a query asks ──> figures ──> lists, when they are asked for
//
// One package because all figures are counted from the same view, and every one of them is a few lines beside its definition.
package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/hq/issue"
	"berth/internal/hq/review"
	"berth/internal/report"
)

// Silence is how long an installation is believed to be as its newest report says. After that it is not active.
const Silence = 30 * day

const day = 24 * time.Hour

// Facts are what a report says of an installation, as far as figures ask for it.
type Facts struct {
	Release  string           `json:"release"`
	Target   catalogue.Target `json:"target"`
	Option   string           `json:"option"`
	Size     string           `json:"size"`
	Use      report.Use       `json:"use"`
	Postgres int              `json:"postgres"`
	External bool             `json:"external"`
	Berth    string           `json:"berth"`
}

// FactsOf are the facts of a report.
func FactsOf(r *report.Report) Facts {
	return Facts{r.Release, r.Target, r.Option, r.Size, r.Use, r.Postgres, r.External, r.Berth}
}

// Counted are the facts that figures ask for.
func (f Facts) Counted() Facts {
	f.Postgres, f.External, f.Berth = 0, false, ""
	return f
}

// Span is a time in which all reports of an installation said the same, and none was late by more than Silence. K names what they said.
type Span[K comparable] struct {
	First time.Time `json:"first"` // of its reports
	Last  time.Time `json:"last"`
	Said  K         `json:"said"`
}

// Extend adds a report to spans of earlier ones.
func Extend[K comparable](spans []Span[K], made time.Time, said K) []Span[K] {
	if n := len(spans); n > 0 && spans[n-1].Said == said && made.Sub(spans[n-1].Last) <= Silence {
		spans[n-1].Last = made
		return spans
	}
	return append(spans, Span[K]{made, made, said})
}

// Insert adds a report to spans of others that may be newer or older, as if all had come in order. No other one was made at the same time. between gives the
// two reports of a span that it lies between, where it breaks the span.
func Insert[K comparable](spans []Span[K], made time.Time, said K, between func(Span[K]) (before, after time.Time, err error)) ([]Span[K], error) {
	n := len(spans) // the span after it
	for n > 0 && spans[n-1].First.After(made) {
		n--
	}
	one := Span[K]{made, made, said}
	if n > 0 && !spans[n-1].Last.Before(made) { // in the middle of one
		in := spans[n-1]
		if in.Said == said {
			return spans, nil
		}
		before, after, err := between(in)
		if err != nil {
			return nil, err
		}
		return slices.Replace(spans, n-1, n, Span[K]{in.First, before, in.Said}, one, Span[K]{after, in.Last, in.Said}), nil
	}
	from, to := n, n // the spans that it joins
	if n > 0 && spans[n-1].Said == said && made.Sub(spans[n-1].Last) <= Silence {
		from, one.First = n-1, spans[n-1].First
	}
	if n < len(spans) && spans[n].Said == said && spans[n].First.Sub(made) <= Silence {
		to, one.Last = n+1, spans[n].Last
	}
	return slices.Replace(spans, from, to, one), nil
}

// Stay is a span of an installation. Installations share the facts.
type Stay = Span[*Facts]

// Installation is all that is known of an installation.
type Installation struct {
	Name     string         `json:"name"`
	Stays    []Stay         `json:"stays"`           // by time
	Upgrades []report.Run   `json:"upgrades"`        // by number
	Start    *report.Start  `json:"start,omitempty"` // by its newest report; nil: it had data before, or nobody saw it
	Doctor   []report.Found `json:"doctor"`          // of its newest report
}

// At is how an installation was at a time; nil: it was not active, or nothing ran there.
func (i *Installation) At(t time.Time) *Facts {
	s := i.before(t)
	if s == nil || t.Sub(s.Last) > Silence || s.Said.Release == "" {
		return nil
	}
	return s.Said
}

// before is the newest stay that had begun at a time; nil: there is none.
func (i *Installation) before(t time.Time) *Stay {
	n, _ := slices.BinarySearchFunc(i.Stays, t, func(s Stay, t time.Time) int {
		if s.First.After(t) {
			return 1
		}
		return -1
	})
	if n == 0 {
		return nil
	}
	return &i.Stays[n-1]
}

// Refusal is how often reports were refused on a day, with a code.
type Refusal struct {
	Day   time.Time
	Code  string
	Count int
}

// Fleet is all installations that ever reported.
type Fleet struct {
	Installations []Installation // by name
	Refusals      []Refusal
	Releases      []Release                // oldest first
	Sizes         []string                 // smallest first
	Issues        []issue.Issue            // by number
	Requests      []review.Request         // for exceptions, by number
	Record        *catalogue.SupportRecord // that says what needs an exception

	once  sync.Once
	built *columns
}

// Find finds an installation by its name.
func (f *Fleet) Find(name string) (*Installation, bool) {
	n, ok := f.find(name)
	if !ok {
		return nil, false
	}
	return &f.Installations[n], true
}

func (f *Fleet) find(name string) (int, bool) {
	return slices.BinarySearchFunc(f.Installations, name, func(i Installation, name string) int { return cmp.Compare(i.Name, name) })
}

// Release is a minor release, and when its first patch came out for each target.
type Release struct {
	Minor     string
	Published map[catalogue.Target]time.Time
}

// first is the day on which it came out for any target.
func (r Release) first() time.Time {
	var at time.Time
	for _, p := range r.Published {
		if at.IsZero() || p.Before(at) {
			at = p
		}
	}
	return at
}

// Releases are the minor releases of a catalogue, oldest first.
func Releases(c *catalogue.Catalogue) (out []Release) {
	versions := c.Versions("")
	for _, v := range slices.Backward(versions) {
		minor := catalogue.Minor(v.Version)
		if len(out) == 0 || out[len(out)-1].Minor != minor {
			out = append(out, Release{minor, map[catalogue.Target]time.Time{}})
		}
		for target, date := range v.Dates {
			at, err := time.Parse(time.DateOnly, date)
			if before, ok := out[len(out)-1].Published[target]; err == nil && (!ok || at.Before(before)) {
				out[len(out)-1].Published[target] = at
			}
		}
	}
	return out
}

// Behind counts the minor releases that are newer than what runs, and were out for the target at a time. known is false of a release that Sourcegraph did
// not publish.
func (f *Fleet) Behind(s *Facts, t time.Time) (n int, known bool) {
	if s.Release == report.Other {
		return 0, false
	}
	minor := catalogue.Minor(s.Release)
	for _, r := range slices.Backward(f.Releases) {
		if catalogue.CompareVersions(r.Minor, minor) <= 0 {
			break
		}
		if out, ok := r.Published[s.Target]; ok && !out.After(t) {
			n++
		}
	}
	return n, true
}

// age is how much older what runs is than the newest release of its target at a time.
func (f *Fleet) age(s *Facts, t time.Time) (time.Duration, bool) {
	var newest, own time.Time
	minor := catalogue.Minor(s.Release)
	for _, r := range f.Releases {
		if out, ok := r.Published[s.Target]; ok && !out.After(t) {
			newest = out
			if r.Minor == minor {
				own = out
			}
		}
	}
	return newest.Sub(own), !own.IsZero()
}

// Query says which figures are wanted.
type Query struct {
	Day    time.Time // figures are those of the end of this day
	Months int       // before it, for figures over time
	Target catalogue.Target
	Option string
	Size   string
	Use    report.Use
	moment time.Time // instead of the end of the day, for lists; zero: the end of the day
}

// end is the last moment of the day.
func (q Query) end() time.Time {
	if !q.moment.IsZero() {
		return q.moment
	}
	return q.Day.Truncate(day).Add(day - time.Second)
}

// at is the query for another moment.
func (q Query) at(moment time.Time) Query {
	q.moment = moment
	return q
}

// from is where figures over time begin.
func (q Query) from() time.Time { return q.Day.Truncate(day).AddDate(0, -q.Months, 0) }

// wants reports whether an installation counts that is like this.
func (q Query) wants(s *Facts) bool {
	return s != nil && (q.Target == "" || s.Target == q.Target) && (q.Option == "" || s.Option == q.Option) && (q.Size == "" || s.Size == q.Size) &&
		(q.Use == "" || s.Use == q.Use)
}
