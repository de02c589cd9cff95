//go:build e2e || faults || cluster || clusterfaults || upgrades || upgradefaults || clusterupgrades || walks

// Package e2e runs the berth program as a site admin would, against a real Docker Engine and real Kubernetes
// clusters with stand-in images (see testbed/).
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// release is the one that stand-in images are built for.
const release = "7.5.4453"

// registryAddress is where testbed/up keeps the stand-in images.
func registryAddress() string {
	if a := os.Getenv("BERTH_TESTBED_REGISTRY"); a != "" {
		return a
	}
	return "127.0.0.1:5010"
}

// site is an installation under test: a folder with a config, and its own name, ports and containers.
type site struct {
	t    *testing.T
	dir  string
	name string
	port int
	host string // where its front door is; "" is this machine

	cluster bool // it is on Kubernetes, in a namespace of its name
}

// newSite makes a folder with a short config. The installation is deleted when the test ends, and so is what an earlier run that was killed
// left of it.
func newSite(t *testing.T, name string, more ...string) *site {
	t.Helper()
	sweep(t, name)
	s := &site{t: t, dir: t.TempDir(), name: name, port: freePort(t)}
	s.write(append([]string{
		"on: compose",
		"release: " + release,
		fmt.Sprintf("url: http://localhost:%d", s.port),
		"name: " + name,
		"size: demo",
		"images: {registry: " + registryAddress() + "/sourcegraph}",
		fmt.Sprintf("ports: {bind: 127.0.0.1, https: %d, prometheus: %d}", freePort(t), freePort(t)),
	}, append(unprivileged(t), more...)...)...)
	t.Cleanup(func() {
		if s.remove() {
			sweep(t, name) // backups outlive their installation
		}
	})
	return s
}

// unprivileged patches cadvisor on an engine that can't start privileged containers; customers' engines can.
func unprivileged(t *testing.T) []string {
	t.Helper()
	if exec.Command("../testbed/engine", "privileged").Run() == nil {
		return nil
	}
	return []string{"patches:", "  - service: cadvisor", "    reason: this test engine starts no privileged containers", "    compose: {privileged: null, devices: null}"}
}

// in is the site with its failures told to a subtest.
func (s *site) in(t *testing.T) *site {
	inner := *s
	inner.t = t
	return &inner
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *site) write(lines ...string) {
	s.t.Helper()
	s.writeFile("sourcegraph.yaml", strings.Join(lines, "\n")+"\n")
}

func (s *site) writeFile(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// edit replaces a piece of the config.
func (s *site) edit(old, new string) {
	s.t.Helper()
	text := s.read("sourcegraph.yaml")
	if !strings.Contains(text, old) {
		s.t.Fatalf("the config has no %q:\n%s", old, text)
	}
	s.writeFile("sourcegraph.yaml", strings.Replace(text, old, new, 1))
}

// remove deletes the installation with its data, so that nothing is left for the next test. It is false where a failed one is kept.
func (s *site) remove() bool {
	if s.t.Failed() && os.Getenv("BERTH_KEEP") != "" {
		s.t.Logf("kept: %s in %s", s.name, s.dir)
		return false
	}
	if code, out := s.berth("down", "--delete-data", s.name); code != 0 {
		s.t.Errorf("down --delete-data: exit %d\n%s", code, out)
	}
	return true
}

// sweep removes every container, volume and network of the engine that is named after an installation or a clone of it. A test that was
// killed never got to its end, and the next one of that name must not begin with its data.
func sweep(t *testing.T, name string) {
	t.Helper()
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "-a", "--format", "{{.Names}}"}, []string{"rm", "-f", "-v"}},
		{[]string{"volume", "ls", "--format", "{{.Name}}"}, []string{"volume", "rm", "-f"}},
		{[]string{"network", "ls", "--format", "{{.Name}}"}, []string{"network", "rm"}},
	} {
		var left []string
		for _, found := range strings.Fields(docker(t, kind.list...)) {
			if strings.HasPrefix(found, name+"-") || strings.HasPrefix(found, name+"_") {
				left = append(left, found)
			}
		}
		if len(left) == 0 {
			continue
		}
		// An engine that counts wrong keeps a network that nothing is connected to, until it is restarted: berth uses it again.
		if out, err := exec.Command("docker", append(kind.remove, left...)...).CombinedOutput(); err != nil && !strings.Contains(string(out), "active endpoints") {
			t.Fatalf("docker %s %s: %v\n%s", kind.remove, left, err, out)
		}
	}
}

// program is the berth that is tested: the one of make build, or that of BERTH_PROGRAM.
func program(t *testing.T) string {
	t.Helper()
	p, err := filepath.Abs(cmp.Or(os.Getenv("BERTH_PROGRAM"), "../bin/berth"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("build it first: make build: %v", err)
	}
	return p
}

func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(s.t), args...)
	cmd.Dir = s.dir
	return cmd
}

