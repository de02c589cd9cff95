//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
)

// TestForecast compares what plans of an upgrade over two majors say with what it takes, for databases of the sizes in SIZES: with an installation that was
// only deployed here, and after one rehearsal.
func TestForecast(t *testing.T) {
	needs(t, long, engine, images("6.0.0", release))
	for n, size := range strings.Fields(cmp.Or(os.Getenv("SIZES"), "100MB")) {
		t.Run(size, func(t *testing.T) {
			s := older(t, fmt.Sprintf("fore%d", n), "6.0.0")
			docker(t, "exec", s.name+"-sourcegraph-frontend-internal", "standin", "seed", "--size", size)
			var first, rehearsed plan.Plan
			s.forecast(&first)
			s.must(0, "rehearse", "--to", release)
			s.forecast(&rehearsed)
			s.must(0, "upgrade", "--yes", "--to", release)
			t.Logf("history\n%s", s.must(0, "history"))
			var records []state.Record
			if err := resultOf(s.onlyOutput(0, "history", "--json"), &records); err != nil {
				t.Fatal(err)
			}
			took := &records[len(records)-1]
			// Nobody knows the migrator's share before it was measured: the plan says so, and tells it apart.
			without := *took
			without.Plan = &first
			c := stages.Compared(&without)
			foresaw(t, size+", not measured, without the migrator: downtime", c.Downtime.Foreseen-c.Migrator.Foreseen, c.Downtime.Took-c.Migrator.Took, 2)
			foresaw(t, size+", not measured, without the migrator: duration", c.Duration.Foreseen-c.Migrator.Foreseen, c.Duration.Took-c.Migrator.Took, 2)
			c = stages.Compared(took)
			foresaw(t, size+", rehearsed: downtime", c.Downtime.Foreseen, c.Downtime.Took, 1.25)
			foresaw(t, size+", rehearsed: duration", c.Duration.Foreseen, c.Duration.Took, 1.25)
			s.must(0, "down", "--delete-data", s.name)
		})
	}
}

// forecast is the plan of an upgrade to the newest release.
func (s *site) forecast(into *plan.Plan) {
	s.t.Helper()
	if err := resultOf(s.onlyOutput(2, "upgrade", "--plan", "--to", release, "--json"), into); err != nil {
		s.t.Fatal(err)
	}
}

// foresaw holds a forecast against what it took: at most by a factor more or less.
func foresaw(t *testing.T, what string, foreseen, took, factor float64) {
	t.Helper()
	t.Logf("MEASURED %s: %.1f s foreseen, %.1f s taken", what, foreseen, took)
	if foreseen > took*factor || foreseen < took/factor {
		t.Errorf("%s: %.1f s were foreseen, and it took %.1f s", what, foreseen, took)
	}
}
