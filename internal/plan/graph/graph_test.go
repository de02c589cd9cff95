package graph

import (
	"slices"
	"testing"

	"berth/internal/plan"
)

// rows are those of steps, by their IDs.
func rows(g *Graph) map[int]Row {
	out := map[int]Row{}
	for _, r := range g.Rows {
		if r.Step != nil {
			out[r.Step.ID] = r
		}
	}
	return out
}

// TestStages: a stage waits for all of the one before; a step beside others begins with them; what is alone takes as long as its stage.
func TestStages(t *testing.T) {
	p := &plan.Plan{Stages: []plan.Stage{
		{Name: "check", Seconds: 6}, {Name: "migrate", Seconds: 100, Effect: plan.Downtime, NoReturn: true}, {Name: "deploy", Seconds: 20, Effect: plan.Downtime}},
		Steps: []plan.Step{
			{ID: 1, Verb: plan.Check}, {ID: 2, Verb: plan.Fetch, After: []int{1}},
			{ID: 3, Verb: plan.Migrate, Stage: 1}, {ID: 4, Verb: plan.Begin, Stage: 1, Seconds: 40},
			{ID: 5, Verb: plan.Reach, Stage: 2}, {ID: 6, Verb: plan.Compare, Stage: 2}}}
	g := Of(p, nil)
	got := rows(g)
	for id, want := range map[int]struct {
		begins, seconds float64
		after           []int
		known, longest  bool
	}{
		1: {0, 3, nil, false, true}, 2: {3, 3, []int{1}, false, true},
		3: {6, 100, []int{2}, true, true}, 4: {6, 40, []int{2}, true, false},
		5: {106, 20, []int{3, 4}, true, true}, 6: {106, 20, []int{3, 4}, false, false},
	} {
		r := got[id]
		if r.Begins != want.begins || r.Seconds != want.seconds || !slices.Equal(r.After, want.after) || r.Known != want.known || r.Critical != want.longest {
			t.Errorf("step %d: %+v, want %+v", id, r, want)
		}
	}
	if g.Seconds != 126 || !g.Guessed || got[2].Down || !got[4].Down || len(g.Rows) != 9 || !g.Rows[3].NoReturn || g.Rows[3].Seconds != 100 {
		t.Errorf("%+v", g)
	}
}

// TestLongestWay: only what decides the end is on it, and a step waits for none that another one of its own waits for.
func TestLongestWay(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{
		{ID: 1, Verb: plan.Pull, Object: "image"}, {ID: 2, Verb: plan.Create, Object: "pgsql", After: []int{1}},
		{ID: 3, Verb: plan.Create, Object: "redis"}, {ID: 4, Verb: plan.Create, Object: "frontend", After: []int{1, 2, 3}}, {ID: 5, Verb: plan.Create, Object: "new"}}}
	g := Of(p, map[string]float64{"image": 2, "pgsql": 5, "redis": 4, "frontend": 9})
	got := rows(g)
	var way []int
	for id := 1; id <= 5; id++ {
		if got[id].Critical {
			way = append(way, id)
		}
	}
	if !slices.Equal(way, []int{1, 2, 4}) || g.Seconds != 16 || got[4].Begins != 7 || !slices.Equal(got[4].After, []int{2, 3}) {
		t.Errorf("the critical path is %v of %v s: %+v", way, g.Seconds, got[4])
	}
	if got[5].Known || got[5].Seconds != 5 {
		t.Errorf("what was never measured takes as long as others on the average: %+v", got[5])
	}
}
