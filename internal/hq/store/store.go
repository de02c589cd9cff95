// Package store keeps what installations reported, and what people wrote of them, in PostgreSQL. A report is taken whole, in one transaction, or not at all; what was acknowledged is on
// disk. Reports may arrive late, twice and in any order: what is kept is the same in the end. It holds no figures: those are counted from what Fleet reads.
package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/hq/fleet"
	"berth/internal/plan"
	"berth/internal/report"
)

// Store is a database of reports.
type Store struct {
	pool  *pgxpool.Pool
	kinds sync.Map // fleet.Facts -> int32
}

// Open connects to a database. An address that is "" leaves all to the variables of libpq, such as PGHOST.
func Open(ctx context.Context, address string) (*Store, error) {
	conf, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, unreachable(errors.New("its address can't be read")) // the error quotes it, password and all
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err == nil {
		err = pool.Ping(ctx)
	}
	if err != nil {
		return nil, unreachable(err)
	}
	return &Store{pool: pool}, nil
}

func unreachable(err error) diag.List {
	return diag.List{{Code: "BERTH4920", Severity: diag.Error, Subject: "database", Summary: "PostgreSQL was not reached", Detail: strings.Split(err.Error(), "\n"),
		Hint: "set BERTH_HQ_DATABASE to its address, such as postgres:///hq?host=/run/postgresql"}}
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Take takes reports, all of them or none, and says which had arrived before. received is now.
func (s *Store) Take(ctx context.Context, received time.Time, reports ...*report.Received) (known map[*report.Received]bool, err error) {
	// Whoever takes several installations locks them in the same order, so that nobody waits in a circle.
	by := map[string][]*report.Received{}
	var names []string
	for _, r := range reports {
		if by[r.Installation] == nil {
			names = append(names, r.Installation)
		}
		by[r.Installation] = append(by[r.Installation], r)
		if err := s.knowKind(ctx, fleet.FactsOf(&r.Report)); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	known = map[*report.Received]bool{}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, name := range names {
			if err := s.takeOf(ctx, tx, received, name, by[name], known); err != nil {
				return fmt.Errorf("take the reports of %s: %w", name, err)
			}
		}
		return nil
	})
	return known, err
}

// knowKind learns the number of a kind. It is written outside of a transaction, so that nobody learns one that is rolled back.
func (s *Store) knowKind(ctx context.Context, f fleet.Facts) error {
	if _, ok := s.kinds.Load(f); ok {
		return nil
	}
	if _, err := s.pool.Exec(ctx, `INSERT INTO kinds (facts) VALUES ($1) ON CONFLICT DO NOTHING`, f); err != nil {
		return fmt.Errorf("add a kind: %w", err)
	}
	var id int32
	if err := s.pool.QueryRow(ctx, `SELECT id FROM kinds WHERE facts = $1`, f).Scan(&id); err != nil {
		return fmt.Errorf("read a kind: %w", err)
	}
	s.kinds.Store(f, id)
	return nil
}

func (s *Store) kindOf(r *report.Received) int32 {
	id, _ := s.kinds.Load(fleet.FactsOf(&r.Report)) // knowKind was called
	return id.(int32)
}

// lock makes an installation known, and locks it until the transaction ends.
func lock(ctx context.Context, tx pgx.Tx, name string) (id int32, newest time.Time, err error) {
	const find = `SELECT id, CASE WHEN isfinite(newest) THEN newest ELSE 'epoch' END FROM installations WHERE name = $1 FOR UPDATE`
	err = tx.QueryRow(ctx, find, name).Scan(&id, &newest)
	if !errors.Is(err, pgx.ErrNoRows) {
		return id, newest, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO installations (name) VALUES ($1) ON CONFLICT DO NOTHING`, name); err != nil {
		return 0, time.Time{}, err
	}
	err = tx.QueryRow(ctx, find, name).Scan(&id, &newest)
	return id, newest, err
}

// takeOf takes reports of one installation.
func (s *Store) takeOf(ctx context.Context, tx pgx.Tx, received time.Time, name string, reports []*report.Received, known map[*report.Received]bool) error {
	id, newest, err := lock(ctx, tx, name)
	if err != nil {
		return err
	}
	slices.SortFunc(reports, func(a, b *report.Received) int { return a.Made.Compare(b.Made) })
	late := false
	for _, r := range reports {
		hash, err := hex.DecodeString(r.ID)
		if err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `INSERT INTO reports (installation, kind, made, received, id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, id, s.kindOf(r), r.Made, received, hash)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			known[r] = true
			continue
		}
		if r.Made.After(newest) {
			newest = r.Made
			err = s.extend(ctx, tx, id, r)
		} else {
			late = true
		}
		if err == nil {
			err = takeRuns(ctx, tx, id, r)
		}
		if err != nil {
			return err
		}
	}
	if late {
		return rebuild(ctx, tx, id)
	}
	return nil
}

