package schema

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"berth/testbed/internal/release"
)

// Difference is one way in which a database is not as a release has it.
type Difference struct {
	Problem  string // Missing column "repo"."since_7_4"
	Solution string // define the column
	SQL      string // that mends it; may be empty
}

// Drift says how the database differs from what a release expects. Tables that no release knows are nobody's business.
func Drift(ctx context.Context, q Querier, database string, at release.Minor) ([]Difference, error) {
	have, err := Existing(ctx, q)
	if err != nil {
		return nil, err
	}
	want := Columns(database, at)
	expected, found := tables(want), tables(have)
	var out []Difference
	for table := range expected {
		if !found[table] {
			out = append(out, Difference{Problem: fmt.Sprintf("Missing table %q", table), Solution: "define the table"})
		}
	}
	for c := range want {
		table, column, _ := strings.Cut(c, ".")
		if _, ok := have[c]; !ok && found[table] {
			out = append(out, Difference{Problem: fmt.Sprintf("Missing column %q.%q", table, column), Solution: "define the column"})
		}
	}
	for c := range have {
		table, column, _ := strings.Cut(c, ".")
		if _, ok := want[c]; !ok && expected[table] {
			out = append(out, Difference{fmt.Sprintf("Unexpected column %q.%q", table, column), "drop the column",
				fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s;", table, column)})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Problem < out[j].Problem })
	return out, nil
}

// tables are those of the columns, but for the log of migrations, which the real migrator leaves out too.
func tables[V any](columns map[string]V) map[string]bool {
	out := map[string]bool{}
	for c := range columns {
		if table, _, _ := strings.Cut(c, "."); table != log.Name {
			out[table] = true
		}
	}
	return out
}

// Existing are the columns of the tables in the database, as table.column, with their types. Views belong to extensions.
func Existing(ctx context.Context, q Querier) (map[string]string, error) {
	rows, err := q.Query(ctx, `SELECT c.table_name || '.' || c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		out[name] = kind
	}
	return out, rows.Err()
}
