package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"berth/internal/backup"
	"berth/internal/backup/stages"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"

	"golang.org/x/sync/errgroup"
)

// checkMove proves that a move can begin, or that its destination is empty.
func (j *Job) checkMove(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	if step.Config == plan.ConfigTo {
		return j.empty(ctx, step)
	}
	facts, err := j.worker(step).Inspect(ctx, j.image())
	if err != nil {
		return found, err
	}
	if !data.SameMinor(facts.Release, j.At.Stack.Release) {
		return found, diag.List{{Code: "BERTH4606", Severity: diag.Error, Subject: j.At.File, Range: j.At.Doc.At("release"),
			Summary: fmt.Sprintf("the databases are of Sourcegraph %s, and %s says %s", facts.Release, j.At.File, j.At.Stack.Release), Hint: "look at what is there first: berth status"}}
	}
	need := facts.Bytes()
	if err := j.enough(ctx, need); err != nil {
		return found, err
	}
	space, err := j.There.At.Space(ctx)
	if err == nil && space.Free >= 0 && space.Free < 2*need {
		err = diag.List{{Code: "BERTH4509", Severity: diag.Error, Subject: j.There.At.Stack.Name,
			Summary: fmt.Sprintf("the databases and their dumps need up to %s on the other side, and %s are free", data.Size(2*need), data.Size(space.Free)),
			Hint:    "make room there, then: berth " + j.record.GoesOn()}}
	}
	found.How = fmt.Sprintf("release %s on both sides, Postgres %d, %s of data", j.At.Stack.Release, facts.Postgres(), data.Size(need))
	return found, err
}

// fetch brings all images to the destination.
func (j *Job) fetch(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	runner, w, err := j.toward(step)
	if err != nil {
		return none, err
	}
	return none, runner.Fetch(ctx, w, step.ID)
}

// longestAhead is how long the destination may take to start what reads no database, before the source closes. Some of it may wait for a frontend.
const longestAhead = 2 * time.Minute

// begin starts at the destination what reads no database.
func (j *Job) begin(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	runner, w, err := j.toward(step)
	if err != nil {
		return none, err
	}
	over := make(chan struct{})
	defer time.AfterFunc(longestAhead, func() { close(over) }).Stop()
	return none, runner.Begin(ctx, w, step.ID, over)
}

// empty proves that the databases of the destination hold nothing, but for what this move has put there, and that they can take what the source has.
func (j *Job) empty(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	w, image := j.worker(step), j.There.image()
	there, err := w.Await(ctx, image)
	if err != nil {
		return found, err
	}
	here, err := j.worker(plan.Step{}).Inspect(ctx, j.image())
	if err != nil {
		return found, err
	}
	if there.Postgres() < here.Postgres() {
		return found, diag.List{{Code: "BERTH4608", Severity: diag.Error, Subject: j.There.At.File,
			Summary: fmt.Sprintf("the databases there are of Postgres %d, and those here of %d: an older server refuses the dumps", there.Postgres(), here.Postgres()),
			Hint:    "bring the server there to Postgres " + fmt.Sprint(here.Postgres()) + ", then: berth " + j.record.GoesOn()}}
	}
	if err := j.roomThere(ctx, here); err != nil {
		return found, err
	}
	if j.short() {
		if err := j.able(ctx, w); err != nil {
			return found, err
		}
	}
	note, err := state.MoveOf(ctx, j.There.At.Store)
	if err != nil || note != nil && note.Phase == state.Filled && note.Name == j.id() {
		return found, err
	}
	c, err := w.Contents(ctx, image, nil)
	if err != nil || c.Objects == 0 {
		return run.Readiness{How: fmt.Sprintf("empty, Postgres %d", there.Postgres())}, err
	}
	return found, Occupied(j.There.At.File, j.There.At.Stack.Name, fmt.Sprintf("its databases have %d tables and views", c.Objects))
}

// roomThere finds volumes of the destination that are too small for what the source has.
func (j *Job) roomThere(ctx context.Context, here *data.Facts) error {
	space, err := j.There.At.Space(ctx)
	if err != nil {
		return err
	}
	var problems diag.List
	for _, d := range here.Databases {
		if own := space.Own[d.Name]; own > 0 && own < d.Bytes+d.Bytes/4 {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4509", Severity: diag.Error, Subject: d.Name,
				Summary: fmt.Sprintf("the volume there has %s, too little for %s of data and a quarter more", data.Size(own), data.Size(d.Bytes)),
				Hint:    "make services." + d.Name + ".storage larger in " + j.There.At.File + ", then: berth " + j.record.GoesOn()})
		}
	}
	return problems.Err()
}

// Occupied says that the destination of a move has data.
func Occupied(file, name, what string) diag.List {
	return diag.List{{Code: "BERTH4607", Severity: diag.Error, Subject: file, Summary: "the destination is not empty: " + what + "; nothing of it was changed",
		Hint: "name a config of an installation that is not there yet; to delete this one for good: berth down --config " + file + " --delete-data " + name}}
}

