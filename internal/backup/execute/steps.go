// Package execute makes, proves and restores backups, and moves installations: it does the steps that backup/stages plans. A step leads to something whatever is there when its turn
// comes, so each of them can be killed and done again.
package execute

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"berth/internal/backup"
	"berth/internal/backup/stages"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"
)

// Side is an installation that a job works on.
type Side struct {
	Env  *installation.Environment
	Open installation.Open
	At   *installation.Installation
}

// image is the image that scripts for its databases run in.
func (s *Side) image() data.Image { return s.At.Image("pgsql") }

// Job is a backup, a proof or a restore of one installation, or its move to another one. Whoever does it holds the locks.
type Job struct {
	Side
	// There is the destination of a move; nil: it is none.
	There *Side
	// From is the backup that is restored or proved; To is where backups are made. In is the name of a backup that is in the volume of backups, and stays
	// there, in place of From.
	From, To   *backup.Backup
	In         string
	Manifest   *backup.Manifest // of From
	Recipients []string
	Identities []age.Identity
	Keep       backup.Keep
	Program    string // the berth that does it
	Timeout    time.Duration

	Made *backup.Manifest // the backup that was made

	runner *installation.Runner
	record *state.Record
	// applied is the last round of a move that the destination has; "": this process knows of none.
	applied string
	// last is the last round of a move, once it stands by.
	last *last
}

// most is how many bytes of a dump's files are in one part, if the files are not larger themselves: what a killed berth wrote of a part is written again.
const most = 256 << 20

// atOnce is how many parts are carried at once.
const atOnce = 2

// Carry carries out the plan of a record, from its begin or from where it stopped, and writes down how it ended.
func (j *Job) Carry(ctx context.Context, r *state.Record) error {
	j.record = r
	runner := installation.Runner{Open: j.Open, Record: r, Now: j.Env.Now, Watch: j.Env.Watch, Timeout: j.Timeout}
	return installation.Recorded(ctx, j.At, runner, func(runner *installation.Runner) error {
		j.runner = runner
		acts := map[plan.Verb]func(context.Context, plan.Step) (run.Readiness, error){
			plan.Check: j.check, plan.Dump: j.dump, plan.Store: j.store, plan.Complete: j.complete, plan.Prune: j.prune,
			plan.Bring: j.bring, plan.Reach: j.reach, plan.Restore: j.restore, plan.Index: j.index, plan.Prove: j.prove, plan.Try: j.try,
		}
		if j.There != nil {
			acts[plan.Check], acts[plan.Dump], acts[plan.Bring], acts[plan.Mark] = j.checkMove, j.dumpSource, j.across, j.mark
			acts[plan.Fetch], acts[plan.Begin] = j.fetch, j.begin
			acts[plan.Watch], acts[plan.Sync], acts[plan.Unwatch] = j.watch, j.sync, j.unwatch
			for _, v := range []plan.Verb{plan.Dump, plan.Bring, plan.Restore, plan.Index} {
				acts[v] = j.guarded(acts[v])
			}
		}
		defer func() {
			if j.last != nil { // what comes before it failed
				j.last.end()
				<-j.last.done
			}
		}()
		return runner.New(r.Plan, &run.Acts{By: acts}, 0).Carry(ctx)
	})
}

// worker works on the databases of the side that a step is done on.
func (j *Job) worker(step plan.Step) *data.Worker { return j.runner.Worker(j.side(step).At, "b", step) }

// side is the installation that a step is done on.
func (j *Job) side(step plan.Step) *Side {
	if j.There != nil && step.Config == plan.ConfigTo {
		return j.There
	}
	return &j.Side
}

func (j *Job) sums() []string { return j.Env.Catalogue().State().Compared.Tables }

// id is the name of the current backup: the one that is restored, or the last one that the run dumped.
func (j *Job) id() string {
	if j.In != "" {
		return j.In
	}
	if j.From != nil {
		return j.From.ID()
	}
	if j.There != nil {
		return j.record.Plan.Backup
	}
	for _, t := range slices.Backward(j.record.Steps) {
		if t.Made != "" && !t.Undone {
			return t.Made
		}
	}
	return ""
}

