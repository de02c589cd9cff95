package survey

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/data"
	"berth/internal/installation"
)

// TestFacts: an own database may stand beside bundled ones. Both kinds of rules hold then, and how old Postgres is counts of the own ones alone:
// the bundled ones' follows from the release.
func TestFacts(t *testing.T) {
	own := func(name string) string {
		return "\n  " + name + ": {external: {host: db.example.com, user: sg, password: {env: PW}, database: " + name + "}}"
	}
	databases := &data.Facts{Databases: []data.Database{{Name: "pgsql", Server: 160004}, {Name: "codeintel-db", Server: 120022}, {Name: "codeinsights-db", Server: 130001}}}
	for _, c := range []struct {
		config   string
		external bool
		mixed    bool
		postgres int
	}{
		{"", false, false, 0},
		{"databases:" + own("pgsql"), true, true, 16},
		{"databases:" + own("pgsql") + own("codeintel-db"), true, true, 12},
		{"databases:" + own("pgsql") + own("codeintel-db") + own("codeinsights-db"), true, false, 12},
	} {
		dir := t.TempDir()
		text := "target: compose\nurl: http://localhost\nrelease: 5.9.1590\n" + c.config + "\n"
		if err := os.WriteFile(filepath.Join(dir, "sourcegraph.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := &installation.Environment{Dir: dir, Getenv: func(string) string { return "x" }}
		l, problems, err := e.Load("sourcegraph.yaml")
		if err != nil || l == nil {
			t.Fatal(problems, err)
		}
		if got := Facts(l, databases); got.External != c.external || got.Mixed != c.mixed || got.Postgres != c.postgres {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
