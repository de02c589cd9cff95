package data

import (
	"bytes"
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/run"
)

// What is written at the source of a move while its databases are copied is carried in rounds. Triggers note the keys of the rows that are changed; a round
// reads these rows as they are at one moment, and puts them in place of those at the destination, in one transaction a database. Before the last one, Sourcegraph
// starts at the destination: what it writes there is noted, too, and the rounds take it back.
var (
	//go:embed scripts/moving.sh
	movingScript string
	//go:embed scripts/watch.sh
	watchScript string
	//go:embed scripts/changes.sh
	changesScript string
	//go:embed scripts/apply.sh
	applyScript string
	//go:embed scripts/reset.sh
	resetScript string
)

// Mode is what a round does beside carrying the rows that were written.
type Mode string

// The modes.
const (
	OnlyRows   Mode = "changes"
	AndCompare Mode = "compare" // counts all tables on both sides as of that moment, and compares
	TheLast    Mode = "last"    // nobody writes any more: it carries sequences, large objects and materialized views as well
)

// Round is one of the rounds in which a move carries what is written.
type Round struct {
	Name    string // that no other round has
	Applied string // the round before, whose rows are not carried again; "": nobody knows
	Mode    Mode
	Sums    []string // tables whose contents are added up when all are compared
	Limit   int64    // bytes that the notes about a database may take

	Ready func()    // of the last one: called when only what was written last is to be carried
	Go    io.Reader // of the last one: gives a line when nobody writes any more
}

// Watch begins to note which rows are written at the source, from nothing. The rows that are noted are there for the rounds.
func (w *Worker) Watch(ctx context.Context, image Image) error {
	return w.note(ctx, image, "", "the triggers that note written rows could not be created at the source; Sourcegraph answers there as before")
}

// Beside begins to note which rows others than the rounds write at the destination, or continues.
func (w *Worker) Beside(ctx context.Context, image Image) error {
	return w.note(ctx, image, "yes", "the triggers that note written rows could not be created at the destination; Sourcegraph answers at the source as before")
}

func (w *Worker) note(ctx context.Context, image Image, beside, summary string) error {
	return w.do(ctx, run.Task{Name: "watch", Identity: w.identity("watch"), Image: image, As: "pgsql", Entry: script(movingScript + watchScript), Env: map[string]string{"BESIDE": beside}},
		"BERTH4615", summary, w.fix())
}

// Unwatch ends the noting of rows, and deletes the notes. It may be done where nothing was noted.
func (w *Worker) Unwatch(ctx context.Context, image Image) error {
	return w.do(ctx, run.Task{Name: "unwatch", Identity: w.identity("unwatch"), Image: image, As: "pgsql",
		Entry: script(movingScript + "for database in $databases; do\n  use \"$database\" || continue\n  unwatch\ndone\n")},
		"BERTH4615", "the triggers and notes about written rows could not be deleted", w.fix())
}

// Noted is how many bytes the notes take.
func (w *Worker) Noted(ctx context.Context, image Image) (total int64, err error) {
	err = w.ask(ctx, image, "noted", `for database in $databases; do
  use "$database" || continue
  echo "FACT noted $(ask --command "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'berth_moving' AND relkind = 'r'")"
done
echo FACTS END
`, time.Minute, func(string) {}, func(_, text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		total += n
		return err
	})
	return total, err
}

// Kept are the rows of the destination's tables, as the rounds counted them: all of them once, and since then what was added and what went.
func (w *Worker) Kept(ctx context.Context, image Image) (*Contents, error) {
	c := &Contents{Tables: map[string]string{}}
	return c, w.ask(ctx, image, "kept", `for database in $databases; do
  use "$database" || continue
  ask --command "SELECT 'FACT rows ' || name || ' ' || n || ' ' || coalesce(s::text, '-') FROM berth_moving.tables"
done
echo FACTS END
`, time.Minute, func(string) {}, c.take)
}

// Carry carries a round of one database from the worker's side to another one.
func (w *Worker) Carry(ctx context.Context, image Image, to *Worker, there Image, database string, r Round) error {
	return flow(ctx, w.changes(image, database, r, "changes", changesScript), to.apply(there, database, r, "apply", applyScript))
}

