package upgrade

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/plan"
	"pgregory.net/rapid"
)

// way is a path in a line: "5.8.1579 -> 5.11.6271 (multi-version) -> 7.5.4453 (multi-version)".
func way(j Way) string {
	out := j.From
	for _, h := range j.Hops {
		out += fmt.Sprintf(" -> %s (%s)", h.To, h.Kind)
	}
	return out
}

// TestVectors are the rows of Sourcegraph's rules, one after the other.
func TestVectors(t *testing.T) {
	c := catalogue.Embedded()
	for _, v := range []struct {
		what     string
		from, to string
		on       catalogue.Target
		facts    Facts
		want     string // the way, or the code of the refusal
	}{
		{"older than the migrator knows", "3.19.2", "7.5", catalogue.Compose, Facts{}, "BERTH3752"},
		{"the oldest that it knows", "3.20.1", "6.0", catalogue.Compose, Facts{}, "3.20.1 -> 6.0.12741 (multi-version)"},
		{"the next minor", "7.4.0", "7.5", catalogue.Compose, Facts{}, "7.4.0 -> 7.5.4453 (standard)"},
		{"the next major from the last minor", "6.12.5040", "7.0", catalogue.Compose, Facts{}, "6.12.5040 -> 7.0.2852 (standard)"},
		{"the next major from the last minor but one", "6.11.1446", "7.0", catalogue.Compose, Facts{}, "6.11.1446 -> 7.0.2852 (multi-version)"},
		{"5.11 is the last of 5", "5.11.6271", "6.0", catalogue.Kubernetes, Facts{}, "5.11.6271 -> 6.0.12741 (standard)"},
		{"3.43 to 4.0 and on", "4.5.0", "5.0", catalogue.Compose, Facts{}, "4.5.0 -> 5.0.6 (standard)"},
		{"a patch", "7.0.0", "7.0", catalogue.Compose, Facts{}, "7.0.0 -> 7.0.2852 (patch)"},
		{"nothing to do", "7.5.4453", "7.5", catalogue.Compose, Facts{}, "7.5.4453"},
		{"backwards", "7.5.4453", "7.4", catalogue.Compose, Facts{}, "BERTH3754"},
		{"5.1.2 can't end a multi-version upgrade", "4.5.0", "5.1.2", catalogue.Compose, Facts{}, "BERTH3755"},
		{"but it can be a step", "5.0.6", "5.1.2", catalogue.Compose, Facts{}, "5.0.6 -> 5.1.2 (standard)"},
		{"5.0.3 to 5.0.6 fail on the way to 5.1.5", "5.0.6", "5.1.5", catalogue.Compose, Facts{}, "BERTH3755"},
		{"5.0.2 does not", "5.0.2", "5.1.5", catalogue.Compose, Facts{}, "5.0.2 -> 5.1.5 (standard)"},
		{"4.9 never was", "4.9.0", "5.1", catalogue.Compose, Facts{}, "BERTH3751"},
		{"9.9.9 is not there", "9.9.9", "7.5", catalogue.Compose, Facts{}, "BERTH3751"},
		{"nor is 9.9", "9.9", "7.5", catalogue.Compose, Facts{}, "BERTH3751"},
		{"nor is this patch", "6.0.12742", "7.5", catalogue.Compose, Facts{}, "BERTH3751"},
		{"a patch of the other target may run", "6.0.2687", "6.0", catalogue.Compose, Facts{}, "6.0.2687 -> 6.0.12741 (patch)"},
		{"6.2 changes the databases' system, so nothing rolls", "6.1.5633", "6.2", catalogue.Compose, Facts{}, "6.1.5633 -> 6.2.3841 (multi-version)"},
		{"but 6.2.0 and 6.2.1106 still have the old one", "6.1.5633", "6.2.1106", catalogue.Compose, Facts{}, "6.1.5633 -> 6.2.1106 (standard)"},
		{"so that the patch after them changes it", "6.2.1106", "6.2.2553", catalogue.Kubernetes, Facts{}, "6.2.1106 -> 6.2.2553 (multi-version)"},
		{"and the minor after that", "6.2.1106", "6.3", catalogue.Compose, Facts{}, "6.2.1106 -> 6.3.4167 (multi-version)"},
		{"but no later one", "6.2.2553", "6.3", catalogue.Compose, Facts{}, "6.2.2553 -> 6.3.4167 (standard)"},
		{"of which patch is not known: as if it were an early one", "6.2", "6.3", catalogue.Compose, Facts{}, "6.2 -> 6.3.4167 (multi-version)"},
		{"an own database beside bundled ones changes nothing for these", "5.9.1590", "5.10", catalogue.Compose, Facts{External: true, Mixed: true, Postgres: 16}, "5.9.1590 -> 5.10.3940 (multi-version)"},
		{"but an own database keeps its own", "6.1.5633", "6.2", catalogue.Compose, Facts{External: true, Postgres: 16}, "6.1.5633 -> 6.2.3841 (standard)"},
		{"5.10.0 is broken", "5.9.0", "5.10.0", catalogue.Compose, Facts{}, "BERTH3755"},
		{"5.10 is its newest patch, and converts Postgres, so nothing rolls", "5.9.0", "5.10", catalogue.Compose, Facts{}, "5.9.0 -> 5.10.3940 (multi-version)"},
		{"Helm stops at 5.11 before 6.0", "5.8.1579", "7.5", catalogue.Kubernetes, Facts{}, "5.8.1579 -> 5.11.6271 (multi-version) -> 7.5.4453 (multi-version)"},
		{"Helm from 5.10 goes straight", "5.10.3940", "7.5", catalogue.Kubernetes, Facts{}, "5.10.3940 -> 7.5.4453 (multi-version)"},
		{"Compose goes straight to 6.x", "5.8.1579", "6.12", catalogue.Compose, Facts{}, "5.8.1579 -> 6.12.5040 (multi-version)"},
		{"data of Postgres 12 stops at 6.12 before 7.0", "5.0.0", "7.5", catalogue.Compose, Facts{}, "5.0.0 -> 6.12.5040 (multi-version) -> 7.5.4453 (multi-version)"},
		{"an own Postgres 12 ends at 5.11", "5.8.1579", "7.5", catalogue.Compose, Facts{External: true, Postgres: 12}, "5.8.1579 -> 5.11.6271 (multi-version)"},
		{"an own Postgres that nobody knows, too", "5.8.1579", "7.5", catalogue.Compose, Facts{External: true}, "5.8.1579 -> 5.11.6271 (multi-version)"},
		{"an own Postgres 12 at 5.11 goes nowhere", "5.11.6271", "7.5", catalogue.Compose, Facts{External: true, Postgres: 12}, "BERTH3756"},
		{"an own Postgres 16 goes straight", "5.8.1579", "7.5", catalogue.Compose, Facts{External: true, Postgres: 16}, "5.8.1579 -> 7.5.4453 (multi-version)"},
	} {
		j, problems := Path(c, Request{From: v.from, To: v.to, Target: v.on, Facts: v.facts})
		got := way(j)
		if problems.Failed() {
			got = problems[0].Code
			if problems[0].Hint == "" {
				t.Errorf("%s: the refusal does not say what to do", v.what)
			}
		}
		if got != v.want {
			t.Errorf("%s, %s to %s on %s:\n got %s\nwant %s", v.what, v.from, v.to, v.on, got, v.want)
		}
	}
}

