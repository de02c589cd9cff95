package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// rehearsed are the stages of a hop that a clone goes through: what is done to databases. What services do needs the services, and people.
var rehearsed = []Stage{Check, Convert, Migrate, Prove, Finish}

// Rehearse walks a journey on a clone, which is the walker's Site. source is the same clone, but its tasks ask the databases that are cloned:
// they are dumped, the dump is restored into the clone, and there every hop is walked. It gives what the databases say at the end.
//
// A rehearsal is not gone on with: the next one starts again. So nothing of it is written down but the times in j.
func (w *Walker) Rehearse(ctx context.Context, j *Journey, source Site) (*Facts, error) {
	j.Rehearsal = true
	dumping := *w
	dumping.Site = source
	if err := dumping.at(ctx, j, Place{0, Save}); err != nil {
		return nil, err
	}
	if err := w.at(ctx, j, Place{0, Restore}); err != nil {
		return nil, err
	}
	for hop := range j.Hops {
		for _, s := range rehearsed {
			if err := w.at(ctx, j, Place{hop, s}); err != nil {
				return nil, err
			}
		}
	}
	j.Status, j.Ended = Arrived, w.Now()
	return Inspect(ctx, w.Site, j.Hop().Config, w.Tag)
}

// at does one stage of a rehearsal.
func (w *Walker) at(ctx context.Context, j *Journey, p Place) error {
	j.At = p
	err := w.stage(ctx, j, false)
	if err == nil {
		return nil
	}
	j.Status, j.Ended = Stopped, w.Now()
	if problems := (diag.List)(nil); errors.As(err, &problems) {
		j.Problems = onlyRehearsed(problems)
		return j.Problems
	}
	return err
}

// onlyRehearsed says of problems what to do after a rehearsal, where their hints speak of a real run.
func onlyRehearsed(problems diag.List) diag.List {
	out := slices.Clone(problems)
	for i, d := range out {
		if strings.Contains(d.Hint, "berth upgrade") || strings.Contains(d.Hint, "berth rollback") {
			out[i].Hint = "nothing of the installation was touched: fix the cause shown above there, then: berth rehearse"
		}
	}
	return out
}

// restore puts a backup into databases that run as a config asks for.
func (w *Walker) restore(ctx context.Context, j *Journey, backup, config, page string) error {
	if err := w.Site.Deploy(ctx, config, stack.Closed, page); err != nil {
		return err
	}
	image, err := w.Site.Image(config, "pgsql")
	if err != nil {
		return err
	}
	return w.task(ctx, j, run.Task{Name: "restore", Identity: j.identity("restore"), Image: image, As: "pgsql", Entry: script(restoreScript),
		Env: map[string]string{"DIR": folder, "BACKUP": backup}, Volume: Backups, Path: folder},
		"BERTH3723", "the backup could not be restored; the databases are as they were before", again)
}

// runBackground runs the migrations that a worker otherwise does in the background: in a clone there is none. The migrator is that of the
// release that a config is of, as the worker would be.
func (w *Walker) runBackground(ctx context.Context, j *Journey, config string) error {
	release := j.Hop().To
	if config == j.before() {
		release = j.Hop().From
	}
	image, err := w.Site.Migrator(release)
	if err != nil {
		return err
	}
	quiet, said := *w, map[string]bool{}
	quiet.Tell = func(e Event) {
		// It reports all migrations again and again, also of those that were finished long ago.
		if !said[e.Line] {
			said[e.Line] = true
			w.Tell(e)
		}
	}
	return quiet.task(ctx, j, run.Task{Name: "background", Identity: j.identity("background"), Image: image,
		Command: []string{"run-out-of-band-migrations", "--disable-animation", "--ignore-migrator-update"}},
		"BERTH3706", "background migrations make no progress", again)
}

// migration is the migrator's command that brings the databases over a hop, in the way that the hop does it.
func (h *Hop) migration() []string {
	if h.Kind != upgrade.MultiVersion || h.SameMinor() {
		return []string{"up"} // as the migrator does it that is deployed with the release
	}
	return []string{"upgrade", "--from=v" + h.From, "--to=v" + h.To, "--disable-animation", "--ignore-migrator-update"}
}

