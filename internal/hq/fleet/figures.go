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
	count                 func(*view, *Figure)
}

const (
	isActive = "An installation is active on a day when it reported in the 30 days before, and Sourcegraph ran there. "
	isBehind = "Releases are minor ones, such as 7.5, and those that were out for the target of the installation on that day. "
	isIssue  = "An issue counts in the quarter in which it was opened. Filters use the newest report of its installation, or the issue itself if there is none. "
	isStart  = "The time from the first run of berth up to the first search that had a result. An installation that had data before has none: it was adopted, restored or moved. berth searches at the end of berth up, in berth status, berth verify and berth report, and each hour with berth agent: it sees a result no earlier. "
	isTried  = "An upgrade counts in the month in which it began, once for each run; an upgrade that continues is the same run. Filters use the newest report of the installation. "
)

// kinds are all figures, in the order in which they are shown.
var kinds = []kind{
	{"adoption", "New releases within a month", isActive + "Of those that were active 30 days after a release came out for their target: how many ran it, or a newer one.", (*view).adoption},
	{"behind", "Releases behind", isActive + isBehind + "The age is the time between the dates of the running release and of the newest one.", (*view).behind},
	{"forecast", "Installations that leave support", isActive + "Supported are the newest major release and the one before. The next one is expected as long after the newest as that came after the one before. The pace is the number of minor releases since the beginning of this time, or since the first report after it. An installation that has reported for less than 90 days has no pace.", (*view).forecast},
	{"versions", "Releases over time", isActive + "Each row is the end of a week, with the active installations by the release that ran. Only the newest releases have a column of their own.", (*view).versions},
	{"start", "Time to the first search", isStart + "An installation counts in the time in which it began. Groups and filters use its newest report, but for the release, which is that of its first one. The median and the 90th percentile are those of the installations that had a search.", (*view).begun},
	{"upgrades", "Upgrades", isTried + "The time is the median of the upgrades that finished.", (*view).upgrades},
	{"stops", "Where upgrades stop", isTried + "Of the upgrades that did not finish: the stage that failed.", (*view).stops},
	{"targets", "By target", isActive + isBehind + isTried, by(func(s *Facts) string { return string(s.Target) })},
	{"options", "By deployment option", isActive + isBehind + isTried, by(func(s *Facts) string { return s.Option })},
	{"sizes", "By size", isActive + isBehind + isTried + "The size is the smallest one whose machine has the memory of all limits; demo has no limits.", by(func(s *Facts) string { return s.Size })},
	{"findings", "What the doctor finds", isActive + "Of the active ones: in how many the doctor found the code, by the newest report. Muted findings count, too.", (*view).findings},
	{"issues", "Issues per deployment and per upgrade", isIssue + "A deployment counts in the quarter in which an installation first reported that Sourcegraph ran there; an upgrade in the one in which it began. The baseline is the first whole quarter.", (*view).issues},
	{"causes", "What causes issues", isIssue + "berth has a check for an issue with a code that it knows, since the day on which the code was added. The most frequent code is that of the issues of the cause.", (*view).causes},
	{"checks", "Issues by code", isIssue + "An issue with two codes counts for both. The share is that of all issues; most is the quarter in which it was largest. A check is there since the day on which berth had the code first.", (*view).checks},
	{"exceptions", "Exceptions from the support record", "Requests for exceptions in this time, by subject. One is valid when it is granted, signed and not expired. The days are the median. Filters by installation do not apply.", (*view).exceptions},
	{"refused", "Refused reports", "Refused reports, by reason. They count on the day on which they arrived, and are not kept.", (*view).refused},
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
	if !slices.Contains(IDs(), id) {
		return nil, false
	}
	return f.Figures(q, id)[0], true
}

// Figures counts several figures at once, which costs less than one after the other. There are all of them.
func (f *Fleet) Figures(q Query, ids ...string) (out []*Figure) {
	v := f.view(q)
	for _, id := range ids {
		k := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.id == id })]
		one := &Figure{ID: k.id, Title: k.title, Definition: k.definition, Table: Table{Rows: []Row{}}}
		k.count(v, one)
		out = append(out, one)
	}
	return out
}