// target is the backup that is made.
func (j *Job) target() backup.Backup {
	return backup.Backup{Place: j.To.Place, Dir: path.Join(j.To.Dir, j.id())}
}

func (j *Job) check(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	if j.From == nil && j.In == "" {
		return j.ready(ctx, step)
	}
	need := int64(0)
	if j.From != nil {
		problems, err := j.Acceptable(ctx)
		if err == nil {
			err = problems.Err()
		}
		if err != nil {
			return found, err
		}
		need = j.Manifest.Holds()
		found.How = fmt.Sprintf("%d parts, %s, all there", len(j.Manifest.Parts), data.Size(j.Manifest.Bytes()))
	}
	if step.Verb == plan.Check && j.record.Action == plan.ProveBackup {
		need += j.record.Plan.Bytes // of the scratch server
	}
	return found, j.enough(ctx, need)
}

// ready proves that a backup can be made.
func (j *Job) ready(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	facts, err := j.worker(step).Inspect(ctx, j.image())
	if err != nil {
		return found, err
	}
	if _, err := backup.Recipients(j.Recipients); err != nil {
		return found, err
	}
	const probe = ".berth"
	name := path.Join(j.To.Dir, probe)
	err = j.To.Place.Put(ctx, name, strings.NewReader("berth writes here\n"))
	if err == nil {
		err = j.To.Place.Delete(ctx, name)
	}
	if err != nil {
		return found, diag.List{{Code: "BERTH4502", Severity: diag.Error, Subject: "backup.to", Summary: "backups can't be written to " + j.To.String(), Detail: []string{err.Error()},
			Hint: "fix the cause, then: berth backup"}}
	}
	found.How = fmt.Sprintf("release %s, Postgres %d, %s of data", facts.Release, facts.Postgres(), data.Size(facts.Bytes()))
	return found, j.enough(ctx, facts.Bytes())
}

// enough finds too little room for a dump of some size.
func (j *Job) enough(ctx context.Context, bytes int64) error {
	space, err := j.At.Space(ctx)
	if err != nil || space.Free < 0 || space.Free >= bytes {
		return err
	}
	return diag.List{{Code: "BERTH4509", Severity: diag.Error, Subject: "host", Summary: fmt.Sprintf("the dumps need up to %s, and %s are free", data.Size(bytes), data.Size(space.Free)),
		Hint: "make room, then: berth " + j.record.GoesOn()}}
}

// dump dumps the databases. One that was killed is made again under another name: a backup is never older than it says.
func (j *Job) dump(ctx context.Context, step plan.Step) (made run.Readiness, err error) {
	w := j.worker(step)
	facts, err := w.Inspect(ctx, j.image())
	if err != nil {
		return made, err
	}
	name := data.Stamp(j.Env.Now())
	err = w.Dump(ctx, j.image(), data.Dump{Name: name, Bytes: facts.Bytes(), Sums: j.sums()})
	return run.Readiness{How: "dumped and counted", Made: name}, err
}

