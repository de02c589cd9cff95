package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/release"
)

// Store is one database.
type Store struct {
	Name string
	Conn *pgx.Conn
}

// lock makes a second migrator wait for the first. It ends with the connection.
func (s Store) lock(ctx context.Context) error {
	_, err := s.Conn.Exec(ctx, "SELECT pg_advisory_lock(1610612736)")
	return err
}

// Applied gives the migrations that the log has as applied, and the ids of those that began and didn't end well.
func Applied(ctx context.Context, q Querier, database string) (applied map[int]bool, dirty []int, err error) {
	var exists bool
	if err := q.QueryRow(ctx, "SELECT to_regclass('migration_logs') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return map[int]bool{}, nil, err
	}
	rows, err := q.Query(ctx, "SELECT version, up, coalesce(success, false) FROM migration_logs WHERE schema = $1 ORDER BY id", LogName(database))
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	applied = map[int]bool{}
	bad := map[int]bool{}
	for rows.Next() {
		var id int
		var up, success bool
		if err := rows.Scan(&id, &up, &success); err != nil {
			return nil, nil, err
		}
		bad[id] = !success
		if success {
			applied[id] = up
		}
	}
	for id, b := range bad {
		if b {
			dirty = append(dirty, id)
		}
	}
	sort.Ints(dirty)
	return applied, dirty, rows.Err()
}

// Querier is a connection or a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Ready says what keeps a program of a release from using the database; nil when nothing does.
func Ready(ctx context.Context, q Querier, database string, at release.Minor) error {
	applied, dirty, err := Applied(ctx, q, database)
	if err != nil {
		return err
	}
	if len(dirty) > 0 {
		return fmt.Errorf("schema %s is dirty: migrations %v began and didn't end well", database, dirty)
	}
	var missing []string
	for _, m := range Migrations(database, at) {
		if !applied[m.ID] {
			missing = append(missing, fmt.Sprint(m.ID))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("schema %s is out of date for %s: migrations %s are not applied", database, at, strings.Join(missing, ", "))
	}
	return nil
}

// Options of an upward migration.
type Options struct {
	UnprivilegedOnly bool   // refuse migrations that need a superuser
	NoopPrivileged   bool   // record those as applied and don't run them
	IgnoreDirty      bool   // try again what didn't end well
	Break            string // for tests: let the last migration fail
}

// Up brings the database to a release and says how many migrations that took.
func (s Store) Up(ctx context.Context, to release.Minor, o Options) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	if _, err := s.Conn.Exec(ctx, log.create()); err != nil {
		return 0, err
	}
	applied, dirty, err := Applied(ctx, s.Conn, s.Name)
	if err != nil {
		return 0, err
	}
	if len(dirty) > 0 && !o.IgnoreDirty {
		return 0, fmt.Errorf("dirty database: schema %s: migrations %v began and didn't end well; use --ignore-single-dirty-log to try again", s.Name, dirty)
	}
	var todo []Migration
	for _, m := range Migrations(s.Name, to) {
		if !applied[m.ID] {
			todo = append(todo, m)
		}
	}
	for n, m := range todo {
		statements := m.Up()
		if m.Privileged && o.UnprivilegedOnly && !o.NoopPrivileged {
			return n, fmt.Errorf("schema %s: migration %d (%s) needs a superuser and --unprivileged-only is given", s.Name, m.ID, m.Name)
		}
		if m.Privileged && o.NoopPrivileged {
			statements = nil
		}
		if o.Break != "" && n == len(todo)-1 {
			statements = append(statements, "SELECT "+o.Break)
		}
		if err := s.apply(ctx, m.ID, true, statements); err != nil {
			return n, err
		}
	}
	return len(todo), s.unlock(ctx)
}

// Down takes the database back to a release.
func (s Store) Down(ctx context.Context, from, to release.Minor) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	applied, _, err := Applied(ctx, s.Conn, s.Name)
	if err != nil {
		return 0, err
	}
	all := Migrations(s.Name, from)
	slices.Reverse(all)
	n := 0
	for _, m := range all {
		if applied[m.ID] && to.Less(m.Release) {
			if err := s.apply(ctx, m.ID, false, m.Down()); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, s.unlock(ctx)
}

func (s Store) unlock(ctx context.Context) error {
	_, err := s.Conn.Exec(ctx, "SELECT pg_advisory_unlock(1610612736)")
	return err
}

// apply runs one migration. Its log entry begins before and ends after, so that a migrator that is killed leaves it open.
func (s Store) apply(ctx context.Context, id int, up bool, statements []string) error {
	var entry int
	err := s.Conn.QueryRow(ctx, `INSERT INTO migration_logs (migration_logs_schema_version, schema, version, up, started_at)
		VALUES (3, $1, $2, $3, now()) RETURNING id`, LogName(s.Name), id, up).Scan(&entry)
	if err != nil {
		return err
	}
	run := func() error {
		tx, err := s.Conn.Begin(ctx)
		if err != nil {
			return err
		}
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return errors.Join(err, tx.Rollback(ctx))
			}
		}
		return tx.Commit(ctx)
	}
	failure := run()
	var message *string
	if failure != nil {
		text := failure.Error()
		message = &text
	}
	if _, err := s.Conn.Exec(ctx, "UPDATE migration_logs SET finished_at = now(), success = $2, error_message = $3 WHERE id = $1",
		entry, failure == nil, message); err != nil {
		return errors.Join(failure, err)
	}
	if failure != nil {
		return fmt.Errorf("schema %s: migration %d: %w", s.Name, id, failure)
	}
	return nil
}

