package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/diag"
)

// Role is what somebody is here.
type Role string

// The roles.
const (
	Reader   Role = "reader"
	Engineer Role = "engineer" // a customer engineer
	Reviewer Role = "reviewer"
	Delivery Role = "delivery"
	Admin    Role = "admin"
)

// Right is something that not everybody may do.
type Right string

// The rights.
const (
	Read   Right = "read"   // figures, and what they were counted from
	Write  Right = "write"  // issues, and requests for exceptions
	Vote   Right = "vote"   // on requests
	Decide Right = "decide" // about requests
	Admit  Right = "admit"  // people
)

// rights say what a role may do.
var rights = []struct {
	Role Role
	May  []Right
}{
	{Reader, []Right{Read}},
	{Engineer, []Right{Read, Write}},
	{Reviewer, []Right{Read, Write, Vote}},
	{Delivery, []Right{Read, Write, Vote, Decide}},
	{Admin, []Right{Read, Write, Vote, Decide, Admit}},
}

// Roles are all roles, the one with the fewest rights first.
func Roles() (out []Role) {
	for _, r := range rights {
		out = append(out, r.Role)
	}
	return out
}

// May reports whether a role has a right.
func (r Role) May(right Right) bool {
	for _, of := range rights {
		if of.Role == r {
			return slices.Contains(of.May, right)
		}
	}
	return false
}

// Person is somebody who may see something.
type Person struct {
	Name string     `json:"name"`
	Role Role       `json:"role"`
	Made time.Time  `json:"made"`
	Used *time.Time `json:"used,omitempty"` // when the token was last used
}

// SessionLife is how long a session lasts.
const SessionLife = 12 * time.Hour

var personForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.@_-]{0,63}$`)

// hashed is how tokens and sessions are kept. They have 130 random bits, so nobody finds one by trying, and a slow hash would only cost.
func hashed(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// AddPerson lets somebody in, and gives the token, which is kept nowhere.
func (s *Store) AddPerson(ctx context.Context, by By, name string, role Role) (token string, err error) {
	if !personForm.MatchString(name) || !slices.Contains(Roles(), role) {
		return "", diag.List{{Code: "BERTH4924", Severity: diag.Error, Subject: "people", Summary: fmt.Sprintf("%q can't be added as %q", name, role),
			Hint: "names have letters, digits and .@_- only, and the roles are reader, engineer, reviewer, delivery and admin"}}
	}
	token = "hq_" + rand.Text()
	err = s.change(ctx, by, "let in as "+string(role), func(tx pgx.Tx) (string, error) {
		done, err := tx.Exec(ctx, `INSERT INTO people (name, role, token, made) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, name, role, hashed(token), by.At)
		if err == nil && done.RowsAffected() == 0 {
			err = diag.List{{Code: "BERTH4924", Severity: diag.Error, Subject: "people", Summary: name + " exists already",
				Hint: "for a new token, first: berth-hq people remove " + name}}
		}
		return name, err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// RemovePerson takes somebody's right, and ends all sessions.
func (s *Store) RemovePerson(ctx context.Context, by By, name string) error {
	return s.change(ctx, by, "removed a person", func(tx pgx.Tx) (string, error) {
		done, err := tx.Exec(ctx, `DELETE FROM people WHERE name = $1`, name)
		if err == nil && done.RowsAffected() == 0 {
			err = diag.List{{Code: "BERTH4924", Severity: diag.Error, Subject: "people", Summary: fmt.Sprintf("there is no person named %q", name), Hint: "list the people: berth-hq people list"}}
		}
		return name, err
	})
}

// People are all who may see something, by name.
func (s *Store) People(ctx context.Context) ([]Person, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, role, made, used FROM people ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read who there is: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Person])
}

// ByToken is who has a token; nil: nobody.
func (s *Store) ByToken(ctx context.Context, token string, now time.Time) (*Person, error) {
	return s.person(ctx, `UPDATE people SET used = $2 WHERE token = $1 RETURNING name, role, made, used`, hashed(token), now)
}

// BySession is whose session it is; nil: nobody's, or it has ended.
func (s *Store) BySession(ctx context.Context, session string, now time.Time) (*Person, error) {
	return s.person(ctx, `SELECT name, role, made, used FROM people JOIN sessions ON person = id WHERE key = $1 AND ends > $2`, hashed(session), now)
}

func (s *Store) person(ctx context.Context, query string, args ...any) (*Person, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read who it is: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[Person])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// SignIn begins a session of who has a token; "": nobody has it.
func (s *Store) SignIn(ctx context.Context, token string, now time.Time) (session string, err error) {
	p, err := s.ByToken(ctx, token, now)
	if err != nil || p == nil {
		return "", err
	}
	return s.begin(ctx, p.Name, now)
}

// SignInAs begins a session of somebody whom another one identified; "": nobody has this name.
func (s *Store) SignInAs(ctx context.Context, name string, now time.Time) (session string, err error) {
	p, err := s.person(ctx, `SELECT name, role, made, used FROM people WHERE lower(name) = lower($1)`, name)
	if err != nil || p == nil {
		return "", err
	}
	return s.begin(ctx, p.Name, now)
}

// begin begins a session. Sessions that have ended go.
func (s *Store) begin(ctx context.Context, name string, now time.Time) (session string, err error) {
	session = rand.Text()
	err = s.change(ctx, By{name, now}, "signed in", func(tx pgx.Tx) (string, error) {
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE ends <= $1`, now); err != nil {
			return "", err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sessions SELECT $1, id, $2 FROM people WHERE name = $3`, hashed(session), now.Add(SessionLife), name)
		return name, err
	})
	return session, err
}

// SignOut ends a session.
func (s *Store) SignOut(ctx context.Context, session string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM sessions WHERE key = $1`, hashed(session))
	return err
}
