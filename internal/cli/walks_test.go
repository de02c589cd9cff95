package cli

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"berth/catalogue"
	"berth/internal/plan"
	"berth/internal/state"
	"pgregory.net/rapid"
)

// walker walks. A walk is what people do to one installation in memory, in a random order: commands, some killed and some that meet faults, and edits of the file.
// After each step the rules are checked. A walk that breaks one is shrunk, and printed with the seed that draws it again (-rapid.seed).
type walker struct {
	*life
	rt    *rapid.T
	steps []string // as they are printed when a rule is broken
}

// walkReleases are written into the file and upgraded to: steps that roll, ways over majors, a conversion of Postgres and another C library.
var walkReleases = []string{"5.9.1590", "6.0.0", "6.2.1106", "6.2.2553", "7.0.2852", "7.4.0", "7.5.4453"}

// walkSteps is how many steps a walk has at the most; BERTH_STEPS asks for another number.
func walkSteps() int {
	if n, err := strconv.Atoi(os.Getenv("BERTH_STEPS")); err == nil {
		return n
	}
	return 20
}

// sameWalks makes rapid draw the same walks in each run, so that a change is judged by what it changed. -rapid.seed asks for others.
func sameWalks(t *testing.T) {
	if f := flag.Lookup("rapid.seed"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("1"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
	}
}

// walks is how many walks are made on each target: a few, since each of them takes some tenths of a second. BERTH_WALKS=100 makes as many as rapid draws.
func walks() int64 {
	if n, err := strconv.ParseInt(os.Getenv("BERTH_WALKS"), 10, 64); err == nil {
		return n
	}
	return 10
}

// TestWalks walks on both targets.
func TestWalks(t *testing.T) {
	sameWalks(t)
	for _, on := range []string{"compose", "kubernetes"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			// Walks begin with a copy of an installation that is there.
			begins := map[string]*life{}
			for _, release := range []string{"5.9.1590", "6.0.0", "6.2.1106", "7.4.0"} {
				l := newLife(t, on, release)
				l.write(l.file() + "services:\n  gitserver: {memory: 8Gi}\n")
				l.must(0, "up")
				begins[release] = l
			}
			var walked atomic.Int64
			var broken atomic.Bool // it is being shrunk, which takes more walks
			rapid.Check(t, func(rt *rapid.T) {
				if walked.Add(1) > walks() && !broken.Load() {
					return
				}
				defer func() {
					if rt.Failed() {
						broken.Store(true)
					}
				}()
				begin := begins[rapid.SampledFrom(slices.Sorted(maps.Keys(begins))).Draw(rt, "release")]
				w := &walker{rt: rt, life: &life{t: t, world: begin.world.Copy(), dir: t.TempDir()}}
				defer os.RemoveAll(w.dir)
				w.write(begin.file())
				for range rapid.IntRange(1, walkSteps()).Draw(rt, "steps") {
					w.step()
				}
				w.calm()
				w.lead()
			})
		})
	}
}

// broke ends the walk: a rule is broken.
func (w *walker) broke(rule, format string, a ...any) {
	w.rt.Helper()
	w.rt.Fatalf("broken: %s\n%s\nthe walk:\n%s", rule, fmt.Sprintf(format, a...), strings.Join(w.steps, "\n"))
}

// changes are commands that change something; asks only look.
var (
	walkChanges = []string{"up", "up", "upgrade --yes", "upgrade --yes --to 7.5.4453", "upgrade --yes --to 7.4.0", "upgrade --yes --to 6.2.2553", "rollback --yes", "rollback --yes",
		"revert --yes", "upgrade finish --yes", "down", "agent", "rehearse"}
	walkAsks   = []string{"plan", "status", "history", "check", "upgrade --plan", "upgrade --plan --to 7.5.4453", "plan --json", "status --json"}
	walkFaults = []string{"backup", "migrate", "downgrade", "restore", "indexes", "drift", "inspect"}
	walkSick   = []string{"pgsql", "sourcegraph-frontend", "gitserver", "worker", "redis-store"}
)

// step does one step, and checks the rules.
func (w *walker) step() {
	draw := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(w.rt, what) }
	switch draw("step", "change", "change", "change", "kill", "kill", "fault", "ask", "edit", "release", "use", "delete by hand", "calm") {
	case "change":
		w.do(0, draw("command", walkChanges...))
	case "kill":
		w.do(rapid.IntRange(1, 150).Draw(w.rt, "effect"), draw("command", walkChanges...))
	case "fault":
		switch draw("fault", "task", "service", "disk") {
		case "task":
			w.world.Failing[draw("task", walkFaults...)] = true
		case "service":
			w.world.Unhealthy[draw("service", walkSick...)] = true
		case "disk":
			w.world.Free = 1 << 20
		}
		w.steps = append(w.steps, fmt.Sprintf("faults: %v %v %d", w.world.Failing, w.world.Unhealthy, w.world.Free))
		w.do(0, draw("command", walkChanges...))
		w.calm()
	case "ask":
		w.ask(draw("question", walkAsks...))
	case "edit":
		w.edit(`memory: \S+?Gi`, fmt.Sprintf("memory: %dGi", rapid.IntRange(7, 9).Draw(w.rt, "GiB")))
	case "release":
		w.edit(`(?m)^release: \S+`, "release: "+draw("release", walkReleases...))
	case "use":
		if _, release := w.world.Rows("sourcegraph"); release != "" {
			w.world.Write("sourcegraph", "row;")
			w.steps = append(w.steps, "use")
		}
	case "delete by hand":
		unit := draw("unit", "worker", "searcher-0", "Deployment/worker", "StatefulSet/searcher") // of one target or of the other
		w.world.Delete("sourcegraph", unit)
		w.steps = append(w.steps, "somebody deletes "+unit)
	case "calm":
		w.calm()
	}
}