func TestMigratorOfAHop(t *testing.T) {
	c := catalogue.Embedded()
	j, _ := Path(c, Request{From: "5.8.1579", To: "7.5", Target: catalogue.Kubernetes})
	if got := j.Hops[0].Migrator; got != "5.11.6271" {
		t.Errorf("over the conversion the migrator is %s, not the release's own", got)
	}
	if got, newest := j.Hops[1].Migrator, c.Newest(catalogue.Kubernetes); got != newest {
		t.Errorf("the migrator of the second hop is %s, not the newest, %s", got, newest)
	}
	for _, v := range []struct {
		what, from, to string
		facts          Facts
		want           string
	}{
		{"Postgres is 12 before and after", "5.0.0", "5.9.1590", Facts{}, "5.11.6271"},
		{"an own Postgres 12, too", "5.0.0", "5.9.1590", Facts{External: true, Postgres: 12}, "5.11.6271"},
		{"nobody knows the own Postgres", "5.0.0", "5.9.1590", Facts{External: true}, "5.11.6271"},
		{"an own Postgres 15", "5.0.0", "5.9.1590", Facts{External: true, Postgres: 15}, "5.11.6271"},
		{"an own Postgres 16", "5.0.0", "5.9.1590", Facts{External: true, Postgres: 16}, c.Newest(catalogue.Compose)},
		{"an own Postgres 16, and bundled ones of 12 beside it", "5.0.0", "5.9.1590", Facts{External: true, Mixed: true, Postgres: 16}, "5.11.6271"},
		{"Postgres is 16 before and after", "5.10.3940", "6.12", Facts{}, c.Newest(catalogue.Compose)},
		{"a patch, whose own migrator goes up", "6.2.1106", "6.2.2553", Facts{}, "6.2.2553"},
	} {
		j, problems := Path(c, Request{From: v.from, To: v.to, Target: catalogue.Compose, Facts: v.facts})
		if problems.Failed() || len(j.Hops) != 1 || j.Hops[0].Migrator != v.want {
			t.Errorf("%s, %s to %s: %+v %v, want migrator %s", v.what, v.from, v.to, j.Hops, problems, v.want)
		}
	}
	if !j.Hops[0].ConvertsPostgres || len(j.Hops[0].Irreversible) == 0 || len(j.Hops[1].Irreversible) > 0 {
		t.Errorf("what can't be undone is not in the hop that does it: %+v", j.Hops)
	}
}

