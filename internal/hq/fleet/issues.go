package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/hq/issue"
	"berth/internal/report"
)

// Rate is how many of something there are for each of another thing.
type Rate struct{ Part, Of int }

// Value is the rate as a number; false: there is nothing to have a rate of.
func (r Rate) Value() (float64, bool) { return Share(r).Value() }

// String writes the rate.
func (r Rate) String() string {
	v, ok := r.Value()
	if !ok {
		return "none"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// MarshalJSON writes the rate as a number, or null.
func (r Rate) MarshalJSON() ([]byte, error) { return json.Marshal(Share(r)) }

// notKnown stands for what nobody said.
const notKnown = "not known"

// raisedList lists, when it is asked for, the issues that pick wants.
func (f *Fleet) raisedList(q Query, pick func(raised) bool) func() Table {
	return func() Table {
		rows := []Row{}
		for _, i := range f.view(q).raised() {
			if pick(i) {
				rows = append(rows, Row{Key: strconv.Itoa(i.Number), Cells: []any{i.Number, i.Title, i.Opened, i.Closed, string(i.During), string(i.facts.Use), i.Release, i.Stage, strings.Join(i.Codes, " "), i.since, i.Cause,
					i.Hours, i.Installation, i.Source}})
			}
		}
		return Table{[]string{"issue", "title", "opened", "closed", "during", "use", "release", "stage", "codes", "check since", "cause", "hours", "installation", "source"}, rows}
	}
}

// quarter is what happened in a quarter in installations of one use.
type quarter struct {
	name        string
	use         report.Use
	deployments int
	upgrades    int
	issues      map[issue.During]int
	all         int
}

func (c *quarter) perDeployment() Rate { return Rate{c.issues[issue.Deployment], c.deployments} }
func (c *quarter) perUpgrade() Rate    { return Rate{c.issues[issue.Upgrade], c.upgrades} }

// quarters counts issues, deployments and upgrades by quarter and use, oldest first.
func (v *view) quarters() []*quarter {
	type key struct {
		name string
		use  report.Use
	}
	found := map[key]*quarter{}
	of := func(name string, use report.Use) *quarter {
		if found[key{name, use}] == nil {
			found[key{name, use}] = &quarter{name: name, use: use, issues: map[issue.During]int{}}
		}
		return found[key{name, use}]
	}
	for _, i := range v.raised() {
		c := of(i.quarter, i.facts.Use)
		c.issues[i.During]++
		c.all++
	}
	t := v.tallied()
	for m, month := range t.months {
		name := issue.QuarterOf(Day{month}.String())
		for k, u := range t.all[m] {
			if u.tried > 0 {
				of(name, v.kinds[k].Use).upgrades += u.tried
			}
		}
	}
	l, deployed := newTimeline(t.months), make([]map[report.Use]int, len(t.months))
	from, end := v.q.from().Unix(), v.q.end().Unix()
	for n, s := range v.last {
		at, ok := v.deployed(n)
		if s < 0 || !ok || at < from || at > end {
			continue
		}
		m := l.from(at+1) - 1
		if deployed[m] == nil {
			deployed[m] = map[report.Use]int{}
		}
		deployed[m][v.kinds[v.stays[s].kind].Use]++
	}
	for m, by := range deployed {
		for use, n := range by {
			of(issue.QuarterOf(Day{t.months[m]}.String()), use).deployments += n
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *quarter) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.use, b.use)) })
}

// deployed is when an installation first reported that Sourcegraph runs there; false: it never did.
func (c *columns) deployed(installation int) (at int64, ok bool) {
	for _, s := range c.stays[c.begin[installation]:c.begin[installation+1]] {
		if c.kinds[s.kind].Release != "" {
			return s.first, true
		}
	}
	return 0, false
}

// whole reports whether a quarter lies in the time asked for as a whole.
func (q Query) whole(name string) bool {
	year, _ := strconv.Atoi(name[:4]) // QuarterOf wrote it
	first := time.Date(year, time.Month(3*(int(name[6]-'0')-1)+1), 1, 0, 0, 0, 0, time.UTC)
	return !first.Before(q.from()) && !first.AddDate(0, 3, 0).After(q.end().Add(time.Second))
}

// issues counts issues per deployment and per upgrade, by quarter.
func (v *view) issues(out *Figure) {
	out.Columns = []string{"quarter", "use", "deployments", "their issues", "per deployment", "upgrades", "their issues", "per upgrade", "other issues", "all"}
	var whole []*quarter // of production
	for _, c := range v.quarters() {
		name := c.name
		if !v.q.whole(c.name) {
			name += ", in part"
		} else if c.use == report.Production {
			whole = append(whole, c)
		}
		in, up := c.issues[issue.Deployment], c.issues[issue.Upgrade]
		out.Rows = append(out.Rows, Row{strings.TrimSpace(c.name + " " + string(c.use)), []any{name, cmp.Or(string(c.use), notKnown), c.deployments, in, c.perDeployment(), c.upgrades, up, c.perUpgrade(),
			c.all - in - up, c.all}, v.raisedList(v.q, func(i raised) bool { return i.quarter == c.name && i.facts.Use == c.use })})
	}
	out.Headline = "No whole quarter of production is in this time."
	if len(whole) > 0 {
		first, last := whole[0], whole[len(whole)-1]
		out.Headline = fmt.Sprintf("Production in %s: %v issues per deployment and %v per upgrade. The baseline, %s: %v and %v.", last.name, last.perDeployment(), last.perUpgrade(),
			first.name, first.perDeployment(), first.perUpgrade())
	}
}

