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

// factsOf are the facts of an issue's installation, as it was last; of one that never reported, or that is not named, what the issue says.
func (f *Fleet) factsOf(i *issue.Issue, t time.Time) *Facts {
	if of, ok := f.Find(i.Installation); ok {
		if s := of.before(t); s != nil {
			return s.Said
		}
	}
	return &Facts{Release: i.Release, Target: i.Target, Use: i.Use}
}

// raised is an issue with the facts of its installation.
type raised struct {
	*issue.Issue
	facts *Facts
}

// raised are the issues that a query wants, by number.
func (f *Fleet) raised(q Query) (out []raised) {
	from, to := Day{q.from()}.String(), Day{q.end()}.String()
	for n := range f.Issues {
		i := &f.Issues[n]
		if s := f.factsOf(i, q.end()); q.wants(s) && i.Opened >= from && i.Opened <= to {
			out = append(out, raised{i, s})
		}
	}
	return out
}

// raisedList lists issues.
func raisedList(all []raised) func() Table {
	return func() Table {
		rows := []Row{}
		for _, i := range all {
			rows = append(rows, Row{Key: strconv.Itoa(i.Number), Cells: []any{i.Number, i.Title, i.Opened, i.Closed, string(i.During), string(i.facts.Use), i.Release, i.Stage, strings.Join(i.Codes, " "), i.Cause, i.Hours,
				i.Installation, i.Source}})
		}
		return Table{[]string{"issue", "title", "opened", "closed", "during", "use", "release", "stage", "codes", "cause", "hours", "installation", "source"}, rows}
	}
}

// quarter is what happened in a quarter in installations of one use.
type quarter struct {
	name        string
	use         report.Use
	deployments int
	upgrades    int
	issues      []raised
}

// during counts the issues that came up in something.
func (c *quarter) during(in issue.During) (n int) {
	for _, i := range c.issues {
		if i.During == in {
			n++
		}
	}
	return n
}

func (c *quarter) perDeployment() Rate { return Rate{c.during(issue.Deployment), c.deployments} }
func (c *quarter) perUpgrade() Rate    { return Rate{c.during(issue.Upgrade), c.upgrades} }

// quarters counts issues, deployments and upgrades by quarter and use, oldest first.
func (f *Fleet) quarters(q Query) []*quarter {
	found := map[string]*quarter{}
	of := func(name string, use report.Use) *quarter {
		key := name + " " + string(use)
		if found[key] == nil {
			found[key] = &quarter{name: name, use: use}
		}
		return found[key]
	}
	for _, i := range f.raised(q) {
		of(i.Quarter(), i.facts.Use).issues = append(of(i.Quarter(), i.facts.Use).issues, i)
	}
	for _, t := range f.tries(q) {
		of(issue.QuarterOf(Day{t.Started}.String()), t.facts.Use).upgrades++
	}
	for n := range f.Installations {
		i := &f.Installations[n]
		s, at := i.before(q.end()), i.deployed()
		if s != nil && q.wants(s.Said) && !at.Before(q.from()) && !at.After(q.end()) {
			of(issue.QuarterOf(Day{at}.String()), s.Said.Use).deployments++
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *quarter) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.use, b.use)) })
}

// deployed is when an installation first reported that Sourcegraph runs there; zero: it never did.
func (i *Installation) deployed() time.Time {
	for _, s := range i.Stays {
		if s.Said.Release != "" {
			return s.First
		}
	}
	return time.Time{}
}

// whole reports whether a quarter lies in the time asked for as a whole.
func (q Query) whole(name string) bool {
	year, _ := strconv.Atoi(name[:4]) // QuarterOf wrote it
	first := time.Date(year, time.Month(3*(int(name[6]-'0')-1)+1), 1, 0, 0, 0, 0, time.UTC)
	return !first.Before(q.from()) && !first.AddDate(0, 3, 0).After(q.end().Add(time.Second))
}

