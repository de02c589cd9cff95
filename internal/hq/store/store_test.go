package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/hq/fleet"
	"berth/internal/hq/simulate"
	"berth/internal/hq/store/pgtest"
	"berth/internal/plan"
	"berth/internal/report"
	"berth/internal/state"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// open opens an empty database with a schema; -1: the newest.
func open(t *testing.T, address string, schema int) *Store {
	t.Helper()
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	migrate(t, s, schema)
	return s
}

func migrate(t *testing.T, s *Store, schema int) {
	t.Helper()
	if schema < 0 {
		all, err := Migrations()
		if err != nil {
			t.Fatal(err)
		}
		schema = len(all)
	}
	if err := s.Migrate(t.Context(), schema, func(string) {}); err != nil {
		t.Fatal(err)
	}
}

// arrived are the reports of a simulated fleet, as they arrive.
func arrived(t *testing.T, installations int) (out []*report.Received) {
	t.Helper()
	of := simulate.Shape{Seed: 3, Installations: installations, From: now.AddDate(0, -6, 0), To: now, Every: 7 * 24 * time.Hour}
	for text, err := range simulate.Arrivals(3, simulate.Fleet(of, catalogue.Embedded())) {
		if err != nil {
			t.Fatal(err)
		}
		r, problems := report.Open(text, now)
		if problems.Failed() {
			t.Fatal(problems)
		}
		out = append(out, r)
	}
	return out
}

func fleetOf(t *testing.T, s *Store) *fleet.Fleet {
	t.Helper()
	f, err := s.Fleet(t.Context(), catalogue.Embedded(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func diffOf(want, got *fleet.Fleet) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(fleet.Fleet{}))
}

// ordered is the fleet that reports give when each arrives once, in order, without a database.
func ordered(all []*report.Received) *fleet.Fleet {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *report.Received) int { return a.Made.Compare(b.Made) })
	by := map[string]*fleet.Installation{}
	out := &fleet.Fleet{Releases: fleet.Releases(catalogue.Embedded()), Sizes: report.Sizes(catalogue.Embedded())}
	for _, r := range all {
		i := by[r.Installation]
		if i == nil {
			i = &fleet.Installation{Name: r.Installation}
			by[r.Installation] = i
		}
		facts := fleet.FactsOf(&r.Report)
		said := &facts
		if n := len(i.Stays); n > 0 && *i.Stays[n-1].Said == facts {
			said = i.Stays[n-1].Said
		}
		i.Stays = fleet.Extend(i.Stays, r.Made, said)
		i.Start, i.Doctor, i.Upgrades = r.Start, listOf(r.Doctor), nil
		for _, run := range r.Runs {
			if run.Action == plan.Upgrade {
				i.Upgrades = append(i.Upgrades, run)
			}
		}
	}
	for _, i := range by {
		out.Installations = append(out.Installations, *i)
	}
	slices.SortFunc(out.Installations, func(a, b fleet.Installation) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// TestAnyOrder: reports that arrive shuffled, twice and from four at the same time leave the same as in order.
func TestAnyOrder(t *testing.T) {
	server := pgtest.Start(t)
	all := arrived(t, 24)
	want := ordered(all)
	if len(all) < 250 || len(want.Installations) < 20 {
		t.Fatalf("only %d reports of %d installations", len(all), len(want.Installations))
	}
	for seed := range uint64(2) {
		s := open(t, server.Database(t), -1)
		mixed := slices.Concat(all, all[:len(all)/3])
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		}
		var wait sync.WaitGroup
		var known [4]int
		size := (len(mixed) + 3) / 4
		for part, reports := range slices.Collect(slices.Chunk(mixed, size)) {
			wait.Go(func() {
				for some := range slices.Chunk(reports, 1+int(seed)*7) {
					old, err := s.Take(context.Background(), some...)
					if err != nil {
						t.Error(err)
					}
					known[part] += len(old)
				}
			})
		}
		wait.Wait()
		if diff := diffOf(want, fleetOf(t, s)); diff != "" {
			t.Errorf("seed %d: -in order +as they came:\n%s", seed, diff)
		}
		if known[0]+known[1]+known[2]+known[3] == 0 {
			t.Error("no report was known")
		}
	}
}

