package fleet

import (
	"slices"
	"strconv"
	"time"

	"berth/internal/hq/issue"
	"berth/internal/state"
)

// view is what a query asks of a fleet. All figures of a page share it, so that the fleet is passed over once for what several of them need. It is not kept:
// lists work it out again when they are asked for.
type view struct {
	*Fleet
	*columns
	q         Query
	wants     []bool  // by kind
	last      []int32 // by installation: the stay that had begun last at the end of the day; -1: there is none, or it is not wanted
	active    []int   // by kind: how many are active at the end of the day
	distances []int   // by kind that has active ones: the row of releases behind
	tally     *tally
	opened    []raised
}

func (f *Fleet) view(q Query) *view {
	v := &view{Fleet: f, columns: f.columns(), q: q}
	v.wants, v.active, v.distances = make([]bool, len(v.kinds)), make([]int, len(v.kinds)), make([]int, len(v.kinds))
	for k, of := range v.kinds {
		v.wants[k] = q.wants(of)
	}
	v.last = make([]int32, len(f.Installations))
	end := q.end().Unix()
	for n := range v.last {
		s := v.before(n, end)
		if s >= 0 && !v.wants[v.stays[s].kind] {
			s = -1
		}
		if v.last[n] = s; s >= 0 && v.runs(s, end) {
			v.active[v.stays[s].kind]++
		}
	}
	for k, n := range v.active {
		if n > 0 {
			v.distances[k] = f.distance(v.kinds[k], q.end())
		}
	}
	return v
}

// runs reports whether an installation whose stay has begun is active at a time.
func (v *view) runs(stay int32, t int64) bool {
	s := &v.stays[stay]
	return t-s.last <= quiet && v.kinds[s.kind].Release != ""
}

// each calls with each active installation that is wanted, as it was at the end of the day.
func (v *view) each(with func(installation int, kind int32)) {
	end := v.q.end().Unix()
	for n, s := range v.last {
		if s >= 0 && v.runs(s, end) {
			with(n, v.stays[s].kind)
		}
	}
}

// during counts the active installations that are wanted at each of some times, which are in order, by kind. Of each stay it notes where it begins to count
// and where it ends to; the sums of that are the counts.
func (v *view) during(times []time.Time) [][]int {
	l := newTimeline(times)
	out := make([][]int, len(v.kinds))
	for n := range v.Installations {
		to := v.begin[n+1]
		for k := v.begin[n]; k < to; k++ {
			s := &v.stays[k]
			if !v.wants[s.kind] || v.kinds[s.kind].Release == "" {
				continue
			}
			until := s.last + quiet + 1
			if k+1 < to {
				until = min(until, v.stays[k+1].first)
			}
			from, end := l.from(s.first), l.from(until)
			if from >= end {
				continue
			}
			if out[s.kind] == nil {
				out[s.kind] = make([]int, len(times)+1)
			}
			out[s.kind][from]++
			out[s.kind][end]--
		}
	}
	for _, of := range out {
		for n := 1; n < len(of); n++ {
			of[n] += of[n-1]
		}
	}
	return out
}

// list lists the active installations that pick wants, with one more cell.
func (v *view) list(more string, pick func(installation int, kind int32) (cell any, wanted bool)) Table {
	rows := []Row{}
	v.each(func(n int, kind int32) {
		if cell, wanted := pick(n, kind); wanted {
			name, s := v.Installations[n].Name, v.kinds[kind]
			rows = append(rows, Row{Key: name, Cells: []any{name, s.Release, string(s.Target), s.Option, s.Size, string(s.Use), cell}})
		}
	})
	return Table{Columns: []string{"installation", "release", "target", "option", "size", "use", more}, Rows: rows}
}

// listBehind lists, when it is asked for, active installations with the releases that they are behind.
func (f *Fleet) listBehind(q Query, wanted func(v *view, kind int32) bool) func() Table {
	return func() Table {
		v := f.view(q)
		return v.list("releases behind", func(_ int, kind int32) (any, bool) { return v.distanceText(kind), wanted(v, kind) })
	}
}

