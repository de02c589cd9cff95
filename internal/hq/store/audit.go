package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// By is who changes something, and when.
type By struct {
	Name string
	At   time.Time
}

// CommandLine is the name of who types commands of berth-hq.
const CommandLine = "command line"

// Entry is a line of the audit log.
type Entry struct {
	Number  int64     `json:"number"`
	At      time.Time `json:"at"`
	Person  string    `json:"person"`
	Did     string    `json:"did"`
	Subject string    `json:"subject"`
}

// change changes something in one transaction with its line of the audit log: neither is there without the other. do gives the subject; "": nothing changed.
func (s *Store) change(ctx context.Context, by By, did string, do func(pgx.Tx) (subject string, err error)) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		subject, err := do(tx)
		if err != nil || subject == "" {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO audit (at, person, did, subject) VALUES ($1, $2, $3, $4)`, by.At, by.Name, did, subject)
		return err
	})
}

// Audit is the newest lines of the audit log, from before a number on; 0: from the newest one on.
func (s *Store) Audit(ctx context.Context, before int64, most int) ([]Entry, error) {
	rows, err := s.pool.Query(ctx, `SELECT number, at, person, did, subject FROM audit WHERE $1 = 0 OR number < $1 ORDER BY number DESC LIMIT $2`, before, most)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
}
