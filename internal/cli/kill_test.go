package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
)

// kills is how many of a command's effects it is killed at, at the most: evenly over all of them, from a random one on. BERTH_KILLS=1000 kills it at
// every one.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("BERTH_KILLS")); err == nil {
		return n
	}
	return 6
}

// killed is a command that is killed at its effects, and continued by the command that people type then.
type killed struct {
	name    string
	release string
	before  func(l *life)          // what was done until then
	command string                 // that is killed
	again   func(l *life) []string // what continues it; nil: the same command
	after   func(l *life)          // proves more of what it led to; nil: there is no more
	or      [2]string              // what the history may have in place of something: a revert was not recorded yet, a rehearsal was already
}

// has runs commands that have to work.
func has(commands ...string) func(l *life) {
	return func(l *life) {
		l.must(0, "up")
		l.world.Write("sourcegraph", "rows;")
		for _, c := range commands {
			l.must(0, strings.Fields(c)...)
		}
	}
}

// edited deploys another config of the same release.
func edited(l *life) {
	has()(l)
	l.write(l.file() + "services:\n  gitserver:\n    memory: 9Gi\n")
	l.must(0, "up")
}

// reverted continues a revert: it has written the file before it began, so that up does.
func reverted(l *life) []string {
	if strings.Contains(l.file(), "9Gi") {
		return []string{"revert", "--yes"}
	}
	return []string{"up"}
}

// rehearsed is the history of a rehearsal. One that is killed while it deletes its clone is done, and the next one is another.
const rehearsed = "rehearse 6.0.0 to 7.5.4453 done"

var killedCommands = []killed{
	{name: "first up", release: "7.5.4453", command: "up"},
	{name: "up after a change", release: "7.5.4453", before: func(l *life) { has()(l); l.write(l.file() + "services:\n  gitserver:\n    memory: 9Gi\n") }, command: "up"},
	{name: "up to the next release", release: "7.4.0", before: func(l *life) { has()(l); l.write(strings.Replace(l.file(), "7.4.0", "7.5.4453", 1)) }, command: "up",
		again: func(l *life) []string {
			if strings.Contains(l.must(-1, "status"), "berth upgrade") {
				return []string{"upgrade", "--yes"}
			}
			return []string{"up"}
		}},
	{name: "standard upgrade", release: "7.4.0", before: has(), command: "upgrade --yes --to 7.5.4453"},
	{name: "upgrade over minor releases", release: "6.0.0", before: has(), command: "upgrade --yes --to 7.5.4453"},
	{name: "upgrade over majors and Postgres", release: "5.9.1590", before: has(), command: "upgrade --yes --to 7.5.4453"},
	{name: "patch with another C library", release: "6.2.1106", before: has(), command: "upgrade --yes --to 6.2.2553"},
	{name: "rollback over C libraries", release: "6.2.1106", before: has("upgrade --yes --to 6.2.2553"), command: "rollback --yes"},
	{name: "rollback by a deploy", release: "7.4.0", before: has("upgrade --yes --to 7.5.4453"), command: "rollback --yes"},
	{name: "rollback by the migrator", release: "6.0.0", before: has("upgrade --yes --to 7.5.4453"), command: "rollback --yes"},
	{name: "rollback by a backup", release: "5.9.1590", before: has("upgrade --yes --to 5.11.6271"), command: "rollback --yes"},
	{name: "revert", release: "7.5.4453", before: edited, command: "revert --yes", again: reverted,
		or: [2]string{"revert to run 1, 7.5.4453 done", "up 7.5.4453 done"}},
	{name: "revert, given again", release: "7.5.4453", before: edited, command: "revert --yes"},
	{name: "down", release: "7.5.4453", before: has(), command: "down"},
	{name: "down with data", release: "7.5.4453", before: has(), command: "down --delete-data sourcegraph"},
	{name: "backup", release: "7.5.4453", before: keepsBackups, command: "backup", after: func(l *life) { l.must(0, "backup", "verify", "latest") }},
	{name: "proof of a backup", release: "7.5.4453", before: func(l *life) { keepsBackups(l); l.must(0, "backup") }, command: "backup prove latest",
		or: [2]string{proven, proven + ", " + proven}},
	{name: "restore in place", release: "7.5.4453", command: "restore latest --replace --yes",
		before: func(l *life) { keepsBackups(l); l.must(0, "backup"); l.world.Write("sourcegraph", "later;") }},
	{name: "restore into nothing", release: "7.5.4453", command: "restore latest",
		before: func(l *life) { keepsBackups(l); l.must(0, "backup"); l.must(0, "down", "--delete-data", "sourcegraph") }},
	{name: "move", release: "7.5.4453", command: "move --to there.yaml --yes", before: hasDestination},
	{name: "move with files", release: "7.5.4453", command: "move --to there.yaml --with gitserver --yes", before: hasDestination,
		after: func(l *life) {
			if text := l.world.Files("moved", "gitserver"); text != "gitserver of sourcegraph" {
				l.t.Errorf("the destination has the files %q", text)
			}
		}},
	{name: "move with a short downtime", release: "7.5.4453", command: "move --to there.yaml --short-downtime --yes", before: hasDestination},
	{name: "way back of a move with a short downtime", release: "7.5.4453", command: "move back --yes", again: returns, after: func(l *life) { l.must(0, "plan") },
		before: func(l *life) {
			hasDestination(l)
			l.world.Write("sourcegraph", "alice;")
			l.run(120, "move", "--to", "there.yaml", "--short-downtime", "--yes")
		}},
	{name: "way back of a move", release: "7.5.4453", command: "move back --yes", again: returns, after: func(l *life) { l.must(0, "plan") },
		before: func(l *life) {
			hasDestination(l)
			l.must(0, "move", "--to", "there.yaml", "--yes")
			l.world.Write("moved", "bob;")
		}},
	{name: "end of a move", release: "7.5.4453", command: "move finish --yes", again: ends,
		before: func(l *life) { hasDestination(l); l.must(0, "move", "--to", "there.yaml", "--yes") }},
	{name: "new indexes", release: "7.5.4453", before: func(l *life) { has()(l); l.world.Age("sourcegraph") }, command: "doctor --fix --yes", after: func(l *life) { l.must(0, "plan") }},
	{name: "rehearsal", release: "6.0.0", before: has(), command: "rehearse --to 7.5.4453",
		or: [2]string{rehearsed, rehearsed + ", " + rehearsed}},
}

