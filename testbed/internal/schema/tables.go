// Package schema has the three databases: their tables at each release, the migrations between releases, and the migrator's work on
// them. The tables that record migrations have the names and columns of Sourcegraph's, so that whoever reads those reads these.
package schema

import (
	"fmt"
	"strings"

	"berth/testbed/internal/release"
)

// Table is a table and its columns as SQL.
type Table struct {
	Name    string
	Columns []string
}

// Migration changes one database once.
type Migration struct {
	ID         int
	Name       string
	Release    release.Minor // the release that brought it; zero for what all releases have
	Privileged bool          // needs a superuser
	Tables     []Table       // tables that it makes
	Table      string        // table that gets Column
	Column     string
	SQL        []string // statements beside tables and columns
}

// Databases are the names by which the migrator knows them, in the order in which it works on them.
var Databases = []string{"frontend", "codeintel", "codeinsights"}

// LogName is what the migration log calls a database.
func LogName(database string) string {
	if database == "frontend" {
		return "schema_migrations"
	}
	return database + "_schema_migrations"
}

// Prefix is what the variables of a database begin with.
func Prefix(database string) string {
	return map[string]string{"frontend": "", "codeintel": "CODEINTEL_", "codeinsights": "CODEINSIGHTS_"}[database]
}

var log = Table{"migration_logs", []string{
	"id SERIAL PRIMARY KEY", "migration_logs_schema_version integer NOT NULL", "schema text NOT NULL", "version integer NOT NULL",
	"up boolean NOT NULL", "started_at timestamptz NOT NULL", "finished_at timestamptz", "success boolean", "error_message text",
	"backfilled boolean NOT NULL DEFAULT false",
}}

// base are the tables that all releases have.
var base = map[string][]Table{
	"frontend": {
		{"versions", []string{"service text PRIMARY KEY", "version text NOT NULL", "updated_at timestamptz NOT NULL DEFAULT now()",
			"first_version text NOT NULL", "auto_upgrade boolean NOT NULL DEFAULT false"}},
		{"out_of_band_migrations", []string{"id SERIAL PRIMARY KEY", "team text NOT NULL", "component text NOT NULL",
			"description text NOT NULL", "progress double precision NOT NULL DEFAULT 0", "created timestamptz NOT NULL DEFAULT now()",
			"last_updated timestamptz", "non_destructive boolean NOT NULL", "apply_reverse boolean NOT NULL DEFAULT false",
			"is_enterprise boolean NOT NULL DEFAULT false", "introduced_version_major integer NOT NULL",
			"introduced_version_minor integer NOT NULL", "deprecated_version_major integer", "deprecated_version_minor integer",
			"metadata jsonb NOT NULL DEFAULT '{}'"}},
		{"out_of_band_migrations_errors", []string{"id SERIAL PRIMARY KEY", "migration_id integer NOT NULL", "message text NOT NULL",
			"created timestamptz NOT NULL DEFAULT now()"}},
		{"users", []string{"id SERIAL PRIMARY KEY", "username text NOT NULL UNIQUE", "display_name text", "email text NOT NULL",
			"passwd text NOT NULL", "site_admin boolean NOT NULL DEFAULT false", "created_at timestamptz NOT NULL DEFAULT now()",
			"deleted_at timestamptz"}},
		{"repo", []string{"id SERIAL PRIMARY KEY", "name text NOT NULL UNIQUE", "uri text NOT NULL",
			"revision integer NOT NULL DEFAULT 1", "created_at timestamptz NOT NULL DEFAULT now()",
			"updated_at timestamptz NOT NULL DEFAULT now()"}},
		{"repo_bundles", []string{"repo_id integer PRIMARY KEY", "bundle bytea NOT NULL"}},
		{"gitserver_repos", []string{"repo_id integer PRIMARY KEY", "clone_status text NOT NULL", "shard_id text NOT NULL",
			"repo_size_bytes bigint", "last_error text", "commit text", "updated_at timestamptz NOT NULL DEFAULT now()"}},
		{"settings", []string{"id SERIAL PRIMARY KEY", "contents text NOT NULL", "created_at timestamptz NOT NULL DEFAULT now()"}},
		{"critical_and_site_config", []string{"id SERIAL PRIMARY KEY", "type text NOT NULL", "contents text NOT NULL",
			"created_at timestamptz NOT NULL DEFAULT now()"}},
		{"external_services", []string{"id SERIAL PRIMARY KEY", "kind text NOT NULL", "display_name text NOT NULL UNIQUE",
			"config text NOT NULL", "created_at timestamptz NOT NULL DEFAULT now()"}},
		{"lsif_uploads", []string{"id SERIAL PRIMARY KEY", "repository text NOT NULL", "state text NOT NULL DEFAULT 'queued'",
			"object_key text NOT NULL", "sha256 text NOT NULL", "size bigint NOT NULL", "failure_message text",
			"uploaded_at timestamptz NOT NULL DEFAULT now()"}},
	},
	"codeintel": {
		{"codeintel_scip_metadata", []string{"id SERIAL PRIMARY KEY", "upload_id integer NOT NULL UNIQUE", "tool_name text NOT NULL",
			"size bigint NOT NULL"}},
	},
	"codeinsights": {
		{"insight_series", []string{"id SERIAL PRIMARY KEY", "series_id text NOT NULL UNIQUE", "query text NOT NULL",
			"created_at timestamptz NOT NULL DEFAULT now()"}},
		{"series_points", []string{"series_id text NOT NULL", "time timestamptz NOT NULL DEFAULT now()", "value double precision NOT NULL"}},
	},
}

