package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"berth/internal/backup/stages"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"

	"golang.org/x/sync/errgroup"
)

// A move with a short downtime goes on with rounds until one takes less than quick, or is hardly shorter than the one before: what is left then is what is
// written in the time of a round, which is never shorter than its tasks take to start.
const quick = 5 * time.Second

// lookEvery is how often the size of the notes is looked at while the databases are copied.
const lookEvery = time.Minute

// act is what does a step.
type act = func(context.Context, plan.Step) (run.Readiness, error)

// short reports whether the source answers while its databases are copied.
func (j *Job) short() bool { return j.record.Plan.Has(plan.Watch) }

// limit is how many bytes notes may take: a tenth of the databases, and a bit.
func (j *Job) limit() int64 { return j.record.Plan.Bytes/10 + 256<<20 }

// watch begins to note which rows are written. What an earlier try noted at the source is gone then, so that all is dumped after it.
func (j *Job) watch(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	w := j.worker(step)
	if step.Config == plan.ConfigTo {
		return done, w.Beside(ctx, j.There.image())
	}
	facts, err := w.Inspect(ctx, j.image())
	if err != nil {
		return done, err
	}
	if len(facts.Unfinished) > 0 {
		u := facts.Unfinished[0]
		return done, diag.List{{Code: "BERTH4618", Severity: diag.Error, Subject: u.Database, Summary: "the schema migration " + u.Migration + " is not finished, so tables may change during the move",
			Hint: "see: berth doctor   and return with: berth move back"}}
	}
	if err := w.Watch(ctx, j.image()); err != nil {
		return done, errors.Join(err, w.Unwatch(context.WithoutCancel(ctx), j.image()))
	}
	j.applied = ""
	return run.Readiness{How: "rows that are written are noted"}, nil
}

func (j *Job) unwatch(ctx context.Context, step plan.Step) (run.Readiness, error) {
	return run.Readiness{}, j.worker(step).Unwatch(ctx, j.side(step).image())
}

// sync carries what was written, in rounds.
func (j *Job) sync(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	mode := data.OnlyRows
	switch step.Object {
	case stages.SyncCompare:
		mode = data.AndCompare
	case stages.SyncReset:
		if err := j.reset(ctx, step); err != nil {
			return done, err
		}
	case stages.SyncStandBy:
		return done, j.standBy(ctx, step)
	case stages.SyncLast:
		return j.catchUp(ctx, step)
	}
	for n, before := 1, time.Duration(0); ; n++ {
		began := j.Env.Now()
		if err := j.round(ctx, step, mode); err != nil {
			return done, err
		}
		took := j.Env.Now().Sub(began)
		if took < quick || n > 1 && mode == data.OnlyRows && took > before*3/4 {
			return run.Readiness{How: map[string]string{stages.SyncRows: fmt.Sprintf("rounds: %d, the last one in %.1f s", n, took.Seconds()),
				stages.SyncCompare: "every table is equal to the source", stages.SyncReset: "what started there left the data as it is at the source"}[step.Object]}, nil
		}
		mode, before = data.OnlyRows, took
	}
}

// reset notes at the source what Sourcegraph wrote at the destination when it started there, so that the next round takes it back.
func (j *Job) reset(ctx context.Context, step plan.Step) error {
	return j.each(step, j.next(data.OnlyRows), func(from, to *data.Worker, database string, r data.Round) error {
		return to.Reset(ctx, j.There.image(), from, j.image(), database, r)
	})
}

// last is the last round of a move. Its tasks start while people still work, and wait for a word.
type last struct {
	words []*io.PipeWriter // one for each database
	done  chan error
}

// end ends the tasks that got no word.
func (l *last) end() {
	for _, word := range l.words {
		_ = word.Close() // a pipe in memory
	}
}

// standBy lets the last round begin, up to the moment from which on nobody may write.
func (j *Job) standBy(ctx context.Context, step plan.Step) error {
	r, l := j.next(data.TheLast), &last{done: make(chan error, 1)}
	ready := make(chan struct{}, len(j.At.Stack.Databases))
	words := map[string]io.Reader{}
	for _, database := range j.At.Stack.Databases {
		in, word := io.Pipe()
		words[database], l.words = in, append(l.words, word)
	}
	go func() {
		l.done <- j.each(step, r, func(from, to *data.Worker, database string, r data.Round) error {
			r.Ready, r.Go = func() { ready <- struct{}{} }, words[database]
			err := from.Carry(ctx, j.image(), to, j.There.image(), database, r)
			if err != nil {
				l.end()
			}
			return err
		})
	}()
	for range words {
		select {
		case <-ready:
		case err := <-l.done:
			return err
		}
	}
	j.last = l
	return nil
}