// TestMigratorsConnect takes every upgrade between releases on every kind of databases. A migrator of 6.0 or later does not connect to a Postgres below
// 16. It works there and back while the databases run with the images of the hop's end, which have Postgres 16 from 5.10 on.
// Source: https://sourcegraph.com/docs/self-hosted/postgres
func TestMigratorsConnect(t *testing.T) {
	c := catalogue.Embedded()
	six, ten := Version{numbers: [3]int{6, 0, -1}}, Version{numbers: [3]int{5, 10, -1}}
	hops, worst := 0, map[string]int{}
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		var releases []Version
		for _, v := range c.Versions(target) {
			release, err := Parse(v.Version)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		for _, facts := range []Facts{{}, {External: true}, {External: true, Postgres: 12}, {External: true, Postgres: 13}, {External: true, Postgres: 14},
			{External: true, Postgres: 15}, {External: true, Postgres: 16}, {External: true, Mixed: true, Postgres: 16}} {
			p := &planner{catalogue: c, rules: c.Upgrades(), request: Request{Target: target, Facts: facts}}
			for _, from := range releases {
				for _, to := range releases {
					if to.compare(from) <= 0 || from.compare(six) >= 0 && facts.External && facts.Postgres > 0 && facts.Postgres < 16 {
						continue // it is no way, or begins where Sourcegraph does not run
					}
					j, _ := p.way(Way{}, from, to)
					for _, h := range j.Hops {
						ends, _ := Parse(h.To)
						with, err := Parse(h.Migrator)
						if err != nil || with.compare(ends) < 0 {
							t.Fatalf("%s to %s, %+v: the migrator of %s does not know %s", from, to, facts, h.Migrator, h.To)
						}
						postgres := 16
						if facts.External && (facts.Postgres > 0 || from.compare(six) < 0) {
							postgres = facts.Postgres
						}
						if (!facts.External || facts.Mixed) && ends.compare(ten) < 0 {
							postgres = 12
						}
						if with.compare(six) >= 0 && postgres < 16 {
							worst[fmt.Sprintf("%s, %+v: the migrator %s meets Postgres %d", target, facts, h.Migrator, postgres)]++
						}
						hops++
					}
				}
			}
		}
	}
	for what, n := range worst {
		t.Errorf("%s in %d of %d hops", what, n, hops)
	}
}

