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
	out.Headline = fmt.Sprintf("%v of %d upgrades were done.", all.share(), all.tried)
}

// stops counts the upgrades that were not done by the stage that they did not get through.
func (v *view) stops(out *Figure) {
	out.Columns = []string{"stage", "upgrades", "share", "installations", "most frequent code"}
	stopped, stages := v.tallied().stopped, map[string][]*attempt{}
	for _, a := range stopped {
		name := cmp.Or(v.words[a.stage], notKnown)
		stages[name] = append(stages[name], a)
	}
	order := byMost(stages)
	for _, name := range order {
		at, of, found := stages[name], map[int32]bool{}, map[string]int{}
		for _, a := range at {
			of[a.of] = true
			for _, c := range strings.Fields(v.words[a.codes]) {
				found[c]++
			}
		}
		out.Rows = append(out.Rows, Row{name, []any{name, len(at), Share{len(at), len(stopped)}, len(of), most(found)}, v.triedList(v.q, func(v *view, a *attempt) bool {
			return v.words[a.result] != state.Done && cmp.Or(v.words[a.stage], notKnown) == name
		})})
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
	upgraded
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
		for _, alike := range slices.Sorted(maps.Keys(groups)) {
			g := groups[alike]
			out.Rows = append(out.Rows, Row{alike, []any{alike, g.newest.Of, g.newest.Part, g.newest, g.near.Part, g.near, g.tried, g.done, g.share()},
				v.listBehind(v.q, func(v *view, kind int32) bool { return key(v.kinds[kind]) == alike })})
		}
		out.Headline = counted(len(groups), "group") + "."
	}
}
