package plan

import "testing"

func TestRestarts(t *testing.T) {
	p := Restarts("sourcegraph", "compose", "7.5.0", []Restarted{
		{Object: "gitserver-0", Service: "gitserver", Keeps: true, Usual: 12.4}, {Object: "gitserver-1", Service: "gitserver", Keeps: true},
		{Object: "pgsql", Service: "pgsql", Alone: true, Keeps: true}, {Object: "frontend-0", Service: "sourcegraph-frontend"},
	})
	for i, want := range []struct {
		effect Effect
		after  int
		why    string
	}{{Brief, 0, "asked for; it does not answer meanwhile, usually for 12s"}, {Brief, 1, "asked for; it does not answer meanwhile"},
		{Downtime, 0, "asked for; it does not answer meanwhile"}, {Brief, 0, "asked for"}} {
		s := p.Steps[i]
		after := 0
		if len(s.After) > 0 {
			after = s.After[0]
		}
		if s.Effect != want.effect || after != want.after || s.Why[0].Text != want.why || s.Verb != Restart || s.ID != i+1 {
			t.Errorf("step %d is %+v", i+1, s)
		}
	}
}
