//go:build walks

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

// A walk is what admins do to one installation, in an order that nobody thought of: commands of berth, killed and stopped ones, edits of the file,
// and things done by hand. After each step the rules are checked (walk_rules_test.go). A step is a line of words, and a walk is its lines, so that a
// walk that broke a rule is replayed and shrunk by its text:
//
//	make walks WALK='new 6.0.0; kill 4000 upgrade; up'
//
// The seed alone draws the steps, except for those that follow from what is in the file.

// TestWalks walks on a Docker Engine.
func TestWalks(t *testing.T) {
	walks(t, []string{converts, "6.12.5040"}, func(t *testing.T) *walk {
		w := newWalk(t, newSite(t, "walk"), engine{name: "walk"})
		w.bases = []string{"6.0.0", "7.0.2852", "7.4.0"}
		w.begins = []string{"6.0.0", "6.0.0", "6.0.0", "7.0.2852", "7.4.0", "7.4.0", release, converts}
		return w
	})
}

// walks makes as many walks as WALKS says, each of STEPS steps, beginning with SEED; or the one of WALK.
func walks(t *testing.T, more []string, begin func(t *testing.T) *walk) {
	buildImages(t, append(more, release)...)
	run := func(name string, next func(*walk) (string, bool)) *broken {
		var found *broken
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			buildImages(t, w.bases...)
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
	first, count, length := fromEnv(t, "SEED", 1), fromEnv(t, "WALKS", 1), fromEnv(t, "STEPS", 25)
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

// steps are given ones.
func steps(lines []string) func(*walk) (string, bool) {
	return func(w *walk) (string, bool) {
		if n := len(w.walked); n < len(lines) {
			return strings.TrimSpace(lines[n]), true
		}
		return "", false
	}
}

// drawn are as many steps as a seed makes.
func drawn(seed, length int) func(*walk) (string, bool) {
	r := rand.New(rand.NewPCG(uint64(seed), 9))
	return func(w *walk) (string, bool) {
		if len(w.walked) == length {
			return "", false
		}
		return w.draw(r), true
	}
}

// shrunk leaves out every step without which a walk breaks the same rule, as far as SHRINK runs go.
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

// all walks every step, and leads the installation to health at the end.
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

// converts is a release from which the way leads through a conversion of Postgres, and stops at 6.12.
const converts = "5.9.1590"

// ways to be wrong about a release: withdrawn, not known, older than the databases can be.
var wrong = []string{"5.10.0", "9.9.9", "6.12.1"}

// draw draws the next step.
func (w *walk) draw(r *rand.Rand) string {
	any := func(of ...string) string { return of[r.IntN(len(of))] }
	number := func(from, to int) string { return strconv.Itoa(from + r.IntN(to-from+1)) }
	if len(w.walked) == 0 {
		return "new " + any(w.begins...)
	}
	change := func() string {
		return any("up", "up", "up", "upgrade", "upgrade", "upgrade --to 7.4.0", "rollback", "rollback", "revert", "down")
	}
	now := w.site.read("sourcegraph.yaml")
	// What is done only where it can lead anywhere is drawn rarely elsewhere.
	often := func(when bool, weight int) int {
		if when {
			return weight
		}
		return min(weight, 1)
	}
	usable, back := now == w.valid && !slices.Contains(wrong, w.key(now, "release")), w.promised != ""
	kinds := []struct {
		weight int
		line   func() string
	}{
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

// touched are services that admins do things to by hand.
var touched = []string{"pgsql", "codeinsights-db", "redis-store", "gitserver", "searcher", "worker", "sourcegraph-frontend"}
