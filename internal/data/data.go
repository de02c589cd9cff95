// Package data is what is asked of an installation's databases and done to them: inspect, back up, restore, compare, migrate. Each is a task
// that runs beside the installation: Sourcegraph's migrator, or a script of this package in the image of a database. What is asked is a value;
// it knows no target.
package data

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/internal/diag"
	"berth/internal/run"
)

// Worker runs tasks for an installation's databases.
type Worker struct {
	Tasks run.Tasks
	ID    string       // of the run: identities of tasks begin with it
	Tag   string       // of tasks that only ask, where others may ask at the same time; "" for whoever holds the lock
	Say   func(string) // takes what tasks write
	Again string       // the command that goes on after a problem: "berth upgrade"
	Back  string       // a second way out, as part of a hint; "": there is none
	// Databases are those that Sourcegraph uses; nil: all three.
	Databases []string
}

// Image is the image of a release's database, or its migrator.
type Image = string

// StampForm is how a time is written in names.
const StampForm = "20060102-150405"

// Stamp is a time as part of a name.
func Stamp(t time.Time) string { return t.UTC().Format(StampForm) }

// Conversion is how long the databases may take to answer after they were started with the images of a release that converts them: 2.5 hours a
// terabyte are documented.
const Conversion = 48 * time.Hour

// Backups is the volume that backups are in, and folder is the folder where it is mounted: that of the databases' data, which their images prepare
// for the user that they run as.
const (
	Backups = "backups"
	folder  = "/data"
)

// Inspect asks the databases, with the tools of pgsql's image.
func (w *Worker) Inspect(ctx context.Context, image Image) (*Facts, error) {
	return w.inspect(ctx, image, time.Minute, func(string) {})
}

// Await waits until the databases answer, which may convert their data to another major Postgres first, and asks them.
func (w *Worker) Await(ctx context.Context, image Image) (*Facts, error) {
	return w.inspect(ctx, image, Conversion, w.Say)
}

func (w *Worker) inspect(ctx context.Context, image Image, wait time.Duration, line func(string)) (*Facts, error) {
	f := &Facts{}
	if err := w.ask(ctx, image, "inspect", inspectScript, wait, line, f.take); err != nil {
		return nil, err
	}
	return f, nil
}

// ask runs a script that reports facts, and gives each of them. What else it writes are lines for people.
func (w *Worker) ask(ctx context.Context, image Image, name, text string, wait time.Duration, line func(string), take func(kind, text string) error) error {
	return w.askBy(ctx, run.Task{}, image, name, text, wait, line, take)
}

// askBy is ask with more to say of the task.
func (w *Worker) askBy(ctx context.Context, t run.Task, image Image, name, text string, wait time.Duration, line func(string), take func(kind, text string) error) error {
	t.Name, t.Identity, t.Image, t.As, t.Entry = name+w.Tag, name, image, "pgsql", script(text)
	env := map[string]string{"WAIT": fmt.Sprint(int(wait.Seconds()))}
	maps.Copy(env, t.Env)
	t.Env = env
	lines, exit, err := w.fresh(ctx, t, func(l string) {
		if !strings.HasPrefix(l, factsMark) && l != factsEnd {
			line(l)
		}
	})
	if err != nil {
		return err
	}
	if exit != 0 {
		return failed(t, exit, lines, "BERTH3701", "the databases do not answer", "check that they run: berth status")
	}
	if err := eachFact(lines, take); err != nil {
		return failed(t, exit, lines, "BERTH3701", err.Error(), "check that the databases run: berth status")
	}
	return w.Tasks.Forget(ctx, t.Name)
}

// names are the migrator's names of the databases.
var names = map[string]string{"pgsql": "frontend", "codeintel-db": "codeintel", "codeinsights-db": "codeinsights"}

// schemas are the migrator's names of the databases that Sourcegraph uses.
func (w *Worker) schemas() []string {
	var all []string
	for _, database := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
		if w.Databases == nil || slices.Contains(w.Databases, database) {
			all = append(all, names[database])
		}
	}
	return all
}

// Drift compares the databases' schemas with those of a release, by the migrator of that one: it knows them, and works with the Postgres that
// they are in.
func (w *Worker) Drift(ctx context.Context, migrator Image, release string) (diag.List, error) {
	// At once: in a cluster a task takes seconds before it begins.
	schemas := w.schemas()
	found := make([]diag.List, len(schemas))
	var g errgroup.Group
	for i, schema := range schemas {
		g.Go(func() error {
			t := run.Task{Name: "drift-" + schema + w.Tag, Identity: w.identity("drift " + schema + " " + release), Image: migrator,
				Command: []string{"drift", "--db=" + schema, "--version=v" + release, "--ignore-migrator-update"}}
			lines, exit, err := w.fresh(ctx, t, func(string) {})
			if err != nil {
				return err
			}
			if exit != 0 {
				found[i] = failed(t, exit, lines, "BERTH3702", "the schema of "+schema+" differs from that of "+release,
					"if you changed it, apply what the migrator proposes above, then: "+w.Again)
			}
			return w.Tasks.Forget(ctx, t.Name)
		})
	}
	err := g.Wait()
	return slices.Concat(found...), err
}

