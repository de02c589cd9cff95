package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/report"
)

// month is how long a release has been out when its adoption is counted.
const month = 30 * day

// kind is a figure that can be asked for.
type kind struct {
	id, title, definition string
	count                 func(*Fleet, Query, *Figure)
}

const (
	isActive = "An installation is active on a day when it reported in the 30 days before, and Sourcegraph ran there. "
	isBehind = "Releases are minor ones, such as 7.5, and those that were out for the target of the installation on that day. "
	isTried  = "An upgrade counts in the month in which it began, once for each run; one that was continued is the same run. Filters look at the installation as it was last. "
)

// kinds are all figures, in the order in which they are shown.
var kinds = []kind{
	{"adoption", "New releases within a month", isActive + "Of those that were active 30 days after a release came out for their target: how many ran it, or a newer one.", (*Fleet).adoption},
	{"behind", "Releases behind", isActive + isBehind + "The age is the time between the day on which the running release came out, and the day on which the newest one did.", (*Fleet).behind},
	{"versions", "Releases over time", isActive + "Each row is the end of a week, with the active installations by the release that ran. Rare and older releases are one column.", (*Fleet).versions},
	{"upgrades", "Upgrades", isTried + "The time is the median of those that were done.", (*Fleet).upgrades},
	{"stops", "Where upgrades stop", isTried + "Of those that were not done: the stage that they did not get through.", (*Fleet).stops},
	{"targets", "By target", isActive + isBehind + isTried, by(func(s *Facts) string { return string(s.Target) })},
	{"options", "By deployment option", isActive + isBehind + isTried, by(func(s *Facts) string { return s.Option })},
	{"sizes", "By size", isActive + isBehind + isTried + "The size is the smallest one whose machine has the memory of all limits; demo has no limits.", by(func(s *Facts) string { return s.Size })},
	{"findings", "What the doctor finds", isActive + "Of the active ones: in how many the doctor found the code, by the newest report. What an admin muted counts.", (*Fleet).findings},
	{"refused", "Refused reports", "Reports that were not taken, by the reason. They count on the day on which they arrived, and are not kept.", (*Fleet).refused},
}

// IDs are the names of all figures.
func IDs() (out []string) {
	for _, k := range kinds {
		out = append(out, k.id)
	}
	return out
}

// Figure counts a figure; false: there is none of that name.
func (f *Fleet) Figure(id string, q Query) (*Figure, bool) {
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.id == id })
	if at < 0 {
		return nil, false
	}
	k := kinds[at]
	out := &Figure{ID: k.id, Title: k.title, Definition: k.definition, Table: Table{Rows: []Row{}}}
	k.count(f, q, out)
	return out, true
}

// active calls with each installation that a query wants, as it was at a time.
func (f *Fleet) active(q Query, t time.Time, each func(*Installation, *Facts)) {
	for n := range f.Installations {
		i := &f.Installations[n]
		if s := i.At(t); q.wants(s) {
			each(i, s)
		}
	}
}

// listed is an installation in a list, with one more cell.
func listed(i *Installation, s *Facts, more any) Row {
	return Row{Key: i.Name, Cells: []any{i.Name, s.Release, string(s.Target), s.Option, s.Size, string(s.Use), more}}
}

func list(more string, rows []Row) Table {
	return Table{Columns: []string{"installation", "release", "target", "option", "size", "use", more}, Rows: rows}
}

