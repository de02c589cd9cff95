package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// conversion is how long the databases may take to answer after they were started with the images of a release that converts them: 2.5 hours a
// terabyte are documented.
const conversion = 48 * time.Hour

// Inspect asks the databases, with the tools of a config's release. tag tells the task that asks from those of others who ask at the same time.
func Inspect(ctx context.Context, site Site, config, tag string) (*Facts, error) {
	return inspect(ctx, site, config, tag, time.Minute, func(string) {})
}

func inspect(ctx context.Context, site Site, config, tag string, wait time.Duration, line func(string)) (*Facts, error) {
	image, err := site.Image(config, "pgsql")
	if err != nil {
		return nil, err
	}
	name := "inspect" + tag
	t := run.Task{Name: name, Identity: "inspect", Image: image, As: "pgsql", Entry: script(inspectScript),
		Env: map[string]string{"WAIT": fmt.Sprint(int(wait.Seconds()))}}
	lines, exit, err := fresh(ctx, site, t, func(l string) {
		if !strings.HasPrefix(l, factsMark) {
			line(l)
		}
	})
	if err != nil {
		return nil, err
	}
	if exit != 0 {
		return nil, failed(t, exit, lines, "BERTH3701", "the databases do not answer", "check that they run: berth status")
	}
	f := &Facts{}
	if err := f.read(lines); err != nil {
		return nil, failed(t, exit, lines, "BERTH3701", err.Error(), "check that the databases run: berth status")
	}
	return f, site.Forget(ctx, name)
}

// fresh runs a task from its begin, whatever was there of it, and gives the lines that it wrote.
func fresh(ctx context.Context, site run.Tasks, t run.Task, line func(string)) (lines []string, exit int, err error) {
	if err := site.Forget(ctx, t.Name); err != nil {
		return nil, 0, err
	}
	return collect(ctx, site, t, line)
}

// collect runs a task and gives the lines that it wrote.
func collect(ctx context.Context, site run.Tasks, t run.Task, line func(string)) (lines []string, exit int, err error) {
	exit, err = site.Task(ctx, t, func(text string) {
		lines = append(lines, text)
		line(text)
	})
	return lines, exit, err
}

// mostLines is how much of a task's output is told when it fails.
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

// check proves that the databases are as the hop needs them.
func (w *Walker) check(ctx context.Context, j *Journey) (string, error) {
	h := j.Hop()
	facts, err := Inspect(ctx, w.Site, j.begins(), w.Tag)
	if err != nil {
		return "", err
	}
	space, err := w.Site.Space(ctx)
	if err != nil {
		return "", err
	}
	problems := append(Preflight(h, facts), space.Enough(h, facts, slices.Contains(j.stages(j.At.Hop), Save))...)
	if h.Kind != upgrade.MultiVersion {
		if err := w.background(ctx, j, j.before(), h.From, h.To, h.From+" runs and answers, and nothing was touched"); err != nil {
			return "", err
		}
	}
	drift, err := w.drifted(ctx, j)
	if err != nil {
		return "", err
	}
	problems = append(problems, drift...)
	if err := w.Site.Ready(ctx, h.Config, h.Front()); err != nil {
		var more diag.List
		if !errors.As(err, &more) {
			return "", err
		}
		problems = append(problems, more...)
	}
	if problems.Failed() {
		return "", problems
	}
	return fmt.Sprintf("release %s, Postgres %d, %s of data, no drift", facts.Release, facts.Postgres(), size(facts.Bytes())), w.Site.Fetch(ctx, h.Config, h.Front())
}

// drifted compares the databases with what the hop in hand begins at. An upgrade that was gone back from without the migrator leaves the schema
// of the next release, and that is as good for a hop that does not take the migrator's upgrade.
func (w *Walker) drifted(ctx context.Context, j *Journey) (diag.List, error) {
	h := j.Hop()
	drift, err := w.drift(ctx, j, h.From)
	if err != nil || len(drift) == 0 || h.Kind == upgrade.MultiVersion && !h.SameMinor() {
		return drift, err
	}
	if ahead, err := w.drift(ctx, j, h.To); err != nil || len(ahead) == 0 {
		return nil, err
	}
	return drift, nil
}

