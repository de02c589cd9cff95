package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/report"
)

// newcomer is how long an installation has to be known before it has a pace.
const newcomer = 90 * day

// prospect is a row of the forecast.
type prospect int

// The rows, in their order. Their numbers are their keys.
const (
	outOfSupport prospect = iota // older than the major releases that are supported
	leaves                       // at its pace, the next major release is there before it
	noPace                       // it has not been known for long enough
	arrives                      // at its pace, before the next major release
	onNewest
	notPublished // nobody published what it runs
)

var prospects = []string{outOfSupport: "out of support now", leaves: "leaves support, at its pace", noPace: "has no pace yet", arrives: "arrives in time, at its pace", onNewest: "on the newest major release", notPublished: notKnown}

// outlook is what is expected of major releases on a day.
type outlook struct {
	end    time.Time
	minors []string // that were out, oldest first
	newest int      // major release
	next   time.Time
	first  int // the step of the newest major release
	majors []int
	steps  []int // both by kind
}

// major is the first number of a release.
func major(release string) int {
	number, _, _ := strings.Cut(release, ".")
	n, _ := strconv.Atoi(number) // releases begin with one
	return n
}

// outlook expects the next major release as long after the newest one as that came after the one before. ok is false where there is only one.
func (v *view) outlook() (o outlook, ok bool) {
	o.end = v.q.end()
	out := map[int]time.Time{}
	for _, r := range v.Releases {
		if r.first().After(o.end) {
			continue
		}
		o.minors = append(o.minors, r.Minor)
		o.newest = major(r.Minor)
		if at, known := out[o.newest]; !known || r.first().Before(at) {
			out[o.newest] = r.first()
		}
	}
	last, before := out[o.newest], out[o.newest-1]
	o.next = last.Add(last.Sub(before))
	if o.next.Before(o.end) {
		o.next = o.end
	}
	o.first = o.step(fmt.Sprintf("%d.0", o.newest))
	for _, k := range v.kinds {
		o.majors, o.steps = append(o.majors, major(k.Release)), append(o.steps, o.step(k.Release))
	}
	return o, !before.IsZero()
}

// step is where a release stands among the minor ones that were out.
func (o *outlook) step(release string) int {
	at, _ := slices.BinarySearchFunc(o.minors, catalogue.Minor(release), catalogue.CompareVersions)
	return at
}

// prospect is the row that an active installation is in, and when it gets to the newest major release at its pace; zero: it is not known, or never.
func (v *view) prospect(o *outlook, installation int, kind int32) (row prospect, there time.Time) {
	switch m := o.majors[kind]; {
	case v.kinds[kind].Release == report.Other:
		return notPublished, there
	case m < o.newest-1:
		return outOfSupport, there
	case m >= o.newest:
		return onNewest, there
	}
	start, at, ok := v.paceFrom(installation, v.q.from().Unix())
	known := time.Duration(o.end.Unix()-at) * time.Second
	if !ok || known < newcomer {
		return noPace, there
	}
	steps, left := o.steps[kind]-o.steps[start], o.first-o.steps[kind]
	if steps <= 0 {
		return leaves, there
	}
	there = o.end.Add(known / time.Duration(steps) * time.Duration(left))
	if there.After(o.next) {
		return leaves, there
	}
	return arrives, there
}

// thereText says for a list when an installation gets there.
func thereText(row prospect, there time.Time) string {
	switch {
	case row == outOfSupport:
		return "out of support"
	case row == onNewest:
		return "is there"
	case !there.IsZero():
		return Day{there}.String()
	case row == leaves:
		return "never"
	}
	return notKnown
}

// paceFrom is what an installation was at a time, or at its first report of a release after that; false: it has none.
func (v *view) paceFrom(installation int, from int64) (kind int32, at int64, ok bool) {
	for _, s := range v.stays[v.begin[installation]:v.begin[installation+1]] {
		if release := v.kinds[s.kind].Release; s.last >= from && release != "" && release != report.Other {
			return s.kind, max(s.first, from), true
		}
	}
	return 0, 0, false
}

// forecast counts who leaves support when the next major release comes.
func (v *view) forecast(out *Figure) {
	out.Columns = []string{"prospect", "installations", "share"}
	o, ok := v.outlook()
	if !ok {
		out.Headline = "There is no major release to forecast from."
		return
	}
	counts, all := make([]int, len(prospects)), 0
	v.each(func(n int, kind int32) {
		row, _ := v.prospect(&o, n, kind)
		counts[row]++
		all++
	})
	f, q := v.Fleet, v.q // lists keep no view
	for n, name := range prospects {
		out.Rows = append(out.Rows, Row{strconv.Itoa(n), []any{name, counts[n], Share{counts[n], all}}, func() Table {
			v := f.view(q)
			o, _ := v.outlook() // there is one
			return v.list(fmt.Sprintf("gets to %d.0", o.newest), func(i int, kind int32) (any, bool) {
				row, there := v.prospect(&o, i, kind)
				return thereText(row, there), row == prospect(n)
			})
		}})
	}
	out.Headline = fmt.Sprintf("%d.0 is expected on %s. %s then; out of it now: %d.", o.newest+1, Day{o.next}, leaving(counts[leaves]), counts[outOfSupport])
}

func leaving(n int) string {
	if n == 1 {
		return "1 installation leaves support"
	}
	return fmt.Sprintf("%d installations leave support", n)
}