// catchUp does the last round.
func (j *Job) catchUp(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	if j.last == nil { // the process that let it stand by was killed
		if err := j.standBy(ctx, step); err != nil {
			return done, err
		}
	}
	began, l := j.Env.Now(), j.last
	j.last = nil
	for _, word := range l.words {
		go func() {
			_, _ = io.WriteString(word, "go\n") // whoever ended before says why itself
			_ = word.Close()
		}()
	}
	err = <-l.done
	return run.Readiness{How: fmt.Sprintf("all data is there, and the last writes are equal, after %.1f s", j.Env.Now().Sub(began).Seconds())}, err
}

// round carries what was written since the last round, of all databases at once.
func (j *Job) round(ctx context.Context, step plan.Step, mode data.Mode) error {
	r := j.next(mode)
	err := j.each(step, r, func(from, to *data.Worker, database string, r data.Round) error {
		return from.Carry(ctx, j.image(), to, j.There.image(), database, r)
	})
	var why diag.List
	switch {
	case err == nil:
		j.applied = r.Name
	case errors.As(err, &why) && why[0].Code == "BERTH4617":
		return j.tooMuch(ctx, why[0].Subject, why[0].Detail[len(why[0].Detail)-1])
	}
	return err
}

// tooMuch ends the noting of rows whose notes are too large. The source is left without notes: a full disk would stop it.
func (j *Job) tooMuch(ctx context.Context, subject, how string) error {
	err := diag.List{{Code: "BERTH4617", Severity: diag.Error, Subject: subject, Summary: how + ", and " + data.Size(j.limit()) + " are allowed; they were deleted, and Sourcegraph answers as before",
		Hint: "return with: berth move back   and move when people write less, or without --short-downtime"}}
	return errors.Join(err, j.worker(plan.Step{}).Unwatch(ctx, j.image()))
}

// next is a round that no other one is.
func (j *Job) next(mode data.Mode) data.Round {
	return data.Round{Name: strconv.FormatInt(j.Env.Now().UnixNano(), 10), Applied: j.applied, Mode: mode, Sums: j.sums(), Limit: j.limit()}
}

// each does a round of all databases at once, with the workers of both sides.
func (j *Job) each(step plan.Step, r data.Round, do func(from, to *data.Worker, database string, r data.Round) error) error {
	from, to := j.worker(step), j.worker(plan.Step{ID: step.ID, Config: plan.ConfigTo})
	var g errgroup.Group
	for _, database := range j.At.Stack.Databases {
		g.Go(func() error { return do(from, to, database, r) })
	}
	return g.Wait()
}

// able proves that the destination takes what is written at the source.
func (j *Job) able(ctx context.Context, w *data.Worker) error {
	var problems diag.List
	for _, database := range j.There.At.Stack.Databases {
		var why diag.List
		err := w.Able(ctx, j.There.image(), database)
		if errors.As(err, &why) {
			why[0].Code, why[0].Summary = "BERTH4619", "the user of "+database+" there may not switch triggers off, which --short-downtime needs; nothing was changed"
			why[0].Hint = "grant it: GRANT SET ON PARAMETER session_replication_role TO that user   or return with: berth move back   and move without --short-downtime"
			problems = append(problems, why...)
		} else if err != nil {
			return err
		}
	}
	return problems.Err()
}

// guarded does a step while rows are noted, and stops it when the notes take too much room.
func (j *Job) guarded(do act) act {
	return func(ctx context.Context, step plan.Step) (run.Readiness, error) {
		if !j.short() {
			return do(ctx, step)
		}
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(lookEvery):
				}
				if err := j.roomForNotes(ctx); err != nil {
					stop(err)
				}
			}
		}()
		found, err := do(ctx, step)
		var full diag.List
		if cause := context.Cause(ctx); err != nil && errors.As(cause, &full) {
			return found, cause
		}
		return found, err
	}
}

// roomForNotes ends the noting of rows when the notes are too large.
func (j *Job) roomForNotes(ctx context.Context) error {
	w := j.worker(plan.Step{})
	noted, err := w.Noted(ctx, j.image())
	if err != nil || noted <= j.limit() {
		return nil // a database that does not answer is for the step to report
	}
	return j.tooMuch(ctx, j.At.Stack.Name, "the notes about rows that were written take "+data.Size(noted))
}