// drift compares the databases' schemas with those of a release, by the migrator of that one: it knows them, and works with the Postgres that
// they lie in.
func (w *Walker) drift(ctx context.Context, j *Journey, release string) (diag.List, error) {
	image, err := w.Site.Migrator(release)
	if err != nil {
		return nil, err
	}
	// At once: in a cluster a task takes seconds before it begins.
	schemas := []string{"frontend", "codeintel", "codeinsights"}
	found := make([]diag.List, len(schemas))
	var g errgroup.Group
	for i, schema := range schemas {
		g.Go(func() error {
			t := run.Task{Name: "drift-" + schema + w.Tag, Identity: j.identity("drift " + schema + " " + release), Image: image,
				Command: []string{"drift", "--db=" + schema, "--version=v" + release, "--ignore-migrator-update"}}
			lines, exit, err := fresh(ctx, w.Site, t, func(string) {})
			if err != nil {
				return err
			}
			if exit != 0 {
				found[i] = failed(t, exit, lines, "BERTH3702", "the schema of "+schema+" differs from that of "+release,
					"if you changed it, apply what the migrator proposes above, then: berth upgrade")
			}
			return w.Site.Forget(ctx, t.Name)
		})
	}
	err = g.Wait()
	return slices.Concat(found...), err
}

// identity names a task of this journey's stage.
func (j *Journey) identity(what string) string {
	return fmt.Sprintf("%s/%d/%s", j.ID, j.At.Hop, what)
}

// Backups is the volume that backups lie in, and folder is the folder where it is mounted: that of the databases' data, which their images prepare
// for the user that they run as.
const (
	Backups = "backups"
	folder  = "/data"
)

// backup dumps the databases.
func (w *Walker) backup(ctx context.Context, j *Journey) (string, error) {
	// One that was killed is recreated under another name: a backup is never older than it says.
	began := w.Now()
	name := began.UTC().Format(stamp)
	facts, err := Inspect(ctx, w.Site, j.begins(), w.Tag)
	if err != nil {
		return "", err
	}
	image, err := w.Site.Image(j.begins(), "pgsql")
	if err != nil {
		return "", err
	}
	t := run.Task{Name: "backup", Identity: j.identity("backup " + name), Image: image, As: "pgsql", Entry: script(backupScript),
		Env: map[string]string{"DIR": folder, "BACKUP": name}, Volume: Backups, Path: folder, Size: room(facts.Bytes())}
	lines, exit, err := fresh(ctx, w.Site, t, func(l string) { w.say(j, l) })
	if err != nil {
		return "", err
	}
	if exit != 0 {
		return "", failed(t, exit, lines, "BERTH3703", "the databases could not be backed up; nothing was touched",
			"make room or fix the cause shown above, then: berth upgrade   with a backup of your own: berth upgrade --trust-backup \"where it is\"")
	}
	j.Backups = append(j.Backups, Backup{Hop: j.At.Hop, Name: name, Release: j.Hop().From, At: began})
	return "backup " + name + ", restored once and counted", w.Site.Forget(ctx, t.Name)
}

// room is how much a backup may take: the dumps, a scratch server that they are restored to, and some air.
func room(bytes int64) int64 { return bytes*2 + bytes/4 + air }

// air is what is left free beside: for the databases' own logs, for one.
const air = 1 << 30

// convert starts the databases with the release's images, which bring the data to their major Postgres, and looks at what came of it.
func (w *Walker) convert(ctx context.Context, j *Journey) (string, error) {
	h := j.Hop()
	if err := w.Site.Deploy(ctx, h.Config, stack.Closed, Page(j, nil)); err != nil {
		return "", err
	}
	facts, err := inspect(ctx, w.Site, h.Config, w.Tag, conversion, func(l string) { w.say(j, l) })
	if err != nil {
		return "", err
	}
	if !h.ConvertsPostgres && !h.Reindexes {
		return fmt.Sprintf("Postgres %d", facts.Postgres()), nil
	}
	if err := w.indexes(ctx, j, h.Config, "see the lines above; to roll back: berth rollback"); err != nil {
		return "", err
	}
	return fmt.Sprintf("Postgres %d, indexes checked, analyzed", facts.Postgres()), nil
}

// indexes checks the databases' indexes with the images of a config, and rebuilds those whose collation has changed.
func (w *Walker) indexes(ctx context.Context, j *Journey, config, hint string) error {
	image, err := w.Site.Image(config, "pgsql")
	if err != nil {
		return err
	}
	t := run.Task{Name: "indexes", Identity: j.identity("indexes"), Image: image, As: "pgsql", Entry: script(indexesScript)}
	return w.task(ctx, j, t, "BERTH3704", "the databases' indexes are not valid after the system of the databases changed", hint)
}

