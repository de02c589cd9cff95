// Package simulate makes fleets of installations whose truth is known: who runs what on which day, who upgrades when, and which upgrades stop where. Their
// reports are signed like real ones, and arrive late, twice and out of order. The same seed gives the same fleet. Pure.
package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/report"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
)

const day = 24 * time.Hour

// Shape is what a fleet is made of.
type Shape struct {
	Seed          uint64
	Installations int
	From, To      time.Time
	Every         time.Duration // between two reports of an installation
}

// Life is the truth of an installation.
type Life struct {
	Key      report.Key
	Begins   time.Time
	Ends     time.Time // it was taken down; zero: it is still there
	Target   catalogue.Target
	Use      report.Use
	Postgres int
	Release  string // that it began with
	Size     string
	Grows    time.Time // to Larger; zero: it stays as it is
	Larger   string
	Runs     []report.Run
	New      bool          // it began with the first berth up, and had no data before
	Searches time.Duration // from then until a search has a result; 0: none ever has
	Tells    []time.Time   // when it reports
	Finds    []report.Found
}

// habit is how somebody upgrades.
type habit struct {
	share   float64 // of all installations
	after   int     // days after a release came out, at the least
	spread  int     // days more, at the most
	skips   int     // releases between two upgrades
	never   bool    // upgrades
	trouble float64 // of upgrades that stop
	byFile  bool    // its reports are carried, and arrive late
}

// habits are rough guesses of what people do: a third is fast, most are slow, some never upgrade.
var habits = []habit{
	{share: 0.30, after: 2, spread: 20, trouble: 0.05},
	{share: 0.30, after: 15, spread: 45, trouble: 0.12},
	{share: 0.25, after: 50, spread: 120, skips: 2, trouble: 0.25, byFile: true},
	{share: 0.15, never: true},
}

// troubles are where upgrades stop, with a code, and how often.
var troubles = []struct {
	stage, code, result string
	weight              int
}{
	{stages.Check, "BERTH3702", state.Failed, 3}, {stages.Backup, "BERTH3703", state.Failed, 2}, {stages.Migrate, "BERTH3705", state.Failed, 4},
	{stages.Migrate, "", state.Killed, 1}, {stages.Deploy, "", state.Interrupted, 1},
}

// published are the newest patches of all minor releases for a target with their days, oldest first.
type published struct {
	release string
	at      time.Time
}

func releases(cat *catalogue.Catalogue, target catalogue.Target) (out []published) {
	for _, v := range slices.Backward(cat.Versions(target)) {
		at, err := time.Parse(time.DateOnly, v.Dates[target])
		switch {
		case err != nil:
		case len(out) > 0 && catalogue.Minor(out[len(out)-1].release) == catalogue.Minor(v.Version):
			out[len(out)-1].release = v.Version // known by its newest patch, out since its first
		default:
			out = append(out, published{v.Version, at})
		}
	}
	return out
}

// Fleet makes the lives of all installations of a fleet.
func Fleet(s Shape, cat *catalogue.Catalogue) []Life { return slices.Collect(Lives(s, cat)) }

// Lives makes them one after the other: a large fleet with all its reports does not fit into memory.
func Lives(s Shape, cat *catalogue.Catalogue) iter.Seq[Life] {
	all := map[catalogue.Target][]published{catalogue.Compose: releases(cat, catalogue.Compose), catalogue.Kubernetes: releases(cat, catalogue.Kubernetes)}
	sizes := cat.Sizing().Sizes
	return func(yield func(Life) bool) {
		for n := range s.Installations {
			if !yield(life(rand.New(rand.NewPCG(s.Seed, uint64(n))), s, n, all, sizes)) {
				return
			}
		}
	}
}

