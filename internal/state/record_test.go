package state

import (
	"testing"
	"time"

	"berth/internal/plan"
)

// TestStagesCountTimeOnce: steps that were done beside each other share their time, and a pause between two attempts is none of theirs.
func TestStagesCountTimeOnce(t *testing.T) {
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	step := func(id int, from, to float64) StepTime {
		return StepTime{Step: id, Seconds: to - from, Ended: start.Add(time.Duration(to * float64(time.Second))), Done: true}
	}
	p := &plan.Plan{}
	p.Append(plan.Stage{Name: "migrate"}, []plan.Step{{Verb: plan.Migrate}})
	p.Beside([]plan.Step{{Verb: plan.Begin}})
	p.Append(plan.Stage{Name: "deploy"}, []plan.Step{{Verb: plan.Reach}, {Verb: plan.Prove}})
	for name, c := range map[string]struct {
		steps []StepTime
		want  []float64
	}{
		"beside":               {[]StepTime{step(1, 0, 13), step(2, 0, 10), step(3, 13, 17), step(4, 17, 18)}, []float64{13, 5}},
		"one begins earlier":   {[]StepTime{step(1, 3, 13), step(2, 0, 14)}, []float64{14}},
		"a pause between them": {[]StepTime{step(1, 0, 13), step(2, 60, 62)}, []float64{15}},
		"one is missing":       {[]StepTime{step(1, 0, 13)}, nil},
	} {
		var got []float64
		for _, s := range (&Record{Plan: p, Steps: c.steps}).Stages() {
			got = append(got, s.Seconds)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if diff := got[i] - c.want[i]; diff > 1e-6 || diff < -1e-6 {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
}

// TestReplayIsSteady: a run that was killed while two steps were done beside each other leaves one record, however often it is read.
func TestReplayIsSteady(t *testing.T) {
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	entries := []Entry{{Time: start.Add(time.Second), Run: 1, Event: Began, Step: 9}, {Time: start.Add(2 * time.Second), Run: 1, Event: Began, Step: 8}}
	for range 20 { // the order of a map differs from time to time
		r := &Record{Number: 1, Started: start}
		r.Replay(entries)
		if len(r.Steps) != 2 || r.Steps[0].Step != 8 || r.Steps[1].Step != 9 {
			t.Fatalf("read as %+v", r.Steps)
		}
	}
}

// TestBegunAgainIsNotDone: of two steps beside each other, one was done before a kill. The next run does both again, and is killed after the other one: what
// the first one works on is not left behind.
func TestBegunAgainIsNotDone(t *testing.T) {
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	r := &Record{Number: 1, Started: start}
	var entries []Entry
	for i, e := range []Entry{{Event: Began, Step: 1}, {Event: Began, Step: 2}, {Event: Finished, Step: 2}, {Event: Began, Step: 1}, {Event: Began, Step: 2}, {Event: Finished, Step: 1}} {
		e.Time, e.Run = start.Add(time.Duration(i+1)*time.Second), 1
		entries = append(entries, e)
	}
	r.Replay(entries)
	if !r.HasDone(1) || r.HasDone(2) {
		t.Errorf("step 1 done: %v, step 2 done: %v", r.HasDone(1), r.HasDone(2))
	}
}