// TestBackgroundMigrations is scheduled as Sourcegraph's documents show it for 3.41 to 4.5:
// https://sourcegraph.com/docs/self-hosted/updates/migrator/migrator-operations
func TestBackgroundMigrations(t *testing.T) {
	p := &planner{catalogue: catalogue.Embedded(), rules: catalogue.Embedded().Upgrades()}
	for _, c := range []struct{ from, to, want string }{
		{"3.41", "4.5", "[at 3.43 for background migrations 1, 2, 4, 5, 7, 13, 14, 15, 16 at 4.3 for background migrations 17, 18]"},
		{"4.5", "5.0", "[at 4.5 for background migration 19]"},
		{"4.0", "4.3", "[]"},
		{"5.0", "7.5", "[at 5.2 for background migration 24]"},
	} {
		from, err := Parse(c.from)
		to, bad := Parse(c.to)
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		if got := fmt.Sprint(p.interrupts(from, to)); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestUnknownFactsAreReported(t *testing.T) {
	c := catalogue.Embedded()
	j, _ := Path(c, Request{From: "5.8.1579", To: "7.5", Target: catalogue.Compose, Facts: Facts{External: true}})
	if len(j.Unknown) != 1 || !strings.Contains(j.Unknown[0], "Postgres") {
		t.Errorf("the way depends on the own Postgres, which is not known, and says %q", j.Unknown)
	}
	if j, _ = Path(c, Request{From: "5.8.1579", To: "7.5", Target: catalogue.Compose, Facts: Facts{External: true, Postgres: 12}}); len(j.Unknown) > 0 {
		t.Errorf("all is known, and yet: %q", j.Unknown)
	}
}

func TestAdvice(t *testing.T) {
	c := catalogue.Embedded()
	says := func(list []plan.Reason, text string) bool {
		return slices.ContainsFunc(list, func(r plan.Reason) bool { return strings.Contains(r.Text, text) })
	}
	for _, from := range []string{"3.30.2", "3.30.3"} {
		j, _ := Path(c, Request{From: from, To: "6.0", Target: catalogue.Compose})
		if got := says(j.Hops[0].ByHand, "damaged indexes"); got != (from == "3.30.2") {
			t.Errorf("from %s, whether indexes may be damaged: %t", from, got)
		}
	}
	for _, mesh := range []bool{true, false} {
		j, _ := Path(c, Request{From: "6.9.0", To: "6.10", Target: catalogue.Kubernetes, Facts: Facts{Has: func(key string) bool { return mesh && key == "kubernetes.mesh" }}})
		if got := says(j.Hops[0].ByHand, "Envoy"); got != mesh {
			t.Errorf("with a mesh: %t, and the Envoy filter is reported: %t", mesh, got)
		}
	}
	for from, want := range map[string]bool{"3.43.2": true, "4.0.1": true, "4.1.0": true, "4.4.2": true, "4.5.0": false, "4.5.1": false} {
		j, _ := Path(c, Request{From: from, To: "5.0", Target: catalogue.Kubernetes})
		if got := says(j.Hops[0].ByHand, "legacy deploy-sourcegraph"); got != want {
			t.Errorf("from %s, whether the legacy repository is reported: %t", from, got)
		}
	}
	j, _ := Path(c, Request{From: "6.3.0", To: "6.4", Target: catalogue.Compose})
	if !says(j.Hops[0].Changes, "repo-updater was removed") {
		t.Errorf("6.4 without what changes: %v", j.Hops[0].Changes)
	}
}

// TestProperties holds all upgrades between releases that exist to what must be true of all.
func TestProperties(t *testing.T) {
	c := catalogue.Embedded()
	rules := c.Upgrades()
	rapid.Check(t, func(t *rapid.T) {
		r := Request{Target: rapid.SampledFrom([]catalogue.Target{catalogue.Compose, catalogue.Kubernetes}).Draw(t, "target")}
		var names []string
		for _, v := range c.Versions(r.Target) {
			names = append(names, v.Version)
		}
		r.From, r.To = rapid.SampledFrom(names).Draw(t, "from"), rapid.SampledFrom(names).Draw(t, "to")
		r.Facts.External = rapid.Bool().Draw(t, "external")
		r.Facts.Postgres = rapid.SampledFrom([]int{0, 12, 16}).Draw(t, "postgres")
		j, problems := Path(c, r)
		if problems.Failed() {
			if len(j.Hops) > 0 && j.Then == "" {
				t.Fatalf("refused, and yet a way: %s", way(j))
			}
			return
		}
		at, p := must(t, r.From), &planner{catalogue: c, rules: rules, request: r}
		for i, h := range j.Hops {
			from, to := must(t, h.From), must(t, h.To)
			if from.compare(at) != 0 || to.compare(from) <= 0 {
				t.Fatalf("hop %d does not go on from the one before: %s", i, way(j))
			}
			at = to
			if reason, _ := p.against(h.From, h.To, h.Kind); reason != "" {
				t.Fatalf("hop %d ends at a release that it must not: %s", i, reason)
			}
			if len(h.Reasons) == 0 || h.Reasons[0].Text == "" || h.Reasons[0].Source == "" {
				t.Fatalf("hop %d has no reason with a source", i)
			}
			for _, s := range rules.Stops {
				if broken(s, r, from, to) {
					t.Fatalf("%s passes the stop %s", way(j), s.ID)
				}
			}
		}
		if j.Then == "" && j.To != at.String() {
			t.Fatalf("%s does not arrive at %s", way(j), j.To)
		}
		if fewest := shortest(t, c, r, must(t, r.From), must(t, r.To)); j.Then == "" && len(j.Hops) > fewest {
			t.Fatalf("%s has %d hops, and %d are enough", way(j), len(j.Hops), fewest)
		}
	})
}

// broken reports whether a hop at once breaks a rule, worked out again from the rule's words: it begins below what the rule is about and ends at it or
// above, without the stop in between.
func broken(s catalogue.Stop, r Request, from, to Version) bool {
	concerned := (s.Target == "" || s.Target == r.Target) && (s.Database == "" || (s.Database == catalogue.External) == r.Facts.External) &&
		(s.PostgresBelow == 0 || r.Facts.Postgres < s.PostgresBelow)
	return concerned && below(from, s.Crosses) && !below(to, s.Crosses) && below(from, s.Below)
}

// shortest is the fewest hops between two releases that break no rule, found by trying all minor releases in between.
func shortest(t *rapid.T, c *catalogue.Catalogue, r Request, from, to Version) int {
	stops := []Version{to}
	seen := map[string]bool{}
	for _, v := range c.Versions(r.Target) {
		minor := catalogue.Minor(v.Version)
		if newest, err := c.Resolve(minor, r.Target); err == nil && !seen[minor] {
			seen[minor] = true
			if s := must(t, newest); s.compare(from) > 0 && s.compare(to) < 0 {
				stops = append(stops, s)
			}
		}
	}
	slices.SortFunc(stops, Version.compare)
	best := map[string]int{from.String(): 0}
	for _, s := range stops {
		for _, b := range append([]Version{from}, stops...) {
			hops, reached := best[b.String()]
			allowed := b.compare(s) < 0 && !slices.ContainsFunc(c.Upgrades().Stops, func(rule catalogue.Stop) bool { return broken(rule, r, b, s) })
			if known, ok := best[s.String()]; reached && allowed && (!ok || hops+1 < known) {
				best[s.String()] = hops + 1
			}
		}
	}
	if n, ok := best[to.String()]; ok {
		return n
	}
	return 1 << 10
}

func must(t *rapid.T, text string) Version {
	v, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"7.5.4453", "v3.20", "6.12", "", "1.2.3.4", "-1.2", "99999999999.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		if err != nil || again != v {
			t.Errorf("%q is read as %s, and that as %s, %v", text, v, again, err)
		}
	})
}

