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

// prospects are the rows of the forecast, in this order.
var prospects = []string{"out of support now", "leaves support, at its pace", "has no pace yet", "arrives in time, at its pace", "on the newest major release", notKnown}

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
func (v *view) prospect(o *outlook, installation int, kind int32) (row int, there time.Time) {
	switch m := o.majors[kind]; {
	case v.kinds[kind].Release == report.Other:
		return 5, there
	case m < o.newest-1:
		return 0, there
	case m >= o.newest:
		return 4, there
	}
	start, at := v.since(installation, v.q.from().Unix())
	known := time.Duration(o.end.Unix()-at) * time.Second
	if known < newcomer {
		return 2, there
	}
	steps, left := o.steps[kind]-o.steps[start], o.first-o.steps[kind]
	if steps <= 0 {
		return 1, there
	}
	there = o.end.Add(known / time.Duration(steps) * time.Duration(left))
	if there.After(o.next) {
		return 1, there
	}
	return 3, there
}

// thereText says for a list when an installation gets there.
func thereText(row int, there time.Time) string {
	switch {
	case row == 0:
		return "out of support"
	case row == 4:
		return "is there"
	case !there.IsZero():
		return Day{there}.String()
	case row == 1:
		return "never"
	}
	return notKnown
}

// since is what an installation, which is active now, was at a time, or at its first report after that.
func (v *view) since(installation int, from int64) (kind int32, at int64) {
	for _, s := range v.stays[v.begin[installation]:v.begin[installation+1]] {
		if release := v.kinds[s.kind].Release; s.last >= from && release != "" && release != report.Other {
			return s.kind, max(s.first, from)
		}
	}
	return 0, v.q.end().Unix()
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
				return thereText(row, there), row == n
			})
		}})
	}
	out.Headline = fmt.Sprintf("%d.0 is expected on %s. %s then; out of it now: %d.", o.newest+1, Day{o.next}, leaving(counts[1]), counts[0])
}

func leaving(n int) string {
	if n == 1 {
		return "1 installation leaves support"
	}
	return fmt.Sprintf("%d installations leave support", n)
}
