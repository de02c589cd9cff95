package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestForecast: requests wait for as long as the longest row of awaited steps that follow on each other; something else in between lets them pass.
func TestForecast(t *testing.T) {
	step := func(id int, verb Verb, object string, effect Effect, after ...int) Step {
		return Step{ID: id, Verb: verb, Object: object, Service: object, Effect: effect, After: after}
	}
	awaited := []string{"pgsql", "redis-cache", "sourcegraph-frontend-0"}
	usual := map[string]float64{"pgsql": 6, "redis-cache": 3, "sourcegraph-frontend-0": 5, "migrator": 20, "worker": 30}
	for _, c := range []struct {
		name  string
		steps []Step
		want  *Notice
	}{
		{"nothing", nil, nil},
		{"what nobody waits for", []Step{step(1, Recreate, "worker", Brief)}, nil},
		{"side by side", []Step{step(1, Recreate, "pgsql", Downtime), step(2, Recreate, "redis-cache", Downtime)}, &Notice{Waits: around + 6}},
		{"one after the other", []Step{step(1, Write, "project files", None), step(2, Recreate, "pgsql", Downtime, 1), step(3, Recreate, "sourcegraph-frontend-0", Downtime, 2)}, &Notice{Waits: around + 11}},
		{"a migrator in between", []Step{step(1, Recreate, "pgsql", Downtime), step(2, Execute, "migrator", None, 1), step(3, Recreate, "sourcegraph-frontend-0", Downtime, 2)}, &Notice{Waits: around + 6}},
		{"changed in place", []Step{step(1, Update, "pgsql", None)}, nil},
		{"the front proxy", []Step{step(1, Recreate, "pgsql", Downtime), step(2, Recreate, "caddy", Downtime, 1)}, &Notice{Waits: around + 6, Refused: 1}},
		{"not for ever", []Step{step(1, Recreate, "pgsql", Downtime), step(2, Restart, "pgsql", Downtime, 1), step(3, Restart, "pgsql", Downtime, 2), step(4, Restart, "pgsql", Downtime, 3),
			step(5, Restart, "pgsql", Downtime, 4), step(6, Restart, "pgsql", Downtime, 5), step(7, Restart, "pgsql", Downtime, 6), step(8, Restart, "pgsql", Downtime, 7)}, &Notice{Waits: 45}},
	} {
		if diff := cmp.Diff(c.want, Forecast(&Plan{Steps: c.steps, Awaited: awaited}, usual)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	unknown := Forecast(&Plan{Steps: []Step{step(1, Recreate, "pgsql", Downtime)}, Awaited: awaited}, nil)
	if unknown == nil || unknown.Waits != around+guessed || len(unknown.Guessed) != 1 {
		t.Errorf("what was never measured is foreseen as %+v", unknown)
	}
}

// TestForecastIsNoPartOfTheWork: a forecast does not change which plan it is.
func TestForecastIsNoPartOfTheWork(t *testing.T) {
	p := &Plan{Steps: []Step{{ID: 1, Verb: Recreate, Object: "pgsql", Effect: Downtime}}, Awaited: []string{"pgsql"}}
	before := p.ID()
	p.Notice = Forecast(p, nil)
	if p.Notice == nil || p.ID() != before {
		t.Errorf("the plan %s is %s with its forecast %+v", before, p.ID(), p.Notice)
	}
}