// TestKilledAnywhere: wherever a command is killed, the command that continues it leads to where it would have led.
func TestKilledAnywhere(t *testing.T) {
	for _, on := range []string{"compose", "kubernetes"} {
		for _, k := range killedCommands {
			t.Run(on+"/"+strings.ReplaceAll(k.name, " ", "_"), func(t *testing.T) {
				t.Parallel()
				k.everywhere(newLife(t, on, k.release))
			})
		}
	}
}

func (k *killed) everywhere(l *life) {
	l.t.Helper()
	if k.before != nil {
		k.before(l)
	}
	start, file := l.world, l.file()
	begin := func() { l.world = start.Copy(); l.write(file) }
	begin()
	l.must(0, strings.Fields(k.command)...)
	effects, want := l.world.Effects(), l.ending()
	stride := max(1, (effects+kills()-1)/kills())
	for n := 1 + rand.IntN(stride); n <= effects; n += stride {
		begin()
		said, _ := l.run(n, strings.Fields(k.command)...)
		if !l.world.Killed() || l.ended(want) {
			continue // it came to its end
		}
		again := strings.Fields(k.command)
		if k.again != nil {
			again = k.again(l)
		}
		next, code := l.run(0, again...)
		if got := l.ending(); code != 0 || got != want && got != strings.Replace(want, k.or[0], k.or[1], 1) {
			l.t.Errorf("berth %s, killed at effect %d of %d, then berth %s: exit %d\n%s\nwant\n%s\nthe first printed\n%s\nthe second\n%s", k.command, n, effects,
				strings.Join(again, " "), code, got, want, tail(said), tail(next))
			return
		}
		if k.after != nil {
			k.after(l)
		}
	}
}