// store writes the parts. Those that an earlier try has written whole stay.
func (j *Job) store(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	b, w := j.target(), j.worker(step)
	recipients, err := backup.Recipients(j.Recipients)
	if err != nil {
		return done, err
	}
	groups, err := j.groups(ctx, w)
	if err != nil {
		return done, err
	}
	sizes, err := b.Sizes(ctx)
	if err != nil {
		return done, err
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	written := int64(0)
	for _, group := range groups {
		if _, have := b.Have(ctx, group.Name, len(recipients) > 0, sizes); have {
			continue
		}
		g.Go(func() error {
			_, err := b.Write(ctx, group.Name, recipients, func(out io.Writer) error { return w.Read(ctx, j.image(), j.id(), group.Files, out) })
			return err
		})
	}
	g.Go(func() error {
		_, err := b.Write(ctx, backup.FilesPart+"-001", recipients, func(out io.Writer) error { return j.files(ctx, out, len(recipients) > 0) })
		return err
	})
	if err := g.Wait(); err != nil {
		return done, j.unstored(err)
	}
	if sizes, err = b.Sizes(ctx); err != nil {
		return done, err
	}
	for _, size := range sizes {
		written += size
	}
	return run.Readiness{How: fmt.Sprintf("%d parts, %s", len(groups)+1, data.Size(written))}, nil
}

// unstored says that parts could not be written; what it has of problems stays.
func (j *Job) unstored(err error) error {
	var known diag.List
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return diag.List{{Code: "BERTH4511", Severity: diag.Error, Subject: j.To.String(), Summary: "a part could not be written; the parts before it are there, and do not count as a backup",
		Detail: []string{err.Error()}, Hint: "fix the cause, then: berth backup"}}
}

// groups are the parts that the dump's files go into.
func (j *Job) groups(ctx context.Context, w *data.Worker) ([]backup.Group, error) {
	files, err := w.Files(ctx, j.image(), j.id())
	if err != nil {
		return nil, err
	}
	groups, _ := grouped(files)
	return groups, nil
}

// Names in the part with what is in no database. The config and the files that it names are in ConfigFolder.
const (
	ConfigFolder  = "config/"
	historyFile   = "history.json"
	generatedFile = "generated-secrets.json"
)

// files writes what is in no database: the config and the files that it names, the history, and generated secrets.
func (j *Job) files(ctx context.Context, out io.Writer, secrets bool) error {
	contents := map[string][]byte{}
	beside, err := j.Env.Beside(j.At.Want, secrets)
	if err != nil {
		return err
	}
	for name, content := range beside {
		contents[ConfigFolder+strings.TrimPrefix(path.Clean(name), "/")] = content
	}
	records, err := j.At.Store.History(ctx)
	if err != nil {
		return err
	}
	if contents[historyFile], err = json.MarshalIndent(records, "", "  "); err != nil {
		return err
	}
	if secrets {
		generated, err := j.At.Store.Generated(ctx)
		if err != nil {
			return err
		}
		if contents[generatedFile], err = json.MarshalIndent(generated, "", "  "); err != nil {
			return err
		}
	}
	w := tar.NewWriter(out)
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(contents[name])), ModTime: j.record.Started}); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		if _, err := w.Write(contents[name]); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return w.Close()
}

// complete checks that every part is there, and writes the manifest.
func (j *Job) complete(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	b, w := j.target(), j.worker(step)
	m, err := j.manifest(ctx, b, w)
	if err != nil {
		return done, err
	}
	sizes, err := b.Sizes(ctx)
	if err == nil {
		err = b.Missing(m, sizes).Err()
	}
	if err == nil {
		err = b.Complete(ctx, m)
	}
	j.Made = m
	return run.Readiness{How: b.String()}, err
}

// manifest says what a backup has.
func (j *Job) manifest(ctx context.Context, b backup.Backup, w *data.Worker) (*backup.Manifest, error) {
	began, _ := backup.Began(j.id())
	m := &backup.Manifest{Format: backup.Format, ID: j.id(), Installation: j.At.Stack.Name, Target: string(j.At.Stack.Target), Release: j.At.Stack.Release, Program: j.Program,
		Began: began, Completed: j.Env.Now().UTC(), Recipients: j.Recipients, Left: j.left()}
	dumps, err := w.Dumps(ctx, j.image())
	if err != nil {
		return nil, err
	}
	for _, d := range dumps {
		if d.Name != j.id() {
			continue
		}
		for _, s := range d.Sources {
			rows, err := w.Rows(ctx, j.image(), j.id(), s.Name)
			if err != nil {
				return nil, err
			}
			m.Databases = append(m.Databases, backup.Database{Name: s.Name, Server: s.Server, Bytes: s.Bytes, Snapshot: s.Snapshot, LSN: s.LSN,
				Encoding: s.Encoding, Collation: s.Collation, Characters: s.Characters, Extensions: s.Extensions, Rows: rows})
		}
	}
	if len(m.Databases) == 0 {
		return nil, diag.List{{Code: "BERTH4512", Severity: diag.Error, Subject: b.String(), Summary: "the dump " + j.id() + " is no longer in the volume of backups",
			Hint: "make another backup: berth backup"}}
	}
	groups, err := j.groups(ctx, w)
	if err != nil {
		return nil, err
	}
	sizes, err := b.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range append(groups, backup.Group{Name: backup.FilesPart + "-001"}) {
		part, have := b.Have(ctx, g.Name, len(j.Recipients) > 0, sizes)
		if !have {
			return nil, diag.List{{Code: "BERTH4505", Severity: diag.Error, Subject: b.String(), Summary: "the part " + part.Name + " is not there", Hint: "make another backup: berth backup"}}
		}
		part.Files, part.Holds = len(g.Files), g.Bytes
		m.Parts = append(m.Parts, part)
	}
	return m, nil
}

