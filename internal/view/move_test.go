package view

import (
	"strings"
	"testing"

	"berth/internal/plan"
)

// TestMoveSaysWhatIsClonedAgain: how much that is, and how long it takes, where the databases say it.
func TestMoveSaysWhatIsClonedAgain(t *testing.T) {
	for _, test := range []struct {
		clones *plan.Clones
		want   string
	}{
		{nil, "repositories are cloned and indexed there again; until then"},
		{&plan.Clones{Repositories: 1, Bytes: 5 << 20, Seconds: 0.5}, "1 repository (5.0 MiB) is cloned and indexed there again, about 1 s at 10 MiB a second; until then"},
		{&plan.Clones{Repositories: 340, Bytes: 36000 << 20, Seconds: 3600}, "340 repositories (35.2 GiB) are cloned and indexed there again, about 60 min at 10 MiB a second; until then"},
	} {
		var out strings.Builder
		Move(&out, &plan.Plan{Destination: &plan.Destination{}, Clones: test.clones}, nil)
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, test.want) {
			t.Errorf("%s\nlacks\n%s", got, test.want)
		}
	}
}