// TestDeletedWhileStopped: what somebody deletes while a command is stopped runs at its end, also when only the release was left to be written.
func TestDeletedWhileStopped(t *testing.T) {
	for _, k := range killedCommands {
		name, unit, look := "sourcegraph", "worker", []string{"plan"}
		switch verb, rest, _ := strings.Cut(k.command, " "); {
		case verb == "move" && strings.HasPrefix(rest, "--to"):
			name, unit, look = "moved", "Deployment/worker", []string{"plan", "--config", "there.yaml"}
		case verb != "upgrade" && verb != "rollback" && verb != "restore" && verb != "doctor" && k.command != "move back --yes":
			continue
		}
		t.Run(strings.ReplaceAll(k.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "compose", k.release)
			k.before(l)
			start, file := l.world, l.file()
			begin := func() { l.world = start.Copy(); l.write(file) }
			begin()
			l.must(0, strings.Fields(k.command)...)
			effects := l.world.Effects()
			for n := effects - 15; n <= effects; n++ {
				begin()
				l.run(n, strings.Fields(k.command)...)
				if records := l.world.History("sourcegraph"); !l.world.Killed() || records[len(records)-1].Result != state.Killed {
					continue
				}
				l.world.Delete(name, unit)
				said := l.must(0, strings.Fields(k.command)...)
				if text, code := l.run(0, look...); code != ExitOK {
					t.Errorf("killed at effect %d of %d: after\n%s\nthe plan is\n%s", n, effects, said, text)
				}
			}
		})
	}
}

// keepsBackups deploys a config that says where backups are.
func keepsBackups(l *life) {
	l.write(l.file() + "backup: {to: backups}\n")
	has()(l)
}

// hasDestination deploys, and describes another installation, on the other target.
func hasDestination(l *life) {
	text := strings.Replace(l.file(), "compose", "KUBERNETES", 1)
	text = strings.Replace(strings.Replace(text, "kubernetes", "compose", 1), "KUBERNETES", "kubernetes", 1)
	l.beside("there.yaml", strings.Replace(text, "localhost", "there.example.com", 1)+"name: moved\n")
	has()(l)
}

// returns continues a way back, as long as it is not complete.
func returns(l *life) []string {
	if strings.Contains(l.must(-1, "status"), "berth move back") {
		return []string{"move", "back", "--yes"}
	}
	return []string{"status"}
}

// ends continues the end of a move, as long as the source is there.
func ends(l *life) []string {
	if strings.Contains(l.must(-1, "status"), "move      ") {
		return []string{"move", "finish", "--yes"}
	}
	return []string{"version"}
}

// proven is the history of a proof that was killed after its last step, and was asked for again.
const proven = "backup prove 7.5.4453 done"

// ended reports whether a killed command had done everything.
func (l *life) ended(want string) bool {
	records := l.world.History("sourcegraph")
	return len(records) > 0 && records[len(records)-1].Result != state.Killed && l.ending() == want
}

// tail is the end of an output.
func tail(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// ending is how everything is at rest: what runs, what data there is, what the file says, and what was done.
func (l *life) ending() string {
	l.t.Helper()
	rows, release := l.world.Rows("sourcegraph")
	moved, _ := l.world.Rows("moved")
	out := fmt.Sprintf("runs %v\nrows %q, databases of %s\nleft %s\nclone %q\nspoiled %v\nfile\n%s", l.world.Releases("sourcegraph"), rows, release, l.world.Left("sourcegraph"),
		l.world.Left("sourcegraph"+installation.CloneSuffix), l.world.Spoiled, l.file())
	out += fmt.Sprintf("moved %v, rows %q, left %s\n", l.world.Releases("moved"), moved, l.world.Left("moved"))
	if len(l.world.Releases("sourcegraph")) > 0 {
		_, code := l.run(0, "plan")
		out += fmt.Sprintf("plan exits with %d\n", code)
	}
	return out + "history " + strings.Join(asked(l.world.History("sourcegraph")), ", ")
}

// asked names what people asked for, and how it ended. What was killed and asked for again is there once.
func asked(records []state.Record) (out []string) {
	for i, r := range records {
		if again := i+1 < len(records) && r.Result == state.Killed && r.Config == records[i+1].Config; !again {
			what := r.What()
			if r.Action == plan.Down {
				what = "down" // where little was left, nobody knows of which release
			}
			out = append(out, what+" "+r.Result)
		}
	}
	return slices.Clip(out)
}
