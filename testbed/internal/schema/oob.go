package schema

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"berth/testbed/internal/release"
)

// OutOfBand is a migration of data that runs in the background, beside a running instance.
type OutOfBand struct {
	ID                     int
	Component, Description string
	Introduced             release.Minor
	Deprecated             release.Minor // from this release on it has to be finished; zero: not decided
	Destructive            bool          // can't be taken back
}

func oob(id int, component, description, introduced, deprecated string) OutOfBand {
	o := OutOfBand{ID: id, Component: component, Description: description, Introduced: release.Must(introduced)}
	if deprecated != "" {
		o.Deprecated = release.Must(deprecated)
	}
	return o
}

func (o OutOfBand) destructive() OutOfBand { o.Destructive = true; return o }

// OutOfBands are those of all releases. Up to 24 they have the ids, releases and components of Sourcegraph's, as far as these are public
// (of 22 no deprecation is known, and that of 24 is deduced). Those from 1001 on are invented, since of 5.4 and later none are.
var OutOfBands = []OutOfBand{
	oob(1, "codeintel-db.lsif_data_documents", "Populate num_diagnostics from gob-encoded payload", "3.25", "4.0"),
	oob(2, "frontend-db.authenticators", "Prepare for SSH pushes to code hosts", "3.26", "4.0"),
	oob(4, "codeintel-db.lsif_data_definitions", "Populate num_locations from gob-encoded payload", "3.26", "4.0"),
	oob(5, "codeintel-db.lsif_data_references", "Populate num_locations from gob-encoded payload", "3.26", "4.0"),
	oob(7, "codeintel-db.lsif_data_documents", "Split payload into multiple columns", "3.27", "4.0").destructive(),
	oob(13, "frontend-db.external_services", "Migrate webhook state", "3.34", "4.0"),
	oob(14, "codeinsights-db.insights", "Migrate insights from settings to the database", "3.35", "4.0"),
	oob(15, "frontend-db.product_subscriptions", "Populate account number", "3.43", "4.0"),
	oob(16, "frontend-db.product_licenses", "Populate licence fields", "3.43", "4.0"),
	oob(17, "codeinsights-db.insight_series", "Migrate recording times", "4.3", "4.4"),
	oob(18, "codeinsights-db.insight_series", "Migrate the backfiller to its second version", "4.3", "4.4"),
	oob(19, "codeintel-db.lsif_data_documents", "Migrate LSIF data to SCIP", "4.5", "5.0").destructive(),
	oob(22, "frontend-db.user_repo_permissions", "Unify permissions", "5.0", ""),
	oob(24, "frontend-db.code_hosts", "Fill in code hosts from external services", "5.1", "5.3"),
	oob(1001, "frontend-db.repo", "Fill in the shard of each repository", "5.4", "5.9"),
	oob(1002, "codeintel-db.scip", "Compress documents", "6.2", "6.6"),
	oob(1003, "codeinsights-db.series", "Round series points", "6.9", "7.2"),
	oob(1004, "frontend-db.settings", "Normalize settings", "7.3", "7.5"),
	oob(1005, "frontend-db.users", "Fold case of e-mail addresses", "7.5", "7.8"),
}

// Stop is a release at which an upgrade waits for out-of-band migrations.
type Stop struct {
	At  release.Minor
	IDs []int
}

// Schedule gives the stops on the way from one release to another: the fewest, and each as late as it may be. A migration can run from the
// release that introduced it up to the one before it is deprecated. On the way down the releases that introduced them are the stops.
func Schedule(all []OutOfBand, from, to release.Minor) []Stop {
	var stops []Stop
	if to.Less(from) {
		for _, o := range all {
			if to.Less(o.Introduced) && !from.Less(o.Introduced) {
				stops = add(stops, o.Introduced, o.ID)
			}
		}
		slices.Reverse(stops)
		return stops
	}
	var due []OutOfBand
	for _, o := range all {
		if o.Deprecated != (release.Minor{}) && from.Less(o.Deprecated) && !to.Less(o.Deprecated) {
			due = append(due, o)
		}
	}
	sort.SliceStable(due, func(i, j int) bool { return due[i].Deprecated.Less(due[j].Deprecated) })
	var points []release.Minor
	for _, o := range due {
		if len(points) == 0 || points[len(points)-1].Less(o.Introduced) {
			points = append(points, o.Deprecated.Previous())
		}
	}
	for _, o := range due {
		for _, p := range slices.Backward(points) {
			if !p.Less(o.Introduced) && p.Less(o.Deprecated) {
				stops = add(stops, p, o.ID)
				break
			}
		}
	}
	return stops
}

// add puts an id to the stop at a release, and keeps stops and ids in order.
func add(stops []Stop, at release.Minor, id int) []Stop {
	i := slices.IndexFunc(stops, func(s Stop) bool { return s.At == at })
	if i < 0 {
		stops = append(stops, Stop{At: at, IDs: []int{id}})
		sort.Slice(stops, func(i, j int) bool { return stops[i].At.Less(stops[j].At) })
		return stops
	}
	stops[i].IDs = append(stops[i].IDs, id)
	sort.Ints(stops[i].IDs)
	return stops
}