// byMost orders groups by their size, and then by name.
func byMost[T any](groups map[string]T, size func(T) int) []string {
	return slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return cmp.Or(cmp.Compare(size(groups[b]), size(groups[a])), cmp.Compare(a, b)) })
}

// caused is what was counted of the issues of a cause.
type caused struct {
	issues, production, trial, checked int
	hours                              float64
	codes                              map[string]int
}

// causes counts issues by their cause, next to how many of them berth has no check for.
func (v *view) causes(out *Figure) {
	out.Columns = []string{"cause", "issues", "share", "hours", "production", "trial", "with a check", "no check yet", "most frequent code", "check since"}
	all, by, unchecked := v.raised(), map[string]*caused{}, 0
	for _, i := range all {
		of := by[cmp.Or(i.Cause, notKnown)]
		if of == nil {
			of = &caused{codes: map[string]int{}}
			by[cmp.Or(i.Cause, notKnown)] = of
		}
		of.issues++
		of.hours += i.Hours
		switch i.facts.Use {
		case report.Production:
			of.production++
		case report.Trial:
			of.trial++
		}
		if i.since != "" {
			of.checked++
		}
		for _, code := range i.Codes {
			of.codes[code]++
		}
	}
	order := byMost(by, func(c *caused) int { return c.issues })
	for _, cause := range order {
		of := by[cause]
		code := most(of.codes)
		unchecked += of.issues - of.checked
		out.Rows = append(out.Rows, Row{cause, []any{cause, of.issues, Share{of.issues, len(all)}, of.hours, of.production, of.trial, of.checked, of.issues - of.checked, cmp.Or(code, noCode), checkSince(code)},
			v.raisedList(v.q, func(i raised) bool { return cmp.Or(i.Cause, notKnown) == cause })})
	}
	out.Headline = "No issues."
	if len(order) > 0 {
		out.Headline = fmt.Sprintf("%s causes the most: %v of %s. berth has no check for %v of all.", order[0], Share{by[order[0]].issues, len(all)}, counted(len(all), "issue"), Share{unchecked, len(all)})
	}
}

// noCode is the row of issues without a code.
const noCode = "none"

// codesOf are the rows that an issue counts in.
func codesOf(i raised) []string {
	if len(i.Codes) == 0 {
		return []string{noCode}
	}
	return i.Codes
}

// checks counts issues by code, with the quarter in which the code had its largest share.
func (v *view) checks(out *Figure) {
	out.Columns = []string{"code", "title", "check since", "issues", "share", "most in", "share then", "share in the newest quarter"}
	all, by, quarters := v.raised(), map[string]map[string]int{}, map[string]int{} // by code and quarter; by quarter
	for _, i := range all {
		quarters[i.quarter]++
		for _, c := range codesOf(i) {
			if by[c] == nil {
				by[c] = map[string]int{}
			}
			by[c][i.quarter]++
		}
	}
	newest := issue.QuarterOf(Day{v.q.end()}.String())
	out.Headline = "No issues."
	for n, code := range byMost(by, total) {
		in := by[code]
		name, then := peak(in, quarters)
		known, _ := diag.Explain(code) // none has no title
		now := Share{in[newest], quarters[newest]}
		out.Rows = append(out.Rows, Row{code, []any{code, known.Title, checkSince(code), total(in), Share{total(in), len(all)}, name, then, now}, v.raisedList(v.q, func(i raised) bool { return slices.Contains(codesOf(i), code) })})
		if n == 0 || out.Headline == "" {
			out.Headline = ""
			if code != noCode {
				out.Headline = fmt.Sprintf("%s was %v of all issues in %s, and is %v in %s. %s", code, then, name, now, newest, sinceText(code))
			}
		}
	}
	if out.Headline == "" {
		out.Headline = "No issue has a code."
	}
}

// checkSince is the day since which berth has a code.
func checkSince(code string) string {
	known, _ := diag.Explain(code) // another one has none
	return cmp.Or(known.Since, "none")
}

// sinceText says the same in a sentence.
func sinceText(code string) string {
	if known, ok := diag.Explain(code); ok {
		return "berth has a check since " + known.Since + "."
	}
	return "berth has no check."
}

// total adds counts.
func total(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

// peak is the quarter in which something was the largest share of all issues, the first of two.
func peak(in, all map[string]int) (name string, then Share) {
	for _, quarter := range slices.Sorted(maps.Keys(in)) {
		now := Share{in[quarter], all[quarter]}
		if name == "" || now.Part*then.Of > then.Part*now.Of {
			name, then = quarter, now
		}
	}
	return name, then
}
