//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/state"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/store"
)

// kills is a run of berth that is killed at every place and started again, until it ends by itself.
type kills struct {
	args   []string                            // the command
	place  func(b *started, killed int) string // where a run is, after some kills; "" is no place. What stands before "|" is its stage
	before func(killed int)                    // prepares each run; nil: nothing to prepare
	after  func()                              // checks what a kill left; nil: the next run does
	over   string                              // what a run says that finds nothing to do, and fails: the one before was killed after its last change
	least  int                                 // fewer kills fail the test, because it does not reach the steps
}

// tooLong is how long a run may be killed and started again.
const tooLong = 30 * time.Minute

// killEverywhere kills berth with kill -9 at each place where it was not killed before, and starts it again. The last run ends well. It logs how
// often it was killed in which stage: the tables of docs/reliability.md.
func (s *site) killEverywhere(k kills) {
	s.t.Helper()
	killed, stages := map[string]bool{}, map[string]int{}
	for first := time.Now(); ; {
		if time.Since(first) > tooLong {
			s.t.Fatalf("killed %d times in %v, and no run ends by itself", len(killed), tooLong)
		}
		if k.before != nil {
			k.before(len(killed))
		}
		b := s.start(k.args...)
		at := b.until(func() string {
			if at := k.place(b, len(killed)); !killed[at] {
				return at
			}
			return ""
		})
		if at == "" {
			if code := b.wait(); code != 0 && (k.over == "" || !strings.Contains(b.said.String(), k.over)) {
				s.t.Fatalf("after %d kills: exit %d\n%s", len(killed), code, b.said.String())
			}
			break
		}
		b.end(os.Kill)
		killed[at] = true
		stage, _, _ := strings.Cut(at, "|")
		stages[stage]++
		if k.after != nil {
			k.after()
		}
	}
	for stage, n := range stages {
		s.t.Logf("KILLED %-20s %3d times", stage, n)
	}
	s.t.Logf("KILLED in all %d times", len(killed))
	if len(killed) < k.least {
		s.t.Errorf("killed only %d times, want %d at least: the test does not reach the steps", len(killed), k.least)
	}
}

// until looks where a run is, every millisecond, until it is somewhere; "" when it ends before.
func (b *started) until(place func() string) string {
	for {
		if at := place(); at != "" {
			return at
		}
		select {
		case <-b.done:
			return ""
		case <-time.After(time.Millisecond):
		}
	}
}

// killAt starts berth and kills it as soon as its output has a match. It gives the output.
func (s *site) killAt(output *regexp.Regexp, args ...string) string {
	s.t.Helper()
	b := s.start(args...)
	if b.until(func() string { return output.FindString(b.said.String()) }) == "" {
		s.t.Fatalf("berth %s ended and did not print %s:\n%s", strings.Join(args, " "), output, b.said.String())
	}
	_, out := b.end(os.Kill)
	return out
}

// killAfter starts berth again and again and kills it after each of some times. What is done before each run may be nil.
func (s *site) killAfter(times []time.Duration, before func(killed int), args ...string) {
	s.t.Helper()
	for i, after := range times {
		if before != nil {
			before(i)
		}
		b := s.start(args...)
		select {
		case <-b.done:
		case <-time.After(after):
		}
		b.end(os.Kill)
	}
}

// journal reads what berth wrote into the journal since it was started: a run that goes on continues its journal.
func (s *site) journal(b *started) []state.Entry {
	s.t.Helper()
	entries := s.folderJournal
	if s.cluster {
		entries = s.clusterJournal
	}
	return slices.DeleteFunc(entries(), func(e state.Entry) bool { return e.Time.Before(b.began) })
}

func (s *site) folderJournal() (entries []state.Entry) {
	text, err := os.ReadFile(filepath.Join(s.dir, ".berth", s.name, "journal.jsonl"))
	if err != nil {
		return nil // not there yet
	}
	for line := range bytes.Lines(text) {
		var e state.Entry
		if json.Unmarshal(line, &e) != nil {
			break // it is being written
		}
		entries = append(entries, e)
	}
	return entries
}

