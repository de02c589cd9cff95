package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/report"
	"berth/internal/state"
)

// started is how the installation began, as berth status says it to programs.
func (l *life) started() *state.Start {
	l.t.Helper()
	var document struct {
		Result struct{ Start *state.Start } `json:"result"`
	}
	if err := json.Unmarshal([]byte(l.must(-1, "status", "--json")), &document); err != nil {
		l.t.Fatal(err)
	}
	return document.Result.Start
}

// reported is the start in a report.
func (l *life) reported() *report.Start {
	l.t.Helper()
	var shown report.Signed
	var r report.Report
	text := l.must(0, "report")
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &shown); err != nil {
		l.t.Fatal(err)
	}
	if err := json.Unmarshal(shown.Report, &r); err != nil {
		l.t.Fatal(err)
	}
	return r.Start
}

// TestFirstSearch: the time to the first search is from the first berth up to the first search that has a result, and no later search changes it. On both targets.
func TestFirstSearch(t *testing.T) {
	noted := regexp.MustCompile("first result 1[45] min after the first berth up") // each look at the clock takes a moment
	for _, on := range []string{"compose", "kubernetes"} {
		t.Run(on, func(t *testing.T) {
			l := newLife(t, on, "7.5.4453")
			if out := l.must(0, "up"); strings.Contains(out, "first result") {
				t.Errorf("nothing was searched, since there are no repositories:\n%s", out)
			}
			began := l.started().Began
			if out := l.must(0, "status"); !strings.Contains(out, "no result yet; add repositories, then: berth verify\n") {
				t.Error(out)
			}
			if r := l.reported(); r == nil || r.FirstSearch != 0 || !r.Began.Equal(began.Truncate(time.Second)) {
				t.Errorf("%+v", r)
			}
			l.world.Pass(14 * time.Minute)
			l.must(0, "verify") // an answer without a result counts as none
			l.world.Searchable = true
			if out := l.must(0, "verify"); !noted.MatchString(out) {
				t.Error(out)
			}
			l.world.Pass(time.Hour)
			if out := l.must(0, "verify") + l.must(0, "up") + l.must(-1, "agent"); strings.Contains(out, "first result") {
				t.Errorf("it is no news any more:\n%s", out)
			}
			if out := l.must(0, "status"); !noted.MatchString(out) {
				t.Error(out)
			}
			took := l.started().Took()
			if r := l.reported(); took < 14*time.Minute || took > 16*time.Minute || r == nil || r.FirstSearch != int(took.Seconds()) {
				t.Errorf("%v %+v", took, r)
			}
			l.world.Pass(31 * 24 * time.Hour)
			if out := l.must(0, "status"); strings.Contains(out, "first result") {
				t.Errorf("it is old:\n%s", out)
			}
			l.must(0, "down", "--delete-data", "sourcegraph")
			if s := l.started(); s != nil {
				t.Errorf("it is another installation after that: %+v", s)
			}
		})
	}
}

// TestFirstSearchIsSeenBy: whatever searches sees the first result.
func TestFirstSearchIsSeenBy(t *testing.T) {
	for _, command := range []string{"status", "verify", "up", "report", "agent", "upgrade --yes --to 7.5.4453"} {
		l := newLife(t, "compose", "7.4.0")
		l.must(0, "up")
		l.world.Pass(time.Hour)
		l.world.Searchable = true
		l.must(-1, strings.Fields(command)...)
		l.world.Pass(time.Hour)
		if s := l.started(); s == nil || s.Waits() || s.Took() > 2*time.Hour {
			t.Errorf("berth %s: %+v", command, s)
		}
	}
}

// TestNoFirstSearch: an installation that had data before has no time to its first search, and one whose clock was set back reports none.
func TestNoFirstSearch(t *testing.T) {
	l := newLife(t, "compose", "7.5.4453")
	keepsBackups(l)
	l.must(0, "backup")
	l.must(0, "down", "--delete-data", "sourcegraph")
	l.world.Searchable = true
	l.must(0, "restore", "latest")
	l.must(0, "up")
	if s, r := l.started(), l.reported(); s != nil || r != nil {
		t.Errorf("it was restored, and says %+v %+v", s, r)
	}

	l = newLife(t, "compose", "7.5.4453")
	l.must(0, "up")
	l.world.Pass(-48 * time.Hour)
	l.world.Searchable = true
	l.must(0, "verify")
	if s, r := l.started(), l.reported(); s == nil || !s.Waits() || r != nil {
		t.Errorf("the clock was set back, and it says %+v %+v", s, r)
	}
}

// TestFirstSearchOfAKilledUp: wherever the first berth up is killed once it has begun, the time counts from there.
func TestFirstSearchOfAKilledUp(t *testing.T) {
	for _, on := range []string{"compose", "kubernetes"} {
		l := newLife(t, on, "7.5.4453")
		empty := l.world.Copy()
		l.must(0, "up")
		effects := l.world.Effects()
		for n := 1; n <= effects; n += max(1, effects/12) {
			l.world = empty.Copy()
			l.run(n, "up")
			killed, history := l.started(), len(l.world.History("sourcegraph"))
			if history > 0 && killed == nil {
				t.Errorf("%s, killed at effect %d of %d: the run is in the history, and nobody knows when it began", on, n, effects)
			}
			l.world.Pass(time.Hour)
			l.world.Searchable = true
			l.must(0, "up")
			s := l.started()
			if s == nil || s.Waits() || killed != nil && !s.Began.Equal(killed.Began) {
				t.Errorf("%s, killed at effect %d of %d: %+v, then %+v", on, n, effects, killed, s)
			}
		}
	}
}
