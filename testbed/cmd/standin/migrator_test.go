package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/pgtest"
	"berth/testbed/internal/release"
	"berth/testbed/internal/schema"
)

// instance is three databases and what runs on them.
type instance struct {
	*testing.T
	dsn map[string]string
	env map[string]string
}

// frontendEnv is what a frontend needs beside its databases.
var frontendEnv = map[string]string{"STANDIN_VERSION": "5.0.0", "DEPLOY_TYPE": "docker-compose", "SRC_GIT_SERVERS": "g:3178", "SEARCHER_URL": "http://s:3181",
	"INDEXED_SEARCH_SERVERS": "z:6070", "SRC_FRONTEND_INTERNAL": "f:3090", "SRC_SYNTECT_SERVER": "http://y:9238", "SYMBOLS_URL": "http://m:3184",
	"SOURCEGRAPH_UPLOAD_BACKEND": "blobstore", "SOURCEGRAPH_UPLOAD_AWS_ENDPOINT": "http://b:9000"}

func newInstance(t *testing.T, s *pgtest.Server) *instance {
	i := &instance{T: t, dsn: map[string]string{}, env: map[string]string{"STANDIN_OOB_SECONDS": "0.5"}}
	for _, db := range schema.Databases {
		i.dsn[db] = s.Database(t)
		i.env[schema.Prefix(db)+"PGDATASOURCE"] = i.dsn[db]
	}
	return i
}

func (i *instance) sql(db, statement string, args ...any) {
	i.Helper()
	c, err := pgx.Connect(context.Background(), i.dsn[db])
	if err != nil {
		i.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), statement, args...); err != nil {
		i.Fatal(err)
	}
}

