package console

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/internal/plan"
)

// TestPicture: a row for each upgrade step, the point of no return before its stage, and all of it in words.
func TestPicture(t *testing.T) {
	p := &plan.Plan{Hops: []plan.Hop{{From: "6.0.0", To: "6.12.0"}, {From: "6.12.0", To: "7.5.0"}}, Stages: []plan.Stage{
		{Name: "check"}, {Name: "close", Effect: plan.Downtime}, {Name: "migrate", Effect: plan.Downtime, Seconds: 600, NoReturn: true},
		{Name: "check", Hop: 1}, {Name: "deploy", Hop: 1, Seconds: 10}}}
	got := draw(p)
	if len(got.Rows) != 2 || len(got.Rows[0].Stages) != 3 || len(got.Rows[1].Stages) != 2 || got.Height != 2*rowHeight {
		t.Fatalf("%+v", got)
	}
	first, second := got.Rows[0], got.Rows[1]
	if migrate := first.Stages[2]; first.NoReturn < first.Stages[1].X+first.Stages[1].Width || first.NoReturn > migrate.X || !migrate.Down || migrate.Took != "10 min" {
		t.Errorf("%+v", first)
	}
	if second.NoReturn != 0 || second.Stages[1].Took != "" || second.Stages[0].Down {
		t.Errorf("%+v", second)
	}
	if !strings.Contains(got.Title, "6.0.0 to 6.12.0: check, close, the point of no return, migrate") {
		t.Error(got.Title)
	}
	for _, r := range got.Rows {
		for n, b := range r.Stages {
			if b.X < stagesFrom || b.X+b.Width > stagesTo || n > 0 && b.X < r.Stages[n-1].X+r.Stages[n-1].Width {
				t.Errorf("the stages %+v lie on each other, or outside", r.Stages)
			}
		}
	}
}

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
