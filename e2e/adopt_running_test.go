//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shippedPasswords are those of Sourcegraph's own files.
const shippedPasswords = "databases: {pgsql: {password: shipped}, codeintel-db: {password: shipped}, codeinsights-db: {password: shipped}}"

// byCompose is an installation that plain docker compose started from a fork, with containers that have the names of Compose's version 1, and with data.
// compose runs docker compose in the fork.
func (s *site) byCompose() (fork string, compose func(args ...string) string) {
	s.t.Helper()
	fork = s.fork()
	file := filepath.Join("fork", "docker-compose", "docker-compose.yaml")
	s.writeFile(file, regexp.MustCompile(`(?m)^ +container_name:.*\n`).ReplaceAllString(s.read(file), ""))
	compose = func(args ...string) string {
		return docker(s.t, append([]string{"compose", "--compatibility", "--project-name", s.name, "--project-directory", fork}, args...)...)
	}
	s.t.Cleanup(func() { // the rest goes with the site, which needs its config
		for name := range byProject(s.t, s.name) {
			docker(s.t, "rm", "-f", name)
		}
		s.with()
	})
	compose("up", "-d", "--quiet-pull")
	s.answers()
	s.seed()
	return fork, compose
}

// staysAsItIs waits until a plan has nothing to do. A container that it would make again fails the test.
func (s *site) staysAsItIs() {
	s.t.Helper()
	await(s.t, 2*time.Minute, "the plan to be empty", func() bool {
		code, out := s.berth("plan")
		if strings.Contains(out, "differs") || strings.Contains(out, "recreate") {
			s.t.Fatalf("a container is not taken over as it is:\n%s", out)
		}
		return code == 0 // before, a service starts
	})
}

// TestAdoptRunning: nobody has the files of an installation, not even those that its containers mount. It is taken over from its containers, none of which is
// made again, and given back when somebody finds the files.
func TestAdoptRunning(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "lost", shippedPasswords, "services: {worker: {env: {SRC_LOG_LEVEL: warn}}, gitserver: {memory: 3Gi}}")
	s.must(0, "lock")
	fork, compose := s.byCompose()
	data, before := s.data(), byProject(t, s.name)
	if before["lost_pgsql_1"] == "" {
		t.Fatalf("the containers have other names than those of Compose's version 1: %v", before)
	}
	root, kept := filepath.Dir(fork), filepath.Join(s.dir, "kept")
	rename(t, root, kept)

	url := fmt.Sprintf("http://localhost:%d", s.port)
	said := s.must(3, "adopt", "--running", "--url", url)
	says(t, said, "the Compose project lost: Sourcegraph "+release, "can't be kept:", "this host no longer has it", "BERTH3733")
	said = s.must(0, "adopt", "--running", "--url", url, "--yes")
	says(t, said, "nothing that runs was changed", "next: berth plan")
	config := s.read("sourcegraph.yaml")
	says(t, config, "SRC_LOG_LEVEL: warn", `memory: "3Gi"`)
	s.staysAsItIs()
	s.must(0, "up")
	unchanged(t, before, byProject(t, s.name))
	says(t, s.must(0, "status"), "ready")
	says(t, s.must(0, "exec", "pgsql", "--", "hostname"), strings.TrimSpace(docker(t, "exec", "lost_pgsql_1", "hostname")))
	s.same(data)
	says(t, s.must(3, "adopt", "--running", "--out", "twice.yaml", "-p", "nothing"), "BERTH4320")

	// What is changed is made again, under berth's name, and nothing else.
	s.edit("SRC_LOG_LEVEL: warn", "SRC_LOG_LEVEL: info")
	says(t, s.must(2, "plan"), "worker")
	s.must(0, "up")
	s.must(0, "plan")
	after := byProject(t, s.name)
	if after["lost_worker_1"] != "" {
		t.Error("two workers run")
	}
	delete(after, "lost-worker")
	unchanged(t, after, before)

	// What stops can't be started without its files: berth creates it with its own.
	docker(t, "stop", "lost_prometheus_1")
	says(t, s.must(2, "plan"), "prometheus", "differs in volumes")
	s.must(0, "up")
	s.must(0, "plan")

	// And back, with the files that somebody found.
	says(t, s.must(0, "adopt", "undo", "--yes"), "no container was changed", "docker compose", "no longer has")
	rename(t, kept, root)
	compose("up", "-d", "--quiet-pull")
	s.answers()
	given := byProject(t, s.name)
	for _, name := range []string{"lost_worker_1", "lost_prometheus_1", "lost_migrator_1"} { // Compose runs the migrator again
		delete(given, name)
	}
	unchanged(t, given, before)
	s.same(data)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestAdoptedUpgrade: an installation that docker compose started is taken over, upgraded and rolled back, with its data. The takeover itself restarts nothing.
func TestAdoptedUpgrade(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	s := notDeployed(t, "taken", "7.4.0", shippedPasswords)
	s.must(0, "lock")
	fork, compose := s.byCompose()
	data, before := s.data(), byProject(t, s.name)
	s.must(0, "adopt", fork, "--project-name", s.name, "--url", fmt.Sprintf("http://localhost:%d", s.port))
	s.staysAsItIs()
	s.must(0, "up")
	unchanged(t, before, byProject(t, s.name))

	s.must(0, "lock", "--to", release)
	s.must(0, "upgrade", "--yes")
	s.same(data)
	s.must(0, "plan")
	if names := byProject(t, s.name); names["taken_worker_1"] != "" || names["taken-worker"] == "" {
		t.Errorf("the upgrade left containers of the fork: %v", names)
	}
	says(t, s.must(3, "adopt", "undo", "--yes"), "BERTH4309")
	says(t, s.must(0, "rollback", "--yes"), "nothing is lost")
	s.same(data)
	s.must(0, "plan")

	// The fork can be had back even now.
	s.must(0, "adopt", "undo", "--yes")
	compose("up", "-d", "--quiet-pull")
	s.answers()
	s.same(data)
}
