package schema

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/testbed/internal/pgtest"
	"berth/testbed/internal/release"
)

// Ids are the memory of what was applied: they are unique, in order, fit the column, and never change from release to release.
func TestMigrationIDs(t *testing.T) {
	for _, db := range Databases {
		older, newer := Migrations(db, release.Must("7.4")), Migrations(db, release.Must("7.5"))
		if len(newer) != len(older)+1 {
			t.Errorf("%s: 7.5 has %d migrations, want one more than the %d of 7.4", db, len(newer), len(older))
		}
		last := 0
		for i, m := range newer {
			if m.ID <= last || m.ID > 1<<31-1 {
				t.Errorf("%s: migration %d follows %d", db, m.ID, last)
			}
			last = m.ID
			if i < len(older) && older[i].ID != m.ID {
				t.Errorf("%s: migration %d of 7.4 is %d in 7.5", db, older[i].ID, m.ID)
			}
			if len(m.Up()) == 0 {
				t.Errorf("%s: migration %d does nothing", db, m.ID)
			}
		}
	}
}

func TestColumnsTellReleasesApart(t *testing.T) {
	older, newer := Columns("frontend", release.Must("7.4")), Columns("frontend", release.Must("7.5"))
	if !newer["repo.since_7_5"] || older["repo.since_7_5"] || !older["repo.name"] || !older["migration_logs.success"] {
		t.Errorf("7.4 has %v, 7.5 has %v", older, newer)
	}
}

// The columns that are read from the files are those that a database has after it ran them.
func TestBaseIsWhatTheDatabaseHas(t *testing.T) {
	server := pgtest.Start(t)
	at := release.Must("7.5")
	for _, db := range Databases {
		t.Run(db, func(t *testing.T) {
			s, err := Connect(context.Background(), db, server.Database(t), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Conn.Close(context.Background())
			if _, err := s.Up(context.Background(), at, Options{}); err != nil {
				t.Fatal(err)
			}
			have, err := Existing(context.Background(), s.Conn)
			if err != nil {
				t.Fatal(err)
			}
			want := Columns(db, at)
			for c := range have {
				if !want[c] {
					t.Errorf("the database has %s, and the files are not read so", c)
				}
			}
			for c := range want {
				if _, ok := have[c]; !ok {
					t.Errorf("the database has no %s", c)
				}
			}
			// It can be done again, as after a migration that was marked as undone.
			if _, err := s.Conn.Exec(context.Background(), base(db)); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// Tables without a primary key are those that Sourcegraph's have none of: a replica or a copy of data meets them.
func TestTablesWithoutPrimaryKey(t *testing.T) {
	server := pgtest.Start(t)
	for db, want := range map[string]string{
		"frontend": "external_service_repos external_service_sync_jobs lsif_nearest_uploads lsif_uploads_audit_logs lsif_uploads_visible_at_tip " +
			"repo_permissions search_context_repos sub_repo_permissions user_emails user_permissions user_public_repos",
		"codeintel":    "codeintel_last_reconcile codeintel_scip_symbols_lookup",
		"codeinsights": "insight_series_recording_times series_points series_points_snapshots",
	} {
		s, err := Connect(context.Background(), db, server.Database(t), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Conn.Close(context.Background())
		if _, err := s.Up(context.Background(), release.Must("5.0"), Options{}); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Conn.Query(context.Background(), `SELECT relname::text FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')`)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			got = append(got, name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", db, strings.Join(got, " "), want)
		}
	}
}
