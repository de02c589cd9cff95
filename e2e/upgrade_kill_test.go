//go:build upgradefaults

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// position is where an upgrade is: its hop and stage, and the last step that was begun or ended in it.
func (s *site) position() string {
	var note struct {
		Status string
		At     struct {
			Hop   int
			Stage string
		}
	}
	if json.Unmarshal([]byte(s.note("upgrade")), &note) != nil || note.Status != "walking" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(s.dir, ".berth", s.name, "journal.jsonl"))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var entry struct{ Event, Verb, What string }
	if json.Unmarshal([]byte(lines[len(lines)-1]), &entry) != nil || note.At.Stage == "" {
		return ""
	}
	return fmt.Sprintf("%d|%s|%s %s %s", note.At.Hop+1, note.At.Stage, entry.Event, entry.Verb, entry.What)
}

// TestUpgradeKilledAtEveryStep kills berth each time that it comes to a place where it was not killed yet, and goes on, from 6.0 to the
// release of today. At the end everything is as after an upgrade that nobody disturbed, and no row is lost. The lines that begin with KILLED
// are the table of docs/reliability.md.
func TestUpgradeKilledAtEveryStep(t *testing.T) {
	buildImages(t, "6.0.0", release)
	s := newSite(t, "up-killed")
	s.edit("release: "+release, "release: 6.0.0")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	before := s.data()
	killed := map[string]bool{}
	stages := map[string]int{}
	for began := time.Now(); ; {
		if time.Since(began) > 25*time.Minute {
			t.Fatalf("killed %d times in 25 minutes, and it does not come to its end", len(killed))
		}
		cmd := s.command(context.Background(), "upgrade", "--yes", "--to", release)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		place, ended := "", false
		var result error
		for !ended && place == "" {
			select {
			case result = <-done:
				ended = true
			case <-time.After(3 * time.Millisecond):
				if p := s.position(); p != "" && !killed[p] {
					place = p
				}
			}
		}
		if ended {
			if result != nil {
				t.Fatalf("after %d kills: %v\n%s", len(killed), result, out.String())
			}
			break
		}
		killed[place] = true
		parts := strings.SplitN(place, "|", 3)
		stages["hop "+parts[0]+" "+parts[1]]++
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	for stage, n := range stages {
		t.Logf("KILLED %-20s %3d times", stage, n)
	}
	t.Logf("KILLED in all %d times", len(killed))
	if len(killed) < 15 {
		t.Errorf("killed only %d times: the test does not reach the steps", len(killed))
	}
	s.same(before)
	s.must(0, "plan")
	if strings.Contains(docker(t, "ps", "-a", "--format", "{{.Names}}"), s.name+"-berth-") {
		t.Error("a task's container is left")
	}
}

// TestUpgradeRebooted crashes the engine, and with it every container, in the middle of what takes long: a backup, the migrator, the new
// release's start. berth is killed with it, as by a machine that loses its power.
func TestUpgradeRebooted(t *testing.T) {
	buildImages(t, "6.0.0", release)
	s := newSite(t, "up-rebooted")
	s.edit("release: "+release, "release: 6.0.0")
	s.edit("ports: {", fmt.Sprintf("ports: {grafana: %d, ", freePort(t)))
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	s.fault("migration_seconds", "1") // time to be in the middle of one
	before := s.data()
	for _, stage := range []string{"back up", "migrate", "deploy"} {
		cmd := s.command(context.Background(), "upgrade", "--yes", "--to", release)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, 3*time.Minute, "the stage "+stage, func() bool { return strings.Contains(s.position(), "|"+stage+"|") })
		time.Sleep(500 * time.Millisecond) // its task begins
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		_ = cmd.Wait() // killed
		if text, err := exec.Command("../testbed/engine", "restart", "--kill").CombinedOutput(); err != nil {
			t.Fatalf("restart the engine: %v\n%s", err, text)
		}
		if status := s.must(1, "status"); !strings.Contains(status, "berth upgrade") {
			t.Errorf("crashed at %s, status does not say how to go on:\n%s", stage, status)
		}
	}
	s.must(0, "upgrade", "--yes", "--to", release)
	s.same(before)
	s.must(0, "plan")
}
