package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
	"berth/internal/hq/issue"
)

// Logged is what became of issues.
type Logged struct {
	Added   int `json:"added"`
	Changed int `json:"changed"` // they were there already, and say more or another thing now
	Same    int `json:"same"`
}

// LogIssues takes issues, all of them or none. One that was taken from its source before is changed where the source says something: what people added to it here
// stays.
func (s *Store) LogIssues(ctx context.Context, by By, issues ...issue.Issue) (done Logged, err error) {
	err = s.change(ctx, by, "logged issues", func(tx pgx.Tx) (string, error) {
		var touched []string
		for _, i := range issues {
			i.Number = 0
			var number int
			var added bool
			err := tx.QueryRow(ctx, `
				INSERT INTO issues (source, issue) VALUES (nullif($1, ''), $2)
				ON CONFLICT (source) DO UPDATE SET issue = issues.issue || excluded.issue WHERE issues.issue <> issues.issue || excluded.issue
				RETURNING number, xmax = 0`, i.Source, i).Scan(&number, &added)
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				done.Same++
				continue
			case err != nil:
				return "", err
			case added:
				done.Added++
			default:
				done.Changed++
			}
			touched = append(touched, strconv.Itoa(number))
		}
		return strings.Join(touched, " "), nil
	})
	if err != nil {
		return Logged{}, fmt.Errorf("log issues: %w", err)
	}
	return done, nil
}

// Issues are all issues, by number.
func (s *Store) Issues(ctx context.Context) ([]issue.Issue, error) {
	rows, err := s.pool.Query(ctx, `SELECT number, issue FROM issues ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("read the issues: %w", err)
	}
	return pgx.CollectRows(rows, scanIssue)
}

func scanIssue(row pgx.CollectableRow) (i issue.Issue, err error) {
	var number int
	err = row.Scan(&number, &i)
	i.Number = number
	return i, err
}

// Issue is an issue of the log.
func (s *Store) Issue(ctx context.Context, number int) (*issue.Issue, error) {
	rows, err := s.pool.Query(ctx, `SELECT number, issue FROM issues WHERE number = $1`, number)
	if err != nil {
		return nil, fmt.Errorf("read an issue: %w", err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanIssue)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noIssue(number)
	}
	return &i, err
}

func noIssue(number int) diag.List {
	return diag.List{{Code: "BERTH4932", Severity: diag.Error, Subject: "issues", Summary: fmt.Sprintf("there is no issue %d", number), Hint: "see which there are: berth-hq issues"}}
}

// EditIssue replaces what an issue says. Its source stays.
func (s *Store) EditIssue(ctx context.Context, by By, i issue.Issue) error {
	number := i.Number
	i.Number, i.Source = 0, ""
	return s.change(ctx, by, "edited an issue", func(tx pgx.Tx) (string, error) {
		done, err := tx.Exec(ctx, `UPDATE issues SET issue = $2 || CASE WHEN source IS NULL THEN '{}' ELSE jsonb_build_object('source', source) END WHERE number = $1`, number, i)
		if err == nil && done.RowsAffected() == 0 {
			return "", noIssue(number)
		}
		return strconv.Itoa(number), err
	})
}

// RemoveIssue takes an issue out of the log. One that is imported once more is there again.
func (s *Store) RemoveIssue(ctx context.Context, by By, number int) error {
	return s.change(ctx, by, "removed an issue", func(tx pgx.Tx) (string, error) {
		done, err := tx.Exec(ctx, `DELETE FROM issues WHERE number = $1`, number)
		if err == nil && done.RowsAffected() == 0 {
			return "", noIssue(number)
		}
		return strconv.Itoa(number), err
	})
}
