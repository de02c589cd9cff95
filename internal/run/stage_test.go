package run

import (
	"fmt"
	"testing"

	"berth/internal/plan"
	"berth/internal/state"
	"github.com/google/go-cmp/cmp"
)

// TestReached: a run that continues looks again at what answered people, unless something later changes what runs there.
func TestReached(t *testing.T) {
	open, closed := plan.Step{Verb: plan.Reach, Config: plan.ConfigFile}, plan.Step{Verb: plan.Reach, Config: plan.ConfigFile, Front: "closed"}
	there := plan.Step{Verb: plan.Reach, Config: plan.ConfigTo}
	check, prune := plan.Step{Verb: plan.Check}, plan.Step{Verb: plan.Prune}
	for _, test := range []struct {
		name  string
		steps []plan.Step
		done  int // so many steps
		begun int // so many after them
		want  string
	}{
		{"nothing was begun", []plan.Step{check, open}, 0, 0, "[]"},
		{"a restore that answers", []plan.Step{closed, open, prune}, 2, 1, "[2]"},
		{"a restore of which only the end was not noted", []plan.Step{closed, open, prune}, 3, 0, "[2]"},
		{"a restore that is closed", []plan.Step{closed, prune, open}, 1, 1, "[]"},
		{"a restore that opens", []plan.Step{closed, open, prune}, 1, 1, "[]"},
		{"a move that leaves", []plan.Step{closed, there, closed, prune}, 2, 1, "[2]"},
		{"a move that cleans up", []plan.Step{closed, there, closed, prune}, 3, 1, "[2]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, r := &plan.Plan{Stages: make([]plan.Stage, len(test.steps))}, &state.Record{}
			for i, s := range test.steps {
				s.ID, s.Stage = i+1, i
				p.Steps = append(p.Steps, s)
				if i < test.done+test.begun {
					r.Steps = append(r.Steps, state.StepTime{Step: s.ID, Done: i < test.done})
				}
			}
			got := []int{}
			for _, there := range []bool{false, true} {
				if s, is := reached(p, r, there); is {
					got = append(got, s.ID)
				}
			}
			if diff := cmp.Diff(test.want, fmt.Sprint(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