func (i *instance) one(db, query string) (text string) {
	i.Helper()
	c, err := pgx.Connect(context.Background(), i.dsn[db])
	if err != nil {
		i.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.QueryRow(context.Background(), query).Scan(&text); err != nil {
		i.Fatal(query, err)
	}
	return text
}

// fault sets what a test wants to go wrong; an empty value takes it away.
func (i *instance) fault(name, value string) {
	i.Helper()
	i.sql("frontend", "CREATE TABLE IF NOT EXISTS standin_faults (name text PRIMARY KEY, value text NOT NULL)")
	i.sql("frontend", "DELETE FROM standin_faults WHERE name = $1", name)
	if value != "" {
		i.sql("frontend", "INSERT INTO standin_faults VALUES ($1, $2)", name, value)
	}
}

// migrate runs the migrator of a release.
func (i *instance) migrate(ctx context.Context, version string, args ...string) error {
	return run(ctx, append([]string{"migrator"}, args...), func(k string) string {
		if k == "STANDIN_VERSION" {
			return version
		}
		return i.env[k]
	})
}

func (i *instance) must(version string, args ...string) {
	i.Helper()
	if err := i.migrate(context.Background(), version, args...); err != nil {
		i.Fatalf("migrator %s %v: %v", version, args, err)
	}
}

func (i *instance) refused(want, version string, args ...string) {
	i.Helper()
	err := i.migrate(context.Background(), version, args...)
	if err == nil || !strings.Contains(err.Error(), want) {
		i.Errorf("migrator %s %v: got %v, want %q", version, args, err, want)
	}
}

// frontend starts a frontend just far enough to see whether it stays.
func (i *instance) frontend(version string) error {
	s := &service{role: "frontend", version: version, minor: release.Must(version), env: func(k string) string { return i.env[k] }}
	db, err := open(context.Background(), dsns(s.env))
	if err != nil {
		i.Fatal(err)
	}
	defer func() {
		for _, p := range db {
			p.Close()
		}
	}()
	return (&frontend{service: s, db: db}).admit(context.Background())
}

func (i *instance) boots(version string) {
	i.Helper()
	if err := i.frontend(version); err != nil {
		i.Fatalf("frontend %s: %v", version, err)
	}
	if got := i.version(); got != version {
		i.Errorf("after frontend %s the instance is at %s", version, got)
	}
}

func (i *instance) frontendRefuses(want, version string) {
	i.Helper()
	var no *refusal
	if err := i.frontend(version); !errors.As(err, &no) || !strings.Contains(err.Error(), want) {
		i.Errorf("frontend %s: got %v, want a refusal with %q", version, err, want)
	}
}

func (i *instance) version() string {
	i.Helper()
	return i.one("frontend", "SELECT version FROM versions WHERE service = 'frontend'")
}

// spoiled compares the harm that was noted, in order, with "; " between.
func (i *instance) spoiled(want string) {
	i.Helper()
	if i.one("frontend", "SELECT (to_regclass('standin_spoiled') IS NOT NULL)::text") == "false" {
		i.sql("frontend", "CREATE TABLE IF NOT EXISTS standin_spoiled (release text NOT NULL, harm text NOT NULL, noted timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (release, harm))")
	}
	if got := i.one("frontend", "SELECT coalesce(string_agg(release || ' ' || harm, '; ' ORDER BY harm), '') FROM standin_spoiled"); got != want {
		i.Errorf("noted: %q, want %q", got, want)
	}
}

// installed is an instance that began at a release before PostgreSQL was looked at.
func installed(t *testing.T, s *pgtest.Server, version string) *instance {
	i := newInstance(t, s)
	i.must(version, "up")
	i.boots(version)
	return i
}

func TestMigrator(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)

	t.Run("up is for one minor, and a frontend too", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.1.0", "up")
		i.boots("5.1.0")
		i.boots("5.0.0") // one minor back
		i.refused(`upgrading "frontend" from "5.0.0" to "5.2.0" is not allowed`, "5.2.0", "up")
		i.frontendRefuses(`upgrading "frontend" from "5.0.0" to "5.2.0" is not allowed`, "5.2.0")
		i.must("5.2.0", "up", "--skip-upgrade-validation")
	})

	t.Run("upgrade checks, then goes over many minors", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.refused("bad format for -from", "5.11.6271", "upgrade", "--to=5.11")
		i.refused("invalid range (from=5.11 >= to=5.0)", "5.11.6271", "upgrade", "--from=5.11", "--to=5.0")
		i.refused(`unknown tag "v6.0.0"`, "5.11.6271", "upgrade", "--from=v5.0", "--to=v6.0.0")
		i.refused(`version assertion failed: "5.0" != "5.1"`, "5.11.6271", "upgrade", "--from=5.1", "--to=5.11")
		i.must("5.11.6271", "upgrade", "--from=v5.0", "--to=v5.11", "--dry-run")
		if i.version() != "5.0.0" {
			t.Errorf("after a dry run the instance is at %s", i.version())
		}
		i.must("5.11.6271", "upgrade", "--from=v5.0", "--to=v5.11.6271", "--disable-animation", "--ignore-migrator-update")
		if i.version() != "5.11.0" {
			t.Errorf("after the upgrade the instance is at %s", i.version())
		}
		for _, db := range schema.Databases {
			i.must("5.11.6271", "drift", "--db="+db, "--version=v5.11.0")
			i.refused("database schema drift detected", "5.11.6271", "drift", "--db="+db, "--version=v5.0.0")
		}
		if open := i.one("frontend", "SELECT count(*)::text FROM out_of_band_migrations WHERE progress < 1 AND deprecated_version_major = 5"); open != "0" {
			t.Errorf("%s migrations of data are not done", open)
		}
		i.must("5.11.6271", "validate")
		i.boots("5.11.6271")
	})

	t.Run("an interrupted upgrade drifts, and goes on when told to", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.fault(schema.MigrationFails, "codeintel:5.6")
		i.refused("failed to apply migration", "5.11.0", "upgrade", "--from=5.0", "--to=5.11")
		if i.version() != "5.0.0" {
			t.Errorf("the instance is at %s", i.version())
		}
		i.refused("dirty database", "5.0.0", "validate")
		i.refused("dirty database", "5.1.0", "up")
		i.refused("database drift detected", "5.11.0", "upgrade", "--from=5.0", "--to=5.11")
		i.fault(schema.MigrationFails, "")
		i.must("5.11.0", "upgrade", "--from=5.0", "--to=5.11", "--skip-drift-check")
		i.boots("5.11.0")
	})

	t.Run("a killed migrator leaves the entry open", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.fault(schema.MigrationSeconds, "30")
		ctx, kill := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- i.migrate(ctx, "5.1.0", "upgrade", "--from=5.0", "--to=5.1") }()
		const open = "SELECT count(*)::text FROM migration_logs WHERE finished_at IS NULL"
		for i.one("frontend", open) == "0" {
		}
		kill()
		<-ended
		i.refused("dirty database", "5.1.0", "up")
		i.fault(schema.MigrationSeconds, "")
		i.must("5.1.0", "upgrade", "--from=5.0", "--to=5.1") // nothing was committed: no drift
	})

	t.Run("drift is refused unless it is to be", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.sql("frontend", "ALTER TABLE repo DROP COLUMN uri; ALTER TABLE users ADD COLUMN rogue text")
		i.sql("codeinsights", "DROP TABLE series_points")
		i.refused("database drift detected", "5.3.0", "upgrade", "--from=5.0", "--to=5.3")
		i.refused("database schema drift detected", "5.3.0", "drift", "--db=frontend", "--version=v5.0.0")
		i.refused("failed to locate target schema description", "5.3.0", "drift", "--db=frontend", "--version=v5.4.0")
		i.must("5.3.0", "drift", "--db=codeintel", "--version=v5.0.0")
		i.must("5.3.0", "upgrade", "--from=5.0", "--to=5.3", "--skip-drift-check")
	})

	t.Run("add-log and upto", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		next := schema.Migrations("frontend", release.Must("5.1"))
		id := next[len(next)-1].ID
		i.refused("unknown migration 7", "5.1.0", "upto", "--db=frontend", "--target=7")
		i.must("5.1.0", "upto", "--db=frontend", "--target="+strconv.Itoa(id))
		i.must("5.1.0", "drift", "--db=frontend", "--version=v5.1.0")
		i.refused("add-log needs -db", "5.1.0", "add-log", "-version=1")
		i.must("5.1.0", "add-log", "-db=frontend", "-version="+strconv.Itoa(id), "-up=false")
		i.refused("schema out of date", "5.1.0", "validate")
		i.must("5.1.0", "add-log", "-db=frontend", "-version="+strconv.Itoa(id))
		i.must("5.1.0", "up")
		i.must("5.1.0", "validate")
	})

	t.Run("downgrade", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.11.0", "upgrade", "--from=5.0", "--to=5.11")
		i.boots("5.11.0")
		i.refused("invalid range (to=5.11 >= from=5.0)", "5.11.0", "downgrade", "--from=5.0", "--to=5.11")
		i.must("5.11.0", "downgrade", "--from=5.11", "--to=5.0")
		i.must("5.11.0", "drift", "--db=frontend", "--version=v5.0.0")
		i.boots("5.0.0")
	})

	t.Run("what is let through and does harm is noted", func(t *testing.T) {
		t.Parallel()
		i := newInstance(t, s)
		i.env["STANDIN_OOB_SECONDS"] = "0.1"
		i.must("4.5.0", "up")
		i.boots("4.5.0")
		i.spoiled("")
		i.must("5.0.0", "up")
		i.boots("5.0.0")
		i.boots("4.5.0") // works with the schema of the next minor
		i.boots("5.0.0")
		i.must("5.1.0", "up")
		i.boots("5.1.0")
		i.spoiled("")
		// Every step back is let through, and a release does not know the schema of the next but one.
		i.boots("4.5.0")
		i.boots("4.5.0") // it is noted once
		i.spoiled("4.5.0 runs on the schema of 5.1 in codeinsights; 4.5.0 runs on the schema of 5.1 in codeintel; 4.5.0 runs on the schema of 5.1 in frontend")
	})

	t.Run("any minor to the next major is let through", func(t *testing.T) {
		t.Parallel()
		i := newInstance(t, s)
		i.must("4.3.0", "up")
		i.boots("4.3.0")
		i.must("5.0.0", "up")
		i.must("5.0.0", "run-out-of-band-migrations")
		i.boots("5.0.0")
		i.spoiled("5.0.0 runs on data of 4.3, without the migrations of data between them")
		i.refused(`upgrading "frontend" from "5.0.0" to "5.2.0" is not allowed`, "5.2.0", "up")
	})

	t.Run("the migrator's upgrade does no harm", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.11.0", "upgrade", "--from=5.0", "--to=5.11")
		i.boots("5.11.0")
		i.must("5.11.0", "downgrade", "--from=5.11", "--to=5.0")
		i.boots("5.0.0")
		i.spoiled("")
	})

	t.Run("one database for both is refused", func(t *testing.T) {
		t.Parallel()
		i := newInstance(t, s)
		i.env["CODEINTEL_PGDATASOURCE"] = i.env["PGDATASOURCE"]
		i.refused("databases frontend and codeintel must be distinct, but both target postgres:", "5.0.0", "up")
		i.must("5.0.0", "up", "--db=frontend")
		err := run(context.Background(), []string{"frontend"}, func(k string) string { return cmp.Or(i.env[k], frontendEnv[k]) })
		if err == nil || !strings.Contains(err.Error(), "must be distinct") {
			t.Errorf("frontend: got %v, want a refusal", err)
		}
		i.env["CODEINTEL_PG_ALLOW_SINGLE_DB"] = "1"
		i.must("5.0.0", "up")
	})

	t.Run("PostgreSQL below 16", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.11.0")
		if i.one("frontend", "SHOW server_version_num") >= "160000" {
			t.Skip("this machine's PostgreSQL is new enough")
		}
		i.refused("Sourcegraph requires PostgreSQL 16+", "6.0.0", "up")
		i.frontendRefuses("Sourcegraph requires PostgreSQL 16+", "6.0.0")
	})
}

