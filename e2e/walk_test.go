//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A walk is what admins do to one installation, in a random order: commands of berth, some killed or stopped, edits of the config, and changes by
// hand. After each step the rules are checked (walk_rules_test.go). A step is a line of words, and a walk is its lines, so that a walk that broke a
// rule can be replayed and shrunk by its text:
//
//	make walks WALK='new 6.0.0; kill 4000 upgrade; up'
//
// The seed alone draws the steps, but for those that depend on the config.

// TestWalks walks at random on a Docker Engine: SEED, WALKS, STEPS, WALK, SHRINK. It begins with a seed that found a fault once.
func TestWalks(t *testing.T) {
	needs(t, engine, images("5.9.1590", "6.0.0", "6.12.5040", "7.0.2852", "7.4.0", release))
	walks(t, 400, func(t *testing.T) *walk {
		w := newWalk(t, newSite(t, "walk"), onEngine{name: "walk"})
		w.bases = []string{"6.0.0", "7.0.2852", "7.4.0"}
		w.begins = []string{"6.0.0", "6.0.0", "6.0.0", "7.0.2852", "7.4.0", "7.4.0", release, converts}
		return w
	})
}

// walks makes WALKS walks, each of STEPS steps, the first with SEED and each with a seed of its own; or the one of WALK.
func walks(t *testing.T, seed int, begin func(t *testing.T) *walk) {
	run := func(name string, next func(*walk) (string, bool)) *broken {
		var found *broken
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			found = w.all(next)
		})
		return found
	}
	if text := os.Getenv("WALK"); text != "" {
		if found := run("replay", steps(strings.Split(text, ";"))); found != nil {
			t.Errorf("%v\nWALK='%s'", found, strings.Join(shrunk(found, run), "; "))
		}
		return
	}
	first, count, length := fromEnv(t, "SEED", seed), fromEnv(t, "WALKS", 1), fromEnv(t, "STEPS", 25)
	for seed := first; seed < first+count; seed++ {
		if found := run(fmt.Sprintf("seed %d", seed), drawn(seed, length)); found != nil {
			t.Errorf("seed %d, step %d: %v\nWALK='%s'", seed, len(found.walked), found, strings.Join(shrunk(found, run), "; "))
		}
	}
}

func fromEnv(t *testing.T, name string, standard int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(standard)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// steps are the lines of a walk that is replayed.
func steps(lines []string) func(*walk) (string, bool) {
	return func(w *walk) (string, bool) {
		if n := len(w.walked); n < len(lines) {
			return strings.TrimSpace(lines[n]), true
		}
		return "", false
	}
}

// drawn draws a number of steps with a seed.
func drawn(seed, length int) func(*walk) (string, bool) {
	r := rand.New(rand.NewPCG(uint64(seed), 9))
	return func(w *walk) (string, bool) {
		if len(w.walked) == length {
			return "", false
		}
		return w.draw(r), true
	}
}

// shrunk leaves out every step without which a walk still breaks the same rule, with SHRINK runs at most.
func shrunk(found *broken, run func(string, func(*walk) (string, bool)) *broken) []string {
	runs, err := strconv.Atoi(os.Getenv("SHRINK"))
	if err != nil {
		return found.walked
	}
	lines := found.walked
	for i := len(lines) - 2; i > 0 && runs > 0; i, runs = i-1, runs-1 {
		less := slices.Delete(slices.Clone(lines), i, i+1)
		if again := run(fmt.Sprintf("without step %d", i+1), steps(less)); again != nil && again.rule == found.rule {
			lines = again.walked
		}
	}
	return lines
}

// broken is a rule that a walk broke.
type broken struct {
	rule, detail string
	walked       []string
}

func (b *broken) Error() string { return "broken: " + b.rule + "\n" + b.detail }

// all does every step, and brings the installation to health at the end.
func (w *walk) all(next func(*walk) (string, bool)) (found *broken) {
	began := time.Now()
	defer func() {
		result := "clean"
		if caught := recover(); caught != nil {
			b, ok := caught.(*broken)
			if !ok {
				panic(caught)
			}
			b.walked, found, result = w.walked, b, "broken: "+b.rule
		}
		if w.valid != "" {
			w.write(w.valid) // so that it can be deleted
		}
		w.t.Logf("WALKED %d steps, %d commands in %s: %s", len(w.walked), w.commands, time.Since(began).Round(time.Second), result)
	}()
	for {
		line, ok := next(w)
		if !ok {
			break
		}
		w.walked = append(w.walked, line)
		w.t.Logf("STEP %d: %s", len(w.walked), line)
		w.step(strings.Fields(line))
		w.check()
	}
	w.lead()
	w.check()
	return nil
}

// converts is a release whose upgrade converts Postgres and stops at 6.12.
const converts = "5.9.1590"

// wrong are releases that can't be deployed: withdrawn, unknown, or unknown patch.
var wrong = []string{"5.10.0", "9.9.9", "6.12.1"}

// kind is a kind of steps: how often it is drawn, and how the rest of its line is.
type kind struct {
	weight int
	line   func() string
}

// draw draws the next step.
func (w *walk) draw(r *rand.Rand) string {
	if len(w.walked) == 0 {
		return "new " + w.begins[r.IntN(len(w.begins))]
	}
	kinds := w.kinds(r)
	all := 0
	for _, k := range kinds {
		all += k.weight
	}
	at := r.IntN(all)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			return k.line()
		}
	}
	panic("unreachable")
}

