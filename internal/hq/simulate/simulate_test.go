package simulate

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/hq/fleet"
	"berth/internal/plan"
	"berth/internal/report"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
)

var (
	from = time.Date(2025, 5, 29, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
)

func shape(seed uint64, installations int, every time.Duration) Shape {
	return Shape{Seed: seed, Installations: installations, From: from, To: to, Every: every}
}

// TestReportsAreTaken: what a fleet sends is what who collects reports takes, and the same seed gives the same bytes.
func TestReportsAreTaken(t *testing.T) {
	all := func() (out [][]byte) {
		for text, err := range Arrivals(1, Fleet(shape(1, 20, 7*day), catalogue.Embedded())) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text)
		}
		return out
	}
	one, two := all(), all()
	if len(one) < 500 || !slices.EqualFunc(one, two, bytes.Equal) {
		t.Errorf("%d and %d reports, or they differ", len(one), len(two))
	}
	ids := map[string]bool{}
	late, newest := 0, map[string]time.Time{}
	for _, text := range one {
		r, problems := report.Open(text, to)
		if problems.Failed() {
			t.Fatalf("%v\n%s", problems, text)
		}
		ids[r.ID] = true
		if r.Made.Before(newest[r.Installation]) {
			late++
		}
		newest[r.Installation] = r.Made
	}
	if len(ids) == len(one) || late == 0 {
		t.Errorf("%d reports, none twice, or %d out of order", len(one), late)
	}
	for _, at := range troubles {
		if !slices.Contains(stages.Names(), at.stage) {
			t.Errorf("no upgrade has the stage %s", at.stage)
		}
	}
}

// joined is a fleet as its reports in order give it.
func joined(lives []Life) *fleet.Fleet {
	out := &fleet.Fleet{Releases: fleet.Releases(catalogue.Embedded()), Sizes: report.Sizes(catalogue.Embedded())}
	kinds := map[fleet.Facts]*fleet.Facts{}
	for n := range lives {
		l := &lives[n]
		if len(l.Tells) == 0 {
			continue
		}
		i := fleet.Installation{Name: l.Key.Installation()}
		for _, at := range l.Tells {
			r := l.Report(at)
			f := fleet.FactsOf(r)
			if kinds[f] == nil {
				kinds[f] = &f
			}
			i.Stays = fleet.Extend(i.Stays, at, kinds[f])
			i.Start, i.Doctor, i.Upgrades = r.Start, r.Doctor, nil
			for _, run := range r.Runs {
				if run.Action == plan.Upgrade {
					i.Upgrades = append(i.Upgrades, run)
				}
			}
		}
		out.Installations = append(out.Installations, i)
	}
	slices.SortFunc(out.Installations, func(a, b fleet.Installation) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out
}

// truth counts figures from lives day by day, without anything of fleet.
type truth struct {
	lives []Life
	q     fleet.Query
	out   map[catalogue.Target]map[string]time.Time // when minors came out
}

func truthOf(lives []Life, q fleet.Query) *truth {
	out := map[catalogue.Target]map[string]time.Time{}
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		out[target] = map[string]time.Time{}
		for _, v := range catalogue.Embedded().Versions(target) { // newest first: the oldest patch is the last one
			at, err := time.Parse(time.DateOnly, v.Dates[target])
			if err == nil {
				out[target][catalogue.Minor(v.Version)] = at
			}
		}
	}
	return &truth{lives, q, out}
}

// told is when a life reported last before a time, if that is no more than 30 days ago, and the query wants it.
func (w *truth) told(l *Life, t time.Time) (last time.Time, ok bool) {
	for _, at := range l.Tells {
		if !at.After(t) {
			last = at
		}
	}
	ok = !last.IsZero() && t.Sub(last) <= 30*24*time.Hour
	q := w.q
	return last, ok && (q.Target == "" || q.Target == l.Target) && (q.Use == "" || q.Use == l.Use) && (q.Size == "" || q.Size == l.SizeAt(last)) && (q.Option == "" || q.Option == report.Options[l.Target])
}

func (w *truth) end() time.Time { return w.q.Day.Add(24*time.Hour - time.Second) }

func (w *truth) behind(l *Life, last, t time.Time) (n int) {
	for minor, at := range w.out[l.Target] {
		if !at.After(t) && catalogue.CompareVersions(minor, catalogue.Minor(l.Running(last))) > 0 {
			n++
		}
	}
	return n
}