// left is what a backup does not have, and why.
func (j *Job) left() []backup.Left {
	out := []backup.Left{}
	state := j.Env.Catalogue().State()
	for _, name := range slices.Sorted(maps.Keys(state.Stores)) {
		if s := state.Stores[name]; !slices.Contains(stack.Databases(), name) {
			out = append(out, backup.Left{What: name, Why: map[bool]string{true: "Sourcegraph creates it again", false: "berth does not move it"}[s.Carry == "rebuilt"], Lost: s.Lost})
		}
	}
	if len(j.Recipients) == 0 {
		out = append(out, backup.Left{What: "secrets", Why: "backup.recipients is empty, so nobody could read them", Lost: "generated passwords, and the files of the config that may hold secrets"})
	}
	return out
}

// prune deletes the dump from the volume of backups, and backups beyond backup.keep.
func (j *Job) prune(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	if err := j.worker(step).Drop(ctx, j.side(step).image(), j.id()); err != nil {
		return done, err
	}
	if j.To == nil {
		return done, nil
	}
	all, err := j.Listed(ctx)
	if err != nil {
		return done, err
	}
	expired := j.Keep.Expired(all, j.Env.Now())
	for _, l := range expired {
		if err := (backup.Backup{Place: j.To.Place, Dir: path.Join(j.To.Dir, l.ID)}).Delete(ctx); err != nil {
			return done, err
		}
	}
	done.How = fmt.Sprintf("kept: %d", len(all)-len(expired))
	return done, nil
}

// Listed are the backups where this installation's are made, with when they were proven.
func (j *Job) Listed(ctx context.Context) ([]backup.Listed, error) {
	all, err := backup.List(ctx, j.To.Place, j.To.Dir)
	if err != nil {
		return nil, err
	}
	proven := map[string]time.Time{}
	if err := j.At.Store.Note(ctx, backup.ProvenNote, &proven); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Proven = proven[all[i].ID]
	}
	return all, nil
}

// Acceptable finds what stands in the way of a restore: another release, parts that are not there, the wrong key. All of it is looked at.
func (j *Job) Acceptable(ctx context.Context) (problems diag.List, err error) {
	m := j.Manifest
	if m.Release != j.At.Stack.Release {
		problems = append(problems, diag.Diagnostic{Code: "BERTH4513", Severity: diag.Error, Subject: j.From.String(), Range: j.At.Doc.At("release"),
			Summary: fmt.Sprintf("the backup is of Sourcegraph %s, and %s says %s", m.Release, j.At.File, j.At.Stack.Release),
			Detail:  []string{"a backup is restored into its own release; upgrade afterwards"}, Hint: "write  release: " + m.Release + "  and restore again; then: berth upgrade"})
	}
	sizes, err := j.From.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	problems = append(problems, j.From.Missing(m, sizes)...)
	var wrong diag.List
	if err := j.From.Opens(ctx, m, j.Identities); errors.As(err, &wrong) {
		return append(problems, wrong...), nil
	} else if err != nil {
		return nil, err
	}
	return problems, nil
}