// issues counts issues per deployment and per upgrade, by quarter.
func (f *Fleet) issues(q Query, out *Figure) {
	out.Columns = []string{"quarter", "use", "deployments", "their issues", "per deployment", "upgrades", "their issues", "per upgrade", "other issues", "all"}
	var whole []*quarter // of production
	for _, c := range f.quarters(q) {
		name := c.name
		if !q.whole(c.name) {
			name += ", in part"
		} else if c.use == report.Production {
			whole = append(whole, c)
		}
		in, up := c.during(issue.Deployment), c.during(issue.Upgrade)
		out.Rows = append(out.Rows, Row{strings.TrimSpace(c.name + " " + string(c.use)), []any{name, cmp.Or(string(c.use), notKnown), c.deployments, in, c.perDeployment(), c.upgrades, up, c.perUpgrade(),
			len(c.issues) - in - up, len(c.issues)}, raisedList(c.issues)})
	}
	out.Headline = "No whole quarter of production is in this time."
	if len(whole) > 0 {
		first, last := whole[0], whole[len(whole)-1]
		out.Headline = fmt.Sprintf("Production in %s: %v issues per deployment and %v per upgrade. The baseline, %s: %v and %v.", last.name, last.perDeployment(), last.perUpgrade(),
			first.name, first.perDeployment(), first.perUpgrade())
	}
}

// byMost orders groups by their size, and then by name.
func byMost[T any](groups map[string][]T) []string {
	return slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return cmp.Or(cmp.Compare(len(groups[b]), len(groups[a])), cmp.Compare(a, b)) })
}

// causes counts issues by their cause, next to how many of them berth has no check for.
func (f *Fleet) causes(q Query, out *Figure) {
	out.Columns = []string{"cause", "issues", "share", "hours", "production", "trial", "with a check", "no check yet"}
	all, by, unchecked := f.raised(q), map[string][]raised{}, 0
	for _, i := range all {
		by[cmp.Or(i.Cause, notKnown)] = append(by[cmp.Or(i.Cause, notKnown)], i)
	}
	order := byMost(by)
	for _, cause := range order {
		of := by[cause]
		hours, uses, checked := 0.0, map[report.Use]int{}, 0
		for _, i := range of {
			hours += i.Hours
			uses[i.facts.Use]++
			if i.Checked() {
				checked++
			}
		}
		unchecked += len(of) - checked
		out.Rows = append(out.Rows, Row{cause, []any{cause, len(of), Share{len(of), len(all)}, hours, uses[report.Production], uses[report.Trial], checked, len(of) - checked}, raisedList(of)})
	}
	out.Headline = "No issues."
	if len(order) > 0 {
		out.Headline = fmt.Sprintf("%s causes the most: %v of %s. berth has no check for %v of all.", order[0], Share{len(by[order[0]]), len(all)}, counted(len(all), "issue"), Share{unchecked, len(all)})
	}
}

// noCode is the row of issues without a code.
const noCode = "none"

// checks counts issues by code, with the quarter in which the code had its largest share.
func (f *Fleet) checks(q Query, out *Figure) {
	out.Columns = []string{"code", "title", "check", "issues", "share", "most in", "share then", "share in the newest quarter"}
	all, by, quarters := f.raised(q), map[string][]raised{}, map[string]int{}
	for _, i := range all {
		quarters[i.Quarter()]++
		codes := i.Codes
		if len(codes) == 0 {
			codes = []string{noCode}
		}
		for _, c := range codes {
			by[c] = append(by[c], i)
		}
	}
	newest := issue.QuarterOf(Day{q.end()}.String())
	out.Headline = "No issues."
	for n, code := range byMost(by) {
		of, in := by[code], map[string]int{}
		for _, i := range of {
			in[i.Quarter()]++
		}
		name, then := peak(in, quarters)
		known, ok := diag.Explain(code) // none has no title
		now := Share{in[newest], quarters[newest]}
		out.Rows = append(out.Rows, Row{code, []any{code, known.Title, yes(ok), len(of), Share{len(of), len(all)}, name, then, now}, raisedList(of)})
		if n == 0 || out.Headline == "" {
			out.Headline = ""
			if code != noCode {
				out.Headline = fmt.Sprintf("%s was %v of all issues in %s, and is %v in %s.", code, then, name, now, newest)
			}
		}
	}
	if out.Headline == "" {
		out.Headline = "No issue has a code."
	}
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