// Reset notes at the source which rows were written at the destination, of one database, so that the next round takes them back. The worker's side is the
// destination, where Sourcegraph only reads from then on, until the last round.
func (w *Worker) Reset(ctx context.Context, image Image, source *Worker, there Image, database string, r Round) error {
	return flow(ctx, w.changes(image, database, r, "reset", resetScript), source.apply(there, database, r, "take", takeScript))
}

// lastWords is how long a source may take to say why it failed, when the other side of its stream has ended.
const lastWords = 10 * time.Second

// flow gives to write what read writes.
func flow(ctx context.Context, read func(context.Context, io.Writer) error, write func(context.Context, io.Reader) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := read(reading, out)
		out.CloseWithError(err)
		done <- err
	}()
	err := write(ctx, in)
	in.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // whoever reads for it stops
	if err != nil {
		defer time.AfterFunc(lastWords, stop).Stop() // one that waits for a word writes nothing, so it would not notice
	}
	var why diag.List
	if broken := <-done; errors.As(broken, &why) {
		return broken // the other side only says that there was no more
	} else if err == nil {
		err = broken
	}
	return err
}

// Able proves that what is written elsewhere can be applied to a database.
func (w *Worker) Able(ctx context.Context, image Image, database string) error {
	return w.apply(image, database, Round{Name: "nothing"}, "apply", applyScript)(ctx, strings.NewReader("ROLLBACK;\n\\echo APPLIED nothing\n"))
}

// takeScript does to a database what a stream says, which has its own begin and end.
const takeScript = "use \"$DATABASE\"\nask --output=/dev/null\n"

// changes is what writes the statements of a round, by a script.
func (w *Worker) changes(image Image, database string, r Round, name, text string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, out io.Writer) error {
		t := w.round(name+"-"+database, database, image, text)
		for name, value := range map[string]string{"ROUND": r.Name, "APPLIED": r.Applied, "MODE": string(r.Mode), "SUMS": strings.Join(r.Sums, " "), "LIMIT": fmt.Sprint(r.Limit)} {
			t.Env[name] = value
		}
		if r.Mode == TheLast {
			out = &first{out, r.Ready}
		}
		exit, said, err := w.Tasks.Pipe(ctx, t, r.Go, out)
		if err != nil || exit == 0 {
			return err
		}
		d := unsynced(t.Name, said)
		switch exit {
		case 5:
			d.Code, d.Hint = "BERTH4618", "return with: berth move back   and begin again when nothing changes tables"
		case 7:
			d.Code = "BERTH4617"
		}
		return diag.List{d}
	}
}

// first is a writer that tells when something was written, which is also when somebody reads.
type first struct {
	io.Writer
	tell func()
}

func (f *first) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if f.tell != nil && err == nil {
		f.tell()
		f.tell = nil
	}
	return n, err
}

// apply is what does the statements of a round, by a script.
func (w *Worker) apply(image Image, database string, r Round, name, text string) func(context.Context, io.Reader) error {
	return func(ctx context.Context, in io.Reader) error {
		t := w.round(name+"-"+database, database, image, text)
		t.Env["MODE"] = string(r.Mode)
		var done bytes.Buffer
		exit, said, err := w.Tasks.Pipe(ctx, t, in, &done)
		if err != nil {
			return err
		}
		if exit != 0 || strings.TrimSpace(done.String()) != "APPLIED "+r.Name {
			return diag.List{unsynced(t.Name, said)}
		}
		return nil
	}
}

// unsynced says that a round was not carried, in the last words of who failed.
func unsynced(subject, said string) diag.Diagnostic {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return diag.Diagnostic{Code: "BERTH4616", Severity: diag.Error, Subject: subject, Summary: "rows written at the source could not be carried over; nothing was lost",
		Detail: lines[max(0, len(lines)-mostLines):], Hint: "fix the cause shown above"}
}

func (w *Worker) round(name, database string, image Image, text string) run.Task {
	return run.Task{Name: name, Identity: w.identity(name), Image: image, As: "pgsql", Entry: script(movingScript + text), Env: map[string]string{"DATABASE": database, "WAIT": "60"}, Asks: true}
}
