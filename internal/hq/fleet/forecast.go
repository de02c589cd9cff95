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
var prospects = []string{"out of support now", "leaves support, at its pace", "has no pace yet", "gets there in time, at its pace", "on the newest major release", notKnown}

// outlook is what is expected of major releases on a day.
type outlook struct {
	end    time.Time
	minors []string // that were out, oldest first
	newest int      // major release
	next   time.Time
}

// major is the first number of a release.
func major(release string) int {
	number, _, _ := strings.Cut(release, ".")
	n, _ := strconv.Atoi(number) // releases begin with one
	return n
}

// outlookOf expects the next major release as long after the newest one as that came after the one before. ok is false where there is only one.
func (f *Fleet) outlookOf(q Query) (o outlook, ok bool) {
	o.end = q.end()
	out := map[int]time.Time{}
	for _, r := range f.Releases {
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
	return o, !before.IsZero()
}

// step is where a release stands among the minor ones that were out.
func (o *outlook) step(release string) int {
	at, _ := slices.BinarySearchFunc(o.minors, catalogue.Minor(release), catalogue.CompareVersions)
	return at
}

// prospect is the row that an installation is in, and when it gets to the newest major release at its pace.
func (o *outlook) prospect(i *Installation, s *Facts, from time.Time) (row int, there string) {
	switch m := major(s.Release); {
	case s.Release == report.Other:
		return 5, notKnown
	case m < o.newest-1:
		return 0, "out of support"
	case m >= o.newest:
		return 4, "is there"
	}
	start, at := i.since(from)
	if o.end.Sub(at) < newcomer {
		return 2, notKnown
	}
	steps := o.step(s.Release) - o.step(start.Release)
	left := o.step(fmt.Sprintf("%d.0", o.newest)) - o.step(s.Release)
	if steps <= 0 {
		return 1, "never"
	}
	when := o.end.Add(o.end.Sub(at) / time.Duration(steps) * time.Duration(left))
	if when.After(o.next) {
		return 1, Day{when}.String()
	}
	return 3, Day{when}.String()
}

// since is how an installation was at a time, or at its first report after that.
func (i *Installation) since(from time.Time) (*Facts, time.Time) {
	for _, s := range i.Stays {
		if s.Last.Before(from) || s.Said.Release == "" || s.Said.Release == report.Other {
			continue
		}
		if s.First.Before(from) {
			return s.Said, from
		}
		return s.Said, s.First
	}
	return &Facts{}, time.Time{}
}

// forecast counts who leaves support when the next major release comes.
func (f *Fleet) forecast(q Query, out *Figure) {
	out.Columns = []string{"prospect", "installations", "share"}
	o, ok := f.outlookOf(q)
	if !ok {
		out.Headline = "There is no major release to forecast from."
		return
	}
	counts, all := make([]int, len(prospects)), 0
	f.active(q, q.end(), func(i *Installation, s *Facts) {
		row, _ := o.prospect(i, s, q.from())
		counts[row]++
		all++
	})
	for n, name := range prospects {
		out.Rows = append(out.Rows, Row{strconv.Itoa(n), []any{name, counts[n], Share{counts[n], all}},
			f.list(q, q.end(), fmt.Sprintf("gets to %d.0", o.newest), func(i *Installation, s *Facts) (any, bool) {
				row, there := o.prospect(i, s, q.from())
				return there, row == n
			})})
	}
	out.Headline = fmt.Sprintf("%d.0 is expected on %s. %s then; out of it now: %d.", o.newest+1, Day{o.next}, leaving(counts[1]), counts[0])
}

func leaving(n int) string {
	if n == 1 {
		return "1 installation leaves support"
	}
	return fmt.Sprintf("%d installations leave support", n)
}