// Index waits until the databases answer, as Await does, checks their indexes, and rebuilds the invalid ones.
func (w *Worker) Index(ctx context.Context, image Image) error {
	t := run.Task{Name: "indexes", Identity: w.identity("indexes"), Image: image, As: "pgsql", Entry: script(indexesScript),
		Env: map[string]string{"WAIT": fmt.Sprint(int(Conversion.Seconds()))}}
	return w.do(ctx, t, "BERTH3704", "indexes are not valid after the operating system of the databases changed", w.fix())
}

// Write runs a statement in one of the databases, such as one that builds an index again. It is run once more where a task before was killed.
func (w *Worker) Write(ctx context.Context, image Image, database, statement string) error {
	return w.do(ctx, run.Task{Name: "repair", Identity: w.identity("repair " + database + " " + statement), Image: image, As: "pgsql",
		Env: map[string]string{"DATABASE": database, "STATEMENT": statement}, Entry: script("use \"$DATABASE\"\nask --command \"$STATEMENT\"\n")},
		"BERTH3765", database+" could not do: "+statement, w.fix())
}

// Migration is what a migrator is to do.
type Migration struct {
	Migrator Image
	From, To string   // releases
	Command  []string // "upgrade", "up" or "downgrade", with its arguments
	Begun    bool     // it was begun before: what a migrator that was stopped in the middle leaves is drift, which is no reason not to finish
	Failed   bool     // and was seen to fail: what is left of its task is not taken up
}

// Migrate brings the schemas to a release. A migrator that is at work is taken up again, and one that finished is not begun a second time: the
// databases tell. done reports whether that was so.
func (w *Worker) Migrate(ctx context.Context, m Migration, database Image) (done bool, err error) {
	t := run.Task{Name: "migrate", Identity: w.identity("migrate"), Image: m.Migrator, Command: slices.Clone(m.Command)}
	if schemas := w.schemas(); len(schemas) < len(names) && m.Command[0] == "up" {
		t.Command = append(t.Command, "-db="+strings.Join(schemas, ","))
	}
	if m.Begun {
		facts, err := w.Inspect(ctx, database)
		if err != nil {
			return false, err
		}
		if SameMinor(facts.Release, m.To) {
			return true, w.Tasks.Forget(ctx, t.Name)
		}
		if m.Failed {
			if err := w.Tasks.Forget(ctx, t.Name); err != nil {
				return false, err
			}
		}
		t.Command = append(t.Command, "--skip-drift-check")
	}
	lines, exit, err := w.collect(ctx, t, w.Say)
	if err != nil {
		return false, err
	}
	if exit != 0 && m.Begun && !m.Failed {
		m.Failed = true
		return w.Migrate(ctx, m, database) // what was taken up had been killed, with the machine for one
	}
	if exit != 0 {
		return false, failed(t, exit, lines, "BERTH3705", fmt.Sprintf("the migrator could not migrate the databases from %s to %s", m.From, m.To), w.fix())
	}
	return false, w.Tasks.Forget(ctx, t.Name)
}

// Downgrade takes the schemas back to the release before.
func (w *Worker) Downgrade(ctx context.Context, m Migration, database Image) error {
	facts, err := w.Inspect(ctx, database)
	if err != nil {
		return err
	}
	command := []string{"downgrade", "--from=v" + m.From, "--to=v" + m.To, "--disable-animation", "--ignore-migrator-update", "--skip-drift-check"}
	if SameMinor(facts.Release, m.To) {
		// The migrator writes the release at its end. It was stopped in the middle of the upgrade, and left schemas between the two releases;
		// or a run before this one was killed after the downgrade, and this one finds nothing to do.
		command = append(command, "--skip-version-check")
	}
	return w.do(ctx, run.Task{Name: "downgrade", Identity: w.identity("downgrade"), Image: m.Migrator, Command: command},
		"BERTH3722", "the migrator could not take the databases back to "+m.To, w.fix())
}