func life(r *rand.Rand, s Shape, n int, all map[catalogue.Target][]published, sizes []catalogue.Size) Life {
	l := Life{Key: report.NewKey(fmt.Sprintf("simulated %d %d", s.Seed, n)), Target: catalogue.Compose, Use: report.Production, Postgres: 16}
	whole := int(s.To.Sub(s.From) / day)
	l.Begins = s.From.Add(time.Duration(r.IntN(24)) * time.Hour)
	if r.Float64() < 0.4 { // not there from the beginning
		l.Begins = l.Begins.AddDate(0, 0, r.IntN(whole*3/4))
	}
	if r.Float64() < 0.35 {
		l.Target = catalogue.Kubernetes
	}
	if r.Float64() < 0.2 {
		l.Use = report.Trial
		if r.Float64() < 0.6 {
			l.Ends = l.Begins.AddDate(0, 0, 14+r.IntN(60))
		}
	} else if r.Float64() < 0.08 {
		l.Ends = l.Begins.AddDate(0, 0, 60+r.IntN(whole))
	}
	if l.Ends.IsZero() || l.Ends.After(s.To) {
		l.Ends = time.Time{}
	}
	size := min(int(r.ExpFloat64()*1.5), len(sizes)-1)
	l.Size = sizes[size].Name
	if size+1 < len(sizes) && r.Float64() < 0.15 {
		l.Grows, l.Larger = l.Begins.AddDate(0, 0, 30+r.IntN(whole)), sizes[size+1].Name
	}
	if r.Float64() < 0.3 {
		l.Finds = []report.Found{{Code: "BERTH5010", Severity: diag.Warning, Count: 1 + r.IntN(3)}}
	}
	h := habitOf(r)
	l.upgrade(r, h, all[l.Target], s.To)
	l.tell(r, h, s)
	l.start(r, s.From)
	return l
}

// start decides how long it takes to the first search. Those that were there from the beginning are older than what reports it, and some had data before.
func (l *Life) start(r *rand.Rand, from time.Time) {
	l.New = l.Begins.Sub(from) >= day && r.Float64() < 0.9
	if !l.New || r.Float64() < 0.06 {
		return
	}
	usual := 3 * time.Hour // repositories have to be cloned and indexed
	if l.Use == report.Trial {
		usual = 25 * time.Minute
	}
	l.Searches = 4*time.Minute + time.Duration(r.ExpFloat64()*float64(usual)).Truncate(time.Second)
}

func habitOf(r *rand.Rand) habit {
	at := r.Float64()
	for _, h := range habits {
		if at -= h.share; at < 0 {
			return h
		}
	}
	return habits[0]
}

// upgrade decides what the installation began with, and each of its upgrades.
func (l *Life) upgrade(r *rand.Rand, h habit, all []published, to time.Time) {
	at, _ := slices.BinarySearchFunc(all, l.Begins, func(p published, t time.Time) int { return p.at.Compare(t) })
	runs := max(0, at-1-h.skips)
	l.Release = all[runs].release
	l.Runs = []report.Run{{Number: 1, Action: plan.Up, Started: l.Begins, Seconds: 300, Release: l.Release, Result: state.Done}}
	if h.never {
		return
	}
	last := l.Begins.Add(day)
	for next := runs + 1 + h.skips; next < len(all); next += 1 + h.skips {
		start := all[next].at.AddDate(0, 0, h.after+r.IntN(h.spread+1)).Add(time.Duration(r.IntN(24*3600)) * time.Second)
		if start.Before(last) {
			start = last.Add(time.Duration(1+r.IntN(72)) * time.Hour)
		}
		for {
			if !l.there(start, to) {
				return
			}
			run := report.Run{Number: len(l.Runs) + 1, Action: plan.Upgrade, Agent: r.Float64() < 0.2, Started: start.Truncate(time.Second), Seconds: 600 + r.IntN(6000),
				From: all[runs].release, Release: all[next].release, Result: state.Done}
			if r.Float64() < h.trouble {
				stop(r, &run)
			}
			l.Runs = append(l.Runs, run)
			start = start.AddDate(0, 0, 1).Add(time.Duration(r.IntN(240)) * time.Hour)
			if run.Result == state.Done {
				break
			}
		}
		runs, last = next, start
	}
}

