package plan

import (
	"fmt"
	"slices"
	"testing"

	"berth/catalogue"
	"pgregory.net/rapid"
)

// anything is a desire of some services that need each other without a ring, one of them a one-shot.
func anything(t *rapid.T) Desired {
	d := Desired{Installation: "sourcegraph", Target: catalogue.Compose, Release: "7.5.0", Catalogue: "c",
		Project: rapid.SampledFrom([]string{"p1", "p2"}).Draw(t, "project")}
	services := []string{"caddy", "gitserver", "migrator", "pgsql", "sourcegraph-frontend"}
	for i, service := range services {
		for shard := range rapid.IntRange(0, 2).Draw(t, service) {
			u := Unit{Name: fmt.Sprintf("%s-%d", service, shard), Service: service, OneShot: service == "migrator",
				Image: rapid.SampledFrom([]string{"r/a:1@sha256:1", "r/a:2@sha256:2"}).Draw(t, "image"),
				Spec:  rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "spec"), Files: rapid.SampledFrom([]string{"", "f1", "f2"}).Draw(t, "files"),
				CPUs: rapid.SampledFrom([]float64{0, 1, 2}).Draw(t, "cpus"), Memory: rapid.SampledFrom([]int64{0, 1 << 30}).Draw(t, "memory")}
			u.Container = "two-" + u.Name
			for _, other := range d.Units {
				// Only services that come earlier in the list, so that there is no ring.
				if slices.Index(services, other.Service) < i && rapid.Bool().Draw(t, "needs") {
					u.Needs = append(u.Needs, Need{other.Name, catalogue.Healthy})
				}
			}
			d.Units = append(d.Units, u)
		}
	}
	return d
}

// whatever is a state that people, crashes and killed runs could have left.
func whatever(t *rapid.T) State {
	old := anything(t)
	s := State{Project: rapid.SampledFrom([]string{"", "p1", "p2"}).Draw(t, "on disk")}
	for _, u := range old.Units {
		c := made(old, u)
		c.Status = rapid.SampledFrom([]Status{Running, Starting, Healthy, Unhealthy, Stopped, Created, Crashing, Paused}).Draw(t, "status")
		c.Exit = rapid.IntRange(0, 1).Draw(t, "exit")
		if rapid.Bool().Draw(t, "half-done") {
			c.ID, c.Name = c.ID+"x", "a1b2c3d4e5f6_"+c.Name
		}
		s.Containers = append(s.Containers, c)
	}
	for _, i := range []string{"r/a:1@sha256:1", "r/a:2@sha256:2"} {
		if rapid.Bool().Draw(t, "image there") {
			s.Images = append(s.Images, i)
		}
	}
	return s
}

// applied is a state after a plan is carried out, as the engine and the executor do it.
func applied(t *rapid.T, d Desired, s State, p *Plan) State {
	s.Containers = slices.Clone(s.Containers)
	for _, step := range p.Steps {
		k := slices.IndexFunc(s.Containers, func(c Container) bool { return c.Name == step.Container })
		i := slices.IndexFunc(d.Units, func(u Unit) bool { return u.Name == step.Object && u.Container == step.Container })
		switch step.Verb {
		case Pull:
			s.Images = append(s.Images, step.Object)
		case Write:
			s.Project = d.Project
		case Remove:
			if k < 0 {
				t.Fatalf("step %d removes %s, which is not there", step.ID, step.Container)
			}
			s.Containers = slices.Delete(s.Containers, k, k+1)
		case Create, Recreate, Execute:
			if !slices.Contains(s.Images, d.Units[i].Image) {
				t.Fatalf("step %d makes %s without its image", step.ID, step.Object)
			}
			if k >= 0 {
				s.Containers = slices.Delete(s.Containers, k, k+1)
			}
			s.Containers = append(s.Containers, made(d, d.Units[i]))
		default:
			started(&s.Containers[k], d.Units[i], step.Verb)
		}
	}
	return s
}

func started(c *Container, u Unit, verb Verb) {
	if verb == Start || verb == Restart || verb == Update {
		// A limit of 0 is none that the engine could be told.
		if u.CPUs > 0 {
			c.CPUs = u.CPUs
		}
		if u.Memory > 0 {
			c.Memory = u.Memory
		}
	}
	if verb == Start || verb == Restart {
		c.Files = u.Files
	}
	if c.Exit = 0; u.OneShot {
		c.Status = Stopped
	} else if verb != Update || c.Status == Starting {
		c.Status = Healthy
	}
}

func TestPlanAfterApplyIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := anything(t), whatever(t)
		p := Difference(d, s)
		again := Difference(d, applied(t, d, s, p))
		if !again.Empty() {
			t.Fatalf("after\n%s\nthere is still to do\n%s", text(p), text(again))
		}
		if len(again.Unchanged) != len(d.Units) {
			t.Fatalf("%d units unchanged, want %d", len(again.Unchanged), len(d.Units))
		}
	})
}

func TestOrderRespectsNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := anything(t), whatever(t)
		p := Difference(d, s)
		step := map[string]Step{}
		for i, v := range p.Steps {
			if v.ID != i+1 {
				t.Fatalf("step %d has the number %d", i+1, v.ID)
			}
			for _, a := range v.After {
				if a >= v.ID {
					t.Fatalf("step %d comes after step %d\n%s", v.ID, a, text(p))
				}
			}
			if v.Verb != Remove && v.Verb != Pull && v.Verb != Write {
				step[v.Object] = v
			}
		}
		for _, u := range d.Units {
			for _, n := range u.Needs {
				first, waits := step[n.Name]
				if v, ok := step[u.Name]; ok && waits && !slices.Contains(v.After, first.ID) {
					t.Fatalf("%s does not wait for %s\n%s", u.Name, n.Name, text(p))
				}
			}
		}
	})
}

func TestSameInputSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := anything(t), whatever(t)
		p := Difference(d, s)
		slices.Reverse(s.Containers)
		if q := Difference(d, s); p.ID() != q.ID() {
			t.Fatalf("two plans from the same:\n%s\n%s", text(p), text(q))
		}
	})
}
