package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPartsOfAPlanAreWhole: what is needed for a part is in it, and part and rest are together the plan.
func TestPartsOfAPlanAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Difference(anything(t), whatever(t))
		first := p.Only([]string{"pgsql", "gitserver"})
		rest := p.Without(first)
		if len(first.Steps)+len(rest.Steps) != len(p.Steps) {
			t.Fatalf("%d steps and %d are not %d", len(first.Steps), len(rest.Steps), len(p.Steps))
		}
		for _, part := range []*Plan{first, rest} {
			for i, s := range part.Steps {
				if s.ID != i+1 {
					t.Fatalf("step %d has number %d", i+1, s.ID)
				}
				for _, id := range s.After {
					if id >= s.ID {
						t.Fatalf("step %d comes after %d", s.ID, id)
					}
				}
			}
		}
		needs := map[string]int{}
		for _, s := range p.Steps {
			needs[string(s.Verb)+s.Object] = len(s.After)
		}
		for _, s := range first.Steps {
			if len(s.After) != needs[string(s.Verb)+s.Object] {
				t.Fatalf("%s %s waits for %d steps in the part and for %d in the plan", s.Verb, s.Object, len(s.After), needs[string(s.Verb)+s.Object])
			}
		}
	})
}

// TestChanges: what somebody stopped is no change, and what somebody altered is a change that the config does not ask for.
func TestChanges(t *testing.T) {
	byHand := Cause{Text: "kubectl-edit changed image by hand: a -> b, put back", Reverts: "kubectl-edit changed image by hand: a -> b"}
	p := &Plan{Steps: []Step{
		{Verb: Create, Object: "Deployment/worker"},
		{Verb: Update, Object: "StatefulSet/pgsql", Changes: []Change{{Field: ReplicasField, From: "0", To: "1"}}},
		{Verb: Update, Object: "Deployment/worker", Changes: []Change{{Field: ReplicasField, From: "1", To: "2"}}},
		{Verb: Update, Object: "StatefulSet/searcher", Why: []Cause{byHand, {Text: "image a -> b"}}, Changes: []Change{{Field: "image", Owner: "kubectl-edit"}}},
		{Verb: Update, Object: "StatefulSet/gitserver", Why: []Cause{byHand, {Text: "memory 4Gi -> 8Gi"}}, Changes: []Change{{Field: "image", Owner: "kubectl-edit"}, {Field: "memory", Owner: Manager}}},
	}}
	var got []string
	for _, s := range p.Changes() {
		got = append(got, s.Object+": "+s.Reverts())
	}
	want := []string{"Deployment/worker: ", "StatefulSet/searcher: " + byHand.Reverts, "StatefulSet/gitserver: "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
