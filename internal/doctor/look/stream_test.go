package look

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/stack"
)

// TestStream holds a search open at servers that do with it what servers in front of Sourcegraph do.
func TestStream(t *testing.T) {
	const held = 400 * time.Millisecond
	for _, c := range []struct {
		name    string
		answers func(w http.ResponseWriter, r *http.Request)
		want    doctor.Stream // of which the seconds are not compared
		fails   string
	}{
		{"it is held", func(w http.ResponseWriter, r *http.Request) { streams(w, r, time.Minute) }, doctor.Stream{}, ""},
		{"everything was searched", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "event: matches\ndata: []\n\nevent: done\ndata: {}\n\n")
		}, doctor.Stream{Done: true}, ""},
		{"a time limit ends it", func(w http.ResponseWriter, r *http.Request) {
			streams(w, r, held/2)
			panic(http.ErrAbortHandler)
		}, doctor.Stream{Said: "unexpected EOF"}, ""},
		{"a proxy closes it well", func(w http.ResponseWriter, r *http.Request) { streams(w, r, held/2) }, doctor.Stream{Said: "the connection was closed"}, ""},
		{"it needs a sign-in", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, doctor.Stream{}, "SRC_ACCESS_TOKEN"},
		{"a gateway gives up", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) }, doctor.Stream{}, "504"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != installation.SearchPath || !strings.Contains(r.URL.Query().Get("q"), "count:all") {
				t.Errorf("it asks for %s", r.URL)
			}
			c.answers(w, r)
		}))
		l := &Look{Env: &installation.Environment{Getenv: func(string) string { return "" }}, Stream: held}
		s := &sight{Look: l, Installation: &installation.Installation{Want: &installation.Want{Stack: &stack.Stack{URL: server.URL}}}}
		taken, err := s.stream(t.Context())
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		default:
			var e doctor.Evidence
			taken(&e)
			if e.Stream.Done != c.want.Done || e.Stream.Said != c.want.Said || e.Stream.Seconds > 2 {
				t.Errorf("%s: %+v", c.name, e.Stream)
			}
		}
		server.Close()
	}
}

// streams writes something again and again, as Sourcegraph does while it searches.
func streams(w http.ResponseWriter, r *http.Request, long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end) && r.Context().Err() == nil; time.Sleep(10 * time.Millisecond) {
		fmt.Fprint(w, "event: progress\ndata: {}\n\n")
		w.(http.Flusher).Flush()
	}
}