func (s *site) clusterJournal() []state.Entry {
	s.t.Helper()
	if s.store == nil {
		client, err := kubernetes.Connect(s.t.Context(), os.Getenv, "")
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(client.Close)
		s.store = store.At(client, s.name, s.name)
	}
	entries, err := s.store.Written(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return entries
}

// nextEntry is the place of a run when its journal has one entry more than it was killed times.
func (s *site) nextEntry(b *started, killed int) string {
	if len(s.journal(b)) > killed {
		return fmt.Sprintf("journal|entry %d", killed+1)
	}
	return ""
}

// upgradeStep is the place of an upgrade or a rollback: its upgrade step and stage, and its last journal entry.
func (s *site) upgradeStep(b *started, _ int) string {
	entries := s.journal(b)
	if len(entries) == 0 {
		return ""
	}
	last, at := entries[len(entries)-1], 0
	for _, e := range entries {
		if e.In == 0 && e.Step > 0 {
			at = e.Step
		}
	}
	var record state.Record
	text, err := os.ReadFile(filepath.Join(s.dir, ".berth", s.name, "history", fmt.Sprintf("%04d.json", last.Run)))
	if err != nil || json.Unmarshal(text, &record) != nil || at == 0 || len(record.Plan.Stages) == 0 {
		return ""
	}
	stage := record.Plan.Stages[record.Plan.Steps[at-1].Stage]
	return fmt.Sprintf("%d %s|%s %s %s", stage.Hop+1, stage.Name, last.Event, last.Verb, last.What)
}

// upTo starts berth up and waits until its journal has some entries.
func (s *site) upTo(entries int) *started {
	s.t.Helper()
	b := s.start("up")
	if b.until(func() string {
		if len(s.journal(b)) >= entries {
			return "there"
		}
		return ""
	}) == "" {
		s.t.Fatalf("berth up ended before its journal had %d entries:\n%s", entries, b.said.String())
	}
	return b
}

// newLine gives the place of an upgrade that is the first line of its output that is in no earlier run: its stage, and the line without what
// differs each time, such as counts, times and names of pods.
func newLine() func(b *started, killed int) string {
	earlier := map[string]bool{}
	return func(b *started, _ int) string {
		stage := ""
		for line := range strings.Lines(b.said.String()) {
			if !strings.HasSuffix(line, "\n") {
				break // it is being printed
			}
			line = strings.TrimSpace(line)
			if _, after, begins := strings.Cut(line, ": "); begins && strings.HasPrefix(line, "== upgrade step") {
				stage = after
			}
			at := stage + "|" + changing.ReplaceAllString(line, "*")
			if stage != "" && !earlier[at] {
				earlier[at] = true
				return at
			}
		}
		return ""
	}
}

// changing is what differs between lines that say the same.
var changing = regexp.MustCompile(`[0-9]+|-[a-z0-9]{8,10}-[a-z0-9]{5}\b`)

// TestKillEveryStepOfDeploy kills berth after each entry of its journal while it deploys, and runs it again. At the end everything is healthy and
// there is no second copy of anything.
func TestKillEveryStepOfDeploy(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "killed")
	s.must(0, "lock")
	s.killEverywhere(kills{args: []string{"up"}, place: s.nextEntry, least: 20})
	s.must(0, "plan")
	s.firstUse("example/killed", "needle-killed")
	s.search("example/killed", "needle-killed")
}

// TestKillEveryStepOfUpgrade kills berth at every journal entry of each stage of an upgrade over two majors, and runs it again. At the end everything
// is as after an upgrade without a kill, and no row is lost.
func TestKillEveryStepOfUpgrade(t *testing.T) {
	needs(t, engine, images("6.0.0", release))
	s := older(t, "up-killed", "6.0.0")
	before := s.data()
	s.killEverywhere(kills{args: []string{"upgrade", "--yes", "--to", release}, place: s.upgradeStep, least: 25})
	s.same(before)
	s.must(0, "plan")
	s.noTasks()
}