// Background waits until the background migrations that the worker of release at does and that the release next needs are finished. now says how
// the installation is meanwhile; patience is how long one may make no progress.
func (w *Worker) Background(ctx context.Context, image Image, at, next, now string, patience time.Duration) error {
	runs, minor := strings.SplitN(at, ".", 3), strings.SplitN(next, ".", 3)
	t := run.Task{Name: "background", Identity: w.identity("background"), Image: image, As: "pgsql", Entry: script(backgroundScript),
		Env: map[string]string{"AT_MAJOR": runs[0], "AT_MINOR": runs[1], "NEXT_MAJOR": minor[0], "NEXT_MINOR": minor[1], "PATIENCE": fmt.Sprint(int(patience.Seconds()))}}
	return w.do(ctx, t, "BERTH3706", "background migrations make no progress; "+now, "see the log of the worker; to wait again: "+w.Again)
}

// RunBackground runs the migrations that a worker otherwise does in the background: in a clone there is none.
func (w *Worker) RunBackground(ctx context.Context, migrator Image) error {
	quiet, said := *w, map[string]bool{}
	quiet.Say = func(line string) {
		// It reports all migrations again and again, also those that were finished long ago.
		if !said[line] {
			said[line] = true
			w.Say(line)
		}
	}
	return quiet.do(ctx, run.Task{Name: "background", Identity: w.identity("background"), Image: migrator,
		Command: []string{"run-out-of-band-migrations", "--disable-animation", "--ignore-migrator-update"}},
		"BERTH3706", "background migrations make no progress", w.fix())
}

// Halt stops the tasks that an upgrade may have left at work: they would go on with the databases.
func (w *Worker) Halt(ctx context.Context) error {
	for _, task := range []string{"backup", "indexes", "migrate", "background"} {
		if err := w.Tasks.Forget(ctx, task); err != nil {
			return err
		}
	}
	return nil
}

// SetAside moves a database's data into a folder of its volume, from where it can be had back, while nothing runs. What was moved before stays where
// it is.
func (w *Worker) SetAside(ctx context.Context, image Image, database string) error {
	name := "aside-" + database
	t := run.Task{Name: name, Identity: name, Image: image, As: database, Volume: database, Path: folder, Own: true,
		Entry: []string{"/bin/sh", "-c", `set -eu; cd "$DATA"; to=berth-aside-$(date -u +%Y%m%d-%H%M%S); mkdir "$to"
			for f in * .[!.]*; do case $f in berth-aside-*|lost+found) ;; *) [ ! -e "$f" ] || mv "$f" "$to/" ;; esac; done; echo "kept in $to"`},
		Env: map[string]string{"DATA": folder}}
	return w.do(ctx, t, "BERTH3724", "the data of "+database+" could not be moved aside", "see the lines above, then: "+w.Again)
}

// fix is what to do after a problem.
func (w *Worker) fix() string {
	hint := "fix the cause shown above, then: " + w.Again
	if w.Back != "" {
		hint += "   " + w.Back
	}
	return hint
}

// identity names a task of this run.
func (w *Worker) identity(what string) string { return w.ID + "/" + what }

// do runs a task from its begin, and takes away what is left of it.
func (w *Worker) do(ctx context.Context, t run.Task, code, summary, hint string) error {
	lines, exit, err := w.fresh(ctx, t, w.Say)
	if err != nil {
		return err
	}
	if exit != 0 {
		return failed(t, exit, lines, code, summary, hint)
	}
	return w.Tasks.Forget(ctx, t.Name)
}

// fresh runs a task from its begin, whatever was there of it, and gives the lines that it wrote.
func (w *Worker) fresh(ctx context.Context, t run.Task, line func(string)) (lines []string, exit int, err error) {
	if err := w.Tasks.Forget(ctx, t.Name); err != nil {
		return nil, 0, err
	}
	return w.collect(ctx, t, line)
}

// collect runs a task and gives the lines that it wrote.
func (w *Worker) collect(ctx context.Context, t run.Task, line func(string)) (lines []string, exit int, err error) {
	exit, err = w.Tasks.Task(ctx, t, func(text string) {
		lines = append(lines, text)
		line(text)
	})
	return lines, exit, err
}

// mostLines is how much of a task's output is shown when it fails.
const mostLines = 20

// failed reports a task that did not end well.
func failed(t run.Task, exit int, lines []string, code, summary, hint string) diag.List {
	d := diag.Diagnostic{Code: code, Severity: diag.Error, Subject: t.Name, Summary: summary, Hint: hint}
	if exit != 0 {
		d.Detail = append(d.Detail, fmt.Sprintf("%s ended with exit code %d; its last lines:", t.Name, exit))
	}
	for _, l := range lines[max(0, len(lines)-mostLines):] {
		d.Detail = append(d.Detail, "  | "+l)
	}
	return diag.List{d}
}
