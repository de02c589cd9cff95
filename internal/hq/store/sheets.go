package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
)

// Sheet is a version of the sheet of options.
type Sheet struct {
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	Person string    `json:"person"`
	Text   string    `json:"text"`
}

// Sheets are all versions, the newest first.
func (s *Store) Sheets(ctx context.Context) ([]Sheet, error) {
	rows, err := s.pool.Query(ctx, `SELECT number, at, person, sheet FROM sheets ORDER BY number DESC`)
	if err != nil {
		return nil, fmt.Errorf("read the sheets of options: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Sheet])
}

// KeepSheet keeps a new version of the sheet. after is the version that it was made from, 0 where there was none: what somebody else changed since is not lost.
func (s *Store) KeepSheet(ctx context.Context, by By, after int, text string) error {
	return s.change(ctx, by, "changed the options", func(tx pgx.Tx) (string, error) {
		if _, err := tx.Exec(ctx, `LOCK TABLE sheets IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return "", err
		}
		var newest int
		var before string
		err := tx.QueryRow(ctx, `SELECT number, sheet FROM sheets ORDER BY number DESC LIMIT 1`).Scan(&newest, &before)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return "", err
		}
		if newest != after {
			return "", diag.List{{Code: "BERTH4951", Severity: diag.Error, Subject: "options", Summary: fmt.Sprintf("somebody else changed the sheet; the newest version is %d", newest),
				Hint: "make your changes in the newest version, on the page Options or from berth-hq options --sheet"}}
		}
		if before == text {
			return "", nil
		}
		err = tx.QueryRow(ctx, `INSERT INTO sheets (at, person, sheet) VALUES ($1, $2, $3) RETURNING number`, by.At, by.Name, text).Scan(&newest)
		return strconv.Itoa(newest), err
	})
}
