package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
)

//go:embed migrations/*.sql
var files embed.FS

// Migration is a change of the schema, and the way back.
type Migration struct {
	Number   int
	Name     string
	Deletes  string // what the way back deletes, for people: the first line of its file says it
	up, down string
}

// Migrations are all of them, in order.
func Migrations() (out []Migration, err error) {
	names, err := fs.Glob(files, "migrations/*.up.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // there are fewer than ten
	for n, name := range names {
		up, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		down, err := files.ReadFile(strings.Replace(name, ".up.", ".down.", 1))
		if err != nil {
			return nil, err
		}
		_, title, _ := strings.Cut(strings.TrimSuffix(name, ".up.sql"), "_")
		first, _, _ := strings.Cut(string(down), "\n")
		out = append(out, Migration{n + 1, title, strings.TrimPrefix(first, "-- Deletes: "), string(up), string(down)})
	}
	return out, nil
}

// schemaLock is the advisory lock of whoever changes the schema.
const schemaLock = 0x62657274685f6871

// Schema is the number of the newest migration that a database has.
func (s *Store) Schema(ctx context.Context) (n int, err error) {
	const find = `SELECT CASE WHEN to_regclass('schema') IS NULL THEN 0 ELSE 1 END`
	if err := s.pool.QueryRow(ctx, find).Scan(&n); err != nil || n == 0 {
		return n, err
	}
	return n, s.pool.QueryRow(ctx, `SELECT number FROM schema`).Scan(&n)
}

// Oldest is the oldest major release of PostgreSQL that berth-hq works with.
const Oldest = 16

// newEnough refuses a server that nobody tests berth-hq with. Only backups of it can be made: that is the way to a newer one.
func newEnough(ctx context.Context, db interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}) error {
	var number int
	var version string
	if err := db.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&number, &version); err != nil {
		return fmt.Errorf("read the version of PostgreSQL: %w", err)
	}
	if number/10000 >= Oldest {
		return nil
	}
	return diag.List{{Code: "BERTH4933", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("the server is PostgreSQL %s, and berth-hq needs %d or newer", version, Oldest), Detail: []string{"nothing was changed"},
		Hint: fmt.Sprintf("name a database of PostgreSQL %d or newer in BERTH_HQ_DATABASE; to take the data along, first: berth-hq backup FOLDER", Oldest)}}
}

// Ready says what is wrong with the server and the schema of a database; nothing: this program can work with it.
func (s *Store) Ready(ctx context.Context) error {
	if err := newEnough(ctx, s.pool); err != nil {
		return err
	}
	all, err := Migrations()
	if err != nil {
		return err
	}
	n, err := s.Schema(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema's number: %w", err)
	case n < len(all):
		return diag.List{{Code: "BERTH4921", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("the database has schema %d, and this program works with %d", n, len(all)),
			Hint: "back the database up with berth-hq backup, then: berth-hq migrate"}}
	case n > len(all):
		return diag.List{{Code: "BERTH4921", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("the database has schema %d, and this program works with %d", n, len(all)),
			Hint: fmt.Sprintf("use the newer berth-hq, or migrate back with it: berth-hq migrate --to %d", len(all))}}
	}
	return nil
}

// Way is the migrations that lead from a schema to another one: forward in order, back in reverse.
func Way(from, to int) (out []Migration, err error) {
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	if to < 0 || to > len(all) || from > len(all) {
		return nil, diag.List{{Code: "BERTH4921", Severity: diag.Error, Subject: "database", Summary: fmt.Sprintf("this program can't migrate from schema %d to %d", from, to),
			Hint: fmt.Sprintf("name one between 0 and %d", len(all))}}
	}
	if to >= from {
		return all[from:to], nil
	}
	out = slices.Clone(all[to:from])
	slices.Reverse(out)
	return out, nil
}

// makeSchema makes the table of the schema's number, if it is not there.
const makeSchema = `CREATE TABLE IF NOT EXISTS schema (number int NOT NULL); INSERT INTO schema SELECT 0 WHERE NOT EXISTS (SELECT FROM schema)`

// lead does a migration, or takes it back, and notes which schema there is then.
func (m Migration) lead(ctx context.Context, tx pgx.Tx, back bool) (schema int, err error) {
	text, schema := m.up, m.Number
	if back {
		text, schema = m.down, m.Number-1
	}
	if _, err = tx.Exec(ctx, text); err == nil {
		_, err = tx.Exec(ctx, `UPDATE schema SET number = $1`, schema)
	}
	if err != nil {
		return schema, fmt.Errorf("migration %d, %s: %w", m.Number, m.Name, err)
	}
	return schema, nil
}

// Migrate leads the database to a schema. Each migration is a transaction of its own, so a program that is killed leaves a schema that has a number.
func (s *Store) Migrate(ctx context.Context, to int, say func(text string)) error {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return unreachable(err)
	}
	defer c.Release()
	if err := newEnough(ctx, c); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(schemaLock)); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	defer func() { _, _ = c.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(schemaLock)) }() // it ends with the connection, too
	if _, err := c.Exec(ctx, makeSchema); err != nil {
		return fmt.Errorf("make the table of the schema's number: %w", err)
	}
	from, err := s.Schema(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's number: %w", err)
	}
	way, err := Way(from, to)
	if err != nil {
		return err
	}
	verb := "added"
	if to < from {
		verb = "removed"
	}
	for _, m := range way {
		var n int
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) (err error) {
			n, err = m.lead(ctx, tx, to < from)
			return err
		})
		if err != nil {
			return err
		}
		say(fmt.Sprintf("%s %s: the schema is %d", verb, m.Name, n))
	}
	return nil
}