// distanceText is the number of releases behind, for a list.
func (v *view) distanceText(kind int32) string {
	n, known := v.distances[kind], v.distances[kind] < len(distances)-1
	if known && n == len(distances)-2 {
		n, known = v.Behind(v.kinds[kind], v.q.end())
	}
	if !known {
		return notKnown
	}
	return strconv.Itoa(n)
}

// upgraded is what was counted of upgrades.
type upgraded struct{ tried, done, failed, interrupted int }

// tally is what was counted of the upgrades that a query wants.
type tally struct {
	months  []time.Time  // their first days
	all     [][]upgraded // by month and kind
	minutes []map[int]int
	stopped []*attempt
}

// tallied counts the upgrades that the query wants, once.
func (v *view) tallied() *tally {
	if v.tally != nil {
		return v.tally
	}
	t := &tally{}
	from, end := v.q.from(), v.q.end()
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(end); m = m.AddDate(0, 1, 0) {
		t.months, t.all, t.minutes = append(t.months, m), append(t.all, make([]upgraded, len(v.kinds))), append(t.minutes, map[int]int{})
	}
	l := newTimeline(t.months)
	results := v.results()
	v.tries(func(a *attempt, kind int32) {
		m := l.from(a.started+1) - 1
		of := &t.all[m][kind]
		of.tried++
		switch results[a.result] {
		case state.Done:
			of.done++
			if a.seconds > 0 {
				t.minutes[m][int(a.seconds)/60]++
			}
			return
		case state.Failed:
			of.failed++
		default:
			of.interrupted++
		}
		t.stopped = append(t.stopped, a)
	})
	v.tally = t
	return t
}

// results are the words once more, with all that is neither done nor failed as one.
func (c *columns) results() []string {
	out := make([]string, len(c.words))
	for n, w := range c.words {
		if w == state.Done || w == state.Failed {
			out[n] = w
		}
	}
	return out
}

// tries calls with each upgrade that the query wants, and the kind of its installation as it was last.
func (v *view) tries(with func(a *attempt, kind int32)) {
	from, end := v.q.from().Unix(), v.q.end().Unix()
	for n := range v.attempts {
		a := &v.attempts[n]
		if s := v.last[a.of]; s >= 0 && a.started >= from && a.started <= end {
			with(a, v.stays[s].kind)
		}
	}
}

// raised is an issue with the facts of its installation.
type raised struct {
	*issue.Issue
	*placed
	facts *Facts
}

// raised are the issues that the query wants, by number. The facts are those of the installation as it was last; of one that had not reported, or that is
// not named, what the issue says.
func (v *view) raised() []raised {
	if v.opened != nil {
		return v.opened
	}
	from, to, end := Day{v.q.from()}.String(), Day{v.q.end()}.String(), v.q.end().Unix()
	v.opened = make([]raised, 0, len(v.placed))
	for n := range v.placed {
		i, p := &v.Issues[n], &v.placed[n]
		if i.Opened < from || i.Opened > to {
			continue
		}
		facts := p.facts
		if p.of >= 0 {
			if s := v.before(int(p.of), end); s >= 0 {
				facts = v.kinds[v.stays[s].kind]
			}
		}
		if v.q.wants(facts) {
			v.opened = append(v.opened, raised{i, p, facts})
		}
	}
	return v.opened
}

// median is the middle of some numbers, of which each is there so many times; the lower one of two; 0: there are none.
func median[T int | time.Duration](counts map[T]int) (middle T) {
	all, values := 0, make([]T, 0, len(counts))
	for v, n := range counts {
		all, values = all+n, append(values, v)
	}
	slices.Sort(values)
	left := (all - 1) / 2
	for _, v := range values {
		if left -= counts[v]; left < 0 {
			return v
		}
	}
	return middle
}
