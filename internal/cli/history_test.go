package cli

import (
	"strings"
	"testing"

	"berth/internal/plan"
	"berth/internal/state"
)

// TestHistorySaysHowLongRequestsWaited, beside what was foreseen, and nothing where they did not.
func TestHistorySaysHowLongRequestsWaited(t *testing.T) {
	var b strings.Builder
	writeHistory(&b, []state.Record{
		{Number: 1, Action: plan.Up, Result: state.Done},
		{Number: 2, Action: plan.Up, Result: state.Done, Waited: 8.6, Plan: &plan.Plan{Notice: &plan.Notice{Waits: 12}}},
		{Number: 3, Action: plan.RestartOnly, Result: state.Done, Waited: 3, Plan: &plan.Plan{}},
	})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	for i, want := range map[int]string{3: "requests waited, 9 s at most; the estimate was 12 s", 5: "requests waited, 3 s at most"} {
		if got := strings.TrimSpace(lines[i]); got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
}
