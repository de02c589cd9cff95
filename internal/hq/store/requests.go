package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
	"berth/internal/hq/review"
)

// AddRequest takes a request for an exception, and gives its number.
func (s *Store) AddRequest(ctx context.Context, by By, r review.Request) (number int, err error) {
	err = s.change(ctx, by, "asked for an exception", func(tx pgx.Tx) (string, error) {
		err := tx.QueryRow(ctx, `INSERT INTO requests (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number`, r.Exception.ID, r).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", diag.List{{Code: "BERTH4940", Severity: diag.Error, Subject: r.Exception.ID, Summary: "a request of this name exists already", Hint: "choose another name, because it becomes the name of a file"}}
		}
		return r.Exception.ID, err
	})
	return number, err
}

func scanRequest(row pgx.CollectableRow) (r review.Request, err error) {
	var number int
	err = row.Scan(&number, &r)
	r.Number = number
	return r, err
}

// Requests are all requests for exceptions, by number.
func (s *Store) Requests(ctx context.Context) ([]review.Request, error) {
	rows, err := s.pool.Query(ctx, `SELECT number, request FROM requests ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("read the requests for exceptions: %w", err)
	}
	return pgx.CollectRows(rows, scanRequest)
}

// ChangeRequest changes a request by a function, while nobody else does. What the function refuses changes nothing.
func (s *Store) ChangeRequest(ctx context.Context, by By, did string, number int, change func(*review.Request) error) error {
	return s.change(ctx, by, did, func(tx pgx.Tx) (string, error) {
		rows, err := tx.Query(ctx, `SELECT number, request FROM requests WHERE number = $1 FOR UPDATE`, number)
		if err != nil {
			return "", err
		}
		r, err := pgx.CollectExactlyOneRow(rows, scanRequest)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", NoRequest(number)
		}
		if err == nil {
			err = change(&r)
		}
		if err != nil {
			return "", err
		}
		r.Number = 0
		_, err = tx.Exec(ctx, `UPDATE requests SET request = $2 WHERE number = $1`, number, r)
		return r.Exception.ID, err
	})
}

// NoRequest is what is wrong with a number that no request has.
func NoRequest(number int) diag.List {
	return diag.List{{Code: "BERTH4941", Severity: diag.Error, Subject: "exceptions", Summary: fmt.Sprintf("there is no request %d", number), Hint: "see which there are: berth-hq exceptions"}}
}
