// Package store keeps what installations reported, and what people wrote of them, in PostgreSQL. A report is taken whole, in one transaction, or not at all; what was acknowledged is on
// disk. Reports may arrive late, twice and in any order: what is kept is the same in the end. It holds no figures: those are counted from what Fleet reads.
//
// One package because all of it is one schema: what takes, reads, dumps and migrates it changes together, and nothing else knows its tables.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	many  int      // kinds, before a new one is kept with less; see kind
	inbox inbox
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
	return &Store{pool: pool, many: manyKinds}, nil
}

func unreachable(err error) diag.List {
	return diag.List{{Code: "BERTH4920", Severity: diag.Error, Subject: "database", Summary: "PostgreSQL does not answer", Detail: strings.Split(err.Error(), "\n"),
		Hint: "set BERTH_HQ_DATABASE to its address, such as postgres:///hq?host=/run/postgresql"}}
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Size is how many bytes the database has on disk.
func (s *Store) Size(ctx context.Context) (bytes int64, err error) {
	return bytes, s.pool.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes)
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
	out := &fleet.Fleet{Releases: fleet.Releases(cat), Sizes: report.Sizes(cat), Record: record}
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
	err = each(ctx, tx, `SELECT id, name, began, seconds, doctor FROM installations ORDER BY name COLLATE "C"`, func(row pgx.Rows) error {
		var id int32
		var began *time.Time
		var seconds *int
		var i fleet.Installation
		err := row.Scan(&id, &i.Name, &began, &seconds, &i.Doctor)
		if began != nil && seconds != nil {
			i.Start = &report.Start{Began: began.UTC(), FirstSearch: *seconds}
		}
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
	if err := readUpgrades(ctx, tx, func(id int32) *fleet.Installation { return &out.Installations[at[id]] }); err != nil {
		return err
	}
	return readBeside(ctx, tx, out)
}

// readUpgrades reads the upgrades of installations. They share their words, of which there are few.
func readUpgrades(ctx context.Context, tx pgx.Tx, of func(id int32) *fleet.Installation) error {
	words := map[string]string{}
	return each(ctx, tx, `SELECT installation, run FROM runs WHERE run ->> 'action' = '`+string(plan.Upgrade)+`' ORDER BY installation, number`, func(row pgx.Rows) error {
		var id int32
		var text []byte
		if err := row.Scan(&id, &text); err != nil {
			return err
		}
		r := report.Run{}
		err := json.Unmarshal(text, &r)
		r.Action = plan.Upgrade
		for _, w := range []*string{&r.From, &r.Release, &r.Result, &r.Stage} {
			if _, ok := words[*w]; !ok {
				words[*w] = *w
			}
			*w = words[*w]
		}
		i := of(id)
		i.Upgrades = append(i.Upgrades, r)
		return err
	})
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
func each(ctx context.Context, tx pgx.Tx, query string, with func(pgx.Rows) error, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
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
