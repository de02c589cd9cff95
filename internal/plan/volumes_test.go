package plan

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
)

// withData gives gitserver-0 and caddy volumes.
func withData(gitserver Volume) Desired {
	d := small()
	d.Units[1].Volumes = []Volume{gitserver}
	d.Units[0].Volumes = []Volume{{Path: "/caddy", Source: "sourcegraph_caddy"}}
	return d
}

func TestNetworkThatIsMadeAnotherWay(t *testing.T) {
	d := small()
	s := running(d)
	s.Network = &Network{Name: "sourcegraph_sourcegraph"}
	if p := Difference(d, s); !p.Empty() {
		t.Fatalf("the same network: %s", text(p))
	}
	d.Network, d.Project, d.Origins = "n2", "p2", []Cause{{Text: "network", Range: diag.Range{Line: 3, Column: 10}}}
	d.Units[1].Image = "r/gitserver:7.5.0@sha256:2" // and an image that is not there yet
	s.Images = []string{"r/caddy:7.5.0@sha256:1", "r/migrator:7.5.0@sha256:1", "r/pgsql:7.5.0@sha256:1", "r/sourcegraph-frontend:7.5.0@sha256:1"}
	want := `1 [] pull r/gitserver:7.5.0@sha256:2: is not on this host yet
2 [] write project files: the rendered files changed
3 [1 2] remove caddy [downtime]: its network is replaced; its volumes are kept
4 [1 2] remove gitserver-0 [downtime]: its network is replaced; its volumes are kept
5 [1 2] remove migrator [downtime]: its network is replaced; its volumes are kept
6 [1 2] remove pgsql [downtime]: its network is replaced; its volumes are kept
7 [1 2] remove sourcegraph-frontend-0 [downtime]: its network is replaced; its volumes are kept
8 [1 2 3 4 5 6 7] remove network sourcegraph_sourcegraph [downtime]: network @3:10
9 [2 8] create caddy: its network is replaced
10 [1 2 8] create gitserver-0: its network is replaced
11 [2 8] create pgsql: its network is replaced
12 [2 8 11] run migrator: its network is replaced
13 [2 8 12] create sourcegraph-frontend-0: its network is replaced
`
	if diff := cmp.Diff(want, text(Difference(d, s))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.Containers = nil // a run that was killed after the removals
	if got := text(Difference(d, s)); !strings.Contains(got, "remove network") || strings.Contains(got, " remove caddy") {
		t.Errorf("after a kill:\n%s", got)
	}
}

func TestVolumeElsewhere(t *testing.T) {
	const old, folder = "sourcegraph_gitserver-0", "/mnt/repos"
	there := Volume{Path: "/data/repos", Source: old, Keeps: "all repositories"}
	moved := there
	moved.Source = folder
	holds := moved
	holds.Holds = true
	before := withData(there)
	run := running(before)
	run.Containers[1].Volumes = map[string]string{"/data/repos": old, "/other": "x"}
	run.Containers[0].Volumes = map[string]string{"/caddy": "sourcegraph_caddy"}
	stopped := State{Project: "p1", Kept: map[string]map[string]string{"gitserver-0": {"/data/repos": old}}}
	for _, tt := range []struct {
		name   string
		volume Volume
		state  State
		refuse bool
		why    string // of the step of gitserver-0
	}{
		{"where it is", there, run, false, ""},
		{"elsewhere, without the data", moved, run, true, "volume " + old + " -> " + folder + ": the data stays in the old place"},
		{"elsewhere, with the data", holds, run, false, "the new place holds the data, as the config says"},
		{"elsewhere, while it is stopped", moved, stopped, true, "the data stays in the old place"},
		{"elsewhere, while it is stopped, with the data", holds, stopped, false, "the new place holds the data"},
		{"where it is, while it is stopped", there, stopped, false, ""},
		{"a first start", moved, State{}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := withData(tt.volume)
			if tt.volume != there {
				d.Units[1].Spec = "s2"
			}
			problems := LeftBehind(d, tt.state)
			if problems.Failed() != tt.refuse || tt.refuse && (problems[0].Code != "BERTH1661" || !strings.Contains(problems[0].Detail[0], "all repositories")) {
				t.Errorf("problems: %+v", problems)
			}
			p := Difference(d, tt.state)
			why := ""
			if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Object == "gitserver-0" }); i >= 0 {
				for _, c := range p.Steps[i].Why {
					why += c.Text + "\n"
				}
			}
			if !strings.Contains(why, tt.why) || tt.why == "" && strings.Contains(why, "volume") {
				t.Errorf("reasons:\n%s\nwant %s", why, tt.why)
			}
		})
	}
	// What is made again soon starts empty, and the plan says so.
	d := withData(there)
	d.Units[0].Volumes[0].Source, d.Units[0].Spec = "/mnt/caddy", "s2"
	if problems := LeftBehind(d, run); problems != nil {
		t.Errorf("the volume of caddy: %v", problems)
	}
	if got := text(Difference(d, run)); !strings.Contains(got, "recreate caddy [downtime]: volume sourcegraph_caddy -> /mnt/caddy: the data stays in the old place") {
		t.Errorf("the volume of caddy:\n%s", got)
	}
}
