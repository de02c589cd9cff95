//go:build faults

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

// journal counts the steps that a run has begun, and gives the name of the last one.
func (s *site) journal() int {
	text, err := os.ReadFile(filepath.Join(s.dir, ".berth", s.name, "journal.jsonl"))
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "\n")
}

// TestKillAtEveryStep kills berth after each event of its journal in turn, runs it again, and expects that it goes on: the first user's
// data, made before, is there at the end, and no second copy of anything.
func TestKillAtEveryStep(t *testing.T) {
	s := newSite(t, "killed")
	s.must(0, "lock")
	kills := 0
	for event := 1; ; event++ {
		cmd := s.command(context.Background(), "up")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		ended := false
		var result error
		for !ended && s.journal() < event {
			select {
			case result = <-done:
				ended = true
			case <-time.After(5 * time.Millisecond):
			}
		}
		if ended {
			if result != nil {
				t.Fatalf("up after %d kills: %v", kills, result)
			}
			break
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-done
		kills++
		if kills > 80 {
			t.Fatal("killed 80 times, and up does not come to its end")
		}
	}
	t.Logf("killed %d times", kills)
	if kills < 4 {
		t.Errorf("killed only %d times: the test does not reach the steps", kills)
	}
	s.must(0, "plan")
	s.firstUse("example/killed", "needle-killed")
	s.search("example/killed", "needle-killed")
}

// TestKillWhileReplacing kills berth while containers are made anew, which Docker Compose does under temporary names.
func TestKillWhileReplacing(t *testing.T) {
	s := newSite(t, "replaced")
	s.must(0, "lock")
	s.must(0, "up")
	s.firstUse("example/replaced", "needle-replaced")
	for i := range 12 {
		s.edit("size: demo", fmt.Sprintf("size: demo\nservices: {worker: {env: {ROUND: \"%d\"}}, gitserver: {env: {ROUND: \"%d\"}}, pgsql: {env: {ROUND: \"%d\"}}}", i, i, i))
		cmd := s.command(context.Background(), "up")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+i*250) * time.Millisecond) // a different moment each time
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s.edit(fmt.Sprintf("size: demo\nservices: {worker: {env: {ROUND: \"%d\"}}, gitserver: {env: {ROUND: \"%d\"}}, pgsql: {env: {ROUND: \"%d\"}}}", i, i, i), "size: demo")
	}
	s.must(0, "up")
	s.must(0, "plan")
	names := docker(t, "ps", "-a", "--filter", "label=com.docker.compose.project="+s.name, "--format", "{{.Names}}")
	if n := strings.Count(names, "\n") + 1; n != 26 {
		t.Errorf("%d containers, want 26: something half-done was left\n%s", n, names)
	}
	s.search("example/replaced", "needle-replaced")
}

func TestContainerThatNeverGetsHealthy(t *testing.T) {
	s := newSite(t, "unhealthy", "services: {searcher: {env: {STANDIN_FAIL: unhealthy}}}")
	s.must(0, "lock")
	out := s.must(1, "up", "--timeout", "45s")
	for _, want := range []string{"searcher-0", "BERTH32", "berth up"} {
		if !strings.Contains(out, want) {
			t.Errorf("the message lacks %q:\n%s", want, out)
		}
	}
	s.edit("STANDIN_FAIL: unhealthy", "STANDIN_FAIL: \"\"")
	s.must(0, "up")
	s.must(0, "plan")
}

func TestContainerThatCrashes(t *testing.T) {
	s := newSite(t, "crashing", "services: {gitserver: {env: {STANDIN_FAIL: exit}}}")
	s.must(0, "lock")
	start := time.Now()
	out := s.must(1, "up")
	if took := time.Since(start); took > 3*time.Minute {
		t.Errorf("a crash loop was told of after %v only", took)
	}
	if !strings.Contains(out, "gitserver-0") || !strings.Contains(out, "STANDIN_FAIL") {
		t.Errorf("the message has not the service and its last lines:\n%s", out)
	}
	s.edit("STANDIN_FAIL: exit", "STANDIN_FAIL: \"\"")
	s.must(0, "up")
}

func TestImageThatIsNotThere(t *testing.T) {
	s := newSite(t, "noimage")
	s.must(0, "lock")
	lock := filepath.Join(s.dir, "sourcegraph.lock")
	text, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "\n    worker: sha256:")
	s.writeFile("sourcegraph.lock", before+"\n    worker: sha256:"+strings.Repeat("0", 64)+after[64:])
	out := s.must(3, "up")
	if !strings.Contains(out, "BERTH1210") || !strings.Contains(out, "/worker") {
		t.Errorf("the message has not the code and the image:\n%s", out)
	}
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started, although an image is missing: %v", got)
	}
	s.writeFile("sourcegraph.lock", string(text))
}

