package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
)

// text is a plan in short: number, what must be done first, verb, object, effect, and reasons.
func text(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%d %v %s %s", s.ID, s.After, s.Verb, s.Object)
		if s.Container != "" && s.Container != s.Object {
			fmt.Fprintf(&b, " (%s)", s.Container)
		}
		if s.Effect != None {
			fmt.Fprintf(&b, " [%s]", s.Effect)
		}
		for i, c := range s.Why {
			fmt.Fprintf(&b, "%s%s", []string{": ", "; "}[min(i, 1)], c.Text)
			if c.Range.Line > 0 {
				fmt.Fprintf(&b, " @%d:%d", c.Range.Line, c.Range.Column)
			}
		}
		b.WriteString("\n")
	}
	if len(p.Unchanged) > 0 {
		fmt.Fprintf(&b, "= %s\n", strings.Join(p.Unchanged, " "))
	}
	return b.String()
}

// small is an installation with something of everything: databases, a one-shot, what waits for it, and shards.
func small() Desired {
	unit := func(name, service string, needs ...Need) Unit {
		return Unit{Name: name, Container: name, Service: service, Image: "r/" + service + ":7.5.0@sha256:1", Spec: "s1", Memory: 1 << 30, CPUs: 1, Needs: needs}
	}
	migrator := unit("migrator", "migrator", Need{"pgsql", catalogue.Healthy})
	migrator.OneShot = true
	return Desired{Installation: "sourcegraph", Target: catalogue.Compose, Release: "7.5.0", Project: "p1", Catalogue: "c1", Units: []Unit{
		unit("caddy", "caddy"),
		unit("gitserver-0", "gitserver"),
		migrator,
		unit("pgsql", "pgsql"),
		unit("sourcegraph-frontend-0", "sourcegraph-frontend", Need{"migrator", catalogue.Completed}),
	}}
}

// running is what the engine shows once all that is desired runs.
func running(d Desired) State {
	s := State{Project: d.Project}
	for _, u := range d.Units {
		s.Containers = append(s.Containers, made(d, u))
	}
	return s
}

func made(d Desired, u Unit) Container {
	c := Container{ID: "id-" + u.Container, Name: u.Container, Unit: u.Name, Service: u.Service, Release: d.Release, Image: u.Image,
		Spec: u.Spec, Files: u.Files, CPUs: u.CPUs, Memory: u.Memory, Status: Healthy, Env: u.Env}
	if u.OneShot {
		c.Status = Stopped
	}
	return c
}

// change is a change of what is desired, of what runs, or of both.
type change func(*Desired, *State)

func unit(name string, f func(*Unit)) change {
	return func(d *Desired, _ *State) {
		i := slices.IndexFunc(d.Units, func(u Unit) bool { return u.Name == name })
		f(&d.Units[i])
	}
}

func container(name string, f func(*Container)) change {
	return func(_ *Desired, s *State) {
		i := slices.IndexFunc(s.Containers, func(c Container) bool { return c.Name == name })
		f(&s.Containers[i])
	}
}

func status(name string, to Status) change {
	return container(name, func(c *Container) { c.Status = to })
}

func gone(name string) change {
	return func(_ *Desired, s *State) {
		s.Containers = slices.DeleteFunc(s.Containers, func(c Container) bool { return c.Name == name })
	}
}

func images(s *State, d *Desired) {
	for _, u := range d.Units {
		s.Images = append(s.Images, u.Image)
	}
}