// berth runs a command line to its end and gives its exit code and everything that it printed.
func (s *site) berth(args ...string) (int, string) {
	s.t.Helper()
	start := time.Now()
	out, err := s.command(context.Background(), args...).CombinedOutput()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("berth %s: exit %d in %.1f s", strings.Join(args, " "), code, time.Since(start).Seconds())
	return code, string(out)
}

// must runs a command line that has to end with an exit code.
func (s *site) must(code int, args ...string) string {
	s.t.Helper()
	got, out := s.berth(args...)
	if got != code {
		s.t.Fatalf("berth %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// docker runs a docker command and gives what it printed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("docker", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// containers gives the IDs of the installation's containers by name.
func (s *site) containers() map[string]string {
	s.t.Helper()
	out := docker(s.t, "ps", "-a", "--no-trunc", "--filter", "label=dev.berth.installation="+s.name, "--format", "{{.Names}} {{.ID}}")
	ids := map[string]string{}
	for line := range strings.Lines(out) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[strings.TrimPrefix(name, s.name+"-")] = id
	}
	return ids
}

func (s *site) url(path string) string {
	return fmt.Sprintf("http://%s:%d%s", cmp.Or(s.host, "127.0.0.1"), s.port, path)
}

// post sends a request through the front door.
func (s *site) post(path, contentType string, body io.Reader) {
	s.t.Helper()
	resp, err := http.Post(s.url(path), contentType, body)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		s.t.Fatalf("POST %s: %s\n%s", path, resp.Status, text)
	}
}

// get reads a page through the front door.
func (s *site) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// firstUse does what people do on a new Sourcegraph: makes the admin, adds a repository. The repository comes as a git bundle.
func (s *site) firstUse(repo, marker string) {
	s.t.Helper()
	s.post("/api/site-init", "application/json", strings.NewReader(`{"email":"ada@example.com","username":"ada","password":"correct horse"}`))
	s.addRepo(repo, marker)
}

func (s *site) addRepo(repo, marker string) {
	s.t.Helper()
	s.post("/api/repos/"+repo+"/bundle", "application/octet-stream", bytes.NewReader(bundle(s.t, marker)))
}

// bundle makes a small git repository whose one file holds a marker.
func bundle(t *testing.T, marker string) []byte {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\n// "+marker+"\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("add", ".")
	git("commit", "-qm", "first")
	git("bundle", "create", "-q", "repo.bundle", "main")
	content, err := os.ReadFile(filepath.Join(dir, "repo.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// search waits until a search through the front door finds a marker in a repository.
func (s *site) search(repo, marker string) {
	s.t.Helper()
	var last string
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) {
		code, text := s.get("/search?format=json&q=" + marker)
		last = fmt.Sprintf("%d %s", code, text)
		var answer struct {
			Results []struct {
				Repository string `json:"repository"`
				Line       string `json:"line"`
			} `json:"results"`
		}
		if code == 200 && json.Unmarshal([]byte(text), &answer) == nil {
			for _, r := range answer.Results {
				if r.Repository == repo && strings.Contains(r.Line, marker) {
					return
				}
			}
		}
		time.Sleep(300 * time.Millisecond) // between questions to a system that indexes in the background
	}
	s.t.Fatalf("no search found %s in %s; last answer:\n%s", marker, repo, last)
}

// users gives the names of the people that Sourcegraph knows: they live in Postgres.
func (s *site) users() string {
	s.t.Helper()
	_, text := s.get("/api/users")
	return text
}

// dockerLogs gives all that a container wrote.
func dockerLogs(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("docker", "logs", name).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// await waits until something holds.
func await(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited %v for %s", limit, what)
}

// ownPostgres runs a Postgres that is no part of the installation.
func ownPostgres(t *testing.T, port int, password string) {
	t.Helper()
	conf := t.TempDir()
	if err := os.WriteFile(filepath.Join(conf, "postgresql.conf"), []byte("listen_addresses = '*'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	docker(t, "run", "-d", "--name", "berth-e2e-owndb", "-p", fmt.Sprintf("0.0.0.0:%d:5432", port), "-v", conf+":/conf:ro",
		"-e", "POSTGRES_PASSWORD="+password, registryAddress()+"/sourcegraph/postgresql-16:"+release)
	t.Cleanup(func() { docker(t, "rm", "-f", "-v", "berth-e2e-owndb") })
	await(t, time.Minute, "the admin's Postgres", func() bool {
		return strings.Contains(docker(t, "inspect", "-f", "{{.State.Status}}", "berth-e2e-owndb"), "running") &&
			strings.Contains(dockerLogs(t, "berth-e2e-owndb"), "ready to accept connections")
	})
}
