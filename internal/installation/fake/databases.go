package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/run"
	"berth/internal/stack"
)

// atWork is a task: one that is at work until somebody watches it to its end, or one that ended.
type atWork struct {
	identity string
	ended    bool
}

// postgresOf is the major Postgres of a release's database images.
//
// Source: https://sourcegraph.com/docs/self-hosted/postgres12-end-of-life-notice
func postgresOf(release string) int {
	if catalogue.CompareVersions(release, "5.10.0") < 0 {
		return 12
	}
	return 16
}

// errRefuses is what a program of Sourcegraph's says that refuses to start.
var errRefuses = errors.New("the container exits with code 1")

// started is what the start of a service does to data. The programs refuse what the real ones refuse.
func (p *place) started(r *running) error {
	r.started = p.world.clock
	switch {
	case r.service == "pgsql":
		return p.databaseStarted(r)
	case r.service == "migrator":
		return p.up(r.release)
	case r.service == "sourcegraph-frontend":
		return p.frontendStarted(r)
	}
	return nil
}

// databaseStarted: a new volume is initialised, and an older major Postgres is converted.
func (p *place) databaseStarted(r *running) error {
	major := postgresOf(r.release)
	if p.data == nil {
		p.data = &databases{}
	}
	switch {
	case p.data.Postgres > major:
		return fmt.Errorf("the data is of Postgres %d, and this is %d: %w", p.data.Postgres, major, errRefuses)
	case p.data.Postgres != 0 && p.data.Postgres < major:
		p.data.Stale = true
	}
	p.data.Postgres = major
	return nil
}

// up is the migrator that is deployed with a release: it brings the schemas to the release, and leaves those of later ones alone.
func (p *place) up(release string) error {
	if p.data == nil {
		return fmt.Errorf("there is no database: %w", errRefuses)
	}
	if p.data.Postgres < 16 && catalogue.CompareVersions(release, "6.0.0") >= 0 {
		return fmt.Errorf("its Postgres %d is too old for %s: %w", p.data.Postgres, release, errRefuses)
	}
	if p.data.Schema == "" || catalogue.CompareVersions(minor(release), minor(p.data.Schema)) > 0 {
		p.data.Schema = release
	}
	return nil
}

// frontendStarted: the frontend writes its release down, unless the databases are of one that it can't follow.
//
// Source: internal/version/upgradestore of Sourcegraph.
func (p *place) frontendStarted(r *running) error {
	d := p.data
	switch {
	case d == nil || d.Schema == "":
		return fmt.Errorf("there are no tables: %w", errRefuses)
	case d.Postgres < 16 && catalogue.CompareVersions(r.release, "6.0.0") >= 0:
		return fmt.Errorf("its Postgres %d is too old for %s: %w", d.Postgres, r.release, errRefuses)
	case d.Release != "" && !follows(d.Release, r.release):
		return fmt.Errorf("upgrades from %s to %s are refused: %w", d.Release, r.release, errRefuses)
	case d.Between:
		p.spoil("%s starts on schemas between two releases", r.release)
	case minor(d.Schema) != minor(r.release) && !next(r.release, d.Schema):
		p.spoil("%s starts on the schema of %s", r.release, d.Schema)
	case d.Stale:
		p.spoil("%s starts on indexes that are not valid", r.release)
	}
	d.Release = r.release
	return nil
}

// follows reports whether Sourcegraph's frontend accepts to start after another release.
func follows(from, to string) bool {
	if catalogue.CompareVersions(to, from) <= 0 || minor(from) == minor(to) || next(from, to) {
		return true
	}
	return major(to) == major(from)+1 && strings.HasPrefix(minor(to), fmt.Sprint(major(to))+".0")
}

func minor(release string) string { return catalogue.Minor(release) }

func major(release string) (n int) {
	_, _ = fmt.Sscanf(release, "%d", &n)
	return n
}

// next reports whether a release is of the minor right after that of another one.
func next(from, to string) bool {
	last := map[int]int{5: 11, 6: 12} // the last minor of a major
	var fm, fn, tm, tn int
	_, _ = fmt.Sscanf(from, "%d.%d", &fm, &fn)
	_, _ = fmt.Sscanf(to, "%d.%d", &tm, &tn)
	return fm == tm && tn == fn+1 || tm == fm+1 && tn == 0 && last[fm] == fn
}