func TestDifference(t *testing.T) {
	at := func(text string, line, column int) Cause {
		return Cause{Text: text, Range: diag.Range{File: "sourcegraph.yaml", Line: line, Column: column}}
	}
	for _, tt := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"nothing to do", nil, "= caddy gitserver-0 migrator pgsql sourcegraph-frontend-0\n"},
		{"from nothing, with no images", []change{func(_ *Desired, s *State) { *s = State{} }}, `
1 [] pull r/caddy:7.5.0@sha256:1: is not on this host yet
2 [] pull r/gitserver:7.5.0@sha256:1: is not on this host yet
3 [] pull r/migrator:7.5.0@sha256:1: is not on this host yet
4 [] pull r/pgsql:7.5.0@sha256:1: is not on this host yet
5 [] pull r/sourcegraph-frontend:7.5.0@sha256:1: is not on this host yet
6 [] write project files: made from the config
7 [1 6] create caddy
8 [2 6] create gitserver-0
9 [4 6] create pgsql
10 [3 6 9] run migrator: has not run for this release
11 [5 6 10] create sourcegraph-frontend-0
`},
		{"an image that was changed by hand in the rendered files", []change{container("gitserver-0", func(c *Container) { c.Image = "r/gitserver:7.4.0" })}, `
1 [] pull r/gitserver:7.5.0@sha256:1: is not on this host yet
2 [1] recreate gitserver-0 [restart]: image 7.4.0 -> 7.5.0; was changed by hand
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"a variable that was changed by hand in the rendered files", []change{
			unit("gitserver-0", func(u *Unit) { u.Env = map[string]string{"LEVEL": "info", "PASSWORD": ""} }),
			container("gitserver-0", func(c *Container) { c.Env = map[string]string{"LEVEL": "debug", "PASSWORD": "p", "PATH": "/bin"} })}, `
1 [] pull r/gitserver:7.5.0@sha256:1: is not on this host yet
2 [1] recreate gitserver-0 [restart]: env LEVEL changed; was changed by hand
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"a changed limit touches one service in place", []change{unit("gitserver-0", func(u *Unit) {
			u.Memory = 2 << 30
			u.Origins = []Cause{at("memory 8g -> 2Gi", 9, 13)}
		})}, `
1 [] update gitserver-0: memory 1 GiB -> 2 GiB @9:13
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"the engine can't take a limit away", []change{unit("gitserver-0", func(u *Unit) { u.CPUs = 0 }), func(d *Desired, s *State) { images(s, d) }}, `
1 [] recreate gitserver-0 [restart]: cpu 1 -> no limit
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"a limit changed by hand is put back", []change{container("pgsql", func(c *Container) { c.Memory = 512 << 20 })}, `
1 [] update pgsql: memory 512 MiB -> 1 GiB
= caddy gitserver-0 migrator sourcegraph-frontend-0
`},
		{"another image", []change{unit("pgsql", func(u *Unit) { u.Image, u.Spec = "r/pgsql:7.6.0@sha256:2", "s2" }), func(d *Desired, s *State) { images(s, d); d.Project = "p2" }}, `
1 [] write project files: the rendered files changed
2 [1] recreate pgsql [downtime]: image 7.5.0 -> 7.6.0
= caddy gitserver-0 migrator sourcegraph-frontend-0
`},
		{"the same tag, pushed again", []change{unit("pgsql", func(u *Unit) { u.Image, u.Spec = "r/pgsql:7.5.0@sha256:2", "s2" })}, `
1 [] pull r/pgsql:7.5.0@sha256:2: is not on this host yet
2 [1] recreate pgsql [downtime]: the tag 7.5.0 has another image now
= caddy gitserver-0 migrator sourcegraph-frontend-0
`},
		{"one more restarts none of those that are there", []change{func(d *Desired, s *State) {
			more := d.Units[1]
			more.Name, more.Container = "gitserver-1", "gitserver-1"
			d.Units = append(d.Units, more)
			images(s, d)
		}}, `
1 [] create gitserver-1: is not there
= caddy gitserver-0 migrator pgsql sourcegraph-frontend-0
`},
		{"a list of addresses says what joined", []change{
			unit("sourcegraph-frontend-0", func(u *Unit) {
				u.Spec, u.Env = "s2", map[string]string{"SRC_GIT_SERVERS": "gitserver-0:3178 gitserver-1:3178"}
			}),
			container("sourcegraph-frontend-0", func(c *Container) { c.Env = map[string]string{"SRC_GIT_SERVERS": "gitserver-0:3178"} }),
			func(d *Desired, s *State) { images(s, d) },
		}, `
1 [] recreate sourcegraph-frontend-0 [downtime]: env SRC_GIT_SERVERS now lists gitserver-1:3178
= caddy gitserver-0 migrator pgsql
`},
		{"values that might be secrets are not shown", []change{
			unit("gitserver-0", func(u *Unit) {
				u.Spec, u.Env = "s2", map[string]string{"TOKEN": "tok:456", "PASSWORD": "", "LEVEL": "debug", "NEW": "x"}
			}),
			container("gitserver-0", func(c *Container) {
				c.Env = map[string]string{"TOKEN": "tok:123", "PASSWORD": "hunter2", "LEVEL": "info"}
			}),
			func(d *Desired, s *State) { images(s, d) },
		}, `
1 [] recreate gitserver-0 [restart]: env LEVEL changed; env NEW is new; env TOKEN changed
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"changed files restart", []change{unit("pgsql", func(u *Unit) { u.Files = "f2"; u.Origins = []Cause{at("settings: work_mem", 4, 5)} })}, `
1 [] restart pgsql [downtime]: settings: work_mem @4:5
= caddy gitserver-0 migrator sourcegraph-frontend-0
`},
		{"changed files and a changed limit", []change{unit("pgsql", func(u *Unit) { u.Files, u.Memory = "f2", 2<<30 })}, `
1 [] restart pgsql [downtime]: memory 1 GiB -> 2 GiB; its settings files changed
= caddy gitserver-0 migrator sourcegraph-frontend-0
`},
		{"what does not run is started", []change{status("gitserver-0", Stopped), status("caddy", Paused)}, `
1 [] start caddy: does not run
2 [] start gitserver-0: does not run
= migrator pgsql sourcegraph-frontend-0
`},
		{"created but never started is created again", []change{status("gitserver-0", Created), status("migrator", Created), func(d *Desired, s *State) { images(s, d) }}, `
1 [] recreate gitserver-0: was created, but never started
2 [] run migrator: did not finish
= caddy pgsql sourcegraph-frontend-0
`},
		{"unhealthy and crashing are restarted", []change{status("gitserver-0", Unhealthy), status("pgsql", Crashing)}, `
1 [] restart gitserver-0 [restart]: is unhealthy
2 [] restart pgsql: keeps crashing
= caddy migrator sourcegraph-frontend-0
`},
		{"starting is waited for", []change{status("pgsql", Starting), status("migrator", Running)}, `
1 [] wait pgsql: is starting
2 [1] wait migrator: runs
= caddy gitserver-0 sourcegraph-frontend-0
`},
		{"a migrator that failed runs again", []change{container("migrator", func(c *Container) { c.Exit = 2 }), func(d *Desired, s *State) { images(s, d) }}, `
1 [] run migrator: ended with exit code 2
= caddy gitserver-0 pgsql sourcegraph-frontend-0
`},
		{"a container that somebody removed", []change{gone("gitserver-0"), func(d *Desired, s *State) { images(s, d) }}, `
1 [] create gitserver-0: is not there
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"half-done leftovers go first, unwanted containers last", []change{
			func(d *Desired, s *State) {
				images(s, d)
				s.Containers = append(s.Containers, Container{ID: "x", Name: "a1b2c3d4e5f6_gitserver-0", Unit: "gitserver-0", Service: "gitserver", Release: "7.5.0"},
					Container{ID: "y", Name: "gitserver-1", Unit: "gitserver-1", Service: "gitserver", Release: "7.5.0"})
			}, gone("gitserver-0"),
		}, `
1 [] remove a1b2c3d4e5f6_gitserver-0: left incomplete by a run that was killed
2 [1] create gitserver-0: is not there
3 [2] remove gitserver-1 [restart]: the config no longer asks for it; its volumes are kept
= caddy migrator pgsql sourcegraph-frontend-0
`},
		{"what answers nobody stops before a page comes, all else after it", []change{
			func(d *Desired, s *State) {
				s.Containers = append(s.Containers, Container{ID: "w", Name: "worker", Unit: "worker", Service: "worker", Release: "7.5.0"})
				d.Unasked = []string{"worker"}
				d.Units = []Unit{d.Units[0], d.Units[3]}
				d.Units[0].Files = "f2"
			},
		}, `
1 [] remove worker [restart]: the config no longer asks for it; its volumes are kept
2 [1] restart caddy: its settings files changed
3 [2] remove gitserver-0 [restart]: the config no longer asks for it; its volumes are kept
4 [2] remove migrator [restart]: the config no longer asks for it; its volumes are kept
5 [2] remove sourcegraph-frontend-0 [restart]: the config no longer asks for it; its volumes are kept
= pgsql
`},
		{"two frontends are replaced one after the other", []change{
			func(d *Desired, s *State) {
				second := d.Units[4]
				second.Name, second.Container = "sourcegraph-frontend-1", "sourcegraph-frontend-1"
				d.Units = append(d.Units, second)
				s.Containers = append(s.Containers, made(*d, second))
				d.Units[4].Spec, d.Units[5].Spec = "s2", "s2"
				images(s, d)
			},
		}, `
1 [] recreate sourcegraph-frontend-0 [restart]: its settings changed
2 [1] recreate sourcegraph-frontend-1 [restart]: its settings changed
= caddy gitserver-0 migrator pgsql
`},
		{"an installation with a prefix", []change{
			func(d *Desired, s *State) {
				d.Units[1].Container = "two-gitserver-0"
				s.Containers[1].Name, s.Containers[1].Status = "two-gitserver-0", Stopped
				s.Containers = append(s.Containers, Container{ID: "y", Name: "two-gitserver-1", Unit: "gitserver-1", Service: "gitserver", Release: "7.5.0"})
			},
		}, `
1 [] start gitserver-0 (two-gitserver-0): does not run
2 [1] remove gitserver-1 (two-gitserver-1) [restart]: the config no longer asks for it; its volumes are kept
= caddy migrator pgsql sourcegraph-frontend-0
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := small()
			s := running(d)
			for _, c := range tt.changes {
				c(&d, &s)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), text(Difference(d, s))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTeardown(t *testing.T) {
	d := small()
	d.Units[1].Container = "two-gitserver-0"
	d.Units = d.Units[:2]
	want := `1 [] remove caddy [downtime]: stopped; its volumes are kept
2 [] remove gitserver-0 (two-gitserver-0) [downtime]: stopped; its volumes are kept
3 [1 2] remove network two_sourcegraph: the network of the containers
4 [1 2] delete two_gitserver-0 [data]: its data is deleted for good
`
	if diff := cmp.Diff(want, text(Teardown(d, running(d), "two_sourcegraph", []string{"two_gitserver-0"}))); diff != "" {
		t.Error(diff)
	}
}

func TestStale(t *testing.T) {
	d := small()
	s := running(d)
	basis := Difference(d, s).Basis
	after := func(changes ...change) []string {
		d, s := small(), running(small())
		for _, c := range changes {
			c(&d, &s)
		}
		return Stale(basis, Difference(d, s).Basis)
	}
	for _, tt := range []struct {
		name   string
		change change
		want   []string
	}{
		{"nothing", func(*Desired, *State) {}, nil},
		{"a service that got ready is no other state", status("pgsql", Starting), nil},
		{"a rendered file", func(d *Desired, _ *State) { d.Project = "p2" }, []string{"the config or a file that it names"}},
		{"a catalogue", func(d *Desired, _ *State) { d.Catalogue = "c2" }, []string{"the catalogue"}},
		{"a container", gone("pgsql"), []string{"what runs"}},
		{"a limit", container("pgsql", func(c *Container) { c.Memory = 1 }), []string{"what runs"}},
	} {
		if diff := cmp.Diff(tt.want, after(tt.change)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