// anchor is the table in which each release leaves a column, so that releases can be told apart by their schema.
var anchor = map[string]string{"frontend": "repo", "codeintel": "codeintel_scip_metadata", "codeinsights": "insight_series"}

// extensions are made by privileged migrations, with the ids that Sourcegraph's examples for managed databases name.
var extensions = map[string]struct {
	id    int
	names []string
}{
	"frontend":     {1680296731, []string{"citext", "hstore", "intarray", "pg_stat_statements", "pg_trgm", "pgcrypto"}},
	"codeintel":    {1679010276, []string{"citext", "hstore", "pg_stat_statements"}},
	"codeinsights": {1675347548, []string{"citext", "pg_stat_statements"}},
}

const (
	firstID   = 1648051770
	releaseID = 1690000000 // ids of the releases' own migrations follow this one
)

// Migrations are all that a database has at a release, in their order.
func Migrations(database string, at release.Minor) []Migration {
	ext := extensions[database]
	var sql []string
	for _, e := range ext.names {
		sql = append(sql, "CREATE EXTENSION IF NOT EXISTS "+e)
	}
	all := []Migration{
		{ID: firstID, Name: "squashed migrations", Tables: base[database]},
		{ID: ext.id, Name: "extensions", Privileged: true, SQL: sql},
	}
	for n, m := range release.Between(release.Minor{Major: 4, Minor: 5}, at) {
		all = append(all, Migration{ID: releaseID + n*100000, Name: "release " + m.String(), Release: m, Table: anchor[database],
			Column: fmt.Sprintf("since_%d_%d boolean", m.Major, m.Minor)})
	}
	return all
}

// Up are the statements that apply it.
func (m Migration) Up() []string {
	var out []string
	for _, t := range m.Tables {
		out = append(out, t.create())
	}
	if m.Column != "" {
		out = append(out, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s", m.Table, m.Column))
	}
	return append(out, m.SQL...)
}

// Down are the statements that undo it. What all releases have is never undone.
func (m Migration) Down() []string {
	if m.Column == "" {
		return nil
	}
	return []string{fmt.Sprintf("ALTER TABLE %s DROP COLUMN IF EXISTS %s", m.Table, strings.Fields(m.Column)[0])}
}

func (t Table) create() string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)", t.Name, strings.Join(t.Columns, ", "))
}

// Columns are the columns that a database has at a release, as table.column.
func Columns(database string, at release.Minor) map[string]bool {
	out := map[string]bool{}
	add := func(table, column string) { out[table+"."+strings.Fields(column)[0]] = true }
	for _, c := range log.Columns {
		add(log.Name, c)
	}
	for _, m := range Migrations(database, at) {
		for _, t := range m.Tables {
			for _, c := range t.Columns {
				add(t.Name, c)
			}
		}
		if m.Column != "" {
			add(m.Table, m.Column)
		}
	}
	return out
}
