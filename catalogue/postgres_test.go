package catalogue

import (
	"slices"
	"strings"
	"testing"
)

// TestPostgresSettings: all texts have the form that is read, for every major that bundled databases have.
func TestPostgresSettings(t *testing.T) {
	c := Embedded()
	p := c.Postgres()
	types := []string{"bool", "integer", "real", "string", "enum", "internal"}
	units := []string{"", "B", "kB", "8kB", "MB", "ms", "s", "min"}
	for _, v := range c.Versions("") {
		if major := c.Upgrades().BundledPostgres(v.Version); p.Of(major) == nil {
			t.Errorf("the settings of Postgres %d, which %s has, are not known", major, v.Version)
		}
	}
	for _, major := range []int{12, 16} {
		all := p.Of(major)
		if len(all) < 310 {
			t.Errorf("Postgres %d has %d settings", major, len(all))
		}
		for name, text := range all {
			s := ReadPostgresSetting(text)
			number := s.Type == "integer" || s.Type == "real"
			if !slices.Contains(types, s.Type) || !slices.Contains(units, s.Unit) || number != strings.Contains(text, "..") || (s.Type == "enum") != (len(s.Values) > 0) {
				t.Errorf("%d %s: %q is read as %+v", major, name, text, s)
			}
		}
		for name := range p.Owned {
			if all[name] == "" {
				t.Errorf("Postgres %d has no %s", major, name)
			}
		}
		for name := range p.Risky {
			if all[name] == "" {
				t.Errorf("Postgres %d has no %s", major, name)
			}
		}
	}
	if got := ReadPostgresSetting(p.Of(16)["work_mem"]); got.Unit != "kB" || got.Min != 64 || got.Max != 2147483647 {
		t.Errorf("work_mem: %+v", got)
	}
}

// TestPostgresSettingsOfReleases: what releases ship is known, for both targets.
func TestPostgresSettingsOfReleases(t *testing.T) {
	c := Embedded()
	n := 0
	for _, target := range []Target{Compose, Kubernetes} {
		for _, version := range []string{"5.0.6", "5.9.1590", "5.10.3940", "7.5.4453", c.Newest(target)} {
			r, err := c.Release(version, target)
			if err != nil {
				t.Fatal(err)
			}
			known := map[string]bool{}
			for name := range c.Postgres().Of(c.Upgrades().BundledPostgres(version)) {
				known[strings.ToLower(name)] = true
			}
			for _, db := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
				for name := range r.PostgresSettings(db) {
					if n++; !known[strings.ToLower(name)] {
						t.Errorf("%s on %s: %s has %s", version, target, db, name)
					}
				}
			}
		}
	}
	if n < 600 {
		t.Errorf("only %d settings", n)
	}
}
