package repair

import (
	"testing"

	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/stack"
	"github.com/google/go-cmp/cmp"
)

// TestPlan: statements are run while people work; for new indexes Sourcegraph is stopped, and started again when they can't be built.
func TestPlan(t *testing.T) {
	i := &installation.Installation{Want: &installation.Want{Text: []byte("config"), Stack: &stack.Stack{Name: "sourcegraph", Target: catalogue.Compose, Release: "7.5.4453"}}}
	statements := []Statement{{"pgsql", "VACUUM (FREEZE)"}, {"codeintel-db", "REINDEX INDEX CONCURRENTLY a"}}
	for _, c := range []struct {
		wish     Wish
		downtime float64
		want     string
	}{
		{Wish{Statements: statements}, 0, `repair
  repair pgsql file
repair
  repair codeintel-db file
`},
		{Wish{Rebuild: true, Bytes: 2 << 30}, 55, `close
  reach sourcegraph closed file
index, else reach file again
  index indexes file
open
  reach sourcegraph  file
prove
  prove search file
`},
	} {
		p := Plan(i, c.wish)
		if diff := cmp.Diff(c.want, p.String()); diff != "" || p.Downtime != c.downtime {
			t.Errorf("downtime %.0f s\n%s", p.Downtime, diff)
		}
	}
}
