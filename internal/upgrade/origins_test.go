package upgrade

import (
	"fmt"
	"strings"
	"testing"

	"berth/catalogue"
)

// TestOrigins: which releases may have run before one is started by replacing pods alone.
func TestOrigins(t *testing.T) {
	c := catalogue.Embedded()
	nothing := func(string) bool { return false }
	for _, v := range []struct {
		what, release string
		facts         Facts
		want          string
	}{
		{"the minor before, its own, and the one after it", "7.4.0", Facts{Has: nothing}, "7.3.0- 7.4.0- 7.5.0-"},
		{"over a major", "7.0.0", Facts{Has: nothing}, "6.12.0- 7.0.0- 7.1.0-"},
		{"a minor that is not known yet counts as the next one", "7.6.0", Facts{Has: nothing}, "7.5.0- 7.6.0- 7.7.0-"},
		{"what is left to a person is no roll", "7.2.0", Facts{}, "7.2.0- 7.3.0-"},
		{"but only where the config has it", "7.2.0", Facts{Has: nothing}, "7.1.0- 7.2.0- 7.3.0-"},
		{"5.10 converts Postgres", "5.9.1590", Facts{Has: nothing}, "5.8.0- 5.9.0-"},
		{"and is not rolled back", "5.10.3940", Facts{Has: nothing}, "5.10.0- 5.11.0-"},
		{"an own Postgres is not converted by an image", "5.11.6271", Facts{External: true, Has: nothing}, "5.10.0- 5.11.0- 6.0.0-"},
		{"the migrator says whether an own Postgres is new enough", "6.0.0", Facts{External: true, Has: nothing}, "5.11.0- 6.0.0- 6.1.0-"},
		{"a hop that fails", "5.1.5", Facts{Has: nothing}, "5.0.0-2 5.1.0- 5.2.1-"},
		{"nor is it passed on the way back", "5.0.6", Facts{Has: nothing}, "5.0.0- 5.1.0-4 5.1.6-"},
		{"no release", "insiders", Facts{}, ""},
	} {
		if got := words(Origins(c, v.release, catalogue.Kubernetes, v.facts)); got != v.want {
			t.Errorf("%s: %s may follow\n got %s\nwant %s", v.what, v.release, got, v.want)
		}
	}
}

func words(spans []Span) string { return strings.Trim(fmt.Sprint(spans), "[]") }

// TestOriginsAreWays: what is said of a release's origins is what Path says of each of them.
func TestOriginsAreWays(t *testing.T) {
	c := catalogue.Embedded()
	facts := Facts{Has: func(string) bool { return false }}
	versions := c.Versions(catalogue.Kubernetes)
	for i, to := range versions {
		spans := Origins(c, to.Version, catalogue.Kubernetes, facts)
		for _, from := range versions[i:min(i+12, len(versions))] { // newest first: those just before it
			at, err := Parse(from.Version)
			if err != nil {
				t.Fatal(err)
			}
			within := false
			for _, s := range spans {
				within = within || s.Minor == at.Minor().String() && at.numbers[2] >= s.Low && (s.High < 0 || at.numbers[2] <= s.High)
			}
			way, problems := Path(c, Request{From: from.Version, To: to.Version, Target: catalogue.Kubernetes, Facts: facts})
			rolls := from.Version == to.Version || !problems.Failed() && len(way.Hops) == 1 && way.Hops[0].OnlyRolls()
			if within != rolls {
				t.Errorf("%s -> %s: among the origins %v, a hop that only rolls %v", from.Version, to.Version, within, rolls)
			}
		}
	}
}
