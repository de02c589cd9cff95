package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/upgrade"
	"pgregory.net/rapid"
)

// line are releases in order, each the very next minor of the one before or further away.
var line = []struct {
	release string
	next    bool // the very next minor of the one before
	oneWay  bool // only a backup goes back over it
}{{"5.0.0", false, false}, {"5.11.6271", false, true}, {"6.0.0", true, false}, {"6.12.5040", false, true}, {"7.0.2852", true, false}, {"7.1.2426", true, false}, {"7.5.4453", false, false}}

// town is a world whose frontends write their release into the databases when they start, as Sourcegraph's do.
type town struct{ *world }

func (w town) Deploy(ctx context.Context, config string, front stack.Front, page string) error {
	err := w.world.Deploy(ctx, config, front, page)
	if err == nil && front != stack.Closed && front != stack.Stopped {
		w.schema = releaseOf(config)
	}
	return err
}

func (w town) Roll(ctx context.Context, config string) error {
	return w.Deploy(ctx, config, stack.Open, "")
}

func releaseOf(config string) string { return strings.TrimPrefix(config, "release: ") }

// TestRandomJourneys: upgrades over any number of hops, killed anywhere, failing anywhere, gone on with, gone back from, given up and finished, in any
// order. What was promised holds: at rest one release runs, its databases are of it, the file names it, and a way back leads to where its plan said.
func TestRandomJourneys(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		at := rapid.IntRange(0, len(line)-2).Draw(t, "first release")
		w.running, w.file, w.schema = "release: "+line[at].release, "release: "+line[at].release, line[at].release
		clock := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
		now := func() time.Time { clock = clock.Add(time.Second); return clock }
		walker := &Walker{Site: town{w}, Notes: w, Now: now, Tell: func(Event) {}, Patience: time.Minute}
		var promised []string       // releases that rollbacks lead to, the next one last
		var passes, before []string // the releases of what is under way, and what was promised before it began
		load := func() *Journey {
			j, err := Load(ctx, w)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		// disturbed does something that may be killed, or meet a task or a release that fails.
		disturbed := func(do func() error) error {
			w.calls, w.dieAt = 0, 0
			clear(w.exit)
			switch rapid.IntRange(0, 3).Draw(t, "disturbance") {
			case 0:
				w.dieAt = rapid.IntRange(1, 40).Draw(t, "killed at call")
			case 1:
				w.exit[rapid.SampledFrom([]string{"backup", "migrate", "downgrade", "restore", "indexes", "drift-frontend", "background"}).Draw(t, "failing task")] = 1
			}
			err := do()
			w.dieAt = 0
			clear(w.exit)
			var problems diag.List
			if err != nil && !errors.Is(err, errKilled) && !errors.As(err, &problems) {
				t.Fatalf("it ended with %v", err)
			}
			return err
		}
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			j := load()
			current := slices.IndexFunc(line, func(r struct {
				release      string
				next, oneWay bool
			}) bool {
				return r.release == releaseOf(w.running)
			})
			switch what := rapid.SampledFrom([]string{"upgrade", "upgrade", "rollback", "finish"}).Draw(t, "command"); {
			case what == "upgrade" && j.Open() && j.Status != Returning:
				_ = disturbed(func() error { return walker.Walk(ctx, j) })
			case what == "upgrade" && !j.Open() && current < len(line)-1:
				next := drawn(t, current, now())
				if j.Holds() {
					next.Previous = j
				}
				passes, before = nil, promised
				for _, h := range next.Hops {
					passes = append(passes, h.From)
				}
				passes = append(passes, next.To)
				_ = disturbed(func() error { return walker.Walk(ctx, next) })
			case what == "rollback" && j.Holds():
				way, none := j.Back()
				if none != nil {
					t.Fatalf("there is no way back from %s: %v", j.Describe(), none)
				}
				if j.Status == Arrived {
					if len(promised) == 0 || way.To != promised[len(promised)-1] {
						t.Fatalf("the way back leads to %s, and %v were promised", way.To, promised)
					}
					passes, before = append(slices.Clone(promised), releaseOf(w.running)), nil
				}
				_ = disturbed(func() error { return walker.Return(ctx, j, way) })
			case what == "finish" && j != nil && j.Status == Arrived:
				j.Status = Finished
				promised, passes = nil, nil
				if err := w.SetNote(ctx, NoteName, j); err != nil {
					t.Fatal(err)
				}
			}
			// Everything that is under way can be brought to an end, forward or back.
			if j = load(); j.Open() && rapid.Bool().Draw(t, "go on at once") {
				way, none := j.Back()
				var err error
				if j.Status == Returning || rapid.Bool().Draw(t, "go on backward") {
					if none != nil {
						t.Fatalf("there is no way back from %s: %v", j.Describe(), none)
					}
					err = walker.Return(ctx, j, way)
				} else {
					err = walker.Walk(ctx, j)
				}
				if err != nil {
					t.Fatalf("undisturbed, it does not go on from %s: %v", j.Describe(), err)
				}
			}
			j = load()
			if j.Open() {
				continue
			}
			release := releaseOf(w.running)
			if !same(w.schema, release) || w.front != stack.Open || w.file != w.running || w.data != "rows" {
				t.Fatalf("at rest: %s runs behind %q, the databases are of %s with %q, and the file is %q", w.running, w.front, w.schema, w.data, w.file)
			}
			if n := slices.Index(passes, release); n == len(passes)-1 && n >= 0 || n > 0 {
				promised = passes[:n]
			} else if n == 0 {
				promised = before // it was given up, or all of it was used
			}
			passes = nil
			if (len(promised) > 0) != j.Holds() {
				t.Fatalf("%v were promised, and the journey is %+v", promised, j)
			}
		}
	})
}

// drawn is a journey from a release to a later one, by stops.
func drawn(t *rapid.T, from int, now time.Time) *Journey {
	to := rapid.IntRange(from+1, len(line)-1).Draw(t, "to")
	var hops []Hop
	for at := from; at < to; {
		stop := rapid.IntRange(at+1, to).Draw(t, "stop")
		h := upgrade.Hop{From: line[at].release, To: line[stop].release, Kind: upgrade.MultiVersion, Migrator: line[stop].release}
		if stop == at+1 && line[stop].next {
			h.Kind = upgrade.Standard
		}
		for _, r := range line[at+1 : stop+1] {
			if r.oneWay {
				h.Irreversible = append(h.Irreversible, fmt.Sprintf("what %s did", r.release))
			}
		}
		hops = append(hops, Hop{Hop: h, Config: "release: " + h.To})
		at = stop
	}
	return New("release: "+line[from].release, hops, "", now)
}
