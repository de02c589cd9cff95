package check

import (
	"maps"
	"slices"
	"testing"

	"berth/catalogue"
	"berth/internal/config/contents"
	"berth/internal/diag"
)

// TestShippedSettingsAreAccepted: no release, on either target, ships settings that are refused, and a config that scales nothing gets no warning.
func TestShippedSettingsAreAccepted(t *testing.T) {
	cat := catalogue.Embedded()
	known := cat.Postgres()
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		minors := map[string]bool{}
		for _, v := range cat.Versions(target) {
			if minors[catalogue.Minor(v.Version)] {
				continue
			}
			minors[catalogue.Minor(v.Version)] = true
			rel, err := cat.Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			for _, db := range databaseNames {
				settings := maps.Clone(rel.PostgresSettings(db))
				delete(settings, "listen_addresses") // which is owned, and as every service needs it
				for _, p := range contents.Settings(known, cat.Upgrades().BundledPostgres(v.Version), settings) {
					t.Errorf("%s on %s, %s: %s", v.Version, target, db, p.Summary)
				}
			}
			text := "target: " + string(target) + "\nurl: http://x\nrelease: " + v.Version + "\nservices: {pgsql: {cpu: 4}}\ndatabases: {pgsql: {settings: {work_mem: 16MB}}}\n"
			world := around(nil)
			_, _, problems := Read("f", []byte(text), cat, world)
			problems = slices.DeleteFunc(problems, func(d diag.Diagnostic) bool { return d.Code < "BERTH1500" || d.Code >= "BERTH1600" })
			if len(problems) > 0 {
				t.Errorf("%s on %s: %s", v.Version, target, rendered(problems))
			}
		}
	}
}
