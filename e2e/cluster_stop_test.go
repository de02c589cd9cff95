//go:build clusterfaults

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestClusterInterrupt: Ctrl-C in the middle. What was and was not done is listed, the state can be read, and up goes on from there.
func TestClusterInterrupt(t *testing.T) {
	s := newFault(t, "f3-interrupt")
	code, out := s.begin(110).end(os.Interrupt)
	if code != 130 {
		t.Errorf("exit %d, want 130", code)
	}
	says(t, out, "stopping", "not done", "continue with: berth up")
	s.atRest("interrupted")
	if code, out := s.berth("status"); code != 1 || !strings.Contains(out, "is not there") {
		t.Errorf("status: exit %d, want 1 and what is missing\n%s", code, out)
	}
	s.repaired()
}

// TestClusterKilledAtEveryEntry: berth is killed after each entry of its journal in turn, while it changes an installation: objects are made,
// changed, made anew and removed, a volume grows.
func TestClusterKilledAtEveryEntry(t *testing.T) {
	round := func(i int) string {
		if i%2 == 0 {
			return fmt.Sprintf("services: {gitserver: {storage: %dGi}}", 200+i)
		}
		return fmt.Sprintf("services: {gitserver: {storage: %dGi}, grafana: {enabled: false}, worker: {env: {A: b}}}", 200+i)
	}
	s := newFault(t, "f3-entries", round(0))
	s.must(0, "up")
	kills := 0
	for {
		s.edit(round(kills), round(kills+1))
		up := s.begin(kills + 1)
		if up == nil {
			break
		}
		up.end(os.Kill)
		kills++
		s.repaired()
		if kills > 60 {
			t.Fatal("killed 60 times, and up does not come to its end")
		}
	}
	t.Logf("killed %d times", kills)
	if kills < 8 {
		t.Errorf("killed only %d times: the test does not reach the steps", kills)
	}
	s.must(0, "plan")
}
