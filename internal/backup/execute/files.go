package execute

import (
	"context"
	"errors"
	"fmt"
	"io"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
)

// bringFiles copies the files of a store to the destination of a move, and compares the names and sizes of all of them. Nothing runs on either side that uses them.
func (j *Job) bringFiles(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	store := step.Object
	from, to := j.At.Volumes(store), j.There.At.Volumes(store)
	if problems := Uncarried(store, j.There.At.File, len(from), len(to)); problems.Failed() {
		return done, problems
	}
	var files int
	var bytes int64
	for i := range from {
		held, err := j.bringVolume(ctx, step, from[i], to[i])
		if err != nil {
			return done, j.cut(err)
		}
		files, bytes = files+held.Number, bytes+held.Bytes
	}
	return run.Readiness{How: fmt.Sprintf("%d files of %s, %s", files, store, data.Size(bytes))}, nil
}

// bringVolume copies one volume in place of what the other one holds.
func (j *Job) bringVolume(ctx context.Context, step plan.Step, from, to data.Volume) (held data.Files, err error) {
	here, there := j.worker(plan.Step{ID: step.ID}), j.worker(step)
	if held, err = here.FilesOf(ctx, from); err != nil {
		return held, err
	}
	before, err := there.FilesOf(ctx, to)
	if err != nil {
		return held, err
	}
	if room := before.Free + before.Bytes; room < held.Bytes {
		return held, diag.List{{Code: "BERTH4509", Severity: diag.Error, Subject: to.Name,
			Summary: fmt.Sprintf("the files need %s on the other side, and %s are free", data.Size(held.Bytes), data.Size(room)),
			Hint:    "make services." + to.As + ".storage larger in " + j.There.At.File + ", or make room, then: berth " + j.record.GoesOn()}}
	}
	if err := piped(func(out io.Writer) error { return here.ReadFiles(ctx, from, out) }, func(in io.Reader) error { return there.FillFiles(ctx, to, in) }); err != nil {
		return held, err
	}
	arrived, err := there.FilesOf(ctx, to)
	if err == nil && arrived.Sum != held.Sum {
		err = fmt.Errorf("%s has %d files with %d bytes, and %d with %d arrived, or some have another name or size", from.Name, held.Number, held.Bytes, arrived.Number, arrived.Bytes)
	}
	return held, err
}

// piped lets one side read what the other one writes. Whichever ends first ends the other.
func piped(write func(io.Writer) error, read func(io.Reader) error) error {
	in, out := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(out)
		out.CloseWithError(err)
		written <- err
	}()
	err := read(in)
	in.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // whoever writes for it stops
	if broken := <-written; broken != nil && !errors.Is(broken, io.ErrClosedPipe) {
		return broken
	}
	return err
}

// Uncarried finds why the files of a store can't be carried, by how many volumes each side has for them.
func Uncarried(store, file string, here, there int) diag.List {
	d := diag.Diagnostic{Code: "BERTH4620", Severity: diag.Error, Subject: file}
	switch {
	case here == 0:
		d.Summary, d.Hint = "the source has no bundled "+store+", so no files of it can be carried", "leave it out of --with"
	case there == 0:
		d.Summary, d.Hint = "the destination has no bundled "+store+", so files of it can't be carried there", "leave it out of --with"
	case here != there:
		d.Summary = fmt.Sprintf("volumes of %s: %d at the source, %d at the destination; each needs its counterpart", store, here, there)
		d.Hint = "give both configs the same number of instances, or leave " + store + " out of --with"
	default:
		return nil
	}
	return diag.List{d}
}