// tried are the upgrades that were reported, of installations that are wanted.
func (w *truth) tried(each func(l *Life, r report.Run)) {
	for n := range w.lives {
		l := &w.lives[n]
		if len(l.Tells) == 0 {
			continue
		}
		last := l.Tells[len(l.Tells)-1]
		if _, ok := w.told(l, last); !ok {
			continue
		}
		for _, r := range l.Runs {
			if r.Action == plan.Upgrade && !ended(r).After(last) && !r.Started.Before(w.q.Day.AddDate(0, -w.q.Months, 0)) && !r.Started.After(w.end()) {
				each(l, r)
			}
		}
	}
}

// TestFiguresAreTheTruth counts the figures of fleets in two ways, for several filters.
func TestFiguresAreTheTruth(t *testing.T) {
	for _, of := range []Shape{shape(1, 120, 7*day), shape(2, 60, day)} {
		lives := Fleet(of, catalogue.Embedded())
		f := joined(lives)
		for _, q := range []fleet.Query{{}, {Target: catalogue.Kubernetes}, {Use: report.Trial}, {Size: "S"}, {Option: "compose", Use: report.Production}} {
			q.Day, q.Months = to, 18
			w := truthOf(lives, q)
			t.Run(fmt.Sprintf("%d %s%s%s%s", of.Seed, q.Target, q.Use, q.Size, q.Option), func(t *testing.T) {
				for id, want := range map[string]map[string][]string{"adoption": w.adoption(), "behind": w.behindAll(), "forecast": w.forecast(), "versions": w.versions(), "upgrades": w.upgrades(), "stops": w.stops(), "targets": w.targets(), "findings": w.findings(), "start": w.starts()} {
					compare(t, f, q, id, want)
				}
			})
		}
	}
}

// compare holds a figure against the truth: the cells of each row, by its key. Every row has a list that is as long as its count.
func compare(t *testing.T, f *fleet.Fleet, q fleet.Query, id string, want map[string][]string) {
	t.Helper()
	got, ok := f.Figure(id, q)
	if !ok {
		t.Fatal("no figure", id)
	}
	keys := []string{}
	for _, row := range got.Rows {
		keys = append(keys, row.Key)
		var cells []string
		for _, c := range row.Cells[1:] {
			cells = append(cells, fmt.Sprint(c))
		}
		if !slices.Equal(cells, want[row.Key]) {
			t.Errorf("%s %s: %v, and the truth is %v", id, row.Key, cells, want[row.Key])
		}
		count := row.Cells[1]
		switch id {
		case "adoption", "findings", "start":
			count = row.Cells[2]
		case "checks":
			count = row.Cells[3]
		case "issues":
			count = row.Cells[9]
		}
		if id != "targets" && len(row.List().Rows) != count {
			t.Errorf("%s %s: the list has %d lines, and the count is %v", id, row.Key, len(row.List().Rows), count)
		}
	}
	if len(keys) != len(want) {
		t.Errorf("%s: the rows are %v, and the truth has %v", id, keys, slices.Sorted(maps.Keys(want)))
	}
}

func percent(part, of int) string {
	if of == 0 {
		return "none"
	}
	return strconv.FormatFloat(100*float64(part)/float64(of), 'f', 1, 64) + " %"
}

func (w *truth) adoption() map[string][]string {
	out := map[string][]string{}
	minors := map[string]time.Time{}
	for _, all := range w.out {
		for minor, at := range all {
			if before, ok := minors[minor]; !ok || at.Before(before) {
				minors[minor] = at
			}
		}
	}
	for minor, first := range minors {
		active, adopted, over := 0, 0, false
		for target, all := range w.out {
			at, ok := all[minor]
			then := at.AddDate(0, 0, 30)
			if !ok || then.After(w.end()) || at.Before(w.q.Day.AddDate(0, -w.q.Months, 0)) {
				continue
			}
			over = true
			for n := range w.lives {
				l := &w.lives[n]
				last, ok := w.told(l, then)
				if !ok || l.Target != target {
					continue
				}
				active++
				if catalogue.CompareVersions(catalogue.Minor(l.Running(last)), minor) >= 0 {
					adopted++
				}
			}
		}
		if over {
			out[minor] = []string{first.Format(time.DateOnly), fmt.Sprint(active), fmt.Sprint(adopted), percent(adopted, active)}
		}
	}
	return out
}

func (w *truth) behindAll() map[string][]string {
	counts, all := [6]int{}, 0
	for n := range w.lives {
		if last, ok := w.told(&w.lives[n], w.end()); ok {
			counts[min(4, w.behind(&w.lives[n], last, w.end()))]++
			all++
		}
	}
	out := map[string][]string{}
	for n, c := range counts {
		out[fmt.Sprint(n)] = []string{fmt.Sprint(c), percent(c, all)}
	}
	return out
}