// TestRunsThatGoOn: a run that was killed and continued is what the newest report says, whichever arrives last.
func TestRunsThatGoOn(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	said := func(age time.Duration, result string) *report.Received {
		return opened(t, &report.Report{Made: now.Add(-age), Release: "7.5.4453", Runs: []report.Run{{Number: 7, Action: plan.Upgrade, Started: now.AddDate(0, 0, -9), From: "7.4.0", Release: "7.5.4453", Result: result}}})
	}
	for _, r := range []*report.Received{said(3*time.Hour, state.Killed), said(time.Hour, state.Done), said(2*time.Hour, state.Killed)} {
		if _, err := s.Take(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := fleetOf(t, s).Installations[0].Upgrades; len(got) != 1 || got[0].Result != state.Done {
		t.Errorf("%+v", got)
	}
}

// opened is a report as it is received.
func opened(t *testing.T, of *report.Report) *report.Received {
	t.Helper()
	key := report.NewKey("a")
	of.Version, of.Installation, of.Berth, of.Target, of.Option = 1, key.Installation(), "0.4.0", catalogue.Compose, "compose"
	signed, err := key.Sign(of)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.Text()
	if err != nil {
		t.Fatal(err)
	}
	r, problems := report.Open(text, now)
	if problems.Failed() {
		t.Fatal(problems)
	}
	return r
}

// TestLateInTheMiddle: a report that comes late and says another thing than those before and after it breaks their stay where they lie, over years of reports.
func TestLateInTheMiddle(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	var all []*report.Received
	late := opened(t, &report.Report{Made: now.AddDate(0, 0, -101), Release: "7.5.4453"})
	for day := range 300 {
		if day%2 == 0 {
			all = append(all, opened(t, &report.Report{Made: now.AddDate(0, 0, -day), Release: "7.4.0"}))
		}
	}
	for _, some := range [][]*report.Received{all, {late}} {
		if _, err := s.Take(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	if diff := diffOf(ordered(append(all, late)), fleetOf(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestTogether: reports of many senders are taken together, a second one of the same is known, and one that the database can't keep spoils no other.
func TestTogether(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	all := arrived(t, 12)
	bad := opened(t, &report.Report{Made: now, Release: "7.5.4453", Runs: []report.Run{{Number: 1, Action: plan.Upgrade, Started: now, Result: state.Done}}})
	bad.Runs[0].Stage = "\x00" // jsonb has no such text; Open does not let it through
	var wait sync.WaitGroup
	var taken, known atomic.Int64
	for n, r := range append(all, bad) {
		wait.Go(func() {
			old, err := s.Receive(context.Background(), r)
			switch {
			case (err != nil) != (r == bad):
				t.Errorf("report %d: %v", n, err)
			case old:
				known.Add(1)
			case err == nil:
				taken.Add(1)
			}
		})
	}
	wait.Wait()
	distinct := map[string]bool{}
	for _, r := range all {
		distinct[r.ID] = true
	}
	if int(taken.Load()) != len(distinct) || int(known.Load()) != len(all)-len(distinct) || len(all) == len(distinct) {
		t.Errorf("%d taken and %d known, of %d with %d distinct ones", taken.Load(), known.Load(), len(all), len(distinct))
	}
	if diff := diffOf(ordered(all), fleetOf(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestManyKinds: an installation that reports another version of berth each day makes so many kinds and no more, and what figures ask for stays right.
func TestManyKinds(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	s.many = 3
	var all []*report.Received
	for n := range 20 {
		r := opened(t, &report.Report{Made: now.AddDate(0, 0, n-20), Release: "7.4.0", Postgres: 16})
		if n >= 10 {
			r.Release = "7.5.4453"
		}
		r.Berth = fmt.Sprintf("0.4.%d", n)
		all = append(all, r)
	}
	for some := range slices.Chunk(all, 5) {
		if _, err := s.Take(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	var kinds int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM kinds`).Scan(&kinds); err != nil || kinds != s.many+2 {
		t.Errorf("%d kinds: %v", kinds, err)
	}
	stays := fleetOf(t, s).Installations[0].Stays
	if last := stays[len(stays)-1]; len(stays) != s.many+2 || last.Said.Release != "7.5.4453" || !last.First.Equal(all[10].Made) || !last.Last.Equal(all[19].Made) || last.Said.Berth != "" {
		t.Errorf("%+v", stays)
	}
	if known, err := s.Take(t.Context(), all...); err != nil || len(known) != len(all) {
		t.Errorf("%d of %d are known: %v", len(known), len(all), err)
	}
}

// TestMigrations goes forward and back with data: what a migration did not make is as it was.
func TestMigrations(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	reports := arrived(t, 10)
	if _, err := s.Take(t.Context(), reports...); err != nil {
		t.Fatal(err)
	}
	if err := s.Refuse(t.Context(), now, "BERTH4911"); err != nil {
		t.Fatal(err)
	}
	want := ordered(reports)
	want.Refusals = []fleet.Refusal{{Day: now.Truncate(24 * time.Hour), Code: "BERTH4911", Count: 1}}
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Deletes == "" || strings.HasPrefix(m.down, m.Deletes) {
			t.Errorf("migration %d does not say what its way back deletes", m.Number)
		}
	}
	starts := forgetStarts(want) // a schema before 7 has no place for them
	if len(starts) == 0 {
		t.Fatal("no installation said how it began")
	}
	for _, to := range []int{5, len(all), 1, len(all), len(all)} {
		migrate(t, s, to)
		if to == len(all) {
			if diff := diffOf(want, fleetOf(t, s)); diff != "" {
				t.Errorf("the way here changed the reports:\n%s", diff)
			}
			if known, err := s.Take(t.Context(), reports[0]); err != nil || !known[reports[0]] {
				t.Errorf("a report was forgotten on the way: %v", err)
			}
		}
		ready := s.Ready(t.Context())
		if to == len(all) && ready != nil {
			t.Error(ready)
		}
		if to < len(all) && code(ready) != "BERTH4921" {
			t.Errorf("schema %d is taken for ready: %v", to, ready)
		}
	}
	for name, start := range starts {
		last := newestOf(reports, name)
		again := last.Report
		again.Made = again.Made.Add(time.Hour)
		if _, err := s.Take(t.Context(), &report.Received{Report: again}); err != nil {
			t.Fatal(err)
		}
		if i, _ := fleetOf(t, s).Find(name); !cmp.Equal(i.Start, start) {
			t.Errorf("after a way back and forward, the next report that says the same leaves %+v of %+v", i.Start, start)
		}
	}
	migrate(t, s, 0)
	migrate(t, s, len(all))
	if f := fleetOf(t, s); len(f.Installations) != 0 || len(f.Refusals) != 0 {
		t.Error("the way back to nothing left something")
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE schema SET number = 99`); err != nil {
		t.Fatal(err)
	}
	if code(s.Ready(t.Context())) != "BERTH4921" || code(s.Migrate(t.Context(), len(all), func(string) {})) != "BERTH4921" {
		t.Error("a newer schema is taken for ours")
	}
}

// forgetStarts takes the starts out of a fleet, and gives them.
func forgetStarts(f *fleet.Fleet) map[string]*report.Start {
	out := map[string]*report.Start{}
	for n := range f.Installations {
		if i := &f.Installations[n]; i.Start != nil {
			out[i.Name], i.Start = i.Start, nil
		}
	}
	return out
}

func newestOf(all []*report.Received, name string) (newest *report.Received) {
	for _, r := range all {
		if r.Installation == name && (newest == nil || r.Made.After(newest.Made)) {
			newest = r
		}
	}
	return newest
}

// TestStarts: how an installation began is what its newest report says, whichever arrives last, and what PostgreSQL keeps is what was said.
func TestStarts(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	began := now.AddDate(0, 0, -9)
	said := func(age time.Duration, seconds int) *report.Received {
		return opened(t, &report.Report{Made: now.Add(-age), Release: "7.5.4453", Start: &report.Start{Began: began, FirstSearch: seconds}})
	}
	for _, r := range []*report.Received{said(3*time.Hour, 0), said(time.Hour, 840), said(2*time.Hour, 0)} {
		if _, err := s.Take(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := fleetOf(t, s).Installations[0].Start; got == nil || !got.Began.Equal(began) || got.FirstSearch != 840 {
		t.Errorf("%+v", got)
	}
}

// TestMigrationOfManyASecond: a database of schema 5 may have what schema 6 has no place for: several reports of a second, and parts of seconds.
func TestMigrationOfManyASecond(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), 5)
	if _, err := s.pool.Exec(t.Context(), `
		INSERT INTO kinds (facts) VALUES ('{"release": "7.4.0"}'), ('{"release": "7.5.4453"}');
		INSERT INTO installations (name, newest) VALUES ('a', '2026-11-02 10:00:00.5Z');
		INSERT INTO reports SELECT 1, k, m, m, i FROM (VALUES (1, '2026-11-01 10:00:00Z'::timestamptz, 'a'::bytea), (1, '2026-11-02 10:00:00Z', 'b'), (2, '2026-11-02 10:00:00Z', 'c'), (2, '2026-11-02 10:00:00.5Z', 'd')) r (k, m, i);
		INSERT INTO stays VALUES (1, 1, '2026-11-01 10:00:00Z', '2026-11-02 10:00:00Z'), (1, 2, '2026-11-02 10:00:00Z', '2026-11-02 10:00:00.5Z');
		INSERT INTO runs VALUES (1, 1, now(), '{"number": 1, "action": "upgrade", "result": "done"}')`); err != nil {
		t.Fatal(err)
	}
	for _, to := range []int{6, 5, 6, -1} {
		migrate(t, s, to)
	}
	i := fleetOf(t, s).Installations[0]
	if len(i.Stays) != 2 || i.Stays[1].Said.Release != "7.5.4453" || len(i.Upgrades) != 1 {
		t.Errorf("%+v", i)
	}
}

func code(err error) string {
	var list diag.List
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Code
	}
	return ""
}

// TestServerIsAway: a crash of the server loses nothing that was taken, and the store works again without being opened again.
func TestServerIsAway(t *testing.T) {
	server := pgtest.Start(t)
	s := open(t, server.Database(t), -1)
	all := arrived(t, 6)
	if _, err := s.Take(t.Context(), all[:20]...); err != nil {
		t.Fatal(err)
	}
	want := fleetOf(t, s)
	server.Crash(t)
	if _, err := s.Take(t.Context(), all[20]); err == nil {
		t.Error("a report was taken without a database")
	}
	server.Up(t)
	// A connection that the crash cut is found when it is used. There are four at the most.
	for range 4 {
		if _, err := s.Schema(t.Context()); err == nil {
			break
		}
	}
	if diff := diffOf(want, fleetOf(t, s)); diff != "" {
		t.Errorf("after the crash:\n%s", diff)
	}
	if _, err := s.Take(t.Context(), all[20:]...); err != nil {
		t.Error(err)
	}
	if diff := diffOf(ordered(all), fleetOf(t, s)); diff != "" {
		t.Errorf("after all:\n%s", diff)
	}
}

// TestOldServer: a server that berth-hq is not tested with is refused before anything is written, and its data can be taken to a newer one.
func TestOldServer(t *testing.T) {
	s, err := Open(t.Context(), pgtest.StartOld(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for what, err := range map[string]error{
		"migrate": s.Migrate(t.Context(), 1, func(string) {}), "ready": s.Ready(t.Context()), "load": s.Load(t.Context(), Dump{Schema: 1}, nil),
	} {
		if code(err) != "BERTH4933" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n, err := s.Schema(t.Context()); n != 0 || err != nil {
		t.Errorf("schema %d was made: %v", n, err)
	}
}

// TestAddressIsNotTold: an address with a password is not in the message.
func TestAddressIsNotTold(t *testing.T) {
	for _, address := range []string{"postgres://hq:secret-word@%zz", "postgres://hq:secret-word@127.0.0.1:1/hq"} {
		_, err := Open(t.Context(), address)
		var list diag.List
		if !errors.As(err, &list) || code(err) != "BERTH4920" {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", list); strings.Contains(text, "secret-word") {
			t.Error(text)
		}
	}
}
