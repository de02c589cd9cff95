package stages

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"github.com/google/go-cmp/cmp"
)

// multi is an upgrade step over several releases, and next is one to the next release.
var (
	multi = plan.Hop{From: "6.0.0", To: "6.12.5040", Kind: plan.MultiVersion, Migrator: "7.5.4453"}
	next  = plan.Hop{From: "6.12.5040", To: "7.0.2852", Kind: plan.Standard, Migrator: "7.0.2852"}
)

// request asks for an upgrade over hops whose configs are their releases.
func request(hops ...plan.Hop) Request {
	r := Request{Installation: "sourcegraph", Target: "compose", Hops: hops, Configs: plan.Configs{}}
	for _, h := range hops {
		r.Configs[h.From], r.Configs[h.To] = h.From, h.To
	}
	return r
}

func with(h plan.Hop, change func(*plan.Hop)) plan.Hop {
	change(&h)
	return h
}

// TestPlans holds what upgrades and rehearsals consist of.
func TestPlans(t *testing.T) {
	for name, c := range map[string]struct {
		plan *plan.Plan
		want string
	}{
		"over several releases, then to the next one": {Upgrade(request(multi, next)), `check [6.0.0 to 6.12.5040]
  check databases, host and images 6.12.5040
  fetch images of 6.12.5040
back up [6.0.0 to 6.12.5040]
  dump databases 6.0.0
close [6.0.0 to 6.12.5040], else reach 6.0.0 again
  reach 6.0.0 closed 6.0.0 (page: upgrade)
convert [6.0.0 to 6.12.5040], else reach 6.12.5040
  reach 6.12.5040 closed 6.12.5040 (page: upgrade)
  convert databases 6.12.5040
migrate [6.0.0 to 6.12.5040] no return, else reach 6.12.5040
  migrate schemas 6.12.5040
  begin 6.12.5040 ahead 6.12.5040 (page: upgrade)
deploy [6.0.0 to 6.12.5040], else reach 6.12.5040
  reach 6.12.5040 answering 6.12.5040 (page: upgrade)
  compare schema 6.12.5040
prove [6.0.0 to 6.12.5040], else reach 6.12.5040
  prove search 6.12.5040
open [6.0.0 to 6.12.5040], else reach 6.12.5040
  reach 6.12.5040
save [6.0.0 to 6.12.5040]
  save release 6.12.5040
finish [6.0.0 to 6.12.5040]
  await background migrations 6.12.5040 7.0.2852
check [6.12.5040 to 7.0.2852]
  check databases, host and images 7.0.2852
  fetch images of 7.0.2852
deploy [6.12.5040 to 7.0.2852], else roll 6.12.5040 again
  roll 7.0.2852
prove [6.12.5040 to 7.0.2852], else roll 6.12.5040 again
  compare schema 7.0.2852
  prove search 7.0.2852
save [6.12.5040 to 7.0.2852]
  save release 7.0.2852
finish [6.12.5040 to 7.0.2852]
  await background migrations 7.0.2852
`},
		"a patch whose databases order text in another way": {
			Upgrade(request(with(multi, func(h *plan.Hop) { h.To, h.Reindexes = "6.0.12741", true }))), `check [6.0.0 to 6.0.12741]
  check databases, host and images 6.0.12741
  fetch images of 6.0.12741
back up [6.0.0 to 6.0.12741]
  dump databases 6.0.0
close [6.0.0 to 6.0.12741], else reach 6.0.0 again
  reach 6.0.0 closed 6.0.0 (page: upgrade)
convert [6.0.0 to 6.0.12741], else reach 6.0.12741
  reach 6.0.12741 closed 6.0.12741 (page: upgrade)
  index indexes 6.0.12741
deploy [6.0.0 to 6.0.12741], else reach 6.0.12741
  reach 6.0.12741 behind 6.0.12741 (page: upgrade)
prove [6.0.0 to 6.0.12741], else reach 6.0.12741
  compare schema 6.0.12741
  prove search 6.0.12741
open [6.0.0 to 6.0.12741], else reach 6.0.12741
  reach 6.0.12741
save [6.0.0 to 6.0.12741]
  save release 6.0.12741
finish [6.0.0 to 6.0.12741]
  await background migrations 6.0.12741
`},
		"a rehearsal": {Rehearsal(request(next)), `back up [6.12.5040 to 7.0.2852]
  dump databases 6.12.5040
restore [6.12.5040 to 7.0.2852]
  reach 6.12.5040 closed 6.12.5040
  restore databases 6.12.5040
check [6.12.5040 to 7.0.2852]
  check databases, host and images 7.0.2852
  fetch images of 7.0.2852
convert [6.12.5040 to 7.0.2852]
  reach 7.0.2852 closed 7.0.2852 (page: upgrade)
  convert databases 7.0.2852
migrate [6.12.5040 to 7.0.2852] no return
  migrate schemas 7.0.2852
prove [6.12.5040 to 7.0.2852]
  compare schema 7.0.2852
  prove search 7.0.2852
finish [6.12.5040 to 7.0.2852]
  await background migrations 7.0.2852
`},
	} {
		if diff := cmp.Diff(c.want, c.plan.String()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestNoReturn: the point of no return is where going back begins to cost, and nothing is done by itself where nothing worked before.
func TestNoReturn(t *testing.T) {
	for name, c := range map[string]struct {
		hop  plan.Hop
		want string // the stage; "": there is none
	}{
		"several releases":              {multi, Migrate},
		"the next release":              {next, ""},
		"a conversion of Postgres":      {with(multi, func(h *plan.Hop) { h.Irreversible, h.ConvertsPostgres = []string{"x"}, true }), Convert},
		"what only a backup undoes":     {with(multi, func(h *plan.Hop) { h.Irreversible = []string{"x"} }), Migrate},
		"the next one, with such a one": {with(next, func(h *plan.Hop) { h.Irreversible = []string{"x"} }), Deploy},
		"within a minor release":        {with(multi, func(h *plan.Hop) { h.To = "6.0.12741" }), ""},
	} {
		p := Upgrade(request(c.hop))
		at := slices.IndexFunc(p.Stages, func(s plan.Stage) bool { return s.NoReturn })
		if at < 0 && c.want != "" || at >= 0 && p.Stages[at].Name != c.want {
			t.Errorf("%s: at stage %d, want %q", name, at, c.want)
		}
	}
	between := request(multi)
	between.Configs[plan.ConfigStart] = "start"
	for _, s := range Upgrade(between).Stages {
		if len(s.Fallback) > 0 {
			t.Errorf("stage %s falls back to a release that did not run", s.Name)
		}
	}
}

// TestBackups: one at the begin serves all upgrade steps, until something that can't be undone is behind; the admin's own serves all of it.
func TestBackups(t *testing.T) {
	final := with(multi, func(h *plan.Hop) { h.From, h.To, h.Irreversible = "7.0.2852", "7.5.4453", []string{"x"} })
	p := Upgrade(request(multi, next, final))
	if !Saves(p, 0) || Saves(p, 1) || !Saves(p, 2) {
		t.Errorf("backups before steps: %v %v %v", Saves(p, 0), Saves(p, 1), Saves(p, 2))
	}
	trusted := request(multi, next, final)
	trusted.Trusted = "vault 7"
	if p := Upgrade(trusted); Saves(p, 0) || Saves(p, 2) {
		t.Error("a backup is made, although the admin has one")
	}
}

// record is an upgrade whose first stages came to their end, and whose next one was begun.
func record(p *plan.Plan, stages int, begun bool) state.Record {
	r := state.Record{Number: 1, Action: plan.Upgrade, Plan: p, Result: state.Failed, Problems: diag.List{{Code: "BERTH3705"}}}
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	for _, s := range p.Steps {
		at = at.Add(time.Duration(s.ID) * time.Second)
		t := state.StepTime{Step: s.ID, Ended: at, Seconds: float64(s.ID), Done: true}
		if s.Verb == plan.Dump {
			t.Made = "20261101-020000"
		}
		if s.Stage < stages {
			r.Steps = append(r.Steps, t)
		} else if s.Stage == stages && begun {
			r.Steps = append(r.Steps, state.StepTime{Step: s.ID, Failed: true})
			break
		}
	}
	if stages == len(p.Stages) {
		r.Result = state.Done
	}
	return r
}

// TestWaysBack: from every stage there is a way back, and it costs no more than it has to.
func TestWaysBack(t *testing.T) {
	final := with(multi, func(h *plan.Hop) { h.Irreversible, h.ConvertsPostgres = []string{"LSIF becomes SCIP"}, true })
	moved := with(multi, func(h *plan.Hop) { h.To, h.Reindexes = "6.0.12741", true })
	begins := with(next, func(h *plan.Hop) { h.Introduces = []int{24} })
	for _, c := range []struct {
		hop   plan.Hop
		stage string // that was begun last; "": it arrived
		want  string
	}{
		{begins, Check, ""}, {begins, Deploy, Undo + " " + Redeploy}, {begins, "", Undo + " " + Redeploy},
		{next, Check, ""}, {next, Deploy, Redeploy}, {next, "", Redeploy},
		{multi, Backup, ""}, {multi, Close, Redeploy}, {multi, Convert, Redeploy}, {multi, Migrate, Undo + " " + Redeploy}, {multi, "", Undo + " " + Redeploy},
		{final, Close, Redeploy}, {final, Convert, Restore + " " + Redeploy}, {final, "", Restore + " " + Redeploy},
		{moved, Close, Redeploy}, {moved, Deploy, Redeploy}, {moved, "", Redeploy},
	} {
		p := Upgrade(request(c.hop))
		at := len(p.Stages)
		if c.stage != "" {
			at = p.Find(0, c.stage)
		}
		u := Last([]state.Record{record(p, at, true)})
		way, none := u.Back()
		if got := strings.Join(way.Stages, " "); none != nil || got != c.want || way.To != c.hop.From {
			t.Errorf("%s to %s at %q: %q to %s, %v; want %q", c.hop.From, c.hop.To, c.stage, got, way.To, none, c.want)
		}
		if page := c.want != "" && (c.hop.Kind == plan.MultiVersion || len(c.hop.Introduces) > 0) && (strings.Contains(c.want, " ") || c.hop.Reindexes && c.stage != Close); way.Page != page {
			t.Errorf("%s to %s at %q: a page is shown: %v, want %v", c.hop.From, c.hop.To, c.stage, way.Page, page)
		}
	}
	trusted := request(final)
	trusted.Trusted = "vault 7"
	u := Last([]state.Record{record(Upgrade(trusted), 4, true)})
	if _, none := u.Back(); !none.Failed() || !strings.Contains(none[0].Hint, "vault 7") {
		t.Errorf("it does not name the admin's backup: %v", none)
	}
}

// TestRollbackOfAConversion: the data is set aside before the backup is restored.
func TestRollbackOfAConversion(t *testing.T) {
	p := Upgrade(request(with(multi, func(h *plan.Hop) { h.Irreversible, h.ConvertsPostgres = []string{"x"}, true })))
	u := Last([]state.Record{record(p, len(p.Stages), false)})
	way, _ := u.Back()
	const want = `stop [6.0.0 to 6.12.5040]
  halt tasks
restore [6.0.0 to 6.12.5040]
  reach back stopped back (page: rollback)
  set aside data back
  reach back closed back (page: rollback)
  restore databases back 20261101-020000
redeploy [6.0.0 to 6.12.5040]
  reach back
save [6.0.0 to 6.12.5040]
  save release back
`
	if diff := cmp.Diff(want, u.Return(way, "old", "new").String()); diff != "" {
		t.Error(diff)
	}
}

// TestHistoryTellsHowAnUpgradeStands, over what was done after it.
func TestHistoryTellsHowAnUpgradeStands(t *testing.T) {
	p := Upgrade(request(multi, next))
	whole := record(p, len(p.Stages), false)
	back := func(to string, result string) state.Record {
		u := Last([]state.Record{whole})
		way, _ := u.Back()
		r := state.Record{Number: 2, Action: plan.Rollback, Release: to, Result: result, Plan: u.Return(way, to, "")}
		return r
	}
	finish := state.Record{Number: 2, Action: plan.Finish, Result: state.Done}
	given := record(p, 0, true)
	given.GivenUp = true
	killed := record(p, 2, true)
	killed.Result = state.Killed
	for name, c := range map[string]struct {
		records []state.Record
		status  Status
		to      string // the release at which it stands
		left    string // releases that were rolled back from
	}{
		"it arrived":                     {[]state.Record{whole}, Arrived, "7.0.2852", ""},
		"it was killed":                  {[]state.Record{killed}, Running, "7.0.2852", ""},
		"it stopped":                     {[]state.Record{record(p, 4, true)}, Stopped, "7.0.2852", ""},
		"it was given up":                {[]state.Record{given}, Returned, "7.0.2852", "6.12.5040 7.0.2852"},
		"one step was rolled back":       {[]state.Record{whole, back("6.12.5040", state.Done)}, Arrived, "6.12.5040", "7.0.2852"},
		"a rollback is under way":        {[]state.Record{whole, back("6.12.5040", state.Killed)}, Returning, "7.0.2852", ""},
		"all of it was rolled back":      {[]state.Record{whole, back("6.12.5040", state.Done), back("6.0.0", state.Done)}, Returned, "6.12.5040", "7.0.2852 6.12.5040"},
		"the rollback was given up":      {[]state.Record{whole, finish}, Finished, "7.0.2852", ""},
		"something else was done since":  {[]state.Record{whole, {Number: 2, Action: plan.Up, Result: state.Done}}, Arrived, "7.0.2852", ""},
		"an upgrade after it was undone": {[]state.Record{whole, given}, Arrived, "7.0.2852", "6.12.5040 7.0.2852"},
	} {
		u := Last(c.records)
		if u.Status != c.status || u.Plan.Release != c.to || strings.Join(u.Left, " ") != c.left {
			t.Errorf("%s: %s at %s, left %v", name, u.Status, u.Plan.Release, u.Left)
		}
	}
	if Last(nil).Holds() {
		t.Error("nothing was upgraded, and there is a way back")
	}
}

// TestRolledBackFallbackDoesTheStepsAgain: what a fallback took back is not done.
func TestFallbackTakesStepsBack(t *testing.T) {
	p := Upgrade(request(next))
	r := record(p, 1, true)
	for _, s := range p.Steps {
		r.TakeBack(s.ID)
	}
	if u := Last([]state.Record{r}); u.Stage != 0 || u.touched() {
		t.Errorf("it goes on at stage %d", u.Stage)
	}
}

// TestTimesOfARehearsal: the next plan uses them, more where there is more data now, and a backup's wherever it leads.
func TestTimesOfARehearsal(t *testing.T) {
	p := Rehearsal(request(multi, next))
	p.Bytes = 1000
	r := record(p, len(p.Stages), false)
	r.Action = plan.Rehearse
	again := request(multi, next)
	again.Facts = &data.Facts{Databases: []data.Database{{Name: "pgsql", Bytes: 2000}}} // twice as much today
	again.Measured = Times([]state.Record{r})
	took := func(hop int, name string) (seconds float64) {
		for _, s := range p.Of(p.Find(hop, name)) {
			seconds += float64(s.ID)
		}
		return seconds
	}
	got := Upgrade(again)
	for _, c := range []struct {
		hop  int
		name string
		want float64
	}{{0, Backup, 2 * took(0, Backup)}, {0, Convert, 2 * took(0, Convert)}, {0, Migrate, 2 * took(0, Migrate)}, {0, Check, took(0, Check)}, {1, Deploy, deployment + 2*took(1, Migrate)}} {
		s := got.Stages[got.Find(c.hop, c.name)]
		if s.Seconds != c.want || !strings.Contains(s.Source, "rehearsed 2026-11-01") {
			t.Errorf("%d %s: %v s (%s), want %v s", c.hop, c.name, s.Seconds, s.Source, c.want)
		}
	}
	if s := got.Stages[got.Find(0, Deploy)]; s.Seconds != deployment {
		t.Errorf("a start behind the page was not rehearsed: %+v", s)
	}
}

// TestPreflight: a release that was tried and rolled back may have written itself into the databases. That keeps nobody from trying again. But a migrator
// would refuse to begin at another release than the databases are of.
func TestPreflight(t *testing.T) {
	f := &data.Facts{Release: "7.0.2852"}
	for kind, refused := range map[plan.Kind]bool{plan.Standard: false, plan.MultiVersion: true} {
		if got := Preflight(&plan.Hop{From: "6.12.5040", To: "7.0.2852", Kind: kind}, f); got.Failed() != refused {
			t.Errorf("a %s step: %v", kind, got)
		}
	}
	two := &data.Facts{Databases: []data.Database{{Name: "pgsql"}, {Name: "codeintel-db"}}}
	for kind, refused := range map[plan.Kind]bool{plan.Standard: false, plan.MultiVersion: true} {
		if got := Preflight(&plan.Hop{From: "6.12.5040", To: "7.0.2852", Kind: kind}, two); got.Failed() != refused || refused && got[0].Code != "BERTH1174" {
			t.Errorf("a %s step without codeinsights-db: %v", kind, got)
		}
	}
	own := data.Space{Free: -1, Own: map[string]int64{"pgsql": 10 << 30}}
	large := &data.Facts{Databases: []data.Database{{Name: "pgsql", Bytes: 6 << 30}}}
	if got := Enough(own, &plan.Hop{ConvertsPostgres: true}, large, false); len(got) != 1 || !strings.Contains(got[0].Hint, "storage: 19Gi") {
		t.Errorf("a volume that is too small for a conversion: %v", got)
	}
	silent := data.Space{Free: -1, Given: map[string]time.Duration{"pgsql": time.Hour}}
	for size, refused := range map[int64]bool{300 << 30: false, 500 << 30: true} { // an hour is enough for 400 GiB
		facts := &data.Facts{Databases: []data.Database{{Name: "pgsql", Bytes: size}, {Name: "codeintel-db", Bytes: size}}}
		if got := Enough(silent, &plan.Hop{ConvertsPostgres: true}, facts, false); got.Failed() != refused || refused && (len(got) != 1 || got[0].Code != "BERTH3767") {
			t.Errorf("a conversion of %d bytes: %v", size, got)
		}
		if got := Enough(silent, &plan.Hop{}, facts, false); len(got) > 0 {
			t.Errorf("no conversion: %v", got)
		}
	}
	if got := Enough(data.Space{Free: 1 << 20}, &multi, large, true); !got.Failed() || !strings.Contains(got[0].Summary, "14 GiB") {
		t.Errorf("no room for a backup: %v", got)
	}
}

// TestEstimatesWithoutARehearsal: what services took to start here counts, and what was measured in another upgrade step of the same kind, but for what
// the databases go through.
func TestEstimatesWithoutARehearsal(t *testing.T) {
	first := request(multi)
	first.Usual = map[string]float64{"pgsql": 4, "Deployment/codeintel-db": 6, "sourcegraph-frontend-0": 7, "gitserver-0": 30, "migrator": 90}
	p := Upgrade(first)
	for stage, want := range map[string]float64{Convert: 6, Migrate: migration, Deploy: 7, Close: aMoment} {
		if s := p.Stages[p.Find(0, stage)]; s.Seconds != want {
			t.Errorf("%s: %v s (%s), want %v", stage, s.Seconds, s.Source, want)
		}
	}
	other := with(multi, func(h *plan.Hop) { h.From, h.To = "5.0.0", "6.0.0" })
	r := record(Upgrade(request(other)), 99, false)
	first.Measured = Times([]state.Record{r})
	again := Upgrade(first)
	for stage, measured := range map[string]bool{Check: true, Backup: true, Close: true, Convert: false, Migrate: false, Deploy: true, Prove: true, Open: true} {
		if s := again.Stages[again.Find(0, stage)]; strings.HasPrefix(s.Source, "measured here") != measured {
			t.Errorf("%s: %v s (%s); measured in another upgrade step: %v", stage, s.Seconds, s.Source, measured)
		}
	}
}

// TestCompared: what an upgrade took stands beside what its plan said, with the migrator's share. One that did not arrive has no such comparison.
func TestCompared(t *testing.T) {
	p := Upgrade(request(multi))
	whole := record(p, len(p.Stages), false)
	c := Compared(&whole)
	if c == nil || c.Downtime.Foreseen != p.Downtime || c.Migrator.Foreseen != migration || MigratorShare(p) != migration || MigratorShare(p, 1) != 0 {
		t.Fatalf("%+v beside a downtime of %v", c, p.Downtime)
	}
	if c.Migrator.Took <= 0 || c.Downtime.Took <= c.Migrator.Took || c.Duration.Took <= c.Downtime.Took {
		t.Errorf("%+v", c)
	}
	part := record(p, 4, false)
	if c := Compared(&part); c != nil {
		t.Errorf("it did not arrive: %+v", c)
	}
}
