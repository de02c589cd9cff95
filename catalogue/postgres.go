package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// PostgresFile is the catalogue's file with the settings of Postgres.
const PostgresFile = "postgres.yaml"

// PostgresSettings are the settings that Postgres has.
type PostgresSettings struct {
	Owned  map[string]string `yaml:"owned"` // that an admin can't set, with the reason
	Risky  map[string]Risk   `yaml:"risky"` // values that put the data at risk
	Pool   int               `yaml:"pool"`  // connections that one of their processes may open to a database, unless SRC_PGSQL_MAX_OPEN says another number
	Both   map[string]string `yaml:"both"`
	Only12 map[string]string `yaml:"only12"`
	Only16 map[string]string `yaml:"only16"`
}

// Risk is a value that puts the data at risk.
type Risk struct {
	Value string `yaml:"value"`
	Risk  string `yaml:"risk"`
}

// PostgresSetting is what one setting takes.
type PostgresSetting struct {
	Type     string   // bool, integer, real, string or enum; internal: nobody can set it
	Min, Max float64  // of a number, in Unit; both 0: no bounds
	Unit     string   // of a number without one: kB, 8kB, ms; "": a number has none
	Values   []string // of an enum
}

// Postgres is what is known of Postgres' settings.
func (c *Catalogue) Postgres() *PostgresSettings {
	return must(read[PostgresSettings](c.fsys, PostgresFile))
}

// Of are the settings of a major release, as text. It is nil for one that is not known.
func (p *PostgresSettings) Of(major int) map[string]string {
	only, known := map[int]map[string]string{12: p.Only12, 16: p.Only16}[major]
	if !known {
		return nil
	}
	all := maps.Clone(p.Both)
	maps.Copy(all, only)
	return all
}

// ReadPostgresSetting reads a setting's text: "integer 64..2147483647 kB", "enum on|off".
func ReadPostgresSetting(text string) (s PostgresSetting) {
	kind, rest, _ := strings.Cut(text, " ")
	s.Type = kind
	if kind == "enum" {
		s.Values = strings.Split(rest, "|")
		return s
	}
	fields := strings.Fields(rest)
	if i := slices.IndexFunc(fields, func(f string) bool { return strings.Contains(f, "..") }); i >= 0 {
		least, most, _ := strings.Cut(fields[i], "..")
		s.Min, _ = strconv.ParseFloat(least, 64) // a test reads all of them
		s.Max, _ = strconv.ParseFloat(most, 64)
		fields = slices.Delete(fields, i, i+1)
	}
	s.Unit = strings.Join(fields, "")
	return s
}

// PostgresSettings are the settings that a release ships for one of its databases; nil when the release has no such database for its target.
func (r *Release) PostgresSettings(database string) map[string]string {
	if s := r.Files.Postgres[database]; s != nil {
		return s
	}
	k := r.Services[database].Kubernetes
	if k == nil {
		return nil
	}
	out := map[string]string{}
	for name, value := range Branch(k.Objects["ConfigMap/"+database+"-conf"], "data", "postgresql.conf") {
		out[name] = fmt.Sprint(value)
	}
	return out
}
