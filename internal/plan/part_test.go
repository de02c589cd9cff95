package plan

import (
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