func TestEngineRestartedInTheMiddle(t *testing.T) {
	s := newSite(t, "restarted")
	s.must(0, "lock")
	cmd := s.command(context.Background(), "up")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(time.Minute)
	for len(s.containers()) < 5 && time.Now().Before(limit) {
		time.Sleep(50 * time.Millisecond)
	}
	if text, err := exec.Command("../testbed/engine", "restart").CombinedOutput(); err != nil {
		t.Fatalf("restart the engine: %v\n%s", err, text)
	}
	err := cmd.Wait()
	t.Logf("up while the engine restarted: %v\n%s", err, out.String())
	if err != nil && !strings.Contains(out.String(), "BERTH3") {
		t.Errorf("up ended without a code:\n%s", out.String())
	}
	s.must(0, "up")
	s.must(0, "plan")
	s.firstUse("example/restarted", "needle-restarted")
	s.search("example/restarted", "needle-restarted")
}

// TestFullDisk fills a small disk under the database's volume.
func TestFullDisk(t *testing.T) {
	s := newSite(t, "full")
	s.must(0, "lock")
	s.must(0, "up")
	s.must(0, "down")
	disk := smallDisk(t, 256)
	docker(t, "volume", "rm", s.name+"_codeinsights-db")
	docker(t, "volume", "create", "--driver", "local", "-o", "type=none", "-o", "o=bind", "-o", "device="+disk,
		"--label", "com.docker.compose.project="+s.name, "--label", "com.docker.compose.volume=codeinsights-db", s.name+"_codeinsights-db")
	if err := os.Chmod(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(disk, "filler")
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=1M").CombinedOutput(); err == nil {
		t.Fatalf("the disk was not filled:\n%s", out)
	}
	out := s.must(1, "up", "--timeout", "90s")
	if !strings.Contains(out, "codeinsights-db") || !strings.Contains(strings.ToLower(out), "no space left") {
		t.Errorf("the message has not the service and the reason:\n%s", out)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	s.must(0, "up")
	s.must(0, "plan")
}

// smallDisk mounts a file system of some MB.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "disk.img"), filepath.Join(dir, "mnt")
	for _, c := range [][]string{
		{"truncate", "-s", fmt.Sprintf("%dM", megabytes), image},
		{"mkfs.ext4", "-q", "-m", "0", image},
		{"mkdir", mount},
		{"mount", "-o", "loop", image, mount},
		{"rmdir", filepath.Join(mount, "lost+found")},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", mount).CombinedOutput(); err != nil {
			t.Logf("umount: %v\n%s", err, out)
		}
	})
	return mount
}

// TestDatabaseAway: what up says of everything holds at once, also of a frontend that the run did not touch. The engine takes it for unhealthy
// while its database is started again, until its next check.
func TestDatabaseAway(t *testing.T) {
	s := newSite(t, "away")
	s.must(0, "lock")
	s.must(0, "up")
	docker(t, "stop", s.name+"-pgsql")
	const frontend = "sourcegraph-frontend-internal"
	await(t, 2*time.Minute, "its check to fail four times of five", func() bool {
		return docker(t, "inspect", "-f", "{{.State.Health.FailingStreak}}", s.name+"-"+frontend) == "4"
	})
	out := s.must(0, "up")
	if strings.Contains(out, "restart  "+frontend) {
		t.Errorf("it was restarted:\n%s", out)
	}
	s.must(0, "status")
	s.must(0, "plan")
}

// TestInterrupt stops a run with Ctrl-C: it finishes the step in hand, says what was and was not done, and up goes on from there.
func TestInterrupt(t *testing.T) {
	s := newSite(t, "interrupted")
	s.must(0, "lock")
	cmd := s.command(context.Background(), "up")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(time.Minute)
	for len(s.containers()) < 3 && time.Now().Before(limit) {
		time.Sleep(20 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit %d after Ctrl-C, want 130\n%s", code, out.String())
	}
	for _, want := range []string{"not done", "berth up"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the message lacks %q:\n%s", want, out.String())
		}
	}
	s.must(0, "up")
	s.must(0, "plan")
	var runs []struct {
		Result string `json:"result"`
	}
	if err := json.Unmarshal([]byte(s.must(0, "history", "--json")), &runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 {
		t.Errorf("history has %d runs, want the interrupted one and the one after it", len(runs))
	}
}
