package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/report"
	"berth/internal/state"
)

// tried is an upgrade of an installation.
type tried struct {
	of *Installation
	*report.Run
	facts *Facts // of the installation, as it was last
}

// tries are the upgrades that a query wants, by installation and number.
func (f *Fleet) tries(q Query) (out []tried) {
	for n := range f.Installations {
		i := &f.Installations[n]
		s := i.before(q.end())
		if s == nil || !q.wants(s.Said) {
			continue
		}
		for r := range i.Upgrades {
			if at := i.Upgrades[r].Started; !at.Before(q.from()) && !at.After(q.end()) {
				out = append(out, tried{i, &i.Upgrades[r], s.Said})
			}
		}
	}
	return out
}

// triedList lists upgrades.
func triedList(all []tried) Table {
	rows := []Row{}
	for _, t := range all {
		rows = append(rows, Row{Key: t.of.Name, Cells: []any{t.of.Name, t.Number, Day{t.Started}, t.From, t.Release, t.Result, t.Stage, strings.Join(t.Codes, " ")}})
	}
	return Table{[]string{"installation", "run", "began", "from", "to", "result", "stage", "codes"}, rows}
}

// done counts the upgrades that were done.
func done(all []tried) (share Share) {
	for _, t := range all {
		share.Of++
		if t.Result == state.Done {
			share.Part++
		}
	}
	return share
}

// grouped are upgrades by what a function says of them.
func grouped(all []tried, name func(tried) string) map[string][]tried {
	out := map[string][]tried{}
	for _, t := range all {
		out[name(t)] = append(out[name(t)], t)
	}
	return out
}

// upgrades counts upgrades by month.
func (f *Fleet) upgrades(q Query, out *Figure) {
	out.Columns = []string{"month", "tried", "done", "share", "failed", "interrupted", "minutes"}
	all := f.tries(q)
	months := grouped(all, func(t tried) string { return t.Started.Format("2006-01") })
	for _, name := range slices.Sorted(maps.Keys(months)) {
		in, counts, minutes := months[name], map[string]int{}, []int{}
		for _, t := range in {
			counts[t.Result]++
			if t.Result == state.Done && t.Seconds > 0 {
				minutes = append(minutes, t.Seconds/60)
			}
		}
		share := done(in)
		out.Rows = append(out.Rows, Row{name, []any{name, share.Of, share.Part, share, counts[state.Failed], counts[state.Interrupted] + counts[state.Killed], median(minutes)},
			func() Table { return triedList(in) }})
	}
	out.Headline = fmt.Sprintf("%v of %d upgrades were done.", done(all), len(all))
}

// stops counts the upgrades that were not done by the stage that they did not get through.
func (f *Fleet) stops(q Query, out *Figure) {
	out.Columns = []string{"stage", "upgrades", "share", "installations", "most frequent code"}
	stopped := slices.DeleteFunc(f.tries(q), func(t tried) bool { return t.Result == state.Done })
	stages := grouped(stopped, func(t tried) string { return cmp.Or(t.Stage, "not known") })
	order := slices.SortedFunc(maps.Keys(stages), func(a, b string) int { return cmp.Or(cmp.Compare(len(stages[b]), len(stages[a])), cmp.Compare(a, b)) })
	for _, name := range order {
		at, of, found := stages[name], map[string]bool{}, map[string]int{}
		for _, t := range at {
			of[t.of.Name] = true
			for _, c := range t.Codes {
				found[c]++
			}
		}
		out.Rows = append(out.Rows, Row{name, []any{name, len(at), Share{len(at), len(stopped)}, len(of), most(found)}, func() Table { return triedList(at) }})
	}
	out.Headline = "No upgrade stopped."
	if len(out.Rows) > 0 {
		out.Headline = fmt.Sprintf("%s stopped, most often at %s.", counted(len(stopped), "upgrade"), order[0])
	}
}

// most is the word that was counted most.
func most(counts map[string]int) (word string) {
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		if word == "" || counts[w] > counts[word] {
			word = w
		}
	}
	return word
}

// group is what is counted of installations that are alike.
type group struct {
	newest, near Share // on the newest release; at most one behind
	tried        []tried
}

// by makes the figure of installations that are alike in one way.
func by(name func(*Facts) string) func(*Fleet, Query, *Figure) {
	return func(f *Fleet, q Query, out *Figure) {
		groups := map[string]*group{}
		key := func(s *Facts) string { return cmp.Or(name(s), "not known") }
		of := func(s *Facts) *group {
			if groups[key(s)] == nil {
				groups[key(s)] = &group{}
			}
			return groups[key(s)]
		}
		f.active(q, q.end(), func(_ *Installation, s *Facts) {
			g, behind := of(s), f.distance(s, q.end())
			g.newest.Of++
			g.near.Of++
			if behind == 0 {
				g.newest.Part++
			}
			if behind <= 1 {
				g.near.Part++
			}
		})
		for _, t := range f.tries(q) {
			g := of(t.facts)
			g.tried = append(g.tried, t)
		}
		out.Columns = []string{"group", "active", "on the newest", "share", "at most one behind", "share", "upgrades tried", "done", "share"}
		for _, alike := range slices.Sorted(maps.Keys(groups)) {
			g := groups[alike]
			share := done(g.tried)
			out.Rows = append(out.Rows, Row{alike, []any{alike, g.newest.Of, g.newest.Part, g.newest, g.near.Part, g.near, share.Of, share.Part, share},
				f.list(q, q.end(), "releases behind", func(_ *Installation, s *Facts) (any, bool) { return f.distanceText(s, q.end()), key(s) == alike })})
		}
		out.Headline = counted(len(groups), "group") + "."
	}
}
