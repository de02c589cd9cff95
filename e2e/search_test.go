//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// client searches ten times a second until it is stopped, and counts the searches that fail.
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

// failure is a search that failed.
type failure struct {
	at   time.Time
	why  string
	took time.Duration
}

// searching starts a client.
func (s *site) searching() *client {
	c := &client{began: time.Now(), stop: make(chan struct{}), why: map[string]int{}}
	// Each search is a new connection, as through an ingress that knows the endpoints at once.
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

// result stops the client and gives the number of failed searches. It logs when and why they failed.
func (c *client) result(t *testing.T, what string) (failed int) {
	t.Helper()
	close(c.stop)
	c.done.Wait()
	slices.SortFunc(c.failed, func(a, b failure) int { return a.at.Compare(b.at) })
	t.Logf("AVAILABILITY %s: %d searches, %d failed: %.1f s (%v); the longest time until an answer was %.1f s", what, c.asked, len(c.failed), float64(len(c.failed))/10, c.why, c.slow.Seconds())
	for i := 0; i < len(c.failed); {
		from := i
		for i++; i < len(c.failed) && c.failed[i].why == c.failed[from].why && c.failed[i].at.Sub(c.failed[i-1].at) < time.Second; {
			i++
		}
		t.Logf("AVAILABILITY   after %5.1f s: %3d times %s, until %.1f s", c.failed[from].at.Sub(c.began).Seconds(), i-from, c.failed[from].why, c.failed[i-1].at.Sub(c.began).Seconds())
	}
	return len(c.failed)
}