// TestKillEveryStepOfRollback kills berth at every journal entry of a rollback over two majors, and runs it again. The old release runs with the
// same data.
func TestKillEveryStepOfRollback(t *testing.T) {
	needs(t, long, engine, images("6.0.0", release))
	s := older(t, "down-killed", "6.0.0")
	before := s.data()
	s.must(0, "upgrade", "--yes", "--to", release)
	s.killEverywhere(kills{args: []string{"rollback", "--yes"}, place: s.upgradeStep, over: "the upgrade from 6.0.0 was rolled back on", least: 25})
	s.same(before)
	s.must(0, "plan")
	s.noTasks()
}

// TestKillEveryStepOfRepair kills berth doctor --fix at each step of a repair, while people work and while Sourcegraph is stopped, and runs it again. At the
// end the doctor finds nothing, and the data is there.
func TestKillEveryStepOfRepair(t *testing.T) {
	needs(t, long, engine, images(release))
	s := newSite(t, "fix-killed")
	s.with(muted...)
	s.must(0, "lock")
	s.must(0, "up")
	s.firstUse("example/seeded", marker)
	s.well("up")
	for _, query := range []string{"CREATE INDEX doctored ON repo (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'doctored'::regclass",
		"UPDATE pg_database SET datcollversion = '2.28' WHERE datname = current_database()"} {
		pgsql(query)(s)
	}
	before := s.data()
	s.killEverywhere(kills{args: []string{"doctor", "--fix", "--yes"}, place: s.upgradeStep, least: 8})
	s.well("the repair")
	s.same(before)
	s.must(0, "plan")
	s.noTasks()
}

// TestClusterKillEveryStepOfDeploy kills berth after each entry of its journal while it changes an installation: it creates, changes, replaces and
// removes objects, and grows a volume. After each kill the next run completes the change.
func TestClusterKillEveryStepOfDeploy(t *testing.T) {
	needs(t, control)
	round := func(i int) string {
		if i%2 == 0 {
			return fmt.Sprintf("services: {gitserver: {storage: %dGi}}", 200+i)
		}
		return fmt.Sprintf("services: {gitserver: {storage: %dGi}, grafana: {enabled: false}, worker: {env: {A: b}}}", 200+i)
	}
	s := newFault(t, "f3-entries", round(0))
	s.must(0, "up")
	s.killEverywhere(kills{args: []string{"up"}, place: s.nextEntry, least: 15, after: s.completed,
		before: func(killed int) { s.edit(round(killed), round(killed+1)) }})
	s.must(0, "plan")
}

// TestClusterKillEveryStepOfUpgrade kills berth whenever it prints a line that no earlier run printed, in an upgrade over two majors, and runs it
// again. At the end everything is as after an upgrade without a kill.
func TestClusterKillEveryStepOfUpgrade(t *testing.T) {
	needs(t, long, node, images("6.0.0", release, "7.6.0"))
	s := olderCluster(t, "cup-killed", "6.0.0", 30098)
	before := s.data()
	s.killEverywhere(kills{args: []string{"upgrade", "--yes", "--to", release}, place: newLine(), least: 60})
	s.same(before)
	s.must(0, "plan")
	s.noTasks()
}

// noTasks fails the test when containers or pods of tasks are left.
func (s *site) noTasks() {
	s.t.Helper()
	left := ""
	if s.cluster {
		left = s.kubectl("get", "jobs,pods", "-o", "name", "-l", "dev.berth.task")
	} else {
		left = docker(s.t, "ps", "-a", "--format", "{{.Names}}", "--filter", "name="+s.name+"-berth-")
	}
	if left != "" {
		s.t.Errorf("tasks are left: %s", left)
	}
}
