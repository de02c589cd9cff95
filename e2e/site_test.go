//go:build e2e

// Package e2e runs the berth program as a site admin does, on a real Docker Engine and on real Kubernetes clusters, with stand-in images (see testbed/).
//
// Each test begins with the parts of the test bed that it needs, and brings them up (bed_test.go). make e2e lists the tests; make e2e RUN=TestX runs
// one. Tests whose names begin with TestCluster run on a cluster, all others on an engine. A test has an installation of its own, with a name that
// no other test uses, and deletes it at its end.
//
// One package because all tests share the installation (site), the data that they compare (data_test.go) and the ways to kill berth (kill_test.go).
// Files that begin with cluster_ are about clusters, those with walk_ about random walks.
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
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/target/kubernetes/store"
)

// site is an installation under test: a folder with a config, and its own name, ports and containers.
type site struct {
	t    *testing.T
	dir  string
	name string
	port int
	host string // where its proxy answers; "" is this machine

	base  []string     // the lines of its first config
	store *store.Store // its state in a cluster, once it was read

	cluster bool // it is on Kubernetes, in a namespace of its name
}

// newSite makes a folder with a short config. The installation is deleted when the test ends, and so is what an earlier run that was killed
// left of it.
func newSite(t *testing.T, name string, more ...string) *site {
	t.Helper()
	declared(t, engine)
	sweep(t, name)
	s := &site{t: t, dir: t.TempDir(), name: name, port: freePort(t)}
	s.base = append([]string{
		"target: compose",
		"release: " + release,
		fmt.Sprintf("url: http://localhost:%d", s.port),
		"name: " + name,
		"size: demo",
		"images: {registry: " + repository() + "}",
		fmt.Sprintf("ports: {bind: 127.0.0.1, prometheus: %d}", freePort(t)),
	}, append(unprivileged(t), more...)...)
	s.write(s.base...)
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

// in is the site for a subtest, which fails in place of the test.
func (s *site) in(t *testing.T) *site {
	inner := *s
	inner.t = t
	return &inner
}

// givenPorts are those that freePort gave: the system may give one again before its first owner listens.
var givenPorts sync.Map

// freePort is a port that nobody listens at, and that no other call gave.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			return port
		}
	}
}

func (s *site) write(lines ...string) {
	s.t.Helper()
	s.writeFile("sourcegraph.yaml", strings.Join(lines, "\n")+"\n")
}

// with writes the first config again, with more lines. A subtest that begins so needs no other one to run before it.
func (s *site) with(more ...string) {
	s.t.Helper()
	s.write(append(slices.Clone(s.base), more...)...)
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

// remove deletes the installation and its data, and is true. With BERTH_KEEP it keeps one whose test failed, and is false.
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

// sweep removes every container, volume and network of the engine that is named after an installation or a clone of it. A test that was killed
// leaves them, and the next test of that name must not begin with that data.
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
		// Some engines count connections wrong and keep an unused network until they restart. berth uses it again.
		if out, err := exec.Command("docker", append(kind.remove, left...)...).CombinedOutput(); err != nil && !strings.Contains(string(out), "active endpoints") {
			t.Fatalf("docker %s %s: %v\n%s", kind.remove, left, err, out)
		}
	}
}

// program is the berth under test: that of make build, or of BERTH_PROGRAM.
func program(t *testing.T) string {
	t.Helper()
	p := absolute(t, cmp.Or(os.Getenv("BERTH_PROGRAM"), "../bin/berth"))
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("build it first: make build: %v", err)
	}
	return p
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(s.t), args...)
	cmd.Dir = s.dir
	return cmd
}

// berth runs a command to its end and gives its exit code and its output.
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