// adoption counts, for each release of the time asked for, who ran it a month after it came out.
func (f *Fleet) adoption(q Query, out *Figure) {
	out.Columns = []string{"release", "came out", "active", "within a month", "share"}
	for _, r := range slices.Backward(f.Releases) {
		share, rows, over := Share{}, []Row{}, false
		for _, target := range slices.Sorted(maps.Keys(r.Published)) {
			then := r.Published[target].Add(month)
			if then.After(q.end()) || r.Published[target].Before(q.from()) {
				continue
			}
			over = true
			f.active(q, then, func(i *Installation, s *Facts) {
				if s.Target != target {
					return
				}
				share.Of++
				adopted := s.Release != report.Other && catalogue.CompareVersions(catalogue.Minor(s.Release), r.Minor) >= 0
				if adopted {
					share.Part++
				}
				rows = append(rows, listed(i, s, yes(adopted)))
			})
		}
		if over {
			out.Rows = append(out.Rows, Row{r.Minor, []any{r.Minor, Day{r.first()}, share.Of, share.Part, share}, func() Table { return list("within a month", rows) }})
		}
	}
	out.Headline = "No release has been out for a month."
	if len(out.Rows) > 0 {
		newest := out.Rows[0]
		out.Headline = fmt.Sprintf("%v of the active installations ran %s within a month.", newest.Cells[4], newest.Key)
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// behind counts the active installations by the number of releases that they are behind.
func (f *Fleet) behind(q Query, out *Figure) {
	out.Columns = []string{"releases behind", "installations", "share"}
	const most = 4
	names := []string{"0", "1", "2", "3", "4 or more", "not known"}
	found := make([][]Row, len(names))
	ages, all := []time.Duration{}, 0
	f.active(q, q.end(), func(i *Installation, s *Facts) {
		n, known := f.Behind(s, q.end())
		at := min(n, most)
		if !known {
			at = most + 1
		}
		all++
		found[at] = append(found[at], listed(i, s, names[at]))
		if age, ok := f.age(s, q.end()); ok {
			ages = append(ages, age)
		}
	})
	for n, name := range names {
		rows := found[n]
		out.Rows = append(out.Rows, Row{strconv.Itoa(n), []any{name, len(rows), Share{len(rows), all}}, func() Table { return list("releases behind", rows) }})
	}
	out.Headline = fmt.Sprintf("%v of the active installations are at most one release behind. Their median age is %s.", Share{len(found[0]) + len(found[1]), all},
		days(median(ages)))
}

func days(d time.Duration) string { return counted(int(d/day), "day") }

// median is the middle of some numbers, the lower one of two; 0: there are none.
func median[T cmp.Ordered](all []T) (middle T) {
	if len(all) == 0 {
		return middle
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// columns is how many releases have a column of their own.
const columns = 8

// versions counts the active installations by week and release.
func (f *Fleet) versions(q Query, out *Figure) {
	const older, other = "older", "other"
	type week struct {
		end    time.Time
		counts map[string]int
	}
	var weeks []week
	ran := map[string]bool{}
	for end := q.end(); end.After(q.from()); end = end.Add(-7 * day) {
		w := week{end, map[string]int{}}
		f.active(q, end, func(_ *Installation, s *Facts) {
			name := catalogue.Minor(s.Release)
			if s.Release == report.Other {
				name = other
			}
			w.counts[name]++
			ran[name] = ran[name] || name != other
		})
		weeks = append(weeks, w)
	}
	delete(ran, other)
	newest := slices.SortedFunc(maps.Keys(ran), func(a, b string) int { return catalogue.CompareVersions(b, a) })
	newest = newest[:min(len(newest), columns)]
	out.Stacked, out.Columns = true, slices.Concat([]string{"week to", "active"}, newest, []string{older, other})
	for _, w := range slices.Backward(weeks) {
		all, rest := 0, 0
		for name, n := range w.counts {
			all += n
			if name != other && !slices.Contains(newest, name) {
				rest += n
			}
		}
		cells := []any{Day{w.end}, all}
		for _, name := range newest {
			cells = append(cells, w.counts[name])
		}
		out.Rows = append(out.Rows, Row{Day{w.end}.String(), append(cells, rest, w.counts[other]), func() Table { return f.ranAt(q, w.end) }})
	}
	if n := len(weeks); n > 0 {
		out.Headline = fmt.Sprintf("%d active installations, %s.", out.Rows[n-1].Cells[1], counted(len(weeks[0].counts), "release"))
	}
}

// ranAt lists the installations that were active at a time.
func (f *Fleet) ranAt(q Query, t time.Time) Table {
	rows := []Row{}
	f.active(q, t, func(i *Installation, s *Facts) {
		n, known := f.Behind(s, t)
		behind := strconv.Itoa(n)
		if !known {
			behind = "not known"
		}
		rows = append(rows, listed(i, s, behind))
	})
	return list("releases behind", rows)
}

// findings counts the installations by what the doctor finds in them.
func (f *Fleet) findings(q Query, out *Figure) {
	out.Columns = []string{"code", "title", "installations", "share"}
	found, all := map[string][]Row{}, 0
	f.active(q, q.end(), func(i *Installation, s *Facts) {
		all++
		counts := map[string]int{}
		for _, d := range i.Doctor {
			counts[d.Code] += d.Count
		}
		for code, n := range counts {
			found[code] = append(found[code], listed(i, s, n))
		}
	})
	for _, code := range slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(cmp.Compare(len(found[b]), len(found[a])), cmp.Compare(a, b)) }) {
		rows := found[code]
		known, _ := diag.Explain(code) // a newer berth has codes that have no title here
		out.Rows = append(out.Rows, Row{code, []any{code, known.Title, len(rows), Share{len(rows), all}}, func() Table { return list("findings", rows) }})
	}
	out.Headline = fmt.Sprintf("%s in %s.", counted(len(found), "code"), counted(all, "active installation"))
}

// refused counts refused reports by their code.
func (f *Fleet) refused(q Query, out *Figure) {
	out.Columns = []string{"code", "title", "reports"}
	counts, perDay, all := map[string]int{}, map[string][]Row{}, 0
	for _, r := range f.Refusals {
		if r.Day.Before(q.from()) || r.Day.After(q.end()) {
			continue
		}
		counts[r.Code] += r.Count
		all += r.Count
		perDay[r.Code] = append(perDay[r.Code], Row{Key: Day{r.Day}.String(), Cells: []any{Day{r.Day}, r.Count}})
	}
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		known, _ := diag.Explain(code) // all of them are registered
		out.Rows = append(out.Rows, Row{code, []any{code, known.Title, counts[code]}, func() Table { return Table{[]string{"day", "reports"}, perDay[code]} }})
	}
	out.Headline = counted(all, "report") + " refused."
}
