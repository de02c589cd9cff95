package cli

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// states are how an installation can be when somebody types a command that the guide does not name there.
var states = []struct {
	name, release string
	make          func(l *life)
}{
	{"nothing is there", "7.5.4453", func(*life) {}},
	{"it runs", "7.5.4453", has()},
	{"it is stopped", "7.5.4453", func(l *life) { has()(l); l.must(0, "down") }},
	{"its data is deleted", "7.5.4453", func(l *life) { has()(l); l.must(0, "down", "--delete-data", "sourcegraph") }},
	{"the first up was killed", "7.5.4453", func(l *life) { l.run(20, "up") }},
	{"an upgrade was killed", "6.0.0", func(l *life) { has()(l); l.run(60, "upgrade", "--yes", "--to", "7.5.4453") }},
	{"it was upgraded", "6.0.0", func(l *life) { has()(l); l.must(0, "upgrade", "--yes", "--to", "7.5.4453") }},
	{"it was upgraded and rolled back", "7.4.0", func(l *life) {
		has()(l)
		l.must(0, "upgrade", "--yes", "--to", "7.5")
		l.must(0, "rollback", "--yes")
	}},
	{"a move was killed", "7.5.4453", func(l *life) { hasDestination(l); l.run(60, "move", "--to", "there.yaml", "--yes") }},
	{"it was moved away", "7.5.4453", func(l *life) { hasDestination(l); l.must(0, "move", "--to", "there.yaml", "--yes") }},
	{"the config can't be read", "7.5.4453", func(l *life) { has()(l); l.write(l.file() + "sevices: [\n") }},
	{"there is no config", "7.5.4453", func(l *life) { l.absent() }},
}

// given are arguments with which a command does something. Commands that are not here have none.
var given = map[string][]string{
	"berth adopt":            {".", "--out", "adopted.yaml"},
	"berth backup":           {"--out", "backups"},
	"berth backup prove":     {"latest"},
	"berth backup verify":    {"latest"},
	"berth bundle analyze":   {"bundle.tar.gz"},
	"berth bundle diff":      {"bundle.tar.gz", "bundle.tar.gz"},
	"berth bundle verify":    {"bundle.tar.gz"},
	"berth bundle who":       {"host-7k2m9qxa"},
	"berth console":          {"--json"}, // without it, it listens until Ctrl-C: console_test.go has it in these states
	"berth eject":            {"--as", "compose", "--official", "docker-compose.yaml", "--out", "official"},
	"berth exec":             {"worker", "--", "echo", "hello"},
	"berth exception new":    {"one"},
	"berth exception renew":  {"one", "--expires", "2100-01-01"},
	"berth exception revoke": {"one", "--reason", "not needed"},
	"berth exception show":   {"one"},
	"berth explain":          {"services"},
	"berth logs":             {"worker"},
	"berth move":             {"--to", "there.yaml", "--yes"},
	"berth restart":          {"worker", "--yes"},
	"berth restore":          {"latest", "--replace", "--yes"},
	"berth support ask":      {"redis"},
	"berth support diff":     {"5.11", "7.5"},
	"berth upgrade":          {"--yes"},
	"berth rehearse":         {"--yes"},
	"berth render":           {"--as", "compose"},
	"berth catalogue show":   {"7.5"},
	"berth completion":       {"bash"},
	"berth completion bash":  {},
	"berth move back":        {"--yes"},
	"berth move finish":      {"--yes"},
	"berth adopt undo":       {"--yes"},
	"berth adopt finish":     {"--yes"},
	"berth rollback":         {"--yes"},
	"berth revert":           {"--yes"},
	"berth upgrade finish":   {"--yes"},
	"berth up":               {"--yes"},
	"berth down":             {"--yes"},
	"berth size":             {"--users", "100", "--repositories", "100"},
	"berth man":              {"--out", "man"},
	"berth agent render":     {"--as", "systemd"},
	"berth version":          {},
}

// TestEveryCommandInEveryState: a command ends with an exit code of ours and says by a code what is wrong, also where the guide would not give it.
func TestEveryCommandInEveryState(t *testing.T) {
	var commands []*cobra.Command
	var collect func(c *cobra.Command)
	collect = func(c *cobra.Command) {
		if c.Runnable() && c.HasParent() {
			commands = append(commands, c)
		}
		for _, sub := range c.Commands() {
			collect(sub)
		}
	}
	collect(newRoot(&Env{}))
	code := regexp.MustCompile(`BERTH[0-9]{4}`)
	for _, on := range []string{"compose", "kubernetes"} {
		for _, state := range states {
			t.Run(on+"/"+strings.ReplaceAll(state.name, " ", "_"), func(t *testing.T) {
				t.Parallel()
				l := newLife(t, on, state.release)
				state.make(l)
				start, file := l.world, l.read()
				for _, c := range commands {
					if kills() == 1 && rand.IntN(4) > 0 { // a run under the race detector, which takes ten times as long
						continue
					}
					l.world = start.Copy()
					l.put(file)
					l.try(append(strings.Fields(c.CommandPath())[1:], given[c.CommandPath()]...), code)
				}
			})
		}
	}
}

// try runs a command that may fail, and fails the test when it does not say why.
func (l *life) try(args []string, code *regexp.Regexp) {
	l.t.Helper()
	said := "berth " + strings.Join(args, " ")
	defer func() {
		if broken := recover(); broken != nil {
			l.t.Errorf("%s: panic: %v", said, broken)
		}
	}()
	out, exit := l.run(0, args...)
	switch {
	case !slices.Contains([]int{0, 1, 2, 3}, exit):
		l.t.Errorf("%s: exit %d\n%s", said, exit, tail(out))
	case (exit == 1 || exit == 3) && !code.MatchString(out) && !slices.Contains([]string{"status", "verify"}, args[0]): // theirs is a result
		l.t.Errorf("%s: exit %d without a code\n%s", said, exit, tail(out))
	case strings.Contains(out, "%!") || strings.Contains(out, "<nil>"):
		l.t.Errorf("%s: %s", said, fmt.Sprintf("%q", tail(out)))
	}
}
