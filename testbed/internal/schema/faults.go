package schema

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Faults are what a test wants to go wrong: rows (name, value) of the table standin_faults in pgsql, which no release knows and tests make.
type Faults map[string]string

// The names of faults that this package obeys. README.md has them all.
const (
	MigrationSeconds = "migration_seconds" // each migration takes this long before it commits
	MigrationFails   = "migration_fails"   // SCHEMA:RELEASE, such as codeintel:7.2: this migration fails
	OutOfBandSeconds = "oob_seconds"       // how long an out-of-band migration takes from 0 to 100 %
	OutOfBandStuck   = "oob_stuck"         // ID:PERCENT, such as 1002:80: it gets no further
	// Any value: a release refuses background migrations that a later one began, also those that can be taken back, as Sourcegraph does.
	UnreversedRefused = "unreversed_refused"
)

// ReadFaults reads them; without the table there are none.
func ReadFaults(ctx context.Context, q Querier) (Faults, error) {
	out := Faults{}
	exists, err := has(ctx, q, "standin_faults")
	if err != nil || !exists {
		return out, err
	}
	rows, err := q.Query(ctx, "SELECT name, value FROM standin_faults")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}

// inMigration are statements that a migration runs on top of its own.
func (f Faults) inMigration(database string, m Migration, last bool) []string {
	var out []string
	if v, err := strconv.ParseFloat(f[MigrationSeconds], 64); err == nil {
		out = append(out, fmt.Sprintf("SELECT pg_sleep(%g)", v))
	}
	if v := f[MigrationFails]; v == database+":"+m.Release.String() || v == "last" && last {
		out = append(out, "SELECT 1/0")
	}
	return out
}

// seconds is how long an out-of-band migration takes.
func (f Faults) seconds(standard time.Duration) time.Duration {
	if v, err := strconv.ParseFloat(f[OutOfBandSeconds], 64); err == nil && v > 0 {
		return time.Duration(v * float64(time.Second))
	}
	return standard
}

// ceiling is how far an out-of-band migration gets, from 0 to 1.
func (f Faults) ceiling(id int) float64 {
	which, percent, _ := strings.Cut(f[OutOfBandStuck], ":")
	if p, err := strconv.ParseFloat(percent, 64); err == nil && which == strconv.Itoa(id) {
		return p / 100
	}
	return 1
}
