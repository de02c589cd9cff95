package view

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	at := func(line, column int) diag.Range {
		return diag.Range{File: "sourcegraph.yaml", Line: line, Column: column}
	}
	p := &plan.Plan{Action: plan.Up, Installation: "sourcegraph", Target: catalogue.Compose, Release: "7.5.4453", From: "7.4.0", Steps: []plan.Step{
		{ID: 1, Verb: plan.Pull, Object: "r/a:1@sha256:1"},
		{ID: 2, Verb: plan.Write, Object: "project files", Why: []plan.Cause{{Text: "the rendered files changed"}}},
		{ID: 3, Verb: plan.Update, Object: "gitserver-0", Why: []plan.Cause{{Text: "memory 8 GiB -> 16 GiB", Range: at(9, 13)}}},
		{ID: 4, Verb: plan.Create, Object: "gitserver-1", Why: []plan.Cause{{Text: "replicas 1 -> 2", Range: at(8, 15)}}},
		{ID: 5, Verb: plan.Recreate, Object: "sourcegraph-frontend-0", Service: "sourcegraph-frontend", Effect: plan.Downtime,
			Why: []plan.Cause{{Text: "image 7.4.0 -> 7.5.4453"}, {Text: "env SRC_GIT_SERVERS now lists gitserver-1:3178"}}},
		{ID: 6, Verb: plan.Remove, Object: "old", Service: "old", Effect: plan.Brief, Why: []plan.Cause{{Text: "the config no longer asks for it; its volumes are kept"}}},
	}, Unchanged: []string{"caddy", "pgsql"}}
	var b strings.Builder
	Plan(&b, p, Folded)
	want := `Sourcegraph 7.4.0 -> 7.5.4453 · installation sourcegraph on compose

  ~ project files           write     the rendered files changed
  ~ gitserver-0             in place  memory 8 GiB -> 16 GiB   sourcegraph.yaml:9:13
  + gitserver-1             create    replicas 1 -> 2   sourcegraph.yaml:8:15
  ~ sourcegraph-frontend-0  recreate  image 7.4.0 -> 7.5.4453
                                      env SRC_GIT_SERVERS now lists gitserver-1:3178
  - old                     remove    the config no longer asks for it; its volumes are kept
  + 1 image to pull
  = 2 services

effect   Sourcegraph does not answer for a while: sourcegraph-frontend
data     none is deleted; volumes are kept
plan ` + p.ID() + `; carry it out with: berth up
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPlanWithNothingToDo(t *testing.T) {
	var b strings.Builder
	Plan(&b, &plan.Plan{Installation: "sourcegraph", Target: catalogue.Compose, Release: "7.5.4453", From: "7.5.4453", Unchanged: make([]string, 26)}, Folded)
	want := "Sourcegraph 7.5.4453 · installation sourcegraph on compose\n\n  = 26 services, unchanged\n\nnothing to do\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// shown plays events, a second between each, and gives what people see.
func shown(terminal bool, events ...run.Event) string {
	var b strings.Builder
	now := time.Unix(0, 0)
	p := &Progress{Out: &b, Terminal: terminal, Now: func() time.Time { return now }}
	events = slices.Concat([]run.Event{{Kind: run.Started, Usual: map[string]float64{"pgsql": 9}}}, events, []run.Event{{Kind: run.Ended}})
	for _, e := range events {
		now = now.Add(time.Second)
		p.Show(e)
	}
	return b.String()
}

func TestProgressWithoutTerminal(t *testing.T) {
	pgsql := plan.Step{ID: 2, Verb: plan.Create, Object: "pgsql"}
	image := plan.Step{ID: 1, Verb: plan.Pull, Object: "r/sourcegraph/pgsql:7.5@sha256:1"}
	events := []run.Event{
		{Kind: run.Begun, Step: image},
		{Kind: run.Progress, Step: image, Done: 5e6, Total: 40e6},
		{Kind: run.Finished, Step: image, Seconds: 2},
		{Kind: run.Begun, Step: pgsql},
	}
	for range 12 {
		events = append(events, run.Event{Kind: run.Waiting, Waiting: []string{"pgsql (starting)"}})
	}
	events = append(events, run.Event{Kind: run.Finished, Step: pgsql, Text: "healthy", Seconds: 12.4}, run.Event{Kind: run.Stopping})
	got := shown(false, events...)
	if strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("lines are redrawn where there is no terminal: %q", got)
	}
	for _, want := range []string{"+ pulled pgsql:7.5  40 MB in 2.0 s\n", "pgsql (starting)", "of usually 9.0 s\n", "healthy in 12 s\n", "stopping: the current step is finished first\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n > 10 {
		t.Errorf("%d lines in 18 seconds:\n%s", n, got)
	}
}

// TestProgressOverSeveralRuns: what a run left behind does not show in the next one, and lines between runs stand for themselves.
func TestProgressOverSeveralRuns(t *testing.T) {
	var b strings.Builder
	p := &Progress{Out: &b, Terminal: true, Now: func() time.Time { return time.Unix(0, 0) }}
	for _, e := range []run.Event{
		{Kind: run.Started}, {Kind: run.Waiting, Waiting: []string{"pgsql (starting)"}}, {Kind: run.Ended},
		{Kind: run.Noted, Text: "fetching images: 1 of 2"},
		{Kind: run.Warned, Text: "nobody waits", Problems: diag.List{{Code: "BERTH3204", Severity: diag.Error, Subject: "a", Summary: "a is not ready", Hint: "berth up"}}},
		{Kind: run.Started}, {Kind: run.Begun, Step: plan.Step{Verb: plan.Create, Object: "a"}}, {Kind: run.Ended},
	} {
		p.Show(e)
	}
	_, after, _ := strings.Cut(b.String(), "  . pgsql  starting"+erased)
	lines, last, _ := strings.Cut(after, "  working")
	if !strings.HasPrefix(lines, "   fetching images: 1 of 2\nnobody waits; reason:\n") || !strings.Contains(lines, "a is not ready") {
		t.Errorf("between the runs: %q", lines)
	}
	if last != erased {
		t.Errorf("the second run leaves %q", last)
	}
}

// erased is a block of one line that is erased.
const erased = "\r\x1b[J"