// task runs a task from its begin, whatever was there of it.
func (w *Walker) task(ctx context.Context, j *Journey, t run.Task, code, summary, hint string) error {
	lines, exit, err := fresh(ctx, w.Site, t, func(l string) { w.say(j, l) })
	if err != nil {
		return err
	}
	if exit != 0 {
		return failed(t, exit, lines, code, summary, hint)
	}
	return w.Site.Forget(ctx, t.Name)
}

// migrate brings the schemas to the hop's release. A migrator that is at work is taken up again, and one that came to its end is not begun
// a second time: the databases tell.
func (w *Walker) migrate(ctx context.Context, j *Journey, again bool) (string, error) {
	h := j.Hop()
	image, err := w.Site.Migrator(h.Migrator)
	if err != nil {
		return "", err
	}
	t := run.Task{Name: "migrate", Identity: j.identity("migrate"), Image: image, Command: h.migration()}
	if j.Attempts > 1 {
		facts, err := Inspect(ctx, w.Site, h.Config, w.Tag)
		if err != nil {
			return "", err
		}
		if same(facts.Release, h.To) {
			return "was done before", w.Site.Forget(ctx, t.Name)
		}
		if again {
			if err := w.Site.Forget(ctx, t.Name); err != nil {
				return "", err
			}
		}
		// What a migrator that was stopped in the middle leaves is drift, which is no reason not to finish.
		t.Command = append(t.Command, "--skip-drift-check")
	}
	lines, exit, err := collect(ctx, w.Site, t, func(l string) { w.say(j, l) })
	if err != nil {
		return "", err
	}
	if exit != 0 && j.Attempts > 1 && !again {
		return w.migrate(ctx, j, true) // what was taken up had been killed, with the machine for one
	}
	if exit != 0 {
		return "", failed(t, exit, lines, "BERTH3705", fmt.Sprintf("the migrator could not migrate the databases from %s to %s", h.From, h.To),
			"fix the cause shown above, then: berth upgrade   or roll back: berth rollback")
	}
	return "", w.Site.Forget(ctx, t.Name)
}

// minorZero is what the migrator's upgrade records as the release: its minor, with a zero after it.
func minorZero(release string) string {
	parts := strings.SplitN(release, ".", 3)
	return strings.Join(append(parts[:min(2, len(parts))], "0"), ".")
}

// prove looks at what was deployed.
func (w *Walker) prove(ctx context.Context, j *Journey) (string, error) {
	h := j.Hop()
	problems, err := w.drift(ctx, j, h.To)
	if err != nil {
		return "", err
	}
	found, err := w.Site.Search(ctx, h.Config, h.Kind == upgrade.MultiVersion)
	var more diag.List
	if errors.As(err, &more) {
		problems, err = append(problems, more...), nil
	}
	if err != nil {
		return "", err
	}
	return "no drift; " + found, problems.Err()
}

// finish waits for the migrations that run in the background: those that the next hop needs, or all that a release is known to need.
func (w *Walker) finish(ctx context.Context, j *Journey) (string, error) {
	next := "999.0"
	if j.At.Hop+1 < len(j.Hops) {
		next = j.Hops[j.At.Hop+1].To
	}
	return "background migrations at 100 %", w.background(ctx, j, j.Hop().Config, j.Hop().To, next, j.Hop().To+" runs and answers")
}

// background waits until the migrations that the worker of release at does and that the release next needs are finished. now says how the
// installation is meanwhile.
func (w *Walker) background(ctx context.Context, j *Journey, config, at, next, now string) error {
	if j.Rehearsal {
		return w.runBackground(ctx, j, config)
	}
	image, err := w.Site.Image(config, "pgsql")
	if err != nil {
		return err
	}
	runs, minor := strings.SplitN(at, ".", 3), strings.SplitN(next, ".", 3)
	t := run.Task{Name: "background", Identity: j.identity("background"), Image: image, As: "pgsql", Entry: script(backgroundScript),
		Env: map[string]string{"AT_MAJOR": runs[0], "AT_MINOR": runs[1], "NEXT_MAJOR": minor[0], "NEXT_MINOR": minor[1], "PATIENCE": fmt.Sprint(int(w.Patience.Seconds()))}}
	return w.task(ctx, j, t, "BERTH3706", "background migrations make no progress; "+now, "see the log of the worker; to wait again: berth upgrade")
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20+1)
}
