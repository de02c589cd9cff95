package view

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"berth/internal/fold"
	"berth/internal/plan"
	"berth/internal/plan/graph"
	"github.com/google/go-cmp/cmp"
)

// waiting is a plan of two stages.
func waiting() *plan.Plan {
	return &plan.Plan{From: "6.0.0", Release: "7.4.0", Downtime: 600, Hops: []plan.Hop{{From: "6.0.0", To: "7.4.0"}},
		Stages: []plan.Stage{{Name: "back up", Seconds: 120}, {Name: "migrate", Seconds: 600, Effect: plan.Downtime, NoReturn: true}},
		Steps: []plan.Step{
			{ID: 1, Verb: plan.Dump, Object: "databases"},
			{ID: 2, Verb: plan.Migrate, Object: "schemas", Stage: 1}, {ID: 3, Verb: plan.Begin, Config: "7.4.0", Front: "ahead", Stage: 1}}}
}

func TestGraph(t *testing.T) {
	p := waiting()
	var b strings.Builder
	Graph(&b, p, graph.Of(p, nil))
	const want = `Sourcegraph 6.0.0 -> 7.4.0: what waits for what
3 steps, about 12 min, of which 10 min downtime

    n  step                              after       takes  when
       back up                                       2 min  ░░░
  * 1    dump databases                              2 min  ░░░
▌      point of no return
       migrate                                      10 min     █████████████████
  * 2    migrate schemas                 1          10 min     █████████████████
    3    start what reads no schema      1                     ·················

  *  the critical path: if one of these steps takes less time, so does the plan
  █  Sourcegraph, or what the step is about, does not answer   ░  it answers
  ·  not measured here yet, so its length is a guess
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestGraphFits: whatever names and numbers steps have, each line fits 80 columns.
func TestGraphFits(t *testing.T) {
	p := &plan.Plan{Release: "7.4.0", Action: plan.Up}
	after := []int{}
	for i := 1; i < 60; i++ {
		p.Steps = append(p.Steps, plan.Step{ID: i, Verb: plan.Create, Object: strings.Repeat("gitserver", 7)})
		if i%3 > 0 {
			after = append(after, i)
		}
	}
	p.Steps = append(p.Steps, plan.Step{ID: 60, Verb: plan.Create, Object: "last", After: after})
	var b strings.Builder
	Graph(&b, p, graph.Of(p, nil))
	for line := range strings.Lines(b.String()) {
		if fold.Width(line) > usualColumns {
			t.Errorf("%d columns: %s", fold.Width(line), line)
		}
	}
	if !strings.Contains(b.String(), "58, 59") || !strings.Contains(b.String(), "nothing was measured here yet") {
		t.Errorf("what the last one waits for is not whole:\n%s", b.String())
	}
}

// TestGraphPicture: it is XML, says all in words, and forms tell what colors would.
func TestGraphPicture(t *testing.T) {
	p := waiting()
	svg := GraphPicture(p, graph.Of(p, nil)).File()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`role="img" aria-labelledby="title says"`, "Point of no return. 2: migrate schemas, after 1, 10 min. 3: start what reads no schema, after 1.",
		`class="away longest"`, `class="away guess"`, "prefers-color-scheme: dark"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}
