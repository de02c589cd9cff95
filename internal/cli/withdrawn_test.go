package cli

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth/internal/plan"
	"berth/internal/site"
	"berth/internal/state"
)

// running is an installation of which only the release matters.
type running struct {
	site.Site
	loaded  *site.Loaded
	store   state.Store
	release string
}

func (r *running) Of() *site.Loaded   { return r.loaded }
func (r *running) Store() state.Store { return r.store }
func (r *running) Services(context.Context, *site.Environment) ([]site.Service, []string, string, error) {
	return nil, nil, r.release, nil
}

// TestWithdrawnReleaseIsNotGoneTo: 5.10.0 is loaded with a warning, and refused but where it runs, or ran before it was stopped.
func TestWithdrawnReleaseIsNotGoneTo(t *testing.T) {
	for name, c := range map[string]struct {
		wanted, runs, before string
		refused              bool
	}{
		"a first install":             {"5.10.0", "", "", true},
		"where it runs":               {"5.10.0", "5.10.0", "", false},
		"where it was stopped":        {"5.10.0", "", "5.10.0", false},
		"from another release":        {"5.10.0", "5.9.1590", "5.10.0", true},
		"after another was stopped":   {"5.10.0", "", "5.9.1590", true},
		"a good one from a withdrawn": {"5.10.3940", "5.10.0", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte("on: compose\nurl: http://localhost\nrelease: "+c.wanted+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			e := &Env{Environment: site.Environment{Dir: dir, Getenv: os.Getenv, Now: time.Now}}
			l, problems, err := e.Load(DefaultConfig)
			if err != nil || l == nil {
				t.Fatalf("it can't be loaded: %v, %v", problems, err)
			}
			store := state.At(dir, "sourcegraph")
			if c.before != "" {
				for _, p := range []*plan.Plan{{Release: c.before}, {}} { // down has none
					if _, err := store.Begin(t.Context(), "up", l.Text, p, time.Now()); err != nil {
						t.Fatal(err)
					}
				}
			}
			refused, err := e.withdrawn(t.Context(), &running{loaded: l, store: store, release: c.runs})
			if err != nil || refused.Failed() != c.refused {
				t.Fatalf("got %v, %v", refused, err)
			}
			if c.refused && (refused[0].Code != "BERTH1134" || refused[0].Range.Line != 3 || refused[0].Hint != "write  release: 5.10.3940") {
				t.Errorf("it says %+v", refused[0])
			}
		})
	}
}
