//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client asks again and again until it is stopped, and counts the answers that it should not have got.
type client struct {
	stop   chan struct{}
	done   sync.WaitGroup
	mu     sync.Mutex
	began  time.Time
	asked  int
	slow   time.Duration // the longest time until an answer
	failed []failure
	why    map[string]int
}

// failure is a request that failed.
type failure struct {
	at   time.Time
	why  string
	took time.Duration
}

// request asks once, and says what is wrong with a good answer's text.
type request struct {
	make  func() (*http.Request, error)
	wrong func(answer []byte) string
}

// asking starts a client.
func asking(r request, every time.Duration, h *http.Client) *client {
	c := &client{began: time.Now(), stop: make(chan struct{}), why: map[string]int{}}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case at := <-tick.C:
				c.done.Add(1)
				go func() {
					defer c.done.Done()
					c.ask(h, r, at)
				}()
			}
		}
	}()
	return c
}

// connections are a client's: each request has one of its own, as through an ingress that knows the endpoints at once, or they are kept.
func connections(own bool) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: own, MaxIdleConnsPerHost: 10}}
}

func (s *site) searches() request {
	url := s.url("/.api/search/stream?q=" + marker)
	return request{func() (*http.Request, error) { return http.NewRequest(http.MethodGet, url, nil) }, func(answer []byte) string {
		switch {
		case bytes.Contains(answer, []byte("event: error")):
			return "an error event"
		case !bytes.Contains(answer, []byte(marker)):
			return "no result"
		}
		return ""
	}}
}

// searching starts a client that searches, with a connection for each search.
func (s *site) searching() *client {
	return asking(s.searches(), 100*time.Millisecond, connections(true))
}

// upload is what a client uploads: settings, which become a row each, and large enough not to be sent before anybody listens. They differ in spaces at
// their end.
func upload(n int) string {
	return `{"theme": "dark", "seeded": "äöü"` + strings.Repeat(" ", 500_000) + "}" + strings.Repeat(" ", n)
}

// uploads counts the uploads of all clients, so that no two are the same.
var uploads atomic.Int64

// uploading starts a client that uploads.
func (s *site) uploading() *client {
	url := s.url("/api/settings")
	return asking(request{func() (*http.Request, error) {
		return http.NewRequest(http.MethodPut, url, strings.NewReader(upload(int(uploads.Add(1)))))
	}, func([]byte) string { return "" }}, 500*time.Millisecond, connections(true))
}

func (c *client) ask(h *http.Client, r request, at time.Time) {
	began := time.Now()
	why := ""
	req, err := r.make()
	if err == nil {
		var resp *http.Response
		if resp, err = h.Do(req); err == nil {
			text, readErr := io.ReadAll(resp.Body)
			resp.Body.Close()
			switch {
			case readErr != nil:
				why = "cut short"
			case resp.StatusCode != http.StatusOK:
				why = resp.Status
			default:
				why = r.wrong(text)
			}
		}
	}
	if err != nil {
		why = "no answer"
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

// result stops the client and gives the number of failed requests. It logs when and why they failed.
func (c *client) result(t *testing.T, what string) (failed int) {
	t.Helper()
	close(c.stop)
	c.done.Wait()
	slices.SortFunc(c.failed, func(a, b failure) int { return a.at.Compare(b.at) })
	t.Logf("AVAILABILITY %s: %d requests, %d failed (%v); the longest time until an answer was %.1f s", what, c.asked, len(c.failed), c.why, c.slow.Seconds())
	for i := 0; i < len(c.failed); {
		from := i
		for i++; i < len(c.failed) && c.failed[i].why == c.failed[from].why && c.failed[i].at.Sub(c.failed[i-1].at) < time.Second; {
			i++
		}
		t.Logf("AVAILABILITY   after %5.1f s: %3d times %s, until %.1f s", c.failed[from].at.Sub(c.began).Seconds(), i-from, c.failed[from].why, c.failed[i-1].at.Sub(c.began).Seconds())
	}
	return len(c.failed)
}

// people are clients of several kinds.
type people struct {
	fresh, kept, uploads *client
	rows                 int // settings that were uploaded before
}

// people start to use the installation: they search with a connection each and with connections that they keep, and upload.
func (s *site) people() *people {
	p := &people{rows: s.settings()}
	p.fresh, p.kept, p.uploads = s.searching(), asking(s.searches(), 100*time.Millisecond, connections(false)), s.uploading()
	return p
}

// settings is the number of times that settings were uploaded.
func (s *site) settings() int {
	s.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s.sql("SELECT count(*) FROM settings")))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// noticeOnlyTheFrontProxy stops people. Nobody may have met anything but the closed port of the front proxy while it was replaced, and everything that they
// uploaded is there once.
func (p *people) noticeOnlyTheFrontProxy(s *site, what string) {
	s.t.Helper()
	for kind, c := range map[string]*client{"a connection each": p.fresh, "kept connections": p.kept, "uploads": p.uploads} {
		all := c.result(s.t, what+", "+kind)
		refused := c.why["no answer"]
		switch failed := all - refused; {
		case c.slow > longestHeld:
			s.t.Logf("%s: this machine needs longer than requests are held", kind)
		case failed > cutOff:
			s.t.Errorf("%s: requests failed: %v", kind, c.why)
		case refused > 0:
			if first, last := c.failed[0].at, c.failed[len(c.failed)-1].at; last.Sub(first) > portClosed {
				s.t.Errorf("%s: the front proxy was away from %s to %s", kind, first, last)
			}
		}
	}
	if now, good := s.settings(), p.uploads.asked-len(p.uploads.failed); now-p.rows < good {
		s.t.Errorf("%d uploads were accepted, and %d are there", good, now-p.rows)
	}
	if twice := strings.TrimSpace(s.sql("SELECT count(*) - count(DISTINCT md5(contents)) FROM settings")); twice != "0" {
		s.t.Errorf("%s uploads are there more than once", twice)
	}
}

const (
	// longestHeld is when requests have waited for nearly as long as they are held: those after them may fail, on a machine that is this busy.
	longestHeld = 38 * time.Second
	// cutOff is how many requests may fail that were running when the next ones were held: without holding, it is a hundred.
	cutOff = 20
	// portClosed is how long the front proxy may be away while its container is replaced. Load does not explain more.
	portClosed = 30 * time.Second
)
