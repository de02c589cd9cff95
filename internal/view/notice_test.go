package view

import (
	"strings"
	"testing"

	"berth/internal/plan"
	"berth/internal/status"
	"berth/internal/upgrade/survey"
)

// TestNoticed: a plan says for how long requests wait, how that is known, and what else people notice.
func TestNoticed(t *testing.T) {
	step := func(service string, e plan.Effect) plan.Step {
		return plan.Step{Verb: plan.Recreate, Object: service, Service: service, Effect: e}
	}
	p := &plan.Plan{From: "7.5.0", Awaited: []string{"pgsql", "gitserver"}, Steps: []plan.Step{step("gitserver", plan.Brief), step("pgsql", plan.Downtime),
		step("worker", plan.Brief), step("caddy", plan.Downtime)}, Notice: &plan.Notice{Waits: 8.4, Refused: 1}}
	want := `requests wait and are answered, the longest after about 8 s (as measured here):
           gitserver, pgsql
         the front proxy takes no connections for about 1 s: caddy
         a short pause of worker`
	if got := effect(p); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p.Notice.Guessed = []string{"pgsql"}
	if got := effect(p); !strings.Contains(got, "a guess, because not all of it was measured here yet") {
		t.Errorf("a guess looks like a measurement:\n%s", got)
	}
	p.Notice, p.Awaited = nil, nil
	if got, want := effect(p), "Sourcegraph does not answer for a while: pgsql, caddy"; got != want {
		t.Errorf("without holding: %q, want %q", got, want)
	}
}

func TestNewest(t *testing.T) {
	for want, n := range map[string]*survey.Newest{
		"newest    7.6.0: 1 upgrade step, about 4 min; requests wait, 12 s at most the last time; the port is closed for about 1 s\n": {Release: "7.6.0", Steps: 1, Seconds: 240, Waits: 12, Refused: true},
		"newest    7.6.0: 1 upgrade step, about 4 min; requests wait for some seconds\n":                                              {Release: "7.6.0", Steps: 1, Seconds: 240},
		"newest    7.6.0: 3 upgrade steps, about 20 min, 14 min of it behind a maintenance page\n":                                    {Release: "7.6.0", Steps: 3, Seconds: 1200, Page: 840, Refused: true},
		"newest    7.6.0: 1 upgrade step, about 4 min; requests fail for some seconds\n":                                              {Release: "7.6.0", Steps: 1, Seconds: 240, Fails: true},
	} {
		var b strings.Builder
		Status(&b, &status.Status{Release: "7.5.0", Newest: n})
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
