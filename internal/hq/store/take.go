package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/hq/fleet"
	"berth/internal/report"
)

// takeLock is the advisory lock of whoever takes reports. There is one at a time, in all programs together: so what it reads stays true until it writes, nobody
// waits in a circle, and many reports in one transaction are faster than many transactions.
const takeLock = 0x62657274685f5270

// Take takes reports, all of them or none, and says which had arrived before: reports of an installation that were made in the same second are one.
func (s *Store) Take(ctx context.Context, reports ...*report.Received) (known map[*report.Received]bool, err error) {
	if len(reports) == 0 {
		return nil, nil
	}
	kinds := map[*report.Received]int32{}
	for _, r := range reports {
		if kinds[r], err = s.kind(ctx, fleet.FactsOf(&r.Report)); err != nil {
			return nil, err
		}
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		t := &taking{ctx: ctx, tx: tx, all: slices.Clone(reports), kinds: kinds, known: map[*report.Received]bool{}, of: map[string]*taken{}}
		known = t.known
		return t.take()
	})
	if err != nil {
		return nil, fmt.Errorf("take reports: %w", err)
	}
	return known, nil
}

// manyKinds is how many kinds of installations there may be with the versions of berth and Postgres. Real fleets have some thousand.
const manyKinds = 20_000

// kind is the number of a kind. A new one is written outside of a transaction, so that nobody learns one that is rolled back. Each word of a kind is from a list
// or, like the version of berth, of a form: where there are too many kinds, a new one is kept without what no figure asks for. So an installation that writes
// what it likes can't fill the table.
func (s *Store) kind(ctx context.Context, f fleet.Facts) (id int32, err error) {
	if id, ok := s.kinds.Load(f); ok {
		return id.(int32), nil
	}
	const find = `SELECT id FROM kinds WHERE facts = $1`
	err = s.pool.QueryRow(ctx, find, f).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		var all int
		if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM kinds`).Scan(&all); err != nil {
			return 0, fmt.Errorf("count the kinds: %w", err)
		}
		if less := f.Counted(); all >= s.many && less != f {
			return s.kind(ctx, less)
		}
		if _, err := s.pool.Exec(ctx, `INSERT INTO kinds (facts) VALUES ($1) ON CONFLICT DO NOTHING`, f); err != nil {
			return 0, fmt.Errorf("add a kind: %w", err)
		}
		err = s.pool.QueryRow(ctx, find, f).Scan(&id)
	}
	if err != nil {
		return 0, fmt.Errorf("read a kind: %w", err)
	}
	s.kinds.Store(f, id)
	return id, nil
}

type span = fleet.Span[int32]

// taking is a transaction that takes reports.
type taking struct {
	ctx   context.Context
	tx    pgx.Tx
	all   []*report.Received // by time
	kinds map[*report.Received]int32
	known map[*report.Received]bool
	of    map[string]*taken // by the name of the installation
}

// taken is an installation in it.
type taken struct {
	id     int32
	said   int64 // what its newest report said
	fresh  []*report.Received
	before []span // its stays, as they were
}

// take goes through the tables one by one: each statement is for all reports.
func (t *taking) take() error {
	slices.SortStableFunc(t.all, func(a, b *report.Received) int { return a.Made.Compare(b.Made) })
	if _, err := t.tx.Exec(t.ctx, `SELECT pg_advisory_xact_lock($1)`, int64(takeLock)); err != nil {
		return err
	}
	for _, step := range []func() error{t.installations, t.reports, t.readStays, t.stays, t.beside} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// installations finds those that are known, and adds the others.
func (t *taking) installations() error {
	var names []string
	for _, r := range t.all {
		if t.of[r.Installation] == nil {
			t.of[r.Installation] = &taken{}
			names = append(names, r.Installation)
		}
	}
	read := func(query string, names []string) error {
		return each(t.ctx, t.tx, query, func(row pgx.Rows) error {
			var name string
			var i taken
			err := row.Scan(&name, &i.id, &i.said)
			*t.of[name] = i
			return err
		}, names)
	}
	if err := read(`SELECT name, id, said FROM installations WHERE name = ANY($1)`, names); err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return t.of[name].id != 0 })
	if len(names) == 0 {
		return nil
	}
	return read(`INSERT INTO installations (name) SELECT unnest($1::text[]) RETURNING name, id, said`, names)
}

// second is a report by what it is known by.
type second struct {
	installation int32
	made         int64
}

// reports keeps each report, and finds out which are there already.
func (t *taking) reports() error {
	var of, kinds []int32
	var made []time.Time
	for _, r := range t.all {
		of, kinds, made = append(of, t.of[r.Installation].id), append(kinds, t.kinds[r]), append(made, r.Made)
	}
	fresh := map[second]bool{}
	err := each(t.ctx, t.tx, `INSERT INTO reports (installation, kind, made) SELECT * FROM unnest($1::int[], $2::int[], $3::timestamptz[]) ON CONFLICT DO NOTHING RETURNING installation, made`, func(row pgx.Rows) error {
		var id int32
		var at time.Time
		err := row.Scan(&id, &at)
		fresh[second{id, at.Unix()}] = true
		return err
	}, of, kinds, made)
	if err != nil {
		return err
	}
	for _, r := range t.all {
		i := t.of[r.Installation]
		key := second{i.id, r.Made.Unix()}
		if !fresh[key] {
			t.known[r] = true
			continue
		}
		delete(fresh, key) // the same report once more is known
		i.fresh = append(i.fresh, r)
	}
	return nil
}

func (t *taking) readStays() error {
	by := map[int32]*taken{}
	for _, i := range t.of {
		if len(i.fresh) > 0 {
			by[i.id] = i
		}
	}
	return each(t.ctx, t.tx, `SELECT installation, first, last, kind FROM stays WHERE installation = ANY($1) ORDER BY installation, first`, func(row pgx.Rows) error {
		var id int32
		var s span
		err := row.Scan(&id, &s.First, &s.Last, &s.Said)
		by[id].before = append(by[id].before, s)
		return err
	}, ids(by))
}

func ids(by map[int32]*taken) (out []int32) {
	for id := range by {
		out = append(out, id)
	}
	return out
}

// stays adds the reports to the stays, and writes those that changed.
func (t *taking) stays() error {
	var goneOf, of, kinds []int32
	var gone, first, last []time.Time
	for _, i := range t.of {
		now := slices.Clone(i.before)
		for _, r := range i.fresh {
			var err error
			if now, err = fleet.Insert(now, r.Made, t.kinds[r], func(s span) (time.Time, time.Time, error) { return t.around(i.id, s, r.Made) }); err != nil {
				return err
			}
		}
		for _, s := range i.before {
			if !slices.ContainsFunc(now, func(n span) bool { return n.First.Equal(s.First) }) {
				goneOf, gone = append(goneOf, i.id), append(gone, s.First)
			}
		}
		for _, s := range now {
			if !slices.ContainsFunc(i.before, func(b span) bool { return b.First.Equal(s.First) && b.Last.Equal(s.Last) && b.Said == s.Said }) {
				of, first, last, kinds = append(of, i.id), append(first, s.First), append(last, s.Last), append(kinds, s.Said)
			}
		}
	}
	if len(gone) > 0 {
		if _, err := t.tx.Exec(t.ctx, `DELETE FROM stays USING unnest($1::int[], $2::timestamptz[]) g (i, f) WHERE installation = i AND first = f`, goneOf, gone); err != nil {
			return err
		}
	}
	_, err := t.tx.Exec(t.ctx, `INSERT INTO stays (installation, first, last, kind) SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[], $4::int[])
		ON CONFLICT (installation, first) DO UPDATE SET last = excluded.last, kind = excluded.kind`, of, first, last, kinds)
	return err
}

// around finds the two reports of a stay that a moment lies between. They are no more than Silence away from each other, so few weeks are looked at.
func (t *taking) around(id int32, s span, made time.Time) (before, after time.Time, err error) {
	const near = `SELECT made FROM reports WHERE installation = $1 AND kind = $2 AND made BETWEEN $3 AND $4 AND date_bin('7 days', made, 'epoch') = ANY($5) ORDER BY made `
	from, to := made.Add(-fleet.Silence), made.Add(fleet.Silence)
	if from.Before(s.First) {
		from = s.First
	}
	if to.After(s.Last) {
		to = s.Last
	}
	err = t.tx.QueryRow(t.ctx, near+`DESC LIMIT 1`, id, s.Said, from, made, weeks(from, made)).Scan(&before)
	if err == nil {
		err = t.tx.QueryRow(t.ctx, near+`ASC LIMIT 1`, id, s.Said, made, to, weeks(made, to)).Scan(&after)
	}
	return before, after, err
}

// weeks are those of the index of reports: they begin on Thursdays, as 1970 did.
func weeks(from, to time.Time) (out []time.Time) {
	const week = 7 * 24 * 3600
	for at := from.Unix() / week * week; at <= to.Unix(); at += week {
		out = append(out, time.Unix(at, 0))
	}
	return out
}

// said is what a report says beside its kind.
type said struct {
	Start      *report.Start
	Doctor     []report.Found
	Exceptions []report.Exception
	Runs       []report.Run
}

// hash is that of what a report says beside its kind.
func hash(r *report.Received) (int64, error) {
	text, err := json.Marshal(said{r.Start, r.Doctor, r.Exceptions, r.Runs})
	h := fnv.New64a()
	h.Write(text)
	return int64(h.Sum64()), err
}

// beside writes what reports say beside their kinds. Of the newest report of an installation all counts; of an older one the runs that no other one has.
func (t *taking) beside() error {
	w := &writing{}
	for _, i := range t.of {
		for n, r := range slices.Backward(i.fresh) {
			if n < len(i.fresh)-1 || len(i.before) > 0 && r.Made.Before(i.before[len(i.before)-1].Last) {
				w.late.add(i.id, r.Runs)
				continue
			}
			h, err := hash(r)
			if err != nil {
				return err
			}
			if h != i.said {
				w.newest(i.id, h, r)
			}
		}
	}
	return w.write(t.ctx, t.tx)
}

// writing is what is written of installations and runs.
type writing struct {
	of                 []int32
	said               []int64
	began              []*time.Time
	seconds            []*int32
	doctor, exceptions []string
	fresh, late        runs
}

// runs are rows of the table.
type runs struct {
	of, number []int32
	run        []string
}

// add adds the runs of a report. One that is there twice in it counts once.
func (w *runs) add(id int32, all []report.Run) {
	there := map[int]bool{}
	for _, r := range all {
		if !there[r.Number] {
			there[r.Number] = true
			w.of, w.number, w.run = append(w.of, id), append(w.number, int32(r.Number)), append(w.run, text(r))
		}
	}
}

func (w *writing) newest(id int32, hash int64, r *report.Received) {
	w.of, w.said = append(w.of, id), append(w.said, hash)
	var began *time.Time
	var seconds *int32
	if r.Start != nil {
		took := int32(r.Start.FirstSearch) // Open lets no larger one through
		began, seconds = &r.Start.Began, &took
	}
	w.began, w.seconds = append(w.began, began), append(w.seconds, seconds)
	w.doctor, w.exceptions = append(w.doctor, text(listOf(r.Doctor))), append(w.exceptions, text(listOf(r.Exceptions)))
	w.fresh.add(id, r.Runs)
}

func text(document any) string {
	out, _ := json.Marshal(document) // it has nothing but texts, numbers and times
	return string(out)
}

// listOf writes no list as an empty one.
func listOf[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func (w *writing) write(ctx context.Context, tx pgx.Tx) error {
	if len(w.of) > 0 {
		if _, err := tx.Exec(ctx, `UPDATE installations SET said = s, began = b, seconds = t, doctor = d::jsonb, exceptions = e::jsonb
			FROM unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::int[], $5::text[], $6::text[]) n (i, s, b, t, d, e) WHERE id = i`, w.of, w.said, w.began, w.seconds, w.doctor, w.exceptions); err != nil {
			return err
		}
	}
	const insert = `INSERT INTO runs (installation, number, run) SELECT i, n, r::jsonb FROM unnest($1::int[], $2::int[], $3::text[]) r (i, n, r) ON CONFLICT `
	if err := w.fresh.write(ctx, tx, insert+`(installation, number) DO UPDATE SET run = excluded.run WHERE runs.run <> excluded.run`); err != nil {
		return err
	}
	return w.late.write(ctx, tx, insert+`DO NOTHING`)
}

func (w *runs) write(ctx context.Context, tx pgx.Tx, insert string) error {
	if len(w.of) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, insert, w.of, w.number, w.run)
	return err
}