// Running counts the active installations by deployment option.
func (f *Fleet) Running(q Query) map[string]int {
	v, out := f.view(q), map[string]int{}
	for k, n := range v.active {
		if n > 0 {
			out[v.kinds[k].Option] += n
		}
	}
	return out
}

// due is a release whose first month has ended for a target.
type due struct {
	*Release
	target catalogue.Target
	share  Share
}

// at is the day on which its month was over.
func (d *due) at() time.Time { return d.Published[d.target].Add(month) }

// adopted reports whether what runs is the release or a newer one.
func (d *due) adopted(s *Facts) bool {
	return s.Release != report.Other && catalogue.CompareVersions(catalogue.Minor(s.Release), d.Minor) >= 0
}

// adoption counts, for each release of the time asked for, who ran it a month after it came out.
func (v *view) adoption(out *Figure) {
	out.Columns = []string{"release", "came out", "active", "within a month", "share"}
	var dues []*due
	for n := range v.Releases {
		for target, at := range v.Releases[n].Published {
			if !at.Add(month).After(v.q.end()) && !at.Before(v.q.from()) {
				dues = append(dues, &due{&v.Releases[n], target, Share{}})
			}
		}
	}
	slices.SortFunc(dues, func(a, b *due) int { return cmp.Or(a.at().Compare(b.at()), cmp.Compare(a.target, b.target)) })
	times := make([]time.Time, len(dues))
	for n, d := range dues {
		times[n] = d.at()
	}
	for k, active := range v.during(times) {
		for n, d := range dues {
			if len(active) == 0 || active[n] == 0 || d.target != v.kinds[k].Target {
				continue
			}
			d.share.Of += active[n]
			if d.adopted(v.kinds[k]) {
				d.share.Part += active[n]
			}
		}
	}
	f, q := v.Fleet, v.q // lists keep no view
	out.Headline = "No release has been out for a month."
	for _, r := range slices.Backward(v.Releases) {
		of := slices.DeleteFunc(slices.Clone(dues), func(d *due) bool { return d.Minor != r.Minor })
		if len(of) == 0 {
			continue
		}
		share := Share{}
		for _, d := range of {
			share.Of += d.share.Of
			share.Part += d.share.Part
		}
		if len(out.Rows) == 0 {
			out.Headline = fmt.Sprintf("%v of the active installations ran %s within a month.", share, r.Minor)
		}
		out.Rows = append(out.Rows, Row{r.Minor, []any{r.Minor, Day{r.first()}, share.Of, share.Part, share}, func() Table { return f.adopters(q, of) }})
	}
}

