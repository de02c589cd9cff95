// Package schema has the three databases: their tables at each release, the migrations between releases, and the migrator's work on them. Tables
// that hold what must not be lost, and those that record migrations, have the names, columns and keys of Sourcegraph's.
package schema

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"berth/testbed/internal/release"
)

// Table is a table and its columns, by name; more than the name is SQL.
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

//go:embed frontend.sql codeintel.sql codeinsights.sql
var files embed.FS

// base is what all releases have of a database, as SQL.
func base(database string) string {
	text, err := files.ReadFile(database + ".sql")
	if err != nil {
		panic(err) // it is built in
	}
	return string(text)
}

var (
	table  = regexp.MustCompile(`(?ms)^CREATE TABLE IF NOT EXISTS (\w+) \(\n(.*?)^\);$`)
	column = regexp.MustCompile(`(?m)^  "?([a-z_0-9]+)"? [a-z]`) // constraints begin with capitals
)

// Base are the tables that all releases have of a database, with the names of their columns.
func Base(database string) []Table { return tablesOf()[database] }

var tablesOf = sync.OnceValue(func() map[string][]Table {
	out := map[string][]Table{}
	for _, database := range Databases {
		out[database] = parse(base(database))
	}
	return out
})

func parse(text string) []Table {
	var out []Table
	for _, m := range table.FindAllStringSubmatch(text, -1) {
		t := Table{Name: m[1]}
		for _, c := range column.FindAllStringSubmatch(m[2], -1) {
			t.Columns = append(t.Columns, c[1])
		}
		out = append(out, t)
	}
	return out
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
		{ID: firstID, Name: "squashed migrations", SQL: []string{base(database)}},
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
	for _, t := range Base(database) {
		for _, c := range t.Columns {
			add(t.Name, c)
		}
	}
	for _, m := range Migrations(database, at) {
		if m.Column != "" {
			add(m.Table, m.Column)
		}
	}
	return out
}
