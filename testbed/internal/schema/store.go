package schema

import (
	"context"
	"errors"
	"fmt"
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

// Querier is a connection or a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
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

// lock makes a second migrator wait for the first. It ends with the connection.
func (s Store) lock(ctx context.Context) error {
	_, err := s.Conn.Exec(ctx, "SELECT pg_advisory_lock(1610612736)")
	return err
}

func (s Store) unlock(ctx context.Context) error {
	_, err := s.Conn.Exec(ctx, "SELECT pg_advisory_unlock(1610612736)")
	return err
}

// State is what the log of migrations says of a database, by the last entry of each migration.
type State struct {
	Applied map[int]bool
	Pending []int // began, and whoever did it is gone
	Failed  []int
}

// Read gives the state of a database; one that is new has none.
func Read(ctx context.Context, q Querier, database string) (State, error) {
	s := State{Applied: map[int]bool{}}
	exists, err := has(ctx, q, log.Name)
	if err != nil || !exists {
		return s, err
	}
	rows, err := q.Query(ctx, `SELECT version, up, finished_at IS NULL, coalesce(success, false) FROM migration_logs
		WHERE schema = $1 ORDER BY id`, LogName(database))
	if err != nil {
		return s, err
	}
	defer rows.Close()
	pending, failed := map[int]bool{}, map[int]bool{}
	for rows.Next() {
		var id int
		var up, open, success bool
		if err := rows.Scan(&id, &up, &open, &success); err != nil {
			return s, err
		}
		pending[id], failed[id] = open, !open && !success
		if success {
			s.Applied[id] = up
		}
	}
	s.Pending, s.Failed = those(pending), those(failed)
	return s, rows.Err()
}

func those(of map[int]bool) []int {
	var out []int
	for id, is := range of {
		if is {
			out = append(out, id)
		}
	}
	sort.Ints(out)
	return out
}

// Ready says what keeps a program of a release from using the database; nil when nothing does.
func Ready(ctx context.Context, q Querier, database string, at release.Minor) error {
	state, err := Read(ctx, q, database)
	if err != nil {
		return err
	}
	if bad := append(state.Pending, state.Failed...); len(bad) > 0 {
		return dirty(database, bad)
	}
	var missing []int
	for _, m := range Migrations(database, at) {
		if !state.Applied[m.ID] {
			missing = append(missing, m.ID)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("schema out of date: schema %q requires the following migrations to be applied: %s\n\n%s", database, list(missing),
			"This software expects a migrator of its release to have run on this schema before it is deployed.")
	}
	return nil
}

// dirty is what the real migrator says of migrations that began and didn't end well.
func dirty(database string, ids []int) error {
	return fmt.Errorf("dirty database: schema %q marked the following migrations as failed: %s\n\n%s", database, list(ids),
		"The target schema is marked as dirty and no other migration operation is seen running on this schema. The last migration operation "+
			"over this schema has failed (or, at least, the migrator instance issuing that migration has died).")
}

func list(ids []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]")
}

func has(ctx context.Context, q Querier, table string) (exists bool, err error) {
	err = q.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists)
	return exists, err
}

// Version is the release that the instance had last, and the first that it ever had; both are empty when it is new.
func Version(ctx context.Context, q Querier) (last, first string, err error) {
	exists, err := has(ctx, q, "versions")
	if err != nil || !exists {
		return "", "", err
	}
	err = q.QueryRow(ctx, "SELECT version, first_version FROM versions WHERE service = 'frontend'").Scan(&last, &first)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", nil
	}
	return last, first, err
}

// SetVersion records the release of the instance, as a frontend does when it starts.
const SetVersion = `INSERT INTO versions (service, version, first_version) VALUES ('frontend', $1, $1)
	ON CONFLICT (service) DO UPDATE SET version = excluded.version, updated_at = now()`

// MoveVersion records the release of an instance that there is already, as a migrator does after an upgrade.
const MoveVersion = `UPDATE versions SET version = $1, updated_at = now() WHERE service = 'frontend'`

// NotAllowed says why an instance may not go from one release to the other by itself; nil when it may.
func NotAllowed(from string, to release.Minor, version string) error {
	if from == "" {
		return nil
	}
	at, err := release.Parse(from)
	if err != nil {
		return err
	}
	if release.Direct(at, to) {
		return nil
	}
	return fmt.Errorf("upgrading %q from %q to %q is not allowed, please refer to the update policy", "frontend", from, version)
}

// Spoiled says what harm comes of a release that runs on a database, where the real one would start and then fail or damage data; "" when there
// is none. A release works with the schema of the next minor, and with no later one.
func Spoiled(ctx context.Context, q Querier, database string, at release.Minor) (string, error) {
	state, err := Read(ctx, q, database)
	if err != nil {
		return "", err
	}
	last := 0
	for id, up := range state.Applied {
		if up {
			last = max(last, id)
		}
	}
	of := at
	for all := Migrations(database, of); all[len(all)-1].ID < last; all = Migrations(database, of) {
		of = of.Next()
	}
	if at.Next().Less(of) {
		return fmt.Sprintf("runs on the schema of %s in %s", of, database), nil
	}
	return "", nil
}

// Skipped says that an instance went over minors without the migrator's upgrade, and so without their migrations of data; "" when it did not.
func Skipped(from string, to release.Minor) string {
	at, err := release.Parse(from)
	if err != nil || !at.Next().Less(to) {
		return ""
	}
	return fmt.Sprintf("runs on data of %s, without the migrations of data between them", at)
}

// Spoil notes harm in the table standin_spoiled, once for each release and kind, and says whether it was new.
func Spoil(ctx context.Context, q Execer, version, harm string) (bool, error) {
	if _, err := q.Exec(ctx, `CREATE TABLE IF NOT EXISTS standin_spoiled (release text NOT NULL, harm text NOT NULL,
		noted timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (release, harm))`); err != nil {
		return false, err
	}
	tag, err := q.Exec(ctx, "INSERT INTO standin_spoiled (release, harm) VALUES ($1, $2) ON CONFLICT DO NOTHING", version, harm)
	return tag.RowsAffected() > 0, err
}

// Postgres is the lowest major that releases from 6.0 on accept.
const Postgres = 16

// TooOld says that a server is below what a release accepts; nil when it isn't.
func TooOld(ctx context.Context, q Querier, at release.Minor) error {
	var number int
	if err := q.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return err
	}
	if at.In("6.0", "") && number < Postgres*10000 {
		return fmt.Errorf("%w (this server is %d.%d)", ErrTooOld, number/10000, number%10000)
	}
	return nil
}

// ErrTooOld is said of a Postgres that a release doesn't accept.
//
//lint:ignore ST1005 these are the real program's words
var ErrTooOld = fmt.Errorf("Sourcegraph requires PostgreSQL %d+. For more information about PostgreSQL requirements and upgrade guides, see its documentation", Postgres)
