//go:build upgrades || upgradefaults || clusterupgrades || walks

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
)

// buildImages makes the stand-in images of releases; nothing to do when they are there.
func buildImages(t *testing.T, releases ...string) {
	t.Helper()
	out, err := exec.Command("../testbed/images", append([]string{"build"}, releases...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("build images of %v: %v\n%s", releases, err, out)
	}
}

// marker is what is searched for.
const marker = "needle-upgrade"

// seed makes what people have after some time: a user, a repository, settings, code intelligence, an insight.
func (s *site) seed() {
	s.t.Helper()
	s.firstUse("example/seeded", marker)
	s.put("/api/settings", `{"theme": "dark", "seeded": "äöü"}`)
	s.post("/api/uploads?repository=example/seeded", "application/octet-stream", strings.NewReader("a SCIP index, of a kind"))
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

// grows is what becomes more by itself.
var grows = regexp.MustCompile(`"(points|max)": (\d+|null),?`)

// data is what people have, as Sourcegraph tells it: it must be the same after an upgrade.
func (s *site) data() string {
	s.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/api/users", "/api/repos", "/api/settings", "/api/uploads", "/api/uploads/1", "/api/insights"} {
		code, text := s.get(path)
		text = grows.ReplaceAllString(text, "") // insights get a point every now and then
		fmt.Fprintf(&all, "%s %d %s\n", path, code, strings.TrimSpace(text))
	}
	return all.String()
}

// same fails the test when people's data is not what it was, or a search does not find what it did.
func (s *site) same(before string) {
	s.t.Helper()
	if after := s.data(); after != before {
		s.t.Errorf("the data is another one; before:\n%s\nafter:\n%s", before, after)
	}
	s.search("example/seeded", marker)
}

// note reads a note of the installation's state.
func (s *site) note(name string) string {
	text, err := os.ReadFile(filepath.Join(s.dir, ".berth", s.name, name+".json"))
	if err != nil {
		return ""
	}
	return string(text)
}

// client searches ten times a second until it is stopped, and counts what was not answered.
type client struct {
	stop   chan struct{}
	done   sync.WaitGroup
	mu     sync.Mutex
	began  time.Time
	asked  int
	slow   time.Duration // how long the one took that waited longest and was answered
	failed []failure
	why    map[string]int
}

// failure is a search that was not answered.
type failure struct {
	at   time.Time
	why  string
	took time.Duration
}

func (s *site) searching() *client {
	c := &client{began: time.Now(), stop: make(chan struct{}), why: map[string]int{}}
	// Everybody comes anew, as through an ingress that knows at once who serves.
	h := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case at := <-tick.C:
				c.done.Add(1)
				go func() {
					defer c.done.Done()
					c.ask(h, s.url("/.api/search/stream?q="+marker), at)
				}()
			}
		}
	}()
	return c
}

func (c *client) ask(h *http.Client, url string, at time.Time) {
	began := time.Now()
	resp, err := h.Get(url)
	why := ""
	if err != nil {
		why = "no answer"
	} else {
		text, readErr := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case readErr != nil:
			why = "cut short"
		case resp.StatusCode != http.StatusOK:
			why = resp.Status
		case bytes.Contains(text, []byte("event: error")):
			why = "an error event"
		case !bytes.Contains(text, []byte(marker)):
			why = "no result"
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if why == "" {
		c.slow = max(c.slow, time.Since(began))
	} else {
		c.failed = append(c.failed, failure{at, why, time.Since(began)})
		c.why[why]++
	}
}

// result stops the client and gives how many searches were not answered. It logs when and why.
func (c *client) result(t *testing.T, what string) (failed int) {
	t.Helper()
	close(c.stop)
	c.done.Wait()
	slices.SortFunc(c.failed, func(a, b failure) int { return a.at.Compare(b.at) })
	t.Logf("AVAILABILITY %s: %d searches, %d not answered: %.1f s (%v); the longest wait for an answer was %.1f s", what, c.asked, len(c.failed), float64(len(c.failed))/10, c.why, c.slow.Seconds())
	for i := 0; i < len(c.failed); {
		from := i
		for i++; i < len(c.failed) && c.failed[i].why == c.failed[from].why && c.failed[i].at.Sub(c.failed[i-1].at) < time.Second; {
			i++
		}
		t.Logf("AVAILABILITY   after %5.1f s: %3d times %s, until %.1f s", c.failed[from].at.Sub(c.began).Seconds(), i-from, c.failed[from].why, c.failed[i-1].at.Sub(c.began).Seconds())
	}
	return len(c.failed)
}

// onlyOutput runs a command line that has to end with an exit code, and gives what it printed as its result.
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