// kinds are the kinds of steps that are possible now.
func (w *walk) kinds(r *rand.Rand) []kind {
	any := func(of ...string) string { return of[r.IntN(len(of))] }
	number := func(from, to int) string { return strconv.Itoa(from + r.IntN(to-from+1)) }
	change := func() string {
		return any("up", "up", "up", "upgrade", "upgrade", "upgrade --to 7.4.0", "rollback", "rollback", "revert", "down")
	}
	now := w.site.read("sourcegraph.yaml")
	// A step that has no effect now is drawn rarely.
	often := func(when bool, weight int) int {
		if when {
			return weight
		}
		return min(weight, 1)
	}
	usable, back := now == w.valid && !slices.Contains(wrong, w.key(now, "release")), w.promised != ""
	return []kind{
		{often(usable, 7), func() string { return "edit env " + number(1, 99) }},
		{often(usable, 4), func() string { return "edit memory " + number(600, 990) }},
		{often(usable, 3), func() string { return "edit replicas " + any("gitserver", "searcher") + " " + number(1, 2) }},
		{often(usable, 2), func() string { return "edit port " + number(0, 2) }},
		{7, func() string { return "edit release " + any(append(w.bases, release)...) }},
		{1, func() string { return "edit release " + any(wrong...) }},
		{1, func() string { return "edit broken" }},
		{often(now != w.valid, 30), func() string { return "edit repair" }},
		{2, func() string { return "berth check" }},
		{2, func() string { return "berth plan" }},
		{1, func() string { return "berth status" }},
		{1, func() string { return "berth history" }},
		{1, func() string { return "berth lock" }},
		{1, func() string { return "berth lock --to " + release }},
		{often(usable, 12), func() string { return "berth up" }},
		{often(usable, 3), func() string { return "saved" }},
		{often(usable, 2), func() string { return "saved edit env " + number(1, 99) }},
		{1, func() string { return "saved hand stop worker" }},
		{often(usable, 10), func() string { return "berth upgrade" + any("", "", "", " --to 7.4.0", " --to 7.0", " --plan") }},
		{often(back, 2), func() string { return "berth upgrade finish" }},
		{often(usable, 8), func() string { return "kill " + number(1, 60) + "00 " + change() }},
		{often(usable, 6), func() string { return "kill " + number(6, 40) + "000 " + any("upgrade", "upgrade", "rollback") }},
		{often(usable, 4), func() string { return "interrupt " + number(1, 60) + "00 " + change() }},
		{often(usable, 4), func() string { return "interrupt " + number(6, 40) + "000 " + any("upgrade", "upgrade", "rollback") }},
		{often(back, 10), func() string { return "berth rollback" }},
		{3, func() string { return "berth revert" }},
		{1, func() string { return "revert-to " + number(1, 12) }},
		{5, func() string { return "hand " + any("stop", "rm", "limit") + " " + any(touched...) }},
		{2, func() string {
			return "hand image " + any("worker", "gitserver", "sourcegraph-frontend") + " " + any(append(w.bases, release)...)
		}},
		{3, func() string { return "berth down" }},
		{1, func() string { return "delete-data" }},
		{2, func() string { return "berth agent" }},
		{1, func() string { return "berth rehearse" }},
		{4, func() string { return "both " + change() + " | " + change() }},
		{2, func() string { return "take" }},
		{often(w.taken != nil, 4), func() string { return "restore" }},
		{4, func() string { return "use" }},
		{often(!usable, 20), func() string { return "lead" }},
	}
}

// touched are services that are changed by hand.
var touched = []string{"pgsql", "codeinsights-db", "redis-store", "gitserver", "searcher", "worker", "sourcegraph-frontend"}