// forecast says the same as the definition of the figure, of each life alone.
func (w *truth) forecast() map[string][]string {
	came := func(minor string) time.Time {
		one, other := w.out[catalogue.Compose][minor], w.out[catalogue.Kubernetes][minor]
		if other.Before(one) {
			return other
		}
		return one
	}
	next := came("7.0").Add(came("7.0").Sub(came("6.0")))
	minors := map[string]bool{}
	for _, of := range w.out {
		for minor, at := range of {
			minors[minor] = minors[minor] || !at.After(w.end())
		}
	}
	between := func(from, to string) (n int) {
		for minor, out := range minors {
			if out && catalogue.CompareVersions(minor, catalogue.Minor(from)) > 0 && catalogue.CompareVersions(minor, catalogue.Minor(to)) <= 0 {
				n++
			}
		}
		return n
	}
	counts, all := [6]int{}, 0
	for n := range w.lives {
		l := &w.lives[n]
		last, ok := w.told(l, w.end())
		if !ok {
			continue
		}
		all++
		row, runs := 4, l.Running(last)
		switch {
		case strings.HasPrefix(runs, "5."):
			row = 0
		case strings.HasPrefix(runs, "6."):
			row = 1
			begins := l.Tells[0] // every life begins after the time that is asked for does
			steps := between(l.Running(begins), runs)
			switch known := w.end().Sub(begins); {
			case known < 90*24*time.Hour:
				row = 2
			case steps > 0 && !w.end().Add(known/time.Duration(steps)*time.Duration(between(runs, "7.0"))).After(next):
				row = 3
			}
		}
		counts[row]++
	}
	out := map[string][]string{}
	for n, c := range counts {
		out[fmt.Sprint(n)] = []string{fmt.Sprint(c), percent(c, all)}
	}
	return out
}

func (w *truth) versions() map[string][]string {
	weeks, ran := map[string]map[string]int{}, map[string]bool{}
	for end := w.end(); end.After(w.q.Day.AddDate(0, -w.q.Months, 0)); end = end.AddDate(0, 0, -7) {
		counts := map[string]int{}
		for n := range w.lives {
			if last, ok := w.told(&w.lives[n], end); ok {
				counts[catalogue.Minor(w.lives[n].Running(last))]++
			}
		}
		weeks[end.Format(time.DateOnly)] = counts
		for minor := range counts {
			ran[minor] = true
		}
	}
	newest := slices.SortedFunc(maps.Keys(ran), func(a, b string) int { return catalogue.CompareVersions(b, a) })
	newest = newest[:min(8, len(newest))]
	out := map[string][]string{}
	for end, counts := range weeks {
		all, listed := 0, 0
		for _, n := range counts {
			all += n
		}
		cells := []string{fmt.Sprint(all)}
		for _, minor := range newest {
			cells = append(cells, fmt.Sprint(counts[minor]))
			listed += counts[minor]
		}
		out[end] = append(cells, fmt.Sprint(all-listed), "0")
	}
	return out
}

func (w *truth) upgrades() map[string][]string {
	type month struct {
		counts  map[string]int
		minutes []int
		all     int
	}
	months := map[string]*month{}
	w.tried(func(_ *Life, r report.Run) {
		m := months[r.Started.Format("2006-01")]
		if m == nil {
			m = &month{counts: map[string]int{}}
			months[r.Started.Format("2006-01")] = m
		}
		m.all++
		m.counts[r.Result]++
		if r.Result == state.Done {
			m.minutes = append(m.minutes, r.Seconds/60)
		}
	})
	out := map[string][]string{}
	for name, m := range months {
		slices.Sort(m.minutes)
		middle := 0
		if len(m.minutes) > 0 {
			middle = m.minutes[(len(m.minutes)-1)/2]
		}
		out[name] = []string{fmt.Sprint(m.all), fmt.Sprint(m.counts["done"]), percent(m.counts["done"], m.all), fmt.Sprint(m.counts["failed"]), fmt.Sprint(m.counts["interrupted"] + m.counts["killed"]), fmt.Sprint(middle)}
	}
	return out
}

