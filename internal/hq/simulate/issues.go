package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"berth/internal/hq/issue"
	"berth/internal/plan"
	"berth/internal/report"
	"berth/internal/state"
)

// faults are what deployments and running installations have issues of. Those without a code are what berth has no check for.
var faults = []struct {
	title, code, cause string
	during             issue.During
	until              string // no new ones from this day on: a check finds them before; "": none does
	odds               float64
}{
	{"Port 443 is taken by another program", "BERTH3302", "configuration", issue.Deployment, "2026-04-10", 0.30},
	{"No rights in the namespace", "BERTH2201", "rights", issue.Deployment, "", 0.12},
	{"Proxy of the company cuts long requests", "", "network", issue.Deployment, "", 0.15},
	{"Page about external databases leaves out a variable", "", "documentation", issue.Deployment, "", 0.10},
	{"Search is slow since the last day", "", "capacity", issue.Running, "", 0.20},
	{"Volume is nearly full", "BERTH5010", "capacity", issue.Running, "", 0.15},
}

// Issues are the issues of a fleet: of its deployments, of upgrades that stopped, and of days in between. Some name no installation. The same seed gives the same.
func Issues(seed uint64, lives []Life, to time.Time) (out []issue.Issue) {
	for n := range lives {
		l := &lives[n]
		r := rand.New(rand.NewPCG(seed, 1<<62+uint64(n)))
		add := func(at time.Time, i issue.Issue) {
			if !l.there(at, to) {
				return
			}
			i.Opened, i.Release, i.Hours = at.Format(time.DateOnly), l.Running(at), float64(1+r.IntN(24))/2
			if closed := at.AddDate(0, 0, r.IntN(20)); closed.Before(to) {
				i.Closed = closed.Format(time.DateOnly)
			}
			if i.Installation = l.Key.Installation(); r.Float64() < 0.1 { // nobody knows which one
				i.Installation, i.Use, i.Target = "", l.Use, l.Target
			}
			i.Source = fmt.Sprintf("simulated %d.%d", n, len(out))
			out = append(out, i)
		}
		odds := 1.0
		if l.Use == report.Trial {
			odds = 1.6
		}
		for _, f := range faults {
			at := l.Begins.Add(time.Duration(r.IntN(5*24)) * time.Hour)
			if f.during == issue.Running {
				at = l.Begins.AddDate(0, 0, 10+r.IntN(300))
			}
			if r.Float64() > f.odds*odds || f.until != "" && at.Format(time.DateOnly) >= f.until {
				continue
			}
			i := issue.Issue{Title: f.title, During: f.during, Cause: f.cause}
			if f.code != "" {
				i.Codes = []string{f.code}
			}
			add(at, i)
		}
		for _, run := range l.Runs {
			if run.Action != plan.Upgrade || run.Result == state.Done || r.Float64() > 0.6 {
				continue
			}
			add(run.Started.Add(2*time.Hour), issue.Issue{Title: "Upgrade stopped at " + run.Stage, During: issue.Upgrade, Stage: run.Stage, Codes: run.Codes, Cause: "database"})
		}
	}
	return out
}
