package cli

import (
	"testing"
	"time"

	"berth/internal/policy"
)

// TestReportAbout: status shows what the agent said of the release that runs, and how old that is when the agent no longer comes.
func TestReportAbout(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := AgentReport{Checked: now.Add(-time.Hour), Release: "7.5.4453", Summary: "7.6.0 waits for the window"}
	if got := r.about("7.5.4453", now); got != r.Summary {
		t.Errorf("says %q", got)
	}
	if got := r.about("7.6.0", now); got != "" {
		t.Errorf("says %q of another release", got)
	}
	if got := r.about("7.5.4453", now.AddDate(0, 0, 3)); got != r.Summary+" (berth agent last ran 2026-11-23 11:00:00)" {
		t.Errorf("says %q after three days", got)
	}
	if got := (&AgentReport{}).about("", now); got != "" {
		t.Errorf("says %q without a report", got)
	}
}

// TestAgentExitCodes holds the codes that schedulers go by.
func TestAgentExitCodes(t *testing.T) {
	for _, c := range []struct {
		report AgentReport
		ok     bool // --waiting-ok
		want   int
	}{
		{AgentReport{Decision: policy.Decision{Action: policy.Nothing}}, false, ExitOK},
		{AgentReport{Decision: policy.Decision{Action: policy.Wait}}, false, ExitChanges},
		{AgentReport{Decision: policy.Decision{Action: policy.Human}}, false, ExitChanges},
		{AgentReport{Decision: policy.Decision{Action: policy.Human}}, true, ExitOK},
		{AgentReport{Decision: policy.Decision{Action: policy.Refused}}, true, ExitChecks},
		{AgentReport{Decision: policy.Decision{Action: policy.Upgrade}, Outcome: outcomeDone}, false, ExitOK},
		{AgentReport{Decision: policy.Decision{Action: policy.Upgrade}, Outcome: outcomeFailed}, true, ExitError},
		{AgentReport{Decision: policy.Decision{Action: policy.Resume}, Outcome: outcomeStopped}, true, ExitStopped},
	} {
		got := ExitOK
		if code, failed := c.report.end(agentFlags{waitingOK: c.ok}).(exit); failed {
			got = int(code)
		}
		if got != c.want {
			t.Errorf("%+v: exit %d, want %d", c.report, got, c.want)
		}
	}
}
