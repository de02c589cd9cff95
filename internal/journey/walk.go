package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade"
)

// Site is an installation as a journey needs it. A config's text says which release is meant, and everything else.
type Site interface {
	run.Tasks
	// Ready proves, before anything is touched, that what a config asks for can be had and run here, and what a front takes.
	Ready(ctx context.Context, config string, front stack.Front) error
	// Fetch brings the images of a config's release, and of a front, to where they will be needed, as far as that is known.
	Fetch(ctx context.Context, config string, front stack.Front) error
	// Deploy makes what runs what a config asks for, with a front, and waits until it is ready.
	Deploy(ctx context.Context, config string, front stack.Front, page string) error
	// Roll makes what runs what a config asks for while people work with it, and waits until it is ready.
	Roll(ctx context.Context, config string) error
	// SetAside stops everything but the page, and moves the databases' data out of the way: it is kept beside.
	SetAside(ctx context.Context, config, page string) error
	// Image is the reference of a service's image, as a config's release has it.
	Image(config, service string) (string, error)
	// Migrator is the reference of a release's migrator.
	Migrator(release string) (string, error)
	// Space is the room that there is for data.
	Space(ctx context.Context) (Space, error)
	// Search proves that a search is answered. direct asks the frontend itself, where a page is in front of it.
	Search(ctx context.Context, config string, direct bool) (found string, err error)
	// Write makes a text the admin's file.
	Write(config string) error
}

// Walker walks a journey.
type Walker struct {
	Site     Site
	Notes    state.Notes
	Now      func() time.Time
	Tell     func(Event)
	Patience time.Duration // how long a background migration may stand still
	Tag      string        // of tasks that only ask, where others may ask at the same time; "" for whoever holds the lock
}

// NoteName is the name of the note that a journey is kept in.
const NoteName = "upgrade"

// Load reads the journey of an installation; nil when there never was one.
func Load(ctx context.Context, notes state.Notes) (*Journey, error) {
	var j *Journey
	return j, notes.Note(ctx, NoteName, &j)
}

// Event is something that people who watch a journey want to know.
type Event struct {
	Hop   *Hop
	Place Place
	Of    int    // hops
	Begun bool   // a stage begins; else Line is said
	Line  string // of what a stage says
	Done  *Done  // a stage came to its end
}

// Walk goes on from where a journey is. What it begins is written down before, and what came to its end after it. A stage that fails leaves
// the journey stopped there; a hop that only rolls goes back to the release before by itself.
func (w *Walker) Walk(ctx context.Context, j *Journey) error {
	again := j.Status == Stopped // the stage in hand was seen to fail: what is left of its task is not taken up
	j.Status, j.Problems = Walking, nil
	for {
		j.Attempts++
		if err := w.save(ctx, j); err != nil {
			return err
		}
		if err := w.stage(ctx, j, again); err != nil {
			return w.stop(ctx, j, err)
		}
		again, j.Attempts = false, 0
		next, more := j.next()
		if !more {
			j.Status, j.Ended, j.Previous = Arrived, w.Now(), nil
			return w.save(ctx, j)
		}
		j.At = next
	}
}

// stage does the stage in hand.
func (w *Walker) stage(ctx context.Context, j *Journey, again bool) error {
	begun := w.Now()
	w.Tell(Event{Hop: j.Hop(), Place: j.At, Of: len(j.Hops), Begun: true})
	note, err := w.do(ctx, j, again)
	if err != nil {
		return err
	}
	d := Done{Place: j.At, Ended: w.Now(), Seconds: w.Now().Sub(begun).Seconds(), Note: note}
	j.Done = append(j.Done, d)
	w.Tell(Event{Hop: j.Hop(), Place: j.At, Of: len(j.Hops), Done: &d})
	return nil
}

func (w *Walker) save(ctx context.Context, j *Journey) error {
	return w.Notes.SetNote(context.WithoutCancel(ctx), NoteName, j)
}

