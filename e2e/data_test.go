//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// marker is what tests search for.
const marker = "needle-upgrade"

// seed creates what people have after some time: a user, a repository, settings, code intelligence, an insight.
func (s *site) seed() {
	s.t.Helper()
	s.firstUse("example/seeded", marker)
	s.put("/api/settings", `{"theme": "dark", "seeded": "äöü"}`)
	index, err := os.ReadFile("../testbed/internal/scip/testdata/harbour.scip")
	if err != nil {
		s.t.Fatal(err)
	}
	s.post("/api/uploads?repository=example/seeded", "application/octet-stream", bytes.NewReader(index))
	s.post("/api/insights", "application/json", strings.NewReader(`{"query": "TODO"}`))
	s.search("example/seeded", marker)
	await(s.t, time.Minute, "the upload to be processed", func() bool {
		_, text := s.get("/api/uploads")
		return strings.Contains(text, "completed")
	})
}

func (s *site) put(path, body string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPut, s.url(path), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		s.t.Fatalf("PUT %s: %s\n%s", path, resp.Status, text)
	}
}

// grows is what changes without people.
var grows = regexp.MustCompile(`"(points|max)": (\d+|null),?`)

// data is what people have, from Sourcegraph's API. An upgrade must not change it.
func (s *site) data() string {
	s.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/api/users", "/api/repos", "/api/settings", "/api/uploads", "/api/uploads/1", "/api/insights"} {
		code, text := s.get(path)
		text = grows.ReplaceAllString(text, "") // insights get more points
		fmt.Fprintf(&all, "%s %d %s\n", path, code, strings.TrimSpace(text))
	}
	return all.String()
}

// same fails the test when people's data is not what it was before, or a search does not find the repository. It also fails when the stand-ins
// noted that a release ran on data that it can't read.
func (s *site) same(before string) {
	s.t.Helper()
	if _, text := s.get("/api/spoiled"); strings.TrimSpace(text) != "[]" {
		s.t.Errorf("a release ran on data that it can't read: %s", text)
	}
	if after := s.data(); after != before {
		s.t.Errorf("the data changed; before:\n%s\nafter:\n%s", before, after)
	}
	s.search("example/seeded", marker)
}

// onlyOutput runs a command that has to end with an exit code, and gives what it printed to stdout.
func (s *site) onlyOutput(code int, args ...string) string {
	s.t.Helper()
	cmd := s.command(context.Background(), args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != code {
		s.t.Fatalf("berth %s: exit %d, want %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), code, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// resultOf reads the result in a document that berth printed.
func resultOf(text string, into any) error {
	document := struct{ Result any }{into}
	return json.Unmarshal([]byte(text), &document)
}

// fault makes the stand-ins fail in some way; with "" they stop failing.
func (s *site) fault(name, value string) {
	s.t.Helper()
	onlyStandIns(s.t)
	s.sql(fmt.Sprintf("CREATE TABLE IF NOT EXISTS standin_faults (name text PRIMARY KEY, value text); "+
		"INSERT INTO standin_faults VALUES ('%[1]s', '%[2]s') ON CONFLICT (name) DO UPDATE SET value = excluded.value; DELETE FROM standin_faults WHERE value = ''", name, value))
}

// sql asks pgsql.
func (s *site) sql(query string) string {
	s.t.Helper()
	psql := []string{"psql", "-U", "sg", "-d", "sg", "-Atc", query}
	if s.cluster {
		return kubectl(s.t, append([]string{"exec", "-n", s.name, "statefulset/pgsql", "-c", "pgsql", "--"}, psql...)...)
	}
	return docker(s.t, append([]string{"exec", s.name + "-pgsql"}, psql...)...)
}

// running gives the containers or pods that run: their names and identities.
func (s *site) running() map[string]string {
	s.t.Helper()
	if !s.cluster {
		return s.containers()
	}
	ids := map[string]string{}
	for line := range strings.Lines(kubectl(s.t, "get", "pods", "-n", s.name, "--field-selector=status.phase=Running", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}`)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[name] = id
	}
	return ids
}
