package console

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPart: a bar is at most whole, and nothing of nothing.
func TestPart(t *testing.T) {
	for _, c := range []struct{ of, whole, want float64 }{{1, 4, 25}, {5, 4, 100}, {-1, 4, 0}, {1, 0, 0}} {
		if got := part(c.of, c.whole); got != c.want {
			t.Errorf("%v of %v is %v", c.of, c.whole, got)
		}
	}
}

// TestEventsWhileItGoesOn: what a command prints is sent when it is printed, each text once.
func TestEventsWhileItGoesOn(t *testing.T) {
	s := &started{changed: make(chan struct{})}
	c := &Console{current: s}
	server := httptest.NewServer(http.HandlerFunc(c.events))
	defer server.Close()
	_, _ = s.Write([]byte("one\n")) // it takes everything
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	event := func() (kind, data string) {
		for lines.Scan() && lines.Text() != "" {
			switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
			case "event":
				kind = value
			case "data":
				data = value
			}
		}
		return kind, data
	}
	if kind, data := event(); kind != "progress" || !strings.Contains(data, `"text":"one\n"`) {
		t.Errorf("%s %s", kind, data)
	}
	_, _ = s.Write([]byte("two\n"))
	if kind, data := event(); kind != "progress" || !strings.Contains(data, `"text":"two\n"`) {
		t.Errorf("%s %s", kind, data)
	}
	s.change(func() { s.answer = &Answer{} })
	if kind, data := event(); kind != "end" || !strings.Contains(data, `"text":""`) {
		t.Errorf("%s %s", kind, data)
	}
}
