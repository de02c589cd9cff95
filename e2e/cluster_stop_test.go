//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestClusterInterrupt stops up with Ctrl-C: it lists what is not done, status can be read, and the next up completes it.
func TestClusterInterrupt(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-interrupt")
	code, out := s.upTo(110).end(os.Interrupt)
	if code != 130 {
		t.Errorf("exit %d, want 130", code)
	}
	says(t, out, "stopping", "not done", "continue with: berth up")
	s.recorded("interrupted")
	says(t, s.must(1, "status"), "is not there")
	s.completed()
}

// TestClusterSecondInterrupt: Ctrl-C lets up complete its current step; a second Ctrl-C ends it at once. The next up completes it all the same.
func TestClusterSecondInterrupt(t *testing.T) {
	needs(t, control)
	s := newFault(t, "f3-second")
	held := make(chan struct{}, 100)
	remove := webhook(t, s.name, 10, func(_ string, dryRun bool) string {
		if !dryRun {
			held <- struct{}{}
			time.Sleep(8 * time.Second) // the current step
		}
		return ""
	})
	up := s.start("up")
	<-held
	_ = up.cmd.Process.Signal(os.Interrupt) // it runs: its current step is held
	await(t, 90*time.Second, "up to say that it stops", func() bool { return strings.Contains(up.said.String(), "stopping") || up.ended() })
	start := time.Now()
	if code, out := up.end(os.Interrupt); code != -1 || time.Since(start) > 3*time.Second {
		t.Errorf("exit %d after %s, want it to be ended by the signal, at once\n%s", code, time.Since(start), out)
	}
	remove()
	s.completed()
}