// Room is what a clone of some databases takes, in bytes.
type Room struct {
	Data    int64            // the databases as they are
	Disk    int64            // the most that all of it takes at a moment
	Volumes map[string]int64 // by database: its data, and a copy of it while another major Postgres takes it over
}

// NewRoom counts what a clone takes: the databases twice, their dumps once, and some air.
func NewRoom(f *Facts) Room {
	r := Room{Data: f.Bytes(), Volumes: map[string]int64{}}
	for _, d := range f.Databases {
		r.Volumes[d.Name] = d.Bytes*2 + d.Bytes/4 + air
	}
	r.Disk = r.Data*3 + r.Data/4 + air
	return r
}

// Claims is what the clone's volumes are made for where a volume has a size: that of the dumps has room for the scratch server beside them.
func (r Room) Claims() int64 {
	n := room(r.Data)
	for _, bytes := range r.Volumes {
		n += bytes
	}
	return n
}

// Rehearsal is what came of a rehearsal.
type Rehearsal struct {
	Format       int              `json:"format"`
	Installation string           `json:"installation"`
	Target       catalogue.Target `json:"target"`
	From         string           `json:"from"`
	To           string           `json:"to"`
	Began        time.Time        `json:"began"`
	Ended        time.Time        `json:"ended"`
	Arrived      bool             `json:"arrived"` // every hop was walked
	Stages       []Rehearsed      `json:"stages"`  // that came to their end, in order
	// Stopped is the stage that failed or was stopped; nil when all came to their end.
	Stopped  *Rehearsed `json:"stopped,omitempty"`
	Before   []Database `json:"before"`          // the databases as they were dumped
	After    []Database `json:"after,omitempty"` // and at the end
	Problems diag.List  `json:"problems,omitempty"`
	// Downtime is what the real run is expected to take behind its page, in seconds, with what was measured.
	Downtime float64  `json:"downtimeSeconds"`
	Not      []string `json:"notRehearsed"` // what the real run does beside
	Clone    string   `json:"clone"`        // its name
	Kept     bool     `json:"kept"`         // the clone is there, as it was asked to be
	Deleted  bool     `json:"deleted"`      // nothing is left of it
}

// Rehearsed is one stage of a rehearsal.
type Rehearsed struct {
	From    string  `json:"from"` // of the hop
	To      string  `json:"to"`
	Stage   Stage   `json:"stage"`
	Seconds float64 `json:"seconds"`
	Note    string  `json:"note,omitempty"` // what was found, in a few words
}

// Report tells what came of a rehearsal. again is the plan of the real run, made with the times that were measured.
func (j *Journey) Report(again *Plan, before, after *Facts) *Rehearsal {
	r := &Rehearsal{Format: 1, Installation: again.Installation, Target: again.Target, From: j.From, To: j.To, Began: j.Began, Ended: j.Ended,
		Arrived: j.Status == Arrived, Stages: []Rehearsed{}, Problems: j.Problems, Downtime: again.Downtime, Not: j.notRehearsed()}
	for _, d := range j.Done {
		h := j.Hops[d.Hop]
		r.Stages = append(r.Stages, Rehearsed{From: h.From, To: h.To, Stage: d.Stage, Seconds: d.Seconds, Note: d.Note})
	}
	if !r.Arrived {
		r.Stopped = &Rehearsed{From: j.Hop().From, To: j.Hop().To, Stage: j.At.Stage}
	}
	if before != nil {
		r.Before = before.Databases
	}
	if after != nil {
		r.After = after.Databases
	}
	return r
}

// notRehearsed is what the real run does beside what a clone goes through.
func (j *Journey) notRehearsed() []string {
	out := []string{"the start of Sourcegraph's services in the new release, and a search there",
		"what people and the worker write meanwhile: the clone has the data of one moment, and nobody used it"}
	if slices.ContainsFunc(j.Hops, func(h Hop) bool { return h.Kind == upgrade.MultiVersion }) {
		out = append(out, "stopping the services before the maintenance page starts, and the page itself")
	}
	out = append(out, "the worker's own speed in background migrations: the migrator ran them here")
	for _, h := range j.Hops {
		for _, b := range h.ByHand {
			out = append(out, fmt.Sprintf("by hand, for %s: %s", h.To, b.Text))
		}
	}
	return out
}
