package cli

import (
	"berth/internal/agent"
	"testing"
	"time"

	"berth/internal/policy"
)

// TestReportAbout: status shows what the agent said of the release that runs, and how old that is when the agent no longer comes.
func TestReportAbout(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := agent.Report{Checked: now.Add(-time.Hour), Release: "7.5.4453", Summary: "7.6.0 waits for the window"}
	if got := r.About("7.5.4453", now); got != r.Summary {
		t.Errorf("says %q", got)
	}
	if got := r.About("7.6.0", now); got != "" {
		t.Errorf("says %q of another release", got)
	}
	if got := r.About("7.5.4453", now.AddDate(0, 0, 3)); got != r.Summary+" (berth agent last ran 2026-11-23 11:00:00)" {
		t.Errorf("says %q after three days", got)
	}
	if got := (&agent.Report{}).About("", now); got != "" {
		t.Errorf("says %q without a report", got)
	}
}

// TestAgentExitCodes holds the codes that schedulers go by.
func TestAgentExitCodes(t *testing.T) {
	for _, c := range []struct {
		report agent.Report
		ok     bool // --waiting-ok
		want   int
	}{
		{agent.Report{Decision: policy.Decision{Action: policy.Nothing}}, false, ExitOK},
		{agent.Report{Decision: policy.Decision{Action: policy.Wait}}, false, ExitChanges},
		{agent.Report{Decision: policy.Decision{Action: policy.Person}}, false, ExitChanges},
		{agent.Report{Decision: policy.Decision{Action: policy.Person}}, true, ExitOK},
		{agent.Report{Decision: policy.Decision{Action: policy.Refused}}, true, ExitChecks},
		{agent.Report{Decision: policy.Decision{Action: policy.Upgrade}, Outcome: agent.Done}, false, ExitOK},
		{agent.Report{Decision: policy.Decision{Action: policy.Upgrade}, Outcome: agent.Failed}, true, ExitError},
		{agent.Report{Decision: policy.Decision{Action: policy.Resume}, Outcome: agent.Stopped}, true, ExitStopped},
	} {
		got := ExitOK
		if code, failed := (agentFlags{waitingOK: c.ok}).end(&c.report).(exit); failed {
			got = int(code)
		}
		if got != c.want {
			t.Errorf("%+v: exit %d, want %d", c.report, got, c.want)
		}
	}
}