// dumpSource dumps the databases of the source. Nobody writes there, or what is written is noted, so a dump of an earlier try is only deleted to be sure that
// this one is whole.
func (j *Job) dumpSource(ctx context.Context, step plan.Step) (made run.Readiness, err error) {
	w := j.worker(step)
	facts, err := w.Inspect(ctx, j.image())
	if err != nil {
		return made, err
	}
	if err := w.Clear(ctx, j.image(), j.id(), facts.Bytes()); err != nil {
		return made, err
	}
	err = w.Dump(ctx, j.image(), data.Dump{Name: j.id(), Bytes: facts.Bytes(), Sums: j.sums(), Keep: true})
	return run.Readiness{How: "dumped and counted"}, err
}

// across copies the dumps to the destination's volume of backups, and compares the names and sizes of all files.
func (j *Job) across(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	if step.Object != stages.Dumps {
		return j.bringFiles(ctx, step)
	}
	from, to, image := j.worker(plan.Step{}), j.worker(step), j.There.image()
	files, err := from.Files(ctx, j.image(), j.id())
	if err != nil {
		return done, err
	}
	groups, bytes := grouped(files)
	if err := to.Clear(ctx, image, j.id(), bytes); err != nil { // of what an earlier try left, nobody knows how much it is
		return done, err
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, group := range groups {
		g.Go(func() error {
			return piped(func(out io.Writer) error { return from.Read(ctx, j.image(), j.id(), group.Files, out) },
				func(in io.Reader) error { return to.Put(ctx, image, j.id(), group.Name, bytes, in) })
		})
	}
	if err := g.Wait(); err != nil {
		return done, j.cut(err)
	}
	arrived, err := to.Files(ctx, image, j.id()+".part")
	if err != nil {
		return done, err
	}
	if !slices.Equal(files, arrived) {
		return done, j.cut(fmt.Errorf("%d files were sent, and %d arrived, or some have another size", len(files), len(arrived)))
	}
	return run.Readiness{How: fmt.Sprintf("%d files, %s", len(files), data.Size(bytes))}, to.Whole(ctx, image, j.id())
}

// cut says that data did not arrive.
func (j *Job) cut(err error) error {
	var known diag.List
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return diag.List{{Code: "BERTH4609", Severity: diag.Error, Subject: j.There.At.Stack.Name, Summary: "the data could not be copied to the other side", Detail: []string{err.Error()},
		Hint: "fix the cause, then: berth " + j.record.GoesOn()}}
}

// grouped are the parts that a dump's files are carried in, and how much all of it is.
func grouped(files []data.File) (groups []backup.Group, bytes int64) {
	names, sizes := make([]string, len(files)), make([]int64, len(files))
	for i, f := range files {
		names[i], sizes[i] = f.Name, f.Size
		bytes += f.Size
	}
	return backup.Groups(names, sizes, most), bytes
}

// mark notes what both sides of a move are from now on.
func (j *Job) mark(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	here, there := j.At.Store, j.There.At.Store
	source := &state.Move{Name: j.id(), Other: *j.record.Plan.Destination}
	source.Other.File = j.There.Env.Abs(source.Other.File) // the next command may be given elsewhere
	destination := &state.Move{Name: j.id(), Other: plan.Destination{File: j.Env.Abs(j.At.File), Installation: j.At.Stack.Name, Target: j.At.Stack.Target, URL: j.At.Stack.URL}}
	switch step.Object {
	case stages.MarkCarried:
		source.Phase, destination.Phase = state.Carried, state.Filled
	case stages.MarkOpened:
		if was, err := state.MoveOf(ctx, here); err != nil || was != nil && was.Phase != state.Carried {
			return none, err // it continues after a kill, and people may have worked there since
		}
		source.Phase, destination = state.Opened, nil
		if !j.short() {
			// What the databases there hold before people can work there is what a move back compares with.
			c, err := j.worker(plan.Step{Config: plan.ConfigTo}).Contents(ctx, j.There.image(), j.sums())
			if err != nil {
				return none, err
			}
			source.Tables = c.Tables
		}
	case stages.MarkCounted:
		// The rounds counted it, so nobody has to wait for that.
		c, err := j.worker(plan.Step{Config: plan.ConfigTo}).Kept(ctx, j.There.image())
		if err != nil {
			return none, err
		}
		source.Phase, source.Tables, destination = state.Opened, c.Tables, nil
	case stages.MarkMoved:
		was, err := state.MoveOf(ctx, here)
		if err != nil {
			return none, err
		}
		if destination = nil; was != nil {
			source = was
		}
		source.Phase = state.Moved
	case stages.MarkLeft:
		return none, state.SetMove(ctx, there, &state.Move{Name: destination.Name, Phase: state.Left, Other: destination.Other})
	case stages.MarkReturned:
		return none, state.SetMove(ctx, here, nil)
	}
	if err := state.SetMove(ctx, here, source); err != nil {
		return none, err
	}
	return none, state.SetMove(ctx, there, destination)
}