// calm takes all faults away.
func (w *walker) calm() {
	clear(w.world.Failing)
	clear(w.world.Unhealthy)
	w.world.Free = 1 << 40
}

func (w *walker) edit(pattern, to string) {
	w.write(regexp.MustCompile(pattern).ReplaceAllString(w.file(), to))
	w.steps = append(w.steps, "edit "+to)
}

// do gives a command that changes something.
func (w *walker) do(killAt int, command string) (string, int) {
	before := w.world.History("sourcegraph")
	out, code := w.run(killAt, strings.Fields(command)...)
	what := "berth " + command
	if killAt > 0 && w.world.Killed() {
		what, code = fmt.Sprintf("killed at effect %d: berth %s", killAt, command), -1
	}
	w.steps = append(w.steps, fmt.Sprintf("%s: exit %d", what, code))
	after := w.world.History("sourcegraph")
	if strings.Contains(out, "panic:") || strings.Contains(out, "fault of berth") {
		w.broke("a command ends orderly", "%s\n%s", what, out)
	}
	if len(after) > len(before)+1 {
		w.broke("history has one record for each thing asked", "%d more after %s\n%s", len(after)-len(before), what, out)
	}
	if len(w.world.Spoiled) > 0 {
		w.broke("no data is spoiled", "%v after %s\n%s", w.world.Spoiled, what, out)
	}
	if code == 0 {
		w.well(command, out)
	}
	return out, code
}

// ask gives a command that only looks: nothing of the installation changes.
func (w *walker) ask(command string) {
	before := w.ending0()
	out, code := w.run(0, strings.Fields(command)...)
	w.steps = append(w.steps, fmt.Sprintf("berth %s: exit %d", command, code))
	if after := w.ending0(); before != after {
		w.broke("commands that only look change nothing", "berth %s\n%s\nbefore\n%s\nafter\n%s", command, out, before, after)
	}
}

// ending0 is how everything is, without a command.
func (w *walker) ending0() string {
	rows, release := w.world.Rows("sourcegraph")
	return fmt.Sprint(w.world.Releases("sourcegraph"), rows, release, w.world.Left("sourcegraph"), w.file(), asked(w.world.History("sourcegraph")))
}

// well: after a command that succeeded, one release runs, the databases are of it, and the file names it; the next plan is empty.
func (w *walker) well(command, out string) {
	name, _, _ := strings.Cut(command, " ")
	if !slices.Contains([]string{"up", "upgrade", "rollback", "revert"}, name) || strings.Contains(command, "finish") || strings.Contains(out, "nothing to upgrade") ||
		strings.Contains(out, "given up") || strings.Contains(out, "nothing was changed yet") {
		return
	}
	if len(w.world.Failing)+len(w.world.Unhealthy) > 0 {
		return
	}
	runs := map[string]bool{}
	for _, r := range w.world.Releases("sourcegraph") {
		runs[r] = true
	}
	_, databases := w.world.Rows("sourcegraph")
	for r := range runs {
		if len(runs) > 1 || catalogue.Minor(databases) != catalogue.Minor(r) || !strings.Contains(w.file(), "release: "+r+"\n") {
			w.broke("at rest one release runs, the databases are of it, and the file names it", "after berth %s: %v, databases of %s, file\n%s\n%s", command, runs, databases, w.file(), out)
		}
	}
	if p, code := w.run(0, "plan"); code != 0 {
		w.broke("after a success the plan is empty", "berth %s\n%s\nberth plan: exit %d\n%s", command, out, code, p)
	}
	if s, code := w.run(0, "status"); code != 0 {
		w.broke("after a success status is well", "berth %s\n%s\nberth status: exit %d\n%s", command, out, code, s)
	}
	records := w.world.History("sourcegraph")
	if strings.Contains(out, "nothing to do") {
		return // what failed is well by now, and the history says that it failed
	}
	if last := records[len(records)-1]; last.Result != state.Done && last.Action != plan.Rehearse && last.Action != plan.Finish && last.Action != plan.Down {
		w.broke("history says what happened", "berth %s\n%s\nand the last record is %s %s", command, out, last.What(), last.Result)
	}
}

// namedCommands finds the commands and edits that a text names.
var namedCommands = regexp.MustCompile(`berth (upgrade finish|upgrade|up|rollback|revert|down)\b((?: --to [0-9.]+)*)|write  release: ([0-9.]+)`)

// lead brings the installation to health by what berth names and nothing else.
func (w *walker) lead() {
	tried := map[string]int{}
	failed := ""
	var said []string
	for range 8 {
		s, sc := w.run(0, "status")
		p, pc := w.run(0, "plan")
		if sc == 0 && pc == 0 {
			return
		}
		said = append(said, s, p)
		next := ""
		for _, text := range []string{failed, s, p} {
			for _, c := range namedCommands.FindAllString(text, -1) {
				c = strings.TrimSuffix(c, ".")
				if next == "" || tried[c] < tried[next] {
					next = c
				}
			}
		}
		if next == "" {
			w.broke("the commands that berth names repair it", "none is named:\n%s", strings.Join(said, "\n"))
		}
		tried[next]++
		said = append(said, "TRIED "+next)
		failed = ""
		if to, ok := strings.CutPrefix(next, "write  release: "); ok {
			w.edit(`(?m)^release: \S+`, "release: "+to)
			continue
		}
		c := strings.TrimPrefix(next, "berth ")
		if !strings.HasPrefix(c, "up ") && c != "up" && c != "down" {
			c += " --yes"
		}
		out, code := w.do(0, c)
		said = append(said, out)
		if code != 0 {
			failed = out
		}
	}
	w.broke("the commands that berth names repair it", "%s", strings.Join(said, "\n"))
}