// Execer is a connection or a pool.
type Execer interface {
	Querier
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// SyncOutOfBand adds the background migrations that a program of a release knows of. An instance has data to migrate only when it is older
// than what introduced the migration: one that began later has the new form from the start.
func SyncOutOfBand(ctx context.Context, q Execer, at release.Minor) error {
	_, first, err := Version(ctx, q)
	if err != nil {
		return err
	}
	born := at
	if first != "" {
		if born, err = release.Parse(first); err != nil {
			return err
		}
	}
	for _, o := range OutOfBands {
		if at.Less(o.Introduced) {
			continue
		}
		progress := 0
		if !born.Less(o.Introduced) {
			progress = 1
		}
		var major, minor *int
		if o.Deprecated != (release.Minor{}) {
			major, minor = &o.Deprecated.Major, &o.Deprecated.Minor
		}
		if _, err := q.Exec(ctx, `INSERT INTO out_of_band_migrations (id, team, component, description, progress, non_destructive,
			introduced_version_major, introduced_version_minor, deprecated_version_major, deprecated_version_minor)
			VALUES ($1, 'testbed', $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`, o.ID, o.Component, o.Description, progress,
			!o.Destructive, o.Introduced.Major, o.Introduced.Minor, major, minor); err != nil {
			return err
		}
	}
	return nil
}

// Turn sets the direction of background migrations.
func Turn(ctx context.Context, q Execer, ids []int, reverse bool) error {
	_, err := q.Exec(ctx, "UPDATE out_of_band_migrations SET apply_reverse = $2 WHERE id = ANY($1)", ids, reverse)
	return err
}

// Progress is how far a background migration is.
type Progress struct {
	ID       int
	Progress float64 // 0 to 1
	Done     bool
}

// Advance moves background migrations ahead by what an amount of time does, and says how far they are. No ids mean all that a program of
// this release can run.
func Advance(ctx context.Context, q Execer, ids []int, at release.Minor, passed, takes time.Duration) ([]Progress, error) {
	f, err := ReadFaults(ctx, q)
	if err != nil {
		return nil, err
	}
	step := passed.Seconds() / f.seconds(takes).Seconds()
	rows, err := q.Query(ctx, `SELECT id, progress, apply_reverse, non_destructive FROM out_of_band_migrations
		WHERE id = ANY($1) OR ($1::int[] IS NULL AND (introduced_version_major, introduced_version_minor) <= ($2, $3)) ORDER BY id`,
		ids, at.Major, at.Minor)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Progress
	moved := map[int]float64{}
	for rows.Next() {
		var p Progress
		var reverse, kept bool
		if err := rows.Scan(&p.ID, &p.Progress, &reverse, &kept); err != nil {
			return nil, err
		}
		was := p.Progress
		switch {
		case reverse && kept: // the older form was kept beside the newer one: there is nothing to take back
			p.Progress, p.Done = 0, true
		case reverse:
			p.Progress = max(was-step, 0)
			p.Done = p.Progress == 0
		default:
			p.Progress = max(was, min(was+step, f.ceiling(p.ID)))
			p.Done = p.Progress >= 1
		}
		if p.Progress != was {
			moved[p.ID] = p.Progress
		}
		out = append(out, p)
	}
	rows.Close()
	for id, to := range moved {
		if _, err := q.Exec(ctx, "UPDATE out_of_band_migrations SET progress = $2, last_updated = now() WHERE id = $1", id, to); err != nil {
			return nil, err
		}
	}
	return out, rows.Err()
}

// Unfinished says which background migrations keep a program of a release from running; nil when none do. Those are: migrations that the
// release no longer reads the older form of, below 100 %, unless the instance began without that form; and migrations that a later release
// introduced, above 0 %.
//
// Of the second kind Sourcegraph refuses all. The stand-in refuses those that can't be taken back, and the others with the fault
// unreversed_refused.
//
// Source: internal/oobmigration (Runner.Validate, ValidateOutOfBandMigrationRunner) in
// https://github.com/sourcegraph/sourcegraph-public-snapshot
func Unfinished(ctx context.Context, q Querier, at release.Minor) error {
	exists, err := has(ctx, q, "out_of_band_migrations")
	if err != nil || !exists {
		return err
	}
	_, began, err := Version(ctx, q)
	if err != nil {
		return err
	}
	if began == "" { // a new instance has no older form of anything
		return nil
	}
	first, err := release.Parse(began)
	if err != nil {
		return err
	}
	f, err := ReadFaults(ctx, q)
	if err != nil {
		return err
	}
	rows, err := q.Query(ctx, `SELECT id, progress, (introduced_version_major, introduced_version_minor) > ($1, $2) FROM out_of_band_migrations
		WHERE progress < 1 AND (deprecated_version_major, deprecated_version_minor) <= ($1, $2)
			AND (deprecated_version_major, deprecated_version_minor) > ($3, $4)
		OR progress > 0 AND ($5 OR NOT non_destructive) AND (introduced_version_major, introduced_version_minor) > ($1, $2) ORDER BY id`,
		at.Major, at.Minor, first.Major, first.Minor, f[UnreversedRefused] != "")
	if err != nil {
		return err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id int
		var progress float64
		var early bool
		if err := rows.Scan(&id, &progress, &early); err != nil {
			return err
		}
		expected := 100.0
		if early {
			expected = 0
		}
		lines = append(lines, fmt.Sprintf("  - migration %d expected to be at %.2f%% (at %.2f%%)", id, expected, progress*100))
	}
	if err := rows.Err(); err != nil || len(lines) == 0 {
		return err
	}
	//lint:ignore ST1005 these are the real program's words
	return fmt.Errorf("Unfinished migrations. Please revert Sourcegraph to the previous version and wait for the following migrations to complete.\n\n%s\n",
		strings.Join(lines, "\n"))
}
