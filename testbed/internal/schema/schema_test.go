package schema

import (
	"testing"

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
