package data

import (
	_ "embed" // the scripts
	"encoding/json"
	"strings"
)

// Facts are what the databases say of an installation.
type Facts struct {
	Release    string       `json:"release"` // that the databases are of; "" before Sourcegraph ever ran
	Databases  []Database   `json:"databases"`
	Unfinished []Unfinished `json:"unfinished"` // schema migrations that started and failed
	Background []Background `json:"background"` // out-of-band migrations
	Clones     Clones       `json:"clones"`
}

// Clones are the repositories that gitserver has.
type Clones struct {
	Repositories int   `json:"repositories"`
	Bytes        int64 `json:"bytes"`
}

// Database is one of the three.
type Database struct {
	Name   string `json:"name"`   // "pgsql"
	Server int    `json:"server"` // server_version_num: 160004
	Bytes  int64  `json:"bytes"`
}

// Major is the server's major release: 16.
func (d Database) Major() int { return d.Server / 10000 }

// Unfinished is a schema migration that is marked as begun, but not as done.
type Unfinished struct {
	Database  string `json:"database"`
	Migration string `json:"migration"`
}

// Background is an out-of-band migration.
type Background struct {
	ID          int     `json:"id"`
	Component   string  `json:"component"`
	Description string  `json:"description"`
	Progress    float64 `json:"progress"`   // 0 to 1
	Deprecated  string  `json:"deprecated"` // the minor that needs it finished; "" while none does
}

// Bytes is the size of all databases.
func (f *Facts) Bytes() (n int64) {
	for _, d := range f.Databases {
		n += d.Bytes
	}
	return n
}

// Postgres is the oldest major among the databases; 0 when nothing is known.
func (f *Facts) Postgres() (major int) {
	if f == nil {
		return 0
	}
	for _, d := range f.Databases {
		if major == 0 || d.Major() < major {
			major = d.Major()
		}
	}
	return major
}

// The scripts that tasks run, each with what they share before it.
var (
	//go:embed scripts/databases.sh
	shared string
	//go:embed scripts/inspect.sh
	inspectScript string
	//go:embed scripts/proof.sh
	proofScript string
	//go:embed scripts/dump.sh
	dumpScript string
	//go:embed scripts/restore.sh
	restoreScript string
	//go:embed scripts/background.sh
	backgroundScript string
	//go:embed scripts/indexes.sh
	indexesScript string
)

// script is how a task runs one of them.
func script(text string) []string { return []string{"/bin/sh", "-c", shared + text} }

// factsMark begins the lines of the inspection that are facts; factsEnd is the last one.
const (
	factsMark = "FACT "
	factsEnd  = "FACTS END"
)

// take takes one fact of an inspection.
func (f *Facts) take(kind, text string) (err error) {
	switch kind {
	case "database":
		var d Database
		err = json.Unmarshal([]byte(text), &d)
		f.Databases = append(f.Databases, d)
	case "unfinished":
		var more []Unfinished
		err = json.Unmarshal([]byte(text), &more)
		f.Unfinished = append(f.Unfinished, more...)
	case "release":
		var r struct{ Version string }
		err = json.Unmarshal([]byte(text), &r)
		f.Release = strings.TrimPrefix(r.Version, "v")
	case "background":
		err = json.Unmarshal([]byte(text), &f.Background)
	case "clones":
		err = json.Unmarshal([]byte(text), &f.Clones)
	}
	return err
}
