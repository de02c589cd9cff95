package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/target/compose/store"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fake is a target in memory, on which every step takes a second to do and another to be ready.
type fake struct {
	mu     sync.Mutex
	log    []string // batches in the order of their beginning
	done   map[int]time.Time
	fail   map[string]error // by object, what doing gives
	never  map[string]bool  // objects that do not get ready
	crash  map[string]bool  // objects that say that they never will
	heal   map[string]bool  // of these, those that do after they are waited for again
	gone   func() bool      // whether the engine does not answer
	takes  time.Duration
	active map[plan.Verb]int
	most   map[plan.Verb]int
}

func newFake() *fake {
	return &fake{done: map[int]time.Time{}, fail: map[string]error{}, never: map[string]bool{}, crash: map[string]bool{}, heal: map[string]bool{},
		gone: func() bool { return false }, takes: time.Second, active: map[plan.Verb]int{}, most: map[plan.Verb]int{}}
}

func (f *fake) Do(ctx context.Context, verb plan.Verb, steps []plan.Step, progress func(plan.Step, int64, int64)) error {
	f.mu.Lock()
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.Object
	}
	f.log = append(f.log, fmt.Sprintf("%s %s", verb, strings.Join(names, " ")))
	f.active[verb]++
	f.most[verb] = max(f.most[verb], f.active[verb])
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.active[verb]--
		f.mu.Unlock()
	}()
	progress(steps[0], 1, 2)
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, s := range steps {
		if err := f.fail[s.Object]; err != nil {
			errs = append(errs, &StepError{Step: s, Err: err})
		} else {
			f.done[s.ID] = time.Now()
			if verb == plan.Wait && f.heal[s.Object] {
				delete(f.crash, s.Object)
			}
		}
	}
	return errors.Join(errs...)
}

func (f *fake) Ready(_ context.Context, steps []plan.Step) (map[int]Readiness, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone() {
		return nil, errors.New("connection refused")
	}
	out := map[int]Readiness{}
	for _, s := range steps {
		at, ok := f.done[s.ID]
		out[s.ID] = Readiness{Ready: ok && !f.never[s.Object] && !f.crash[s.Object] && time.Since(at) >= time.Second,
			Failed: f.crash[s.Object], How: "starting"}
	}
	return out, nil
}

func (f *fake) Explain(_ context.Context, s plan.Step, err error) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3299", Severity: diag.Error, Subject: s.Object, Summary: err.Error()}
}

func (f *fake) Patience(plan.Step) time.Duration { return time.Minute }

// step is a step of a plan for tests: its number is its place.
func step(verb plan.Verb, object string, after ...int) plan.Step {
	return plan.Step{Verb: verb, Object: object, After: after}
}

func planOf(steps ...plan.Step) *plan.Plan {
	for i := range steps {
		steps[i].ID = i + 1
	}
	return &plan.Plan{Action: plan.Up, Steps: steps}
}

// newRun is a run on a fake, with its journal in a folder of its own.
func newRun(t testing.TB, f *fake, p *plan.Plan) (*Run, *[]Event) {
	t.Helper()
	dir := store.At(t.TempDir(), "sourcegraph")
	record := state.NewRecord(plan.Up, "", "", time.Now())
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	journal, err := dir.Journal(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	var mu sync.Mutex
	events := &[]Event{}
	return &Run{Plan: p, Target: f, Journal: journal, Record: record, Now: time.Now, Watch: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		*events = append(*events, e)
	}}, events
}

func TestStepsGoTogetherAsSoonAsTheyCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, _ := newRun(t, f, planOf(
			step(plan.Write, "files"),
			step(plan.Create, "pgsql", 1), step(plan.Create, "redis", 1), step(plan.Create, "gitserver", 1), step(plan.Execute, "migrator", 2),
			step(plan.Create, "frontend", 5), step(plan.Remove, "old", 6)))
		start := time.Now()
		if err := r.Execute(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"write files", "create pgsql", "create redis gitserver", "run migrator", "create frontend", "remove old"}
		if diff := cmp.Diff(want, f.log); diff != "" {
			t.Error(diff)
		}
		// Five steps in a row, two seconds each, and a poll after each; redis and gitserver are made while pgsql gets ready.
		if took := time.Since(start); took > 5*(2*time.Second+2*poll) {
			t.Errorf("took %v", took)
		}
		done, undone := r.Undone()
		if len(done) != 7 || len(undone) != 0 {
			t.Errorf("done %v, undone %v", done, undone)
		}
	})
}