// extend adds the newest report of an installation to its stays.
func (s *Store) extend(ctx context.Context, tx pgx.Tx, id int32, r *report.Received) error {
	_, err := tx.Exec(ctx, `UPDATE installations SET newest = $2, doctor = $3, exceptions = $4 WHERE id = $1`, id, r.Made, listOf(r.Doctor), listOf(r.Exceptions))
	if err != nil {
		return err
	}
	stays, err := readStays(ctx, tx, `SELECT first, last, kind FROM stays WHERE installation = $1 ORDER BY first DESC, last DESC LIMIT 1`, id)
	if err != nil {
		return err
	}
	n := len(stays)
	stays = fleet.Extend(stays, r.Made, s.kindOf(r))
	last := stays[len(stays)-1]
	if len(stays) > n {
		_, err = tx.Exec(ctx, `INSERT INTO stays (installation, first, last, kind) VALUES ($1, $2, $3, $4)`, id, last.First, last.Last, last.Said)
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE stays SET last = $3 WHERE installation = $1 AND first = $2 AND kind = $4`, id, last.First, last.Last, last.Said)
	return err
}

// listOf writes no list as an empty one.
func listOf[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

type span = fleet.Span[int32]

func readStays(ctx context.Context, tx pgx.Tx, query string, id int32) ([]span, error) {
	rows, err := tx.Query(ctx, query, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s span, err error) {
		return s, row.Scan(&s.First, &s.Last, &s.Said)
	})
}

// rebuild makes the stays of an installation again, after a report that came late. Two reports of one second have an order, too, so that it is always the same.
func rebuild(ctx context.Context, tx pgx.Tx, id int32) error {
	points, err := readStays(ctx, tx, `SELECT made, made, kind FROM reports WHERE installation = $1 ORDER BY made, id`, id)
	if err != nil {
		return err
	}
	var stays []span
	for _, p := range points {
		stays = fleet.Extend(stays, p.First, p.Said)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM stays WHERE installation = $1`, id); err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"stays"}, []string{"installation", "first", "last", "kind"}, pgx.CopyFromSlice(len(stays), func(n int) ([]any, error) {
		return []any{id, stays[n].First, stays[n].Last, stays[n].Said}, nil
	}))
	return err
}

// takeRuns takes what a report says of runs that no newer one said. A run that was killed may have been continued since.
func takeRuns(ctx context.Context, tx pgx.Tx, id int32, r *report.Received) error {
	if len(r.Runs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO runs (installation, number, seen, run)
		SELECT $1, (r ->> 'number')::int, $2, r FROM jsonb_array_elements($3::jsonb) r
		WHERE NOT EXISTS (SELECT FROM runs k WHERE k.installation = $1 AND k.number = (r ->> 'number')::int AND (k.seen >= $2 OR k.run = r))
		ON CONFLICT (installation, number) DO UPDATE SET seen = excluded.seen, run = excluded.run`, id, r.Made, r.Runs)
	return err
}

// Refuse counts a report that was refused.
func (s *Store) Refuse(ctx context.Context, now time.Time, code string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO refusals VALUES ($1, $2, 1) ON CONFLICT (day, code) DO UPDATE SET count = refusals.count + 1`, now.UTC(), code)
	if err != nil {
		return fmt.Errorf("count a refused report: %w", err)
	}
	return nil
}

// Fleet reads all installations, as of one moment. record is the support record that counts.
func (s *Store) Fleet(ctx context.Context, cat *catalogue.Catalogue, record *catalogue.SupportRecord) (*fleet.Fleet, error) {
	out := &fleet.Fleet{Releases: fleet.Releases(cat), Record: record}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return read(ctx, tx, out)
	})
	if err != nil {
		return nil, fmt.Errorf("read the installations: %w", err)
	}
	return out, nil
}

func read(ctx context.Context, tx pgx.Tx, out *fleet.Fleet) error {
	kinds, at := map[int32]*fleet.Facts{}, map[int32]int{}
	err := each(ctx, tx, `SELECT id, facts FROM kinds`, func(row pgx.Rows) error {
		var id int32
		var f fleet.Facts
		err := row.Scan(&id, &f)
		kinds[id] = &f
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, tx, `SELECT id, name, doctor FROM installations ORDER BY name COLLATE "C"`, func(row pgx.Rows) error {
		var id int32
		var i fleet.Installation
		err := row.Scan(&id, &i.Name, &i.Doctor)
		at[id], out.Installations = len(out.Installations), append(out.Installations, i)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, tx, `SELECT installation, first, last, kind FROM stays ORDER BY installation, first, last`, func(row pgx.Rows) error {
		var id, kind int32
		var s fleet.Stay
		err := row.Scan(&id, &s.First, &s.Last, &kind)
		s.Said = kinds[kind]
		i := &out.Installations[at[id]]
		i.Stays = append(i.Stays, s)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, tx, `SELECT installation, run FROM runs WHERE run ->> 'action' = '`+string(plan.Upgrade)+`' ORDER BY installation, number`, func(row pgx.Rows) error {
		var id int32
		var text []byte
		var r report.Run
		if err := row.Scan(&id, &text); err != nil {
			return err
		}
		i := &out.Installations[at[id]]
		err := json.Unmarshal(text, &r)
		i.Upgrades = append(i.Upgrades, r)
		return err
	})
	if err != nil {
		return err
	}
	return readBeside(ctx, tx, out)
}

// readBeside reads what is no report: what was refused, and what people wrote.
func readBeside(ctx context.Context, tx pgx.Tx, out *fleet.Fleet) error {
	err := each(ctx, tx, `SELECT number, issue FROM issues ORDER BY number`, func(row pgx.Rows) error {
		i, err := scanIssue(row)
		out.Issues = append(out.Issues, i)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, tx, `SELECT number, request FROM requests ORDER BY number`, func(row pgx.Rows) error {
		r, err := scanRequest(row)
		out.Requests = append(out.Requests, r)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, tx, `SELECT day, code, count FROM refusals ORDER BY day, code`, func(row pgx.Rows) error {
		var r fleet.Refusal
		err := row.Scan(&r.Day, &r.Code, &r.Count)
		out.Refusals = append(out.Refusals, r)
		return err
	})
}

// each calls with each row of a query.
func each(ctx context.Context, tx pgx.Tx, query string, with func(pgx.Rows) error) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := with(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