// bring copies the dumps of a backup into the volume of backups.
func (j *Job) bring(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	w := j.worker(step)
	var g errgroup.Group
	g.SetLimit(atOnce)
	if err := w.Clear(ctx, j.image(), j.id(), j.Manifest.Holds()); err != nil { // of what an earlier try left, nobody knows how much it is
		return done, err
	}
	for _, p := range j.Manifest.Dumps() {
		g.Go(func() error {
			return j.From.Read(ctx, p, j.Identities, func(in io.Reader) error {
				return w.Put(ctx, j.image(), j.id(), strings.SplitN(p.Name, ".", 2)[0], j.Manifest.Holds(), in)
			})
		})
	}
	if err := g.Wait(); err != nil {
		return done, err
	}
	return run.Readiness{How: fmt.Sprintf("%s, every sha256 is right", data.Size(j.Manifest.Bytes()))}, w.Whole(ctx, j.image(), j.id())
}

// reach makes what runs what the config asks for, with the front of a step.
func (j *Job) reach(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	runner, w, err := j.toward(step)
	if err != nil {
		return none, err
	}
	return none, runner.Reach(ctx, w, step.ID)
}

// toward gives what a step leads to, and a runner on its side.
func (j *Job) toward(step plan.Step) (*installation.Runner, *installation.Want, error) {
	side := j.side(step)
	w, err := side.Env.Accepted(side.At.Want, j.record.Plan.Configs[step.Config], nil)
	if err != nil {
		return nil, nil, err
	}
	page := ""
	if step.Front != string(stack.Open) {
		page = stages.PageOf(j.record.Plan, step.Page, j.record.Started)
	}
	runner := *j.runner
	runner.Open = side.Open
	return &runner, w.With(stack.Front(step.Front), page), nil
}

// restore puts the backup into the databases.
func (j *Job) restore(ctx context.Context, step plan.Step) (run.Readiness, error) {
	w, image := j.worker(step), j.side(step).image()
	if _, err := w.Await(ctx, image); err != nil {
		return run.Readiness{}, err
	}
	return run.Readiness{How: "restored, and equal to the " + map[bool]string{true: "source", false: "backup"}[j.There != nil]}, w.Restore(ctx, image, j.id(), j.sums())
}

func (j *Job) index(ctx context.Context, step plan.Step) (run.Readiness, error) {
	return run.Readiness{How: "indexes checked"}, j.worker(step).Index(ctx, j.side(step).image())
}

// prove proves that Sourcegraph works with what was restored.
func (j *Job) prove(ctx context.Context, step plan.Step) (run.Readiness, error) {
	by := installation.ByFrontProxy
	if step.Front == string(stack.Answering) {
		by = installation.Directly
	}
	how, err := j.side(step).At.Searched(ctx, by, j.Env.Now)
	return run.Readiness{How: how}, err
}

// try restores the dumps into a scratch server, and notes that the backup is proven.
func (j *Job) try(ctx context.Context, step plan.Step) (done run.Readiness, err error) {
	if err := j.worker(step).Proof(ctx, j.image(), j.id(), j.sums()); err != nil {
		return done, err
	}
	proven := map[string]time.Time{}
	if err := j.At.Store.Note(ctx, backup.ProvenNote, &proven); err != nil {
		return done, err
	}
	proven[j.id()] = j.Env.Now().UTC()
	return run.Readiness{How: "restored once, and equal to what was dumped"}, j.At.Store.SetNote(ctx, backup.ProvenNote, proven)
}

// Unpack gives the files of the part with what is in no database.
func Unpack(ctx context.Context, b backup.Backup, m *backup.Manifest, identities []age.Identity) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, p := range m.Parts {
		if !strings.HasPrefix(p.Name, backup.FilesPart) {
			continue
		}
		err := b.Read(ctx, p, identities, func(in io.Reader) error {
			for r := tar.NewReader(in); ; {
				header, err := r.Next()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return fmt.Errorf("read %s: %w", p.Name, err)
				}
				var content bytes.Buffer
				if _, err := io.Copy(&content, io.LimitReader(r, 64<<20)); err != nil {
					return fmt.Errorf("read %s: %w", header.Name, err)
				}
				out[header.Name] = content.Bytes()
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
