//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKillWhileReplacing kills berth while it replaces containers, which Docker Compose does under temporary names.
func TestKillWhileReplacing(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "replaced")
	s.must(0, "lock")
	s.must(0, "up")
	s.firstUse("example/replaced", "needle-replaced")
	var times []time.Duration
	for i := range 12 {
		times = append(times, time.Duration(200+i*250)*time.Millisecond) // a different moment each time
	}
	s.killAfter(times, func(i int) {
		s.with(fmt.Sprintf("services: {worker: {env: {ROUND: \"%d\"}}, gitserver: {env: {ROUND: \"%d\"}}, pgsql: {env: {ROUND: \"%d\"}}}", i, i, i))
	}, "up")
	// Requests are held by a command in its container, which ends with the berth that began it, also one that was killed.
	await(t, time.Minute, "the front proxy to pass requests on again", func() bool {
		return !s.held()
	})
	s.with()
	s.must(0, "up")
	s.must(0, "plan")
	names := docker(t, "ps", "-a", "--filter", "label=com.docker.compose.project="+s.name, "--format", "{{.Names}}")
	if n := strings.Count(names, "\n") + 1; n != 26 {
		t.Errorf("%d containers, want 26: something unfinished was left\n%s", n, names)
	}
	s.search("example/replaced", "needle-replaced")
}

// TestContainerThatNeverGetsHealthy: up reports the container after its time limit, and succeeds when it is fixed.
func TestContainerThatNeverGetsHealthy(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "unhealthy", "services: {searcher: {env: {STANDIN_FAIL: unhealthy}}}")
	s.must(0, "lock")
	says(t, s.must(1, "up", "--timeout", "45s"), "searcher-0", "BERTH32", "berth up")
	s.edit("STANDIN_FAIL: unhealthy", "STANDIN_FAIL: \"\"")
	s.must(0, "up")
	s.must(0, "plan")
}

// TestContainerThatCrashes: up reports a container that crashes at every start, with its last lines, and succeeds when it is fixed.
func TestContainerThatCrashes(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "crashing", "services: {gitserver: {env: {STANDIN_FAIL: exit}}}")
	s.must(0, "lock")
	start := time.Now()
	out := s.must(1, "up")
	if took := time.Since(start); took > 3*time.Minute {
		t.Errorf("the crash loop was reported only after %v", took)
	}
	says(t, out, "gitserver-0", "STANDIN_FAIL")
	s.edit("STANDIN_FAIL: exit", "STANDIN_FAIL: \"\"")
	s.must(0, "up")
}

// TestImageThatIsNotThere: an image that the registry does not have is reported before anything is changed.
func TestImageThatIsNotThere(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "noimage")
	s.must(0, "lock")
	before, after, _ := strings.Cut(s.read("sourcegraph.lock"), "\n    worker: sha256:")
	s.writeFile("sourcegraph.lock", before+"\n    worker: sha256:"+strings.Repeat("0", 64)+after[64:])
	says(t, s.must(3, "up"), "BERTH1210", "/worker")
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started, although an image is missing: %v", got)
	}
}

// TestEngineRestartedDuringUp restarts the engine while up runs: up continues, or ends with a code, and the next one succeeds.
func TestEngineRestartedDuringUp(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "restarted")
	s.must(0, "lock")
	up := s.start("up")
	await(t, time.Minute, "five containers", func() bool { return len(s.containers()) >= 5 })
	restartEngine(t)
	code := up.wait()
	t.Logf("up while the engine restarted: exit %d\n%s", code, up.said.String())
	if code != 0 {
		says(t, up.said.String(), "BERTH3")
	}
	s.must(0, "up")
	s.must(0, "plan")
	s.firstUse("example/restarted", "needle-restarted")
	s.search("example/restarted", "needle-restarted")
}

// restartEngine restarts the test bed's Docker Engine; with "--kill" as a crash of the machine does.
func restartEngine(t *testing.T, how ...string) {
	t.Helper()
	if out, err := exec.Command("../testbed/engine", append([]string{"restart"}, how...)...).CombinedOutput(); err != nil {
		t.Fatalf("restart the engine: %v\n%s", err, out)
	}
}

// TestFullDisk fills the disk under a database's volume: up names the service and the reason, and succeeds when there is space.
func TestFullDisk(t *testing.T) {
	needs(t, engine, images(release))
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
	says(t, strings.ToLower(out), "codeinsights-db", "no space left")
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

// TestDatabaseStopped stops a database until a frontend is almost unhealthy. up starts the database, does not restart the frontend, and ends when
// the frontend is healthy again.
func TestDatabaseStopped(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "away")
	s.must(0, "lock")
	s.must(0, "up")
	const frontend = "sourcegraph-frontend-internal"
	await(t, time.Minute, "the engine to see that it is healthy: until then it counts no failure, and up asks the check itself", func() bool {
		return docker(t, "inspect", "-f", "{{.State.Health.Status}}", s.name+"-"+frontend) == "healthy"
	})
	docker(t, "stop", s.name+"-pgsql")
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

// TestInterrupt stops up with Ctrl-C: it completes the current step and lists what is not done. The next up does the rest.
func TestInterrupt(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "interrupted")
	s.must(0, "lock")
	up := s.start("up")
	await(t, time.Minute, "three containers", func() bool { return len(s.containers()) >= 3 })
	code, out := up.end(os.Interrupt)
	if code != 130 {
		t.Errorf("exit %d after Ctrl-C, want 130\n%s", code, out)
	}
	says(t, out, "not done", "berth up")
	s.must(0, "up")
	s.must(0, "plan")
	var runs []struct{ Result string }
	if err := resultOf(s.must(0, "history", "--json"), &runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 {
		t.Errorf("history has %d runs, want the interrupted one and the one after it", len(runs))
	}
}
