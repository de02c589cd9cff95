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

// TestAdoptFork: an installation that plain docker compose started from a fork is taken over with no container made again, changed by berth, and
// given back to docker compose.
func TestAdoptFork(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "fork", "containerPrefix: fork-", shippedPasswords)
	s.must(0, "lock")
	fork := s.fork()
	compose := func(args ...string) string {
		return docker(t, append([]string{"compose", "--project-name", "fork", "--project-directory", fork}, args...)...)
	}
	t.Cleanup(func() { // the rest goes with the site, which needs its config
		for name := range byProject(t, "fork") {
			docker(t, "rm", "-f", name)
		}
		s.with()
	})
	compose("up", "-d", "--quiet-pull")
	s.answers()
	s.firstUse("example/fork", "needle-fork")
	before := byProject(t, "fork")

	said := s.must(0, "adopt", fork, "--project-name", "fork", "--url", fmt.Sprintf("http://localhost:%d", s.port))
	says(t, said, "Sourcegraph "+release, "nothing that runs was changed", "next: berth plan")
	s.staysAsItIs()
	s.must(0, "up")
	unchanged(t, before, byProject(t, "fork"))
	says(t, s.must(0, "status"), "ready")

	// What is changed is made again, and nothing else.
	s.edit("size: demo", "size: demo\nservices: {worker: {env: {SRC_LOG_LEVEL: warn}}}")
	says(t, s.must(2, "plan"), "worker")
	s.must(0, "up")
	after := byProject(t, "fork")
	if after["fork-worker"] == before["fork-worker"] {
		t.Error("the worker has the old variables")
	}
	delete(after, "fork-worker")
	unchanged(t, after, before)
	s.must(0, "plan")
	s.search("example/fork", "needle-fork")

	// And back.
	says(t, s.must(0, "adopt", "undo", "--yes"), "no container was changed", "docker compose")
	compose("up", "-d", "--quiet-pull")
	s.answers()
	s.search("example/fork", "needle-fork")
	given := byProject(t, "fork")
	delete(given, "fork-worker")
	delete(given, "fork-migrator")
	unchanged(t, given, before)
}

// answers waits until the front proxy says that Sourcegraph is healthy.
func (s *site) answers() {
	s.t.Helper()
	await(s.t, 2*time.Minute, "Sourcegraph to answer", func() bool {
		code, _ := s.get("/healthz")
		return code == 200
	})
}

// fork writes what the site's config renders as a fork of Sourcegraph's repository, without anything of berth's, and takes the config away.
func (s *site) fork() string {
	s.t.Helper()
	s.must(0, "render", "--as", "compose", "--out", "fork")
	root := filepath.Join(s.dir, "fork")
	text := s.read("fork/docker-compose.yaml")
	text = regexp.MustCompile(`(?m)^ +labels:\n( +dev\.berth\..*\n)+`).ReplaceAllString(text, "")
	text = strings.NewReplacer("- \"./", "- \"../", "- ./", "- ../").Replace(text)
	s.writeFile("fork/docker-compose/docker-compose.yaml", text)
	for _, name := range []string{"docker-compose.yaml", ".env", ".gitignore"} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, name := range []string{"sourcegraph.yaml", "sourcegraph.lock"} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			s.t.Fatal(err)
		}
	}
	return filepath.Join(root, "docker-compose")
}

// byProject are the IDs and starts of the containers of a Compose project, by name.
func byProject(t *testing.T, project string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range strings.Fields(docker(t, "ps", "-a", "--filter", "label=com.docker.compose.project="+project, "--format", "{{.Names}}")) {
		out[name] = docker(t, "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", name)
	}
	return out
}

// unchanged: all containers of one side are the same, and started at the same time, in the other.
func unchanged(t *testing.T, some, others map[string]string) {
	t.Helper()
	if len(some) == 0 {
		t.Error("there are no containers")
	}
	for name, how := range some {
		if others[name] != how {
			t.Errorf("%s was made or started again", name)
		}
	}
}