// Task runs a task to its end, or leaves it at work when the process is killed.
func (f *found) Task(ctx context.Context, t run.Task, line func(string)) (exit int, err error) {
	if t.Identity == "psql" { // it is there until somebody removes it
		line("SESSION " + t.Name)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return f.place.task(ctx, f.place, t, line)
}

// task runs a task of a place, on the databases of a place that may be another one.
func (p *place) task(ctx context.Context, databases *place, t run.Task, line func(string)) (exit int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = p.world.effect(func() error {
		if there := p.tasks[t.Name]; there != nil && there.identity != t.Identity && strings.HasPrefix(t.Name, "migrate") {
			return fmt.Errorf("%s is still at work: %s", t.Name, there.identity)
		}
		p.tasks[t.Name] = &atWork{identity: t.Identity}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var said []string
	err = p.world.effect(func() error {
		name, _, _ := strings.Cut(t.Name, "-")
		p.tasks[t.Name].ended = true
		if p.world.Failing[name] {
			said, exit = []string{"it does not work"}, 1
			return nil
		}
		said, exit = p.perform(name, databases, t)
		return nil
	})
	for _, l := range said {
		line(l)
	}
	return exit, err
}

// perform does what a task does.
func (p *place) perform(name string, databases *place, t run.Task) (said []string, exit int) {
	d := databases.data
	if name == "reach" { // a database outside, which is there before Sourcegraph
		return reached(t.Env["ASK"]), 0
	}
	if name != "aside" && d == nil {
		return []string{"connection refused"}, 1
	}
	switch name {
	case "inspect":
		return facts(databases), 0
	case "configured":
		return configured(), 0
	case "look":
		return []string{fmt.Sprintf(`{"server":160004,"bytes":1048576,"now":%d,"connections":5,"maxConnections":100,"age":1000}`, p.world.clock.Unix())}, 0
	case "contents":
		return d.contents(), 0
	case "watch", "unwatch":
		d.Watched = name == "watch"
	case "noted":
		return []string{"FACT noted 0", "FACTS END"}, 0
	case "kept":
		return d.contents()[1:], 0
	case "backup":
		p.backups[t.Env["BACKUP"]] = *d
		if d.Watched && !strings.Contains(d.Rows, duringDump) {
			d.Rows += duringDump // people write on
		}
	case "prove":
		if _, there := p.backups[t.Env["BACKUP"]]; !there {
			return []string{"there is no such backup"}, 1
		}
	case "restore":
		backup, there := p.backups[t.Env["BACKUP"]]
		if !there {
			return []string{"there is no such backup"}, 1
		}
		d.Release, d.Schema, d.Rows, d.Between = backup.Release, backup.Schema, backup.Rows, false
		d.Stale = false // a dump has no indexes, but how to build them
	case "aside":
		if d != nil && d.Postgres != 0 { // the first of the three moves all
			d.Aside, d.Rows, d.Release, d.Schema, d.Postgres = d.Rows, "", "", "", 0
		}
	case "indexes":
		d.Stale = false
	case "drift":
		return databases.drift(strings.TrimPrefix(t.Command[2], "--version=v"))
	case "migrate", "downgrade":
		return databases.migrator(t)
	}
	return nil, 0
}

// duringDump is what people write while Sourcegraph answers and is dumped.
const duringDump = "during;"

// facts are the lines that the inspection prints.
func facts(p *place) []string {
	var lines []string
	for _, name := range stack.Databases() {
		lines = append(lines, fmt.Sprintf(`FACT database {"name": %q, "server": %d, "bytes": 8000000}`, name, p.data.Postgres*10000+4))
	}
	return append(lines, fmt.Sprintf(`FACT release {"version": %q}`, p.data.Release), `FACT background []`, "FACTS END")
}

// contents are the lines that say what the databases hold: nothing before a migrator ran.
func (d *databases) contents() []string {
	if d.Schema == "" {
		return []string{"FACT holds 0", "FACTS END"}
	}
	return []string{"FACT holds 1", fmt.Sprintf("FACT rows pgsql.public.users %d -", strings.Count(d.Rows, ";")), "FACTS END"}
}

// reached are the lines that say how databases outside answer: as they should.
func reached(asked string) (lines []string) {
	for _, item := range strings.Fields(asked) {
		name, _, _ := strings.Cut(item, ":")
		lines = append(lines, fmt.Sprintf(`FACT reach {"name": %q, "server": 160004, "create": true}`, name))
	}
	return append(lines, "FACTS END")
}

// configured are the lines that say what Sourcegraph holds of its own configuration: what a person made in its pages.
func configured() []string {
	return []string{`FACT connections [{"kind": "GITHUB", "name": "GitHub of the team"}, {"kind": "GITHUB", "name": "GITHUB #1"}]`,
		`FACT siteConfig ["auth.providers", "email.smtp", "externalURL"]`, `FACT externalURL "http://old.example.com"`, `FACT settings []`, "FACTS END"}
}

// drift compares the schemas with those of a release.
func (p *place) drift(release string) ([]string, int) {
	if p.data.Between || minor(p.data.Schema) != minor(release) {
		return []string{"the schema is that of " + p.data.Schema}, 1
	}
	return nil, 0
}

// migrator is the migrator's own program.
func (p *place) migrator(t run.Task) ([]string, int) {
	d := p.data
	if t.Command[0] == "up" {
		if err := p.up(releaseOf(t.Image)); err != nil {
			return []string{err.Error()}, 1
		}
		d.Release = releaseOf(t.Image)
		return nil, 0
	}
	from, to := strings.TrimPrefix(t.Command[1], "--from=v"), strings.TrimPrefix(t.Command[2], "--to=v")
	switch {
	case minor(from) == minor(to):
		return []string{"invalid range"}, 1
	case minor(d.Release) != minor(from) && !slices.Contains(t.Command, "--skip-version-check"):
		return []string{fmt.Sprintf("version assertion failed: %s != %s", d.Release, from)}, 1
	case d.Postgres < 16 && catalogue.CompareVersions(to, "6.0.0") >= 0:
		return []string{fmt.Sprintf("Postgres %d is too old", d.Postgres)}, 1
	}
	d.Schema, d.Release, d.Between = to, minor(to)+".0", false
	return nil, 0
}

// Pipe runs a task whose input and output are bytes.
func (f *found) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	return f.place.pipe(ctx, t, in, out)
}

// Forget removes what is left of a task.
func (f *found) Forget(_ context.Context, name string) error { return f.place.forgetTask(name) }

func (p *place) forgetTask(name string) error {
	return p.world.effect(func() error {
		if t := p.tasks[name]; t != nil && !t.ended && p.data != nil && (name == "migrate" || name == "downgrade") {
			p.data.Between = true // it is stopped in the middle of its work
		}
		delete(p.tasks, name)
		return nil
	})
}

// Present reports whether there are volumes.
func (p *place) Present(context.Context) (bool, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.data != nil, nil
}

// Space is the free disk.
func (p *place) Space(context.Context) (data.Space, error) {
	return data.Space{Free: p.world.Free}, nil
}
