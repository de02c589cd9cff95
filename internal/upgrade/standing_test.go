package upgrade

import (
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"pgregory.net/rapid"
)

// all is every service of an installation of one release, as far as it matters here.
func all(release string) map[string][]string {
	return map[string][]string{release: {"gitserver", "pgsql", "sourcegraph-frontend", "worker"}}
}

func compare(s Standing, to string, target catalogue.Target) Change {
	return Compare(catalogue.Embedded(), s, Request{To: to, Target: target}, Wish{File: "sourcegraph.yaml"})
}

func codes(problems diag.List) string {
	var out []string
	for _, d := range problems {
		out = append(out, d.Code)
	}
	return strings.Join(out, " ")
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name     string
		standing Standing
		to       string
		reached  bool
		rolls    bool
		codes    string
	}{
		{"nothing is there", Standing{}, "7.5.4453", true, false, ""},
		{"data of nobody knows what", Standing{Data: true}, "7.5.4453", true, false, ""},
		{"the same", Standing{Databases: "7.5.4453", Runs: all("7.5.4453")}, "7.5.4453", true, false, ""},
		{"two majors ahead", Standing{Databases: "6.0.0", Runs: all("6.0.0")}, "7.5.4453", false, false, "BERTH3740"},
		{"a major ahead, which the migrator lets through", Standing{Databases: "6.0.0", Runs: all("6.0.0")}, "7.0.2852", false, false, "BERTH3740"},
		{"the next minor", Standing{Databases: "7.4.0", Runs: all("7.4.0")}, "7.5.4453", false, true, "BERTH3744"},
		{"two majors back", Standing{Databases: "7.5.4453", Runs: all("7.5.4453")}, "6.0.0", false, false, "BERTH3741"},
		{"one minor back", Standing{Databases: "7.5.4453", Runs: all("7.5.4453")}, "7.4.0", false, false, "BERTH3741"},
		{"stopped, by the history", Standing{Recorded: "6.0.0", Data: true}, "7.5.4453", false, false, "BERTH3740"},
		{"stopped, and the same by the history", Standing{Recorded: "6.0.0", Data: true}, "6.0.0", true, false, ""},
		{"the databases know better than the history", Standing{Databases: "6.0.0", Recorded: "7.5.4453", Runs: all("6.0.0")}, "6.0.0", true, false, ""},
		{"a migrator's version", Standing{Databases: "7.5.0", Runs: all("7.5.4453")}, "7.5.4453", true, false, ""},
		{"half-way, on to it", half("6.12.5040", "7.0.2852"), "7.0.2852", false, false, "BERTH3740"},
		{"half-way, back", half("6.12.5040", "7.0.2852"), "6.12.5040", true, false, "BERTH3743"},
		{"half-way over another C library, back", half("6.0.0", "7.5.4453"), "6.0.0", false, false, "BERTH3742"},
		{"half-way over a conversion, back", half("5.0.0", "6.12.5040"), "5.0.0", false, false, "BERTH3742"},
		{"a first install of a withdrawn one", Standing{}, "5.10.0", true, false, "BERTH1134"},
		{"a withdrawn one, where it runs", Standing{Databases: "5.10.0", Runs: all("5.10.0")}, "5.10.0", true, false, ""},
		{"a withdrawn one, where it was stopped", Standing{Recorded: "5.10.0", Data: true}, "5.10.0", true, false, ""},
		{"to a withdrawn one", Standing{Databases: "5.9.1590", Runs: all("5.9.1590")}, "5.10.0", false, false, "BERTH1134 BERTH3755"},
		{"from a withdrawn one", Standing{Databases: "5.10.0", Runs: all("5.10.0")}, "5.10.3940", false, true, "BERTH3744"},
		{"containers behind the databases", half("7.5.4453", "7.4.0"), "7.5.4453", true, false, "BERTH3743"},
		{"the next minor was tried and rolled back", Standing{Databases: "7.5.4453", Runs: all("7.4.0")}, "7.4.0", true, false, ""},
		{"and is tried again", Standing{Databases: "7.5.4453", Runs: all("7.4.0")}, "7.5.4453", false, true, "BERTH3744"},
		{"databases two minors ahead of all containers", Standing{Databases: "7.5.4453", Runs: all("7.3.0")}, "7.3.0", false, false, "BERTH3741"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := compare(tt.standing, tt.to, catalogue.Compose)
			if got.Reached != tt.reached || got.Rolls != tt.rolls || codes(got.Problems) != tt.codes {
				t.Errorf("reached %v, rolls %v, %s", got.Reached, got.Rolls, codes(got.Problems))
				got.Problems.WriteText(t.Output(), diag.Paper{})
			}
		})
	}
}

// half is an installation whose databases' containers are of another release than its data and its frontends.
func half(data, containers string) Standing {
	return Standing{Databases: data, Data: true, Runs: map[string][]string{data: {"sourcegraph-frontend"}, containers: {"gitserver", "pgsql"}}}
}

// TestPatchIsOfWhatRuns: databases name a minor's first release after a migrator was at work, whatever patch it went to.
func TestPatchIsOfWhatRuns(t *testing.T) {
	for _, tt := range []struct {
		standing Standing
		want     string
	}{
		{Standing{Databases: "6.12.0", Runs: all("6.12.5040")}, "6.12.5040"},
		{Standing{Databases: "6.12.0", Recorded: "6.12.5040"}, "6.12.5040"},
		{Standing{Databases: "6.0.0"}, "6.0.0"},
		{Standing{Databases: "7.5.4453", Runs: all("7.4.0")}, "7.5.4453"},
		{Standing{Runs: all("7.4.0")}, "7.4.0"},
		{Standing{}, ""},
	} {
		if got := tt.standing.Release(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.standing, got, tt.want)
		}
	}
}

// TestNoWayAround: whatever is there, up goes on with it only where the databases are of the release that the file names, or one hop that rolls away.
// Every refusal names a command.
func TestNoWayAround(t *testing.T) {
	c := catalogue.Embedded()
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		var releases []string
		for _, v := range c.Versions(target) {
			releases = append(releases, v.Version)
		}
		rapid.Check(t, func(t *rapid.T) {
			pick := rapid.SampledFrom(releases)
			data, containers, to := pick.Draw(t, "data"), pick.Draw(t, "containers"), pick.Draw(t, "to")
			s := half(data, containers)
			if rapid.Bool().Draw(t, "stopped") {
				s = Standing{Recorded: data, Data: true}
			}
			got := compare(s, to, target)
			if got.Problems.Failed() {
				for _, d := range got.Problems {
					if !strings.Contains(d.Hint+strings.Join(d.Detail, " "), "berth ") && !strings.Contains(d.Hint, "release: ") {
						t.Fatalf("%s names no way out: %+v", d.Code, d)
					}
				}
				return
			}
			switch {
			case to == data || to == s.Release(): // a minor's first release in the databases may be any patch that runs
			case !got.Rolls:
				t.Fatalf("from %s to %s without a word", data, to)
			default:
				way, problems := Path(c, Request{From: data, To: to, Target: target})
				if problems.Failed() || len(way.Hops) != 1 || way.Hops[0].Kind == plan.MultiVersion || way.Hops[0].Irreversible != nil {
					t.Fatalf("from %s to %s it does not roll: %+v %v", data, to, way, problems)
				}
			}
		})
	}
}
