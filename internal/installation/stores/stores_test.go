package stores

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
)

// answering are tasks that write lines.
type answering struct {
	lines []string
	err   error
	asked []string // what the tasks were to ask
}

func (a *answering) Task(_ context.Context, t run.Task, line func(string)) (int, error) {
	a.asked = append(a.asked, t.Env["ASK"])
	for _, l := range a.lines {
		line(l)
	}
	return 0, a.err
}

func (a *answering) Forget(context.Context, string) error { return nil }

func (a *answering) Pipe(context.Context, run.Task, io.Reader, io.Writer) (int, string, error) {
	return 0, "", errors.New("nobody asks for bytes")
}

const external = `target: TARGET
release: 7.5.4453
url: https://sg.example.com
tls: {external: true}
databases:
  pgsql: {external: {host: HOST, user: sg-app, password: {env: PW}, database: sg}}
containers:
  cloudsql: {image: "example.com/proxy:1", ports: ["5432"], before: [migrator]}
`

// TestCheck: what databases answer becomes problems with what to run there; what could not be asked is a warning, and what leads through a
// container that does not run yet is not asked.
func TestCheck(t *testing.T) {
	answer := func(rest string) []string { return []string{`FACT reach {"name": "pgsql", ` + rest + `}`, "FACTS END"} }
	runs := plan.Plan{Runs: map[string][]string{"7.5.4453": {"worker"}}}
	for _, c := range []struct {
		name, host string
		plan       plan.Plan
		lines      []string
		err        error
		asks       bool
		code, says string // "": no problem
		failed     bool
	}{
		{"good", "pg.example.com", plan.Plan{}, answer(`"server": 160004, "create": true`), nil, true, "", "", false},
		{"refused", "pg.example.com", plan.Plan{}, answer(`"why": "connection to server failed: Connection refused"`), nil, true, "BERTH1541", "check  host  and  port", true},
		{"unknown", "pg.example.com", plan.Plan{}, answer(`"why": "something new"`), nil, true, "BERTH1541", "berth explain", true},
		{"no database", "pg.example.com", plan.Plan{}, answer(`"why": "database \"sg\" does not exist"`), nil, true, "BERTH1541", `CREATE DATABASE sg OWNER "sg-app"`, true},
		{"old", "pg.example.com", plan.Plan{}, answer(`"server": 140004, "create": true`), nil, true, "BERTH1542", "Postgres 14", true},
		{"rights", "pg.example.com", plan.Plan{}, answer(`"server": 160004`), nil, true, "BERTH1543", "GRANT CREATE ON SCHEMA public", true},
		{"owner", "pg.example.com", plan.Plan{}, answer(`"server": 160004, "create": true, "owner": "old"`), nil, true, "BERTH1543", "REASSIGN OWNED BY old", true},
		{"absent", "pg.example.com", plan.Plan{}, answer(`"server": 160004, "create": true, "absent": ["citext"]`), nil, true, "BERTH1544", "has no citext", true},
		{"privileged", "pg.example.com", plan.Plan{}, answer(`"server": 160004, "create": true, "refused": ["citext", "hstore"]`), nil, true, "BERTH1544", "CREATE EXTENSION citext; CREATE EXTENSION hstore", true},
		{"no way to ask", "pg.example.com", plan.Plan{}, nil, diag.List{{Code: "BERTH1650", Summary: "no credentials", Hint: "set them"}}, true, "BERTH1540", "set them", false},
		{"no task", "pg.example.com", plan.Plan{}, nil, errors.New("no such namespace"), true, "BERTH1540", "no such namespace", false},
		{"through a container that starts", "cloudsql", plan.Plan{}, nil, nil, false, "", "", false},
		{"through one that runs", "cloudsql", runs, answer(`"server": 160004, "create": true`), nil, true, "", "", false},
		{"through one that changes", "cloudsql", plan.Plan{Runs: runs.Runs, Steps: []plan.Step{{Service: "cloudsql", Verb: plan.Recreate}}}, nil, nil, false, "", "", false},
		{"through a sidecar", "127.0.0.1", runs, nil, nil, false, "", "", false},
	} {
		for _, target := range []string{"compose", "kubernetes"} {
			e := &installation.Environment{Getenv: func(string) string { return "value" }, Watch: func(run.Event) {}, Now: time.Now, Dir: t.TempDir()}
			text := strings.NewReplacer("TARGET", target, "HOST", c.host).Replace(external)
			if c.host == "127.0.0.1" {
				if target == "compose" {
					continue // check refuses it there
				}
				text += "services: {sourcegraph-frontend: {sidecars: {sql: {image: 'example.com/proxy:1'}}}}\n"
			}
			if err := os.WriteFile(filepath.Join(e.Dir, "sourcegraph.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w, problems, err := e.Load("sourcegraph.yaml")
			if err != nil || problems.Failed() {
				t.Fatal(problems, err)
			}
			tasks := &answering{lines: c.lines, err: c.err}
			i := &installation.Installation{Want: w, Tasks: tasks}
			got := Check(t.Context(), e, i, &c.plan)
			asked := len(tasks.asked) == 1 && strings.HasPrefix(tasks.asked[0], "pgsql:citext,") && !strings.Contains(tasks.asked[0], "codeintel")
			said := got.Error()
			for _, d := range got {
				said += d.Hint + strings.Join(d.Detail, " ")
			}
			if asked != c.asks || got.Failed() != c.failed || c.code == "" && len(got) > 0 || c.code != "" && (!slices.ContainsFunc(got, func(d diag.Diagnostic) bool { return d.Code == c.code }) || !strings.Contains(said, c.says)) {
				t.Errorf("%s on %s: asked %q, got %v", c.name, target, tasks.asked, got)
			}
		}
	}
}