func (l *Life) there(t, to time.Time) bool {
	return t.Before(to) && (l.Ends.IsZero() || t.Before(l.Ends))
}

// stop lets a run stop at a stage.
func stop(r *rand.Rand, run *report.Run) {
	all := 0
	for _, t := range troubles {
		all += t.weight
	}
	at := r.IntN(all)
	for _, t := range troubles {
		if at -= t.weight; at >= 0 {
			continue
		}
		run.Stage, run.Result, run.Seconds = t.stage, t.result, 60+r.IntN(1200)
		if t.code != "" {
			run.Codes = []string{t.code}
		}
		if t.result == state.Killed {
			run.Seconds = 0
		}
		return
	}
}

// tell decides when the installation reports. One whose reports are carried does so four times as seldom.
func (l *Life) tell(r *rand.Rand, h habit, s Shape) {
	every := s.Every
	if h.byFile && every*4 < 30*day {
		every *= 4
	}
	for at := l.Begins.Add(time.Duration(r.Int64N(int64(every)))); l.there(at, s.To); at = at.Add(every) {
		l.Tells = append(l.Tells, at.Truncate(time.Second))
	}
}

// Running is the release that runs at a time.
func (l *Life) Running(t time.Time) string {
	release := l.Release
	for _, r := range l.Runs {
		if r.Action == plan.Upgrade && r.Result == state.Done && !ended(r).After(t) {
			release = r.Release
		}
	}
	return release
}

func ended(r report.Run) time.Time { return r.Started.Add(time.Duration(r.Seconds) * time.Second) }

// SizeAt is the size class at a time.
func (l *Life) SizeAt(t time.Time) string {
	if !l.Grows.IsZero() && !t.Before(l.Grows) {
		return l.Larger
	}
	return l.Size
}

// Report is what the installation reports at a time.
func (l *Life) Report(t time.Time) *report.Report {
	out := &report.Report{Version: report.Version, Installation: l.Key.Installation(), Made: t.UTC(), Berth: "0.4.0", Use: l.Use, Release: l.Running(t), Target: l.Target,
		Option: report.Options[l.Target], Size: l.SizeAt(t), Postgres: l.Postgres, Doctor: l.Finds}
	if l.New {
		out.Start = &report.Start{Began: l.Begins}
		if l.Searches > 0 && !l.Begins.Add(l.Searches).After(t) {
			out.Start.FirstSearch = int(l.Searches.Seconds())
		}
	}
	for _, r := range l.Runs {
		if !ended(r).After(t) {
			out.Runs = append(out.Runs, r)
		}
	}
	return out
}

// Arrivals are the signed reports of a fleet in the order in which they arrive: some late, some twice.
func Arrivals(seed uint64, lives []Life) iter.Seq2[[]byte, error] {
	type arrival struct {
		life     int
		made, at time.Time
	}
	var all []arrival
	r := rand.New(rand.NewPCG(seed, 1<<63))
	for n := range lives {
		for _, made := range lives[n].Tells {
			at := made
			if r.Float64() < 0.05 {
				at = at.Add(time.Duration(r.IntN(20*24)) * time.Hour)
			}
			all = append(all, arrival{n, made, at})
			if r.Float64() < 0.02 {
				all = append(all, arrival{n, made, at.Add(time.Duration(r.IntN(48)) * time.Hour)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.life, b.life)) })
	return func(yield func([]byte, error) bool) {
		for _, a := range all {
			l := &lives[a.life]
			signed, err := l.Key.Sign(l.Report(a.made))
			if err != nil {
				yield(nil, err)
				return
			}
			if text, err := json.Marshal(signed); !yield(text, err) {
				return
			}
		}
	}
}