// TestAwaitedFirst: what people wait for is replaced before the rest, which would only slow it down.
func TestAwaitedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := planOf(step(plan.Recreate, "exporter"), step(plan.Recreate, "gitserver"), step(plan.Recreate, "pgsql"), step(plan.Recreate, "worker", 3), step(plan.Execute, "migrator", 3),
			step(plan.Recreate, "frontend", 5), step(plan.Recreate, "caddy", 1, 2, 3, 4, 5, 6))
		p.Awaited = []string{"gitserver", "pgsql", "frontend"}
		r, _ := newRun(t, f, p)
		if err := r.Execute(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"recreate gitserver pgsql", "run migrator", "recreate frontend", "recreate exporter worker", "recreate caddy"}, f.log); diff != "" {
			t.Error(diff)
		}
	})
}

func TestImagesArePulledAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var steps []plan.Step
		for i := range 15 {
			steps = append(steps, step(plan.Pull, fmt.Sprint("image", i)))
		}
		steps = append(steps, step(plan.Create, "pgsql", 1))
		r, _ := newRun(t, f, planOf(steps...))
		if err := r.Execute(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.most[plan.Pull] != pulls {
			t.Errorf("%d images were pulled at once, want %d", f.most[plan.Pull], pulls)
		}
		if i := slices.Index(f.log, "create pgsql"); i == len(f.log)-1 {
			t.Errorf("pgsql waited for images that it does not need: %v", f.log)
		}
	})
}

func TestRunningStepIsFinishedOnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, events := newRun(t, f, planOf(step(plan.Create, "pgsql"), step(plan.Execute, "migrator", 1), step(plan.Create, "frontend", 2)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2500*time.Millisecond, cancel) // while the migrator is being done
		err := r.Execute(ctx)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Execute: %v, want cancelled", err)
		}
		if _, ok := f.done[2]; !ok {
			t.Error("the migrator was not finished, although it was running")
		}
		_, undone := r.Undone()
		if diff := cmp.Diff([]string{"run migrator (not ready yet)", "create frontend"}, undone); diff != "" {
			t.Error(diff)
		}
		if !slices.ContainsFunc(*events, func(e Event) bool { return e.Kind == Stopping }) {
			t.Error("no event says that the run is stopping")
		}
	})
}

func TestInterruptStopsPulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = time.Hour
		r, _ := newRun(t, f, planOf(step(plan.Pull, "a"), step(plan.Pull, "b")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := r.Execute(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Execute: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %v to stop", took)
		}
		if len(r.problems) > 0 {
			t.Errorf("a pull that was stopped on demand is a problem: %v", r.problems)
		}
	})
}

func TestFailuresAreReported(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(*fake)
		subject string
		within  time.Duration
	}{
		{"a step that fails", func(f *fake) { f.fail["redis"] = errors.New("no such image") }, "redis", 10 * time.Second},
		{"a container that crashes is reported early", func(f *fake) { f.crash["redis"] = true }, "redis", 10 * time.Second},
		{"a container that does not get ready is reported in time", func(f *fake) { f.never["redis"] = true }, "redis", 70 * time.Second},
		{"an engine that does not come back", func(f *fake) { f.gone = func() bool { return true } }, "pgsql", 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				tt.prepare(f)
				r, _ := newRun(t, f, planOf(step(plan.Create, "pgsql"), step(plan.Create, "redis"), step(plan.Create, "frontend", 2)))
				start := time.Now()
				var problems diag.List
				if err := r.Execute(t.Context()); !errors.As(err, &problems) || len(problems) != 1 || problems[0].Subject != tt.subject {
					t.Fatalf("Execute: %v, want one problem of %s", err, tt.subject)
				}
				if took := time.Since(start); took > tt.within {
					t.Errorf("told after %v only", took)
				}
				if slices.Contains(f.log, "create frontend") {
					t.Error("frontend was begun, although what it needs is not ready")
				}
			})
		})
	}
}