func (w *truth) stops() map[string][]string {
	counts, of, all := map[string]int{}, map[string]map[string]bool{}, 0
	found := map[string]map[string]int{}
	w.tried(func(l *Life, r report.Run) {
		if r.Result == state.Done {
			return
		}
		all++
		counts[r.Stage]++
		if of[r.Stage] == nil {
			of[r.Stage], found[r.Stage] = map[string]bool{}, map[string]int{}
		}
		of[r.Stage][l.Key.Installation()] = true
		for _, c := range r.Codes {
			found[r.Stage][c]++
		}
	})
	out := map[string][]string{}
	for stage, n := range counts {
		code := "" // each stage of the simulation has one code at the most
		for c := range found[stage] {
			code = c
		}
		out[stage] = []string{fmt.Sprint(n), percent(n, all), fmt.Sprint(len(of[stage])), code}
	}
	return out
}

func (w *truth) targets() map[string][]string {
	type counts struct{ active, newest, near, tried, done int }
	by := map[catalogue.Target]*counts{}
	of := func(l *Life) *counts {
		if by[l.Target] == nil {
			by[l.Target] = &counts{}
		}
		return by[l.Target]
	}
	for n := range w.lives {
		l := &w.lives[n]
		if last, ok := w.told(l, w.end()); ok {
			c := of(l)
			c.active++
			switch w.behind(l, last, w.end()) {
			case 0:
				c.newest++
				c.near++
			case 1:
				c.near++
			}
		}
	}
	w.tried(func(l *Life, r report.Run) {
		of(l).tried++
		if r.Result == state.Done {
			of(l).done++
		}
	})
	out := map[string][]string{}
	for target, c := range by {
		out[string(target)] = []string{fmt.Sprint(c.active), fmt.Sprint(c.newest), percent(c.newest, c.active), fmt.Sprint(c.near), percent(c.near, c.active), fmt.Sprint(c.tried), fmt.Sprint(c.done), percent(c.done, c.tried)}
	}
	return out
}

func (w *truth) findings() map[string][]string {
	all, found := 0, 0
	for n := range w.lives {
		if _, ok := w.told(&w.lives[n], w.end()); ok {
			all++
			if len(w.lives[n].Finds) > 0 {
				found++
			}
		}
	}
	if found == 0 {
		return nil
	}
	return map[string][]string{"BERTH5010": {"Volume nearly full", fmt.Sprint(found), percent(found, all)}}
}

// starts says, of each life alone, how long it took to its first search.
func (w *truth) starts() map[string][]string {
	began, took := map[string]int{}, map[string][]int{}
	for n := range w.lives {
		l := &w.lives[n]
		if len(l.Tells) == 0 || !l.New || l.Begins.After(w.end()) || l.Begins.Before(w.q.Day.AddDate(0, -w.q.Months, 0)) {
			continue
		}
		last := l.Tells[len(l.Tells)-1]
		if _, ok := w.told(l, last); !ok {
			continue
		}
		quarter := fmt.Sprintf("%d-Q%d", l.Begins.Year(), (int(l.Begins.Month())+2)/3)
		for _, group := range []string{"all", "target " + string(l.Target), "option " + report.Options[l.Target], "size " + l.SizeAt(last), "began with " + catalogue.Minor(l.Running(l.Tells[0])), "began in " + quarter} {
			key := group + " " + string(l.Use)
			began[key]++
			if l.Searches > 0 && !l.Begins.Add(l.Searches).After(last) { // it said so
				took[key] = append(took[key], int(l.Searches.Minutes()))
			}
		}
	}
	out := map[string][]string{}
	for key, all := range began {
		had, median, most := took[key], "", ""
		if slices.Sort(had); len(had) > 0 {
			median, most = fmt.Sprint(had[(len(had)-1)/2]), fmt.Sprint(had[int(math.Ceil(0.9*float64(len(had))))-1])
		}
		out[key] = []string{key[strings.LastIndex(key, " ")+1:], fmt.Sprint(all), fmt.Sprint(len(had)), percent(len(had), all), median, most}
	}
	return out
}

// BenchmarkFigures counts each figure of 100,000 installations over 18 months, and all of them for a page, with and without a filter.
func BenchmarkFigures(b *testing.B) {
	lives := Fleet(shape(1, 100_000, 28*day), catalogue.Embedded())
	f := joined(lives)
	f.Issues = Issues(1, lives, to)
	q := fleet.Query{Day: to, Months: 18}
	f.Figure("behind", q) // what a fleet works out once
	count := func(name string, q fleet.Query, ids ...string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.Figures(q, ids...)
			}
		})
	}
	count("page", q, fleet.IDs()...)
	count("page-compose", fleet.Query{Day: to, Months: 18, Target: catalogue.Compose}, fleet.IDs()...)
	for _, id := range fleet.IDs() {
		count(id, q, id)
	}
}
