package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/state"
)

// triedList lists, when it is asked for, the upgrades that pick wants.
func (f *Fleet) triedList(q Query, pick func(v *view, a *attempt) bool) func() Table {
	return func() Table {
		v, rows := f.view(q), []Row{}
		v.tries(func(a *attempt, _ int32) {
			if pick(v, a) {
				i := &v.Installations[a.of]
				r := i.Upgrades[a.number]
				rows = append(rows, Row{Key: i.Name, Cells: []any{i.Name, r.Number, Day{r.Started}, r.From, r.Release, r.Result, r.Stage, strings.Join(r.Codes, " ")}})
			}
		})
		return Table{[]string{"installation", "run", "began", "from", "to", "result", "stage", "codes"}, rows}
	}
}

// sum adds what was counted of kinds.
func sum(of []upgraded) (all upgraded) {
	for _, u := range of {
		all.add(u)
	}
	return all
}

func (u *upgraded) add(more upgraded) {
	u.tried += more.tried
	u.done += more.done
	u.failed += more.failed
	u.interrupted += more.interrupted
}

func (u upgraded) share() Share { return Share{u.done, u.tried} }

// upgrades counts upgrades by month.
func (v *view) upgrades(out *Figure) {
	out.Columns = []string{"month", "tried", "done", "share", "failed", "interrupted", "minutes"}
	t, all := v.tallied(), upgraded{}
	for n, first := range t.months {
		in := sum(t.all[n])
		if in.tried == 0 {
			continue
		}
		all.add(in)
		from, to := first.Unix(), first.AddDate(0, 1, 0).Unix()
		name := first.Format("2006-01")
		out.Rows = append(out.Rows, Row{name, []any{name, in.tried, in.done, in.share(), in.failed, in.interrupted, median(t.minutes[n])},
			v.triedList(v.q, func(_ *view, a *attempt) bool { return a.started >= from && a.started < to })})
	}
	out.Headline = fmt.Sprintf("%v of %d upgrades finished.", all.share(), all.tried)
}

// stopped is what was counted of the upgrades that stopped at a stage.
type stopped struct {
	upgrades, installations int
	last                    int32         // installation; they come in order
	codes                   map[int32]int // by word
}

// stops counts the upgrades that were not done by the stage that they did not get through.
func (v *view) stops(out *Figure) {
	out.Columns = []string{"stage", "upgrades", "share", "installations", "most frequent code"}
	all, stages := v.tallied().stopped, map[string]*stopped{}
	for _, a := range all {
		name := cmp.Or(v.words[a.stage], notKnown)
		of := stages[name]
		if of == nil {
			of = &stopped{last: -1, codes: map[int32]int{}}
			stages[name] = of
		}
		of.upgrades++
		of.codes[a.codes]++
		if of.last != a.of {
			of.last = a.of
			of.installations++
		}
	}
	order := byMost(stages, func(s *stopped) int { return s.upgrades })
	for _, name := range order {
		of, found := stages[name], map[string]int{}
		for codes, n := range of.codes {
			for _, c := range strings.Fields(v.words[codes]) {
				found[c] += n
			}
		}
		out.Rows = append(out.Rows, Row{name, []any{name, of.upgrades, Share{of.upgrades, len(all)}, of.installations, most(found)}, v.triedList(v.q, func(v *view, a *attempt) bool {
			return v.words[a.result] != state.Done && cmp.Or(v.words[a.stage], notKnown) == name
		})})
	}
	out.Headline = "No upgrade stopped."
	if len(out.Rows) > 0 {
		out.Headline = fmt.Sprintf("%s stopped, most often at %s.", counted(len(all), "upgrade"), order[0])
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
	upgraded
}

// InOrder orders groups of installations: sizes from the smallest one on, then all other groups by name.
func (f *Fleet) InOrder(a, b string) int {
	at := func(name string) int {
		if n := slices.Index(f.Sizes, name); n >= 0 {
			return n
		}
		return len(f.Sizes)
	}
	return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a, b))
}

// by makes the figure of installations that are alike in one way.
func by(name func(*Facts) string) func(*view, *Figure) {
	key := func(s *Facts) string { return cmp.Or(name(s), notKnown) }
	return func(v *view, out *Figure) {
		groups := map[string]*group{}
		of := func(k int) *group {
			alike := key(v.kinds[k])
			if groups[alike] == nil {
				groups[alike] = &group{}
			}
			return groups[alike]
		}
		for k, active := range v.active {
			if active == 0 {
				continue
			}
			g, behind := of(k), v.distances[k]
			g.newest.Of += active
			g.near.Of += active
			if behind == 0 {
				g.newest.Part += active
			}
			if behind <= 1 {
				g.near.Part += active
			}
		}
		for _, month := range v.tallied().all {
			for k, u := range month {
				if u.tried > 0 {
					of(k).add(u)
				}
			}
		}
		out.Columns = []string{"group", "active", "on the newest", "share", "at most one behind", "share", "upgrades tried", "done", "share"}
		for _, alike := range slices.SortedFunc(maps.Keys(groups), v.InOrder) {
			g := groups[alike]
			out.Rows = append(out.Rows, Row{alike, []any{alike, g.newest.Of, g.newest.Part, g.newest, g.near.Part, g.near, g.tried, g.done, g.share()},
				v.listBehind(v.q, func(v *view, kind int32) bool { return key(v.kinds[kind]) == alike })})
		}
		out.Headline = counted(len(groups), "group") + "."
	}
}