func TestOutOfBandMigrations(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)

	t.Run("a release refuses what it no longer reads", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.1.0", "up")
		i.boots("5.1.0")
		i.must("5.2.0", "up")
		i.boots("5.2.0")
		i.refused("- migration 24 expected to be at 100.00% (at 0.00%)", "5.3.0", "up")
		i.must("5.3.0", "up", "--skip-oobmigration-validation")
		i.frontendRefuses("ERROR: Unfinished migrations. Please revert Sourcegraph to the previous version and wait", "5.3.0")
		i.boots("5.2.0")
		i.must("5.2.0", "run-out-of-band-migrations", "--id=24")
		i.boots("5.3.0")
	})

	t.Run("a release refuses what a later one began", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.1.0", "up")
		i.boots("5.1.0")
		i.must("5.1.0", "run-out-of-band-migrations", "--id=24")
		i.boots("5.0.0") // 24 can be taken back
		i.fault(schema.UnreversedRefused, "1")
		i.frontendRefuses("- migration 24 expected to be at 0.00% (at 100.00%)", "5.0.0")
		i.refused("- migration 24 expected to be at 0.00% (at 100.00%)", "5.0.0", "validate")
		i.env["SRC_DISABLE_OOBMIGRATION_VALIDATION"] = "1"
		i.boots("5.0.0")
		delete(i.env, "SRC_DISABLE_OOBMIGRATION_VALIDATION")
		i.boots("5.1.0")
		i.must("5.1.0", "downgrade", "--from=5.1", "--to=5.0")
		i.boots("5.0.0")
	})

	t.Run("an instance that began without the older form has nothing to finish", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.3.0")
		i.sql("frontend", "UPDATE out_of_band_migrations SET progress = 0.5 WHERE id = 24")
		i.boots("5.3.0")
		i.must("5.3.0", "validate")
	})

	t.Run("stuck at 80 %", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.fault(schema.OutOfBandStuck, "24:80")
		ctx, kill := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- i.migrate(ctx, "5.3.0", "upgrade", "--from=5.0", "--to=5.3") }()
		for i.one("frontend", "SELECT coalesce((SELECT progress FROM out_of_band_migrations WHERE id = 24), 0)::text") != "0.8" {
			select {
			case err := <-ended:
				t.Fatalf("it ended: %v", err)
			default:
			}
		}
		kill()
		if err := <-ended; err == nil {
			t.Error("it came to its end")
		}
		i.fault(schema.OutOfBandStuck, "")
		i.must("5.3.0", "upgrade", "--from=5.0", "--to=5.3", "--skip-drift-check")
		i.boots("5.3.0")
	})

	t.Run("the worker moves what its release knows", func(t *testing.T) {
		t.Parallel()
		i := installed(t, s, "5.0.0")
		i.must("5.1.0", "up")
		i.boots("5.1.0")
		db, err := open(context.Background(), i.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.frontend().Close()
		all, err := schema.Advance(context.Background(), db.frontend(), nil, release.Must("5.0"), time.Second, 4*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.ID == 24 {
				t.Error("5.0 moved a migration of 5.1")
			}
		}
		if _, err := schema.Advance(context.Background(), db.frontend(), nil, release.Must("5.1"), time.Second, 4*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := i.one("frontend", "SELECT progress::text FROM out_of_band_migrations WHERE id = 24"); got != "0.25" {
			t.Errorf("after a quarter of its time it is at %s", got)
		}
	})
}