// adopters lists who was active when the first month of a release was over, for each of its targets.
func (f *Fleet) adopters(q Query, of []*due) (all Table) {
	for _, d := range of {
		v := f.view(q.at(d.at()))
		one := v.list("within a month", func(_ int, kind int32) (any, bool) {
			return yes(d.adopted(v.kinds[kind])), v.kinds[kind].Target == d.target
		})
		all.Columns, all.Rows = one.Columns, append(all.Rows, one.Rows...)
	}
	return all
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// distances are the rows of releases behind: the last but one is open, and the last one is for releases that nobody published.
var distances = []string{"0", "1", "2", "3", "4 or more", notKnown}

// distance is the row that an installation is in.
func (f *Fleet) distance(s *Facts, t time.Time) int {
	n, known := f.Behind(s, t)
	if !known {
		return len(distances) - 1
	}
	return min(n, len(distances)-2)
}

// behind counts the active installations by the number of releases that they are behind.
func (v *view) behind(out *Figure) {
	out.Columns = []string{"releases behind", "installations", "share"}
	counts, ages, all := make([]int, len(distances)), map[time.Duration]int{}, 0
	for k, active := range v.active {
		if active == 0 {
			continue
		}
		counts[v.distances[k]] += active
		all += active
		if age, ok := v.age(v.kinds[k], v.q.end()); ok {
			ages[age] += active
		}
	}
	for n, name := range distances {
		out.Rows = append(out.Rows, Row{strconv.Itoa(n), []any{name, counts[n], Share{counts[n], all}}, v.listBehind(v.q, func(v *view, kind int32) bool { return v.distances[kind] == n })})
	}
	out.Headline = fmt.Sprintf("%v of the active installations are at most one release behind. Their median age is %s.", Share{counts[0] + counts[1], all}, days(median(ages)))
}

func days(d time.Duration) string { return counted(int(d/day), "day") }

// ownColumns is how many releases have a column of their own.
const ownColumns = 8

// versions counts the active installations by week and release.
func (v *view) versions(out *Figure) {
	const older, other = "older", "other"
	var weeks []time.Time
	for end := v.q.end(); end.After(v.q.from()); end = end.Add(-7 * day) {
		weeks = append(weeks, end)
	}
	slices.Reverse(weeks)
	counts := map[string][]int{} // of each week, by release
	for k, active := range v.during(weeks) {
		if len(active) == 0 {
			continue
		}
		name := other
		if v.kinds[k].Release != report.Other {
			name = catalogue.Minor(v.kinds[k].Release)
		}
		if counts[name] == nil {
			counts[name] = make([]int, len(weeks))
		}
		for n := range weeks {
			counts[name][n] += active[n]
		}
	}
	f, q := v.Fleet, v.q
	newest := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return catalogue.CompareVersions(b, a) })
	newest = slices.DeleteFunc(newest, func(name string) bool { return name == other })
	newest = newest[:min(len(newest), ownColumns)]
	out.Stacked, out.Columns = true, slices.Concat([]string{"week to", "active"}, newest, []string{older, other})
	for n, end := range weeks {
		all, rest, run := 0, 0, 0
		for name, of := range counts {
			all += of[n]
			if of[n] > 0 {
				run++
			}
			if name != other && !slices.Contains(newest, name) {
				rest += of[n]
			}
		}
		cells := []any{Day{end}, all}
		for _, name := range newest {
			cells = append(cells, counts[name][n])
		}
		last := 0
		if of := counts[other]; of != nil {
			last = of[n]
		}
		out.Rows = append(out.Rows, Row{Day{end}.String(), append(cells, rest, last), f.listBehind(q.at(end), func(*view, int32) bool { return true })})
		out.Headline = fmt.Sprintf("%s, %s.", counted(all, "active installation"), counted(run, "release"))
	}
}

// findings counts the installations by what the doctor finds in them.
func (v *view) findings(out *Figure) {
	out.Columns = []string{"code", "title", "installations", "share"}
	found, all := map[string]int{}, 0
	v.each(func(i int, _ int32) {
		all++
		doctor := v.Installations[i].Doctor
		for n, d := range doctor {
			if !slices.ContainsFunc(doctor[:n], func(before report.Found) bool { return before.Code == d.Code }) {
				found[d.Code]++
			}
		}
	})
	f, q := v.Fleet, v.q // lists keep no view
	for _, code := range slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(cmp.Compare(found[b], found[a]), cmp.Compare(a, b)) }) {
		known, _ := diag.Explain(code) // a newer berth has codes that have no title here
		out.Rows = append(out.Rows, Row{code, []any{code, known.Title, found[code], Share{found[code], all}}, func() Table {
			v := f.view(q)
			return v.list("findings", func(i int, _ int32) (any, bool) {
				n := 0
				for _, d := range v.Installations[i].Doctor {
					if d.Code == code {
						n += d.Count
					}
				}
				return n, n > 0
			})
		}})
	}
	out.Headline = fmt.Sprintf("%s in %s.", counted(len(found), "code"), counted(all, "active installation"))
}

// refused counts refused reports by their code.
func (v *view) refused(out *Figure) {
	out.Columns = []string{"code", "title", "reports"}
	counts, perDay, all := map[string]int{}, map[string][]Row{}, 0
	for _, r := range v.Refusals {
		if r.Day.Before(v.q.from()) || r.Day.After(v.q.end()) {
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