// TestPlanWithoutAnEnd is refused before anything is changed: a run of it would wait forever.
func TestPlanWithoutAnEnd(t *testing.T) {
	for _, p := range []*plan.Plan{
		planOf(step(plan.Create, "pgsql", 2), step(plan.Create, "redis", 1)), // each waits for the other
		planOf(step(plan.Create, "pgsql"), step(plan.Create, "redis", 7)),    // for one that is not there
	} {
		f := newFake()
		r, _ := newRun(t, f, p)
		var problems diag.List
		if err := r.Execute(t.Context()); !errors.As(err, &problems) || problems[0].Code != "BERTH3207" {
			t.Errorf("Execute: %v", err)
		}
		if len(f.log) > 0 {
			t.Errorf("and yet it did %q", f.log)
		}
	}
}

// TestStepsBeside: what waits by itself for what it needs begins beside it, and is not given up before that is ready; then as soon as others.
func TestStepsBeside(t *testing.T) {
	for _, tt := range []struct {
		name     string
		prepare  func(*fake)
		waits    bool // again, when the migrator is ready
		fails    bool
		at, most time.Duration // how long the run takes
	}{
		{"it gets ready", func(f *fake) {}, false, false, 0, 7 * time.Second},
		{"it crashes meanwhile", func(f *fake) { f.crash["gitserver"], f.heal["gitserver"] = true, true }, true, false, 0, 9 * time.Second},
		{"it crashes all the same", func(f *fake) { f.crash["gitserver"] = true }, true, true, 4 * time.Second, 9 * time.Second},
		{"it never gets ready", func(f *fake) { f.never["gitserver"] = true }, true, true, 64 * time.Second, 70 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				tt.prepare(f)
				gitserver := step(plan.Create, "gitserver")
				gitserver.Beside = []int{2}
				r, _ := newRun(t, f, planOf(step(plan.Create, "pgsql"), step(plan.Execute, "migrator", 1), gitserver, step(plan.Create, "frontend", 2)))
				start := time.Now()
				err := r.Execute(t.Context())
				took := time.Since(start)
				var problems diag.List
				if errors.As(err, &problems) != tt.fails || tt.fails && problems[0].Subject != "gitserver" {
					t.Errorf("Execute: %v", err)
				}
				if took < tt.at || took > tt.most {
					t.Errorf("took %v", took)
				}
				if f.log[1] != "create gitserver" || slices.Contains(f.log, "wait gitserver") != tt.waits {
					t.Errorf("did %v", f.log)
				}
			})
		})
	}
}

func TestEngineThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		start := time.Now()
		f.gone = func() bool { d := time.Since(start); return d > 1500*time.Millisecond && d < time.Minute }
		r, events := newRun(t, f, planOf(step(plan.Create, "pgsql"), step(plan.Create, "frontend", 1)))
		if err := r.Execute(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(*events, func(e Event) bool { return slices.Contains(e.Waiting, "the engine (does not answer)") }) {
			t.Error("no event says that the engine is away")
		}
	})
}

// TestRunIsOverOnlyWhenItsBatchesAre: what a batch makes may be ready before the batch is done, and the batch may fail yet.
func TestRunIsOverOnlyWhenItsBatchesAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = 10 * time.Second
		f.fail["pgsql"] = errors.New("the network is not there")
		f.done[1] = time.Now() // ready all the while
		r, _ := newRun(t, f, planOf(step(plan.Create, "pgsql")))
		var problems diag.List
		if err := r.Execute(t.Context()); !errors.As(err, &problems) {
			t.Errorf("Execute: %v, want the batch's failure", err)
		}
	})
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, _ := newRun(t, f, planOf(step(plan.Create, "pgsql"), step(plan.Create, "frontend", 1)))
		r.Journal.Close()
		err := r.Execute(t.Context())
		if err == nil || !strings.Contains(err.Error(), "BERTH3202") {
			t.Errorf("Execute: %v", err)
		}
		if slices.Contains(f.log, "create frontend") {
			t.Error("the run went on without its journal")
		}
	})
}

func TestJournalHasEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.crash["redis"] = true
		p := planOf(step(plan.Create, "pgsql"), step(plan.Create, "redis", 1))
		dir := t.TempDir()
		d := store.At(dir, "sourcegraph")
		r, _ := newRun(t, f, p)
		if err := d.Make(); err != nil {
			t.Fatal(err)
		}
		journal, err := d.Journal(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer journal.Close()
		r.Journal = journal
		_ = r.Execute(t.Context()) // fails, as it should
		text, err := os.ReadFile(filepath.Join(d.Path(), "journal.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			for _, event := range []string{"begin", "end", "failed"} {
				if strings.Contains(line, `"`+event+`"`) {
					got = append(got, event)
				}
			}
		}
		if diff := cmp.Diff([]string{"begin", "end", "begin", "failed"}, got); diff != "" {
			t.Error(diff)
		}
		if n := len(r.Record.Steps); n != 2 || r.Record.Steps[1].Done {
			t.Errorf("the record has %+v", r.Record.Steps)
		}
	})
}

// TestNoStepBeforeItsNeeds: whatever the plan, no step begins before those that it needs are ready, each is done once, and all are done.
func TestNoStepBeforeItsNeeds(t *testing.T) {
	verbs := []plan.Verb{plan.Pull, plan.Create, plan.Recreate, plan.Restart, plan.Remove}
	rapid.Check(t, func(rt *rapid.T) {
		var steps []plan.Step
		for i := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			s := step(rapid.SampledFrom(verbs).Draw(rt, "verb"), fmt.Sprint("object", i))
			for k := range i {
				if rapid.IntRange(0, 3).Draw(rt, "needs") == 0 {
					s.After = append(s.After, k+1)
				}
			}
			steps = append(steps, s)
		}
		p := planOf(steps...)
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			r, events := newRun(t, f, p)
			if err := r.Execute(t.Context()); err != nil {
				t.Fatal(err)
			}
			ready, begun := map[int]bool{}, map[int]bool{}
			for _, e := range *events {
				switch e.Kind {
				case Finished:
					ready[e.Step.ID] = true
				case Begun:
					if begun[e.Step.ID] {
						t.Fatalf("step %d was begun twice", e.Step.ID)
					}
					begun[e.Step.ID] = true
					for _, a := range e.Step.After {
						if !ready[a] {
							t.Fatalf("step %d began before step %d was ready", e.Step.ID, a)
						}
					}
				}
			}
			if len(ready) != len(p.Steps) {
				t.Fatalf("%d of %d steps are done", len(ready), len(p.Steps))
			}
		})
	})
}

// TestUntil: when nobody waits any more, a run begins what it can, leaves what is not ready, and what waits for that; and it ends well.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.never["gitserver"] = true
		r, _ := newRun(t, f, planOf(step(plan.Write, "files"), step(plan.Create, "redis", 1), step(plan.Create, "gitserver", 1), step(plan.Create, "searcher", 2), step(plan.Create, "symbols", 3)))
		until := make(chan struct{})
		time.AfterFunc(7*time.Second, func() { close(until) })
		r.Until = until
		if err := r.Execute(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"write files", "create redis gitserver"}, f.log[:min(2, len(f.log))]); diff != "" {
			t.Error(diff)
		}
		done, undone := r.Undone()
		if diff := cmp.Diff([]string{"create gitserver (not ready yet)", "create symbols"}, undone); diff != "" || len(done) != 3 {
			t.Errorf("done %v: %s", done, diff)
		}
	})
}
