package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/testbed/internal/release"
)

// Options of an upward migration.
type Options struct {
	UnprivilegedOnly bool // refuse migrations that need a superuser
	NoopPrivileged   bool // record those as applied and don't run them
	IgnoreFailed     bool // try the one again that failed
	IgnorePending    bool // try the one again that began and didn't end
	Last             int  // apply no migration after this one; 0: all
	Faults           Faults
}

// Up brings the database to a release and says how many migrations that took.
func (s Store) Up(ctx context.Context, to release.Minor, o Options) (int, error) {
	n, err := s.up(ctx, to, o)
	if err != nil {
		return n, fmt.Errorf("failed to run migration for schema %q: %w", s.Name, err)
	}
	return n, nil
}

func (s Store) up(ctx context.Context, to release.Minor, o Options) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	if _, err := s.Conn.Exec(ctx, log.create()); err != nil {
		return 0, err
	}
	state, err := Read(ctx, s.Conn, s.Name)
	if err != nil {
		return 0, err
	}
	if n := len(state.Pending); n > 1 || n == 1 && !o.IgnorePending {
		return 0, dirty(s.Name, state.Pending)
	}
	if n := len(state.Failed); n > 1 || n == 1 && !o.IgnoreFailed {
		return 0, dirty(s.Name, state.Failed)
	}
	var todo []Migration
	for _, m := range Migrations(s.Name, to) {
		if !state.Applied[m.ID] && (o.Last == 0 || m.ID <= o.Last) {
			todo = append(todo, m)
		}
	}
	for n, m := range todo {
		statements := m.Up()
		if m.Privileged && o.UnprivilegedOnly && !o.NoopPrivileged {
			return n, fmt.Errorf("refusing to apply a privileged migration: %d (%s) needs a superuser", m.ID, m.Name)
		}
		if m.Privileged && o.NoopPrivileged {
			statements = nil
		}
		statements = append(statements, o.Faults.inMigration(s.Name, m, n == len(todo)-1)...)
		if err := s.apply(ctx, m.ID, true, statements); err != nil {
			return n, err
		}
	}
	return len(todo), s.unlock(ctx)
}

// Down takes the database back to a release and says how many migrations that took.
func (s Store) Down(ctx context.Context, from, to release.Minor, f Faults) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	state, err := Read(ctx, s.Conn, s.Name)
	if err != nil {
		return 0, err
	}
	all := Migrations(s.Name, from)
	slices.Reverse(all)
	n := 0
	for _, m := range all {
		if state.Applied[m.ID] && to.Less(m.Release) {
			if err := s.apply(ctx, m.ID, false, append(m.Down(), f.inMigration(s.Name, m, false)...)); err != nil {
				return n, fmt.Errorf("failed to run migration for schema %q: %w", s.Name, err)
			}
			n++
		}
	}
	return n, s.unlock(ctx)
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
		return fmt.Errorf("failed to apply migration %d: %w", id, failure)
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