// TestRulesCanBeMet proves of every rule that its stop can be had where it holds, and that it names its source.
func TestRulesCanBeMet(t *testing.T) {
	c := catalogue.Embedded()
	for _, s := range c.Upgrades().Stops {
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			if _, err := c.Resolve(s.At, target); err != nil && (s.Target == "" || s.Target == target) {
				t.Errorf("%s stops at %s, which %s does not have: %v", s.ID, s.At, target, err)
			}
		}
		if !strings.HasPrefix(s.Source, "https://") || s.Reason == "" {
			t.Errorf("%s has no source or no reason", s.ID)
		}
	}
	for _, m := range c.Upgrades().Migrators {
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			if _, err := c.Resolve(m.With, target); err != nil && m.With != catalogue.OwnMigrator {
				t.Errorf("there is no migrator of %s on %s: %v", m.With, target, err)
			}
		}
		if !strings.HasPrefix(m.Source, "https://") || m.Reason == "" {
			t.Errorf("the migrator of %s has no source or no reason", m.With)
		}
	}
}

// BenchmarkLongestPath plans from the oldest release to the newest one, the rules' reading included.
func BenchmarkLongestPath(b *testing.B) {
	for b.Loop() {
		if _, problems := Path(catalogue.Embedded(), Request{From: "3.20", Target: catalogue.Kubernetes}); problems.Failed() {
			b.Fatal(problems)
		}
	}
}