// must runs a command that has to end with an exit code, and gives its output.
func (s *site) must(code int, args ...string) string {
	s.t.Helper()
	got, out := s.berth(args...)
	if got != code {
		s.t.Fatalf("berth %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// docker runs a docker command and gives its output.
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

// post sends a request to the installation.
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

// get reads a page of the installation.
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

// firstSearched proves that berth sees that a search has a result, and that a report says after how many seconds. The stand-in takes filters such as count: for
// text, so there is a repository with that text.
func (s *site) firstSearched() {
	s.t.Helper()
	s.addRepo("example/asked", "count:1 .")
	status := s.must(0, "status")
	for end := time.Now().Add(90 * time.Second); !strings.Contains(status, "search    first result") && time.Now().Before(end); time.Sleep(time.Second) { // until it is cloned
		status = s.must(0, "status")
	}
	says(s.t, status, "search    first result")
	var seconds int
	shown := s.must(0, "report")
	if m := regexp.MustCompile(`"firstSearchSeconds": ([0-9]+)`).FindStringSubmatch(shown); m != nil {
		seconds = number(s.t, m[1])
	}
	if seconds < 1 || seconds > 1800 {
		s.t.Errorf("the report says %d s:\n%s", seconds, shown)
	}
}

// firstUse does what people do first on a new Sourcegraph: it creates the admin and adds a repository, as a git bundle.
func (s *site) firstUse(repo, marker string) {
	s.t.Helper()
	onlyStandIns(s.t)
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

// search waits until a search finds a marker in a repository.
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
		time.Sleep(300 * time.Millisecond) // Sourcegraph indexes in the background
	}
	s.t.Fatalf("no search found %s in %s; last answer:\n%s", marker, repo, last)
}

// users gives the users that Sourcegraph knows. They are in Postgres.
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

// externalPostgres is the name of the container of an external database.
func (s *site) externalPostgres() string { return "external-of-" + s.name }

// externalDatabase runs a Postgres that is no part of the installation, and writes it into the config as its pgsql.
func (s *site) externalDatabase(password string) {
	s.t.Helper()
	s.writeFile("password.txt", password+"\n")
	s.external(password, map[string]string{"postgresql.conf": "listen_addresses = '*'\n"}, "password: {file: password.txt}, sslmode: disable")
}

// externalTLS is externalDatabase with certificates: the server has one of its own authority, and lets in who shows one with the user's name.
func (s *site) externalTLS() {
	s.t.Helper()
	gateway := strings.TrimSpace(docker(s.t, "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"))
	server, serverKey, _ := selfSigned(s.t, gateway)
	client, clientKey, _ := selfSigned(s.t, "sg")
	s.writeFile("pg-ca.pem", server)
	s.writeFile("client.pem", client)
	s.writeFile("client.key", clientKey)
	s.external("unused", map[string]string{
		"postgresql.conf": "listen_addresses = '*'\nssl = on\nssl_cert_file = '/conf/server.pem'\nssl_key_file = '/conf/server.key'\n" +
			"ssl_ca_file = '/conf/client.pem'\nhba_file = '/conf/pg_hba.conf'\n",
		"pg_hba.conf": "local all all trust\nhostssl all all all cert\n", "server.pem": server, "server.key": serverKey, "client.pem": client,
	}, "sslmode: verify-full, ca: pg-ca.pem, clientCertificate: client.pem, clientKey: client.key")
}

// external runs a Postgres with some files in its folder of settings, and writes it into the config with the keys that say how to sign in.
func (s *site) external(password string, files map[string]string, signIn string) {
	s.t.Helper()
	conf := s.t.TempDir()
	for name, content := range files {
		file, mode := filepath.Join(conf, name), os.FileMode(0o644)
		if strings.HasSuffix(name, ".key") {
			mode = 0o600 // or Postgres refuses it
		}
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Chown(file, 999, 999); err != nil { // the user of the image
			s.t.Fatal(err)
		}
	}
	if err := os.Chmod(conf, 0o755); err != nil {
		s.t.Fatal(err)
	}
	_ = exec.Command("docker", "rm", "-f", "-v", s.externalPostgres()).Run() // of a test that was killed
	port := freePort(s.t)
	docker(s.t, "run", "-d", "--name", s.externalPostgres(), "-p", fmt.Sprintf("0.0.0.0:%d:5432", port), "-v", conf+":/conf:ro",
		"-e", "POSTGRES_PASSWORD="+password, repository()+"/postgresql-16:"+release)
	s.t.Cleanup(func() { docker(s.t, "rm", "-f", "-v", s.externalPostgres()) })
	await(s.t, time.Minute, "the external Postgres to accept connections", func() bool {
		return strings.Contains(docker(s.t, "inspect", "-f", "{{.State.Status}}", s.externalPostgres()), "running") &&
			strings.Contains(dockerLogs(s.t, s.externalPostgres()), "ready to accept connections")
	})
	gateway := docker(s.t, "inspect", s.externalPostgres(), "-f", "{{.NetworkSettings.Gateway}}")
	s.edit("size: demo\n", "size: demo\ndatabases: {pgsql: {external: {host: "+gateway+fmt.Sprintf(", port: %d", port)+", user: sg, database: sg, "+signIn+"}}}\n")
}

// externalSQL asks the external database.
func (s *site) externalSQL(query string) string {
	s.t.Helper()
	return docker(s.t, "exec", s.externalPostgres(), "psql", "-U", "sg", "-d", "sg", "-Atc", query)
}

// says fails the test when a message lacks some words.
func says(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the message lacks %q:\n%s", w, out)
		}
	}
}