// AddLog records a migration that was applied by hand.
func (s Store) AddLog(ctx context.Context, id int, up bool) error {
	if _, err := s.Conn.Exec(ctx, log.create()); err != nil {
		return err
	}
	return s.apply(ctx, id, up, nil)
}

// Version is the release that the instance had last, empty when it is new.
func Version(ctx context.Context, q Querier) (string, error) {
	var exists bool
	if err := q.QueryRow(ctx, "SELECT to_regclass('versions') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return "", err
	}
	var v string
	err := q.QueryRow(ctx, "SELECT version FROM versions WHERE service = 'frontend'").Scan(&v)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return v, err
}

// SetVersion records the release of the instance.
const SetVersion = `INSERT INTO versions (service, version, first_version) VALUES ('frontend', $1, $1)
	ON CONFLICT (service) DO UPDATE SET version = excluded.version, updated_at = now()`

// Unfinished are the background migrations that have to be complete before the instance reaches a release.
func Unfinished(ctx context.Context, q Querier, at release.Minor) ([]string, error) {
	var exists bool
	if err := q.QueryRow(ctx, "SELECT to_regclass('out_of_band_migrations') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return nil, err
	}
	rows, err := q.Query(ctx, `SELECT id, component, progress FROM out_of_band_migrations
		WHERE NOT apply_reverse AND progress < 1 AND deprecated_version_major IS NOT NULL
		AND (deprecated_version_major, deprecated_version_minor) <= ($1, $2) ORDER BY id`, at.Major, at.Minor)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id int
		var component string
		var progress float64
		if err := rows.Scan(&id, &component, &progress); err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("%d (%s, %.0f%%)", id, component, progress*100))
	}
	return out, rows.Err()
}

// SyncOutOfBand adds the background migrations of a release. A new instance has no data to migrate: there they are complete.
func (s Store) SyncOutOfBand(ctx context.Context, at release.Minor, fresh bool) error {
	progress := 0.0
	if fresh {
		progress = 1
	}
	for _, o := range OutOfBands {
		if at.Less(o.Introduced) {
			continue
		}
		if _, err := s.Conn.Exec(ctx, `INSERT INTO out_of_band_migrations (id, team, component, description, progress, non_destructive,
			introduced_version_major, introduced_version_minor, deprecated_version_major, deprecated_version_minor)
			VALUES ($1, 'testbed', $2, $3, $4, true, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`, o.ID, o.Component, o.Description, progress,
			o.Introduced.Major, o.Introduced.Minor, o.Deprecated.Major, o.Deprecated.Minor); err != nil {
			return err
		}
	}
	return nil
}

// FinishOutOfBand completes background migrations: those given, or all that are deprecated at a release. In reverse it takes them back.
func (s Store) FinishOutOfBand(ctx context.Context, ids []int, at release.Minor, reverse bool) (int64, error) {
	if ids == nil {
		ids = []int{} // a nil slice would be NULL, and equal to nothing
	}
	progress := 1
	if reverse {
		progress = 0
	}
	tag, err := s.Conn.Exec(ctx, `UPDATE out_of_band_migrations SET progress = $1, apply_reverse = $2, last_updated = now()
		WHERE progress <> $1 AND (id = ANY($3) OR (cardinality($3::int[]) = 0 AND
		(deprecated_version_major, deprecated_version_minor) <= ($4, $5)))`, progress, reverse, ids, at.Major, at.Minor)
	return tag.RowsAffected(), err
}

// Drift says how the database differs from what a release expects.
func Drift(ctx context.Context, q Querier, database string, at release.Minor) ([]string, error) {
	have, err := Existing(ctx, q)
	if err != nil {
		return nil, err
	}
	want := Columns(database, at)
	tables := map[string]bool{}
	for c := range want {
		t, _, _ := strings.Cut(c, ".")
		tables[t] = true
	}
	var out []string
	for c := range want {
		if have[c] == "" {
			out = append(out, "missing column "+c)
		}
	}
	for c := range have {
		t, _, _ := strings.Cut(c, ".")
		switch {
		case want[c]:
		case tables[t]:
			out = append(out, "unexpected column "+c)
		}
	}
	sort.Strings(out)
	return out, nil
}

// Existing are the columns of the tables in the database, as table.column, with their types. Views belong to extensions.
func Existing(ctx context.Context, q Querier) (map[string]string, error) {
	rows, err := q.Query(ctx, `SELECT c.table_name || '.' || c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		out[name] = kind
	}
	return out, rows.Err()
}

// Connect opens a database and waits for one that is still starting.
func Connect(ctx context.Context, database, dsn string, wait time.Duration) (Store, error) {
	deadline := time.Now().Add(wait)
	for {
		c, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return Store{database, c}, nil
		}
		// A wrong password doesn't get better by waiting.
		if strings.Contains(err.Error(), "SQLSTATE 28") || time.Now().After(deadline) || ctx.Err() != nil {
			return Store{}, fmt.Errorf("connect to the %s database: %w", database, err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}
