package journey

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/upgrade"
)

// dumping is a clone whose tasks ask the databases of an original.
type dumping struct {
	*world
	original *world
}

func (d dumping) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	code, err := d.original.Task(ctx, t, line)
	d.world.backups = d.original.backups // the clone has the volume
	return code, err
}

func (d dumping) Forget(ctx context.Context, name string) error { return d.original.Forget(ctx, name) }

func TestRehearsalWalksTheCloneAndLeavesTheOriginal(t *testing.T) {
	original, clone := newWorld(), newWorld()
	clone.schema, clone.data, clone.file = "", "", "no file"
	j := twoHops()
	facts, err := clone.walker().Rehearse(context.Background(), j, dumping{clone, original})
	if err != nil {
		t.Fatal(err)
	}
	if clone.schema != "7.0.2852" || clone.data != "rows" || facts.Release != "7.0.2852" {
		t.Errorf("the clone is %s with %q; it says %s", clone.schema, clone.data, facts.Release)
	}
	if clone.file != "no file" {
		t.Error("a rehearsal wrote a config")
	}
	for _, done := range original.log {
		if done != "task inspect" && done != "task backup" {
			t.Errorf("done to the original: %s", done)
		}
	}
	var walked []string
	for _, d := range j.Done {
		walked = append(walked, j.Hops[d.Hop].To+" "+string(d.Stage))
	}
	want := []string{"6.12.5040 back up", "6.12.5040 restore", "6.12.5040 check", "6.12.5040 convert", "6.12.5040 migrate", "6.12.5040 prove", "6.12.5040 finish",
		"7.0.2852 check", "7.0.2852 convert", "7.0.2852 migrate", "7.0.2852 prove", "7.0.2852 finish"}
	if !slices.Equal(walked, want) {
		t.Errorf("walked %q", walked)
	}
}

// TestRehearsedHopsTakeTheMigratorThatTheyWillTake: what rolls is migrated by the release's own up.
func TestRehearsedHopsTakeTheMigratorThatTheyWillTake(t *testing.T) {
	j := twoHops()
	if got := j.Hops[0].migration(); !slices.Contains(got, "--from=v6.0.0") {
		t.Errorf("over several: %q", got)
	}
	if got := j.Hops[1].migration(); !slices.Equal(got, []string{"up"}) {
		t.Errorf("to the next: %q", got)
	}
}

func TestFailingRehearsalTellsTheMigratorsLines(t *testing.T) {
	original, clone := newWorld(), newWorld()
	clone.exit["migrate"] = 1
	j := twoHops()
	_, err := clone.walker().Rehearse(context.Background(), j, dumping{clone, original})
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3705" || !slices.Contains(problems[0].Detail, "  | it does not work") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(problems[0].Hint, "rollback") || !strings.Contains(problems[0].Hint, "berth rehearse") {
		t.Errorf("the hint is that of a real run: %s", problems[0].Hint)
	}
	r := j.Report(&Plan{Installation: "x"}, nil, nil)
	if r.Arrived || r.Stopped == nil || r.Stopped.Stage != Migrate || len(r.Stages) != 4 || len(r.Problems) != 1 {
		t.Errorf("reported %+v", r)
	}
	if last := clone.log[len(clone.log)-1]; last != "task migrate" {
		t.Errorf("after a failure it goes on with %s", last)
	}
}

func TestNextPlanUsesTheTimesOfARehearsal(t *testing.T) {
	j := twoHops()
	j.Rehearsal, j.Bytes = true, 1000
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for i, p := range []Place{{0, Save}, {0, Convert}, {0, Migrate}, {1, Migrate}} {
		j.Done = append(j.Done, Done{Place: p, Seconds: float64(100 * (i + 1)), Ended: at.Add(time.Duration(i) * time.Minute)})
	}
	facts := &Facts{Databases: []Database{{Name: "pgsql", Bytes: 2000}}} // twice as much today
	p := Planned("x", "compose", false, twoHops(), facts, j.Times(nil))
	got := map[string]StagePlan{}
	for _, h := range p.Hops {
		for _, s := range h.Stages {
			got[h.To+" "+string(s.Stage)] = s
		}
	}
	for what, seconds := range map[string]float64{"6.12.5040 back up": 200, "6.12.5040 convert": 400, "6.12.5040 migrate": 600, "7.0.2852 deploy": deployment + 800} {
		if s := got[what]; s.Seconds != seconds || !strings.Contains(s.Source, "rehearsed 2026-11-22") {
			t.Errorf("%s: %v s, %s; want %v s", what, s.Seconds, s.Source, seconds)
		}
	}
	if s := got["6.12.5040 deploy"]; s.Seconds != deployment || strings.Contains(s.Source, "rehearsed") {
		t.Errorf("a start behind the page was not rehearsed: %+v", s)
	}
}

// TestBackupTimeHoldsForEveryHop: the dump of a rehearsal is made first, whichever hop it is for in the real run.
func TestBackupTimeHoldsForEveryHop(t *testing.T) {
	h := &Hop{Hop: upgrade.Hop{From: "6.12.5040", To: "7.5.4453", Kind: upgrade.MultiVersion}}
	times := []Time{{From: "5.11.6271", To: "6.12.5040", Stage: Save, Seconds: 42, Rehearsal: true}}
	if seconds, _ := estimate(h, Save, nil, times); seconds != 42 {
		t.Errorf("%v s", seconds)
	}
	if seconds, _ := estimate(h, Migrate, nil, append(times, Time{From: "5.11.6271", To: "6.12.5040", Stage: Migrate, Seconds: 42})); seconds == 42 {
		t.Error("another hop's migrator counts")
	}
}