// stop writes down why a journey stops, and leaves the installation serving, or the page with the reason.
func (w *Walker) stop(ctx context.Context, j *Journey, err error) error {
	j.Status = Stopped
	var problems diag.List
	if errors.As(err, &problems) {
		j.Problems = problems
	}
	if saveErr := w.save(ctx, j); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	if ctx.Err() != nil || len(problems) == 0 {
		return err
	}
	h := j.Hop()
	rolls := h.Kind != upgrade.MultiVersion && !h.Irreversible()
	switch {
	case j.At.Hop == 0 && j.Start != "": // it began between two releases, so that there is nothing that worked to go back to by itself
	case rolls && (j.At.Stage == Deploy || j.At.Stage == Prove), j.At.Stage == Close:
		return w.bounce(ctx, j, problems)
	case j.passed(Close) && !j.passed(OpenDoor):
		w.say(j, "the maintenance page shows the reason")
		front := stack.Closed
		if j.passed(Deploy) {
			front = stack.Behind
		}
		if pageErr := w.Site.Deploy(ctx, w.running(j), front, Page(j, problems)); pageErr != nil {
			w.say(j, "the maintenance page could not be changed: "+pageErr.Error())
		}
	}
	return err
}

// running is the config of what runs, or should, at the stage in hand.
func (w *Walker) running(j *Journey) string {
	if j.passed(Close) {
		return j.Hop().Config
	}
	return j.before()
}

// bounce goes back to the release before: of a hop that only rolled, whose schema serves that one as well, or of one that could not be begun.
func (w *Walker) bounce(ctx context.Context, j *Journey, problems diag.List) error {
	h := j.Hop()
	w.say(j, fmt.Sprintf("%s failed; rolling back to %s", h.To, h.From))
	var err error
	if j.At.Stage == Close {
		err = w.Site.Deploy(ctx, j.before(), stack.Open, "")
	} else {
		err = w.Site.Roll(ctx, j.before())
	}
	if err != nil {
		return errors.Join(problems, err)
	}
	j.Done = slices.DeleteFunc(j.Done, func(d Done) bool { return d.Hop == j.At.Hop })
	j.At = Place{j.At.Hop, Check}
	if err := w.save(ctx, j); err != nil {
		return errors.Join(problems, err)
	}
	return append(problems, diag.Diagnostic{Code: "BERTH3710", Severity: diag.Error, Subject: h.To,
		Summary: fmt.Sprintf("%s failed, so %s runs again; nothing was lost", h.To, h.From),
		Hint:    "fix the cause shown above, then: berth upgrade   or keep the earlier release: berth rollback"})
}

// before is the config before the hop in hand.
func (j *Journey) before() string {
	if j.At.Hop == 0 {
		return j.Config
	}
	return j.Hops[j.At.Hop-1].Config
}

func (w *Walker) say(j *Journey, line string) {
	w.Tell(Event{Hop: j.Hop(), Place: j.At, Of: len(j.Hops), Line: line})
}

// do does a stage and gives what was found in a few words.
func (w *Walker) do(ctx context.Context, j *Journey, again bool) (note string, err error) {
	h := j.Hop()
	switch j.At.Stage {
	case Check:
		return w.check(ctx, j)
	case Save:
		return w.backup(ctx, j)
	case Close:
		return "", w.Site.Deploy(ctx, j.begins(), stack.Closed, Page(j, nil))
	case Convert:
		return w.convert(ctx, j)
	case Migrate:
		return w.migrate(ctx, j, again)
	case Deploy:
		if h.Kind != upgrade.MultiVersion {
			return "", w.Site.Roll(ctx, h.Config)
		}
		return "", w.Site.Deploy(ctx, h.Config, stack.Behind, Page(j, nil))
	case Prove:
		return w.prove(ctx, j)
	case OpenDoor:
		return "", w.Site.Deploy(ctx, h.Config, stack.Open, "")
	case Settle:
		return "", w.Site.Write(h.Config)
	case Finish:
		return w.finish(ctx, j)
	case Restore:
		return "backup restored and counted", w.restore(ctx, j, j.backup().Name, j.before(), "")
	}
	return "", fmt.Errorf("unknown stage %q", j.At.Stage)
}
