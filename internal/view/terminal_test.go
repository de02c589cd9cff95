package view

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"berth/internal/plan"
	"berth/internal/run"
	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// screen is a real pseudo-terminal, and an emulator that shows what is written to it.
type screen struct {
	t      *testing.T
	tty    *os.File
	pty    *os.File
	shows  vt10x.Terminal
	width  int
	height int
	marks  int
	end    chan struct{}
}

func newScreen(t *testing.T, width, height int) *screen {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, tty: tty, pty: master, shows: vt10x.New(vt10x.WithSize(width, height)), width: width, height: height, end: make(chan struct{})}
	go func() {
		defer close(s.end)
		_, _ = io.Copy(s.shows, master) // it ends when the terminal is closed
	}()
	s.resize(width, height)
	t.Cleanup(func() { tty.Close(); master.Close() })
	return s
}

func (s *screen) resize(width, height int) {
	s.t.Helper()
	s.drain()
	s.width, s.height = width, height
	if err := pty.Setsize(s.pty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		s.t.Fatal(err)
	}
	s.shows.Resize(width, height)
}

// drain waits until the emulator shows all that was written: the last of it is a title, which nobody sees.
func (s *screen) drain() {
	s.t.Helper()
	s.marks++
	mark := fmt.Sprint("mark ", s.marks)
	fmt.Fprintf(s.tty, "\x1b]0;%s\a", mark)
	title := func() string {
		s.shows.Lock()
		defer s.shows.Unlock()
		return s.shows.Title()
	}
	for end := time.Now().Add(10 * time.Second); title() != mark; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the terminal shows\n%s", s.shows.String())
		}
	}
}

// lines are what a person sees, without empty lines at the end.
func (s *screen) lines() []string {
	s.t.Helper()
	s.drain()
	return strings.Split(strings.TrimRight(s.shows.String(), " \n"), "\n")
}

// TestProgressInTerminals plays a first up of 26 services in terminals of several widths: what is redrawn never wraps or scrolls, and at the end the lines of
// finished steps alone are left.
func TestProgressInTerminals(t *testing.T) {
	var steps []plan.Step
	var names []string
	for i := range 26 {
		name := fmt.Sprintf("a-service-of-sourcegraph-%d", i)
		steps = append(steps, plan.Step{ID: i + 2, Verb: plan.Create, Object: name})
		names = append(names, name+" (starting)")
	}
	image := plan.Step{ID: 1, Verb: plan.Pull, Object: "r/sourcegraph/frontend:7.5@sha256:1"}
	for _, width := range []int{60, 80, 100, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			s := newScreen(t, width, 60)
			now := time.Unix(0, 0)
			p := &Progress{Out: s.tty, Terminal: true, Now: func() time.Time { return now }}
			show := func(e run.Event) { now = now.Add(200 * time.Millisecond); p.Show(e) }
			show(run.Event{Kind: run.Started, Usual: map[string]float64{"a-service-of-sourcegraph-3": 90}})
			show(run.Event{Kind: run.Begun, Step: image})
			for i := range 20 {
				show(run.Event{Kind: run.Progress, Step: image, Done: int64(i) * 1e6, Total: 20e6})
			}
			show(run.Event{Kind: run.Finished, Step: image, Seconds: 4})
			for _, step := range steps {
				show(run.Event{Kind: run.Begun, Step: step})
			}
			for i := range steps {
				for range 5 {
					show(run.Event{Kind: run.Waiting, Waiting: names[i:]})
				}
				if i == 3 { // in the midst of it
					seen := strings.Join(s.lines(), "\n")
					if !strings.Contains(seen, ". a-service-of-sourcegraph-3") || !strings.Contains(seen, "of usual") || !strings.Contains(seen, ". and 13 more") {
						t.Errorf("in the midst of it a person sees\n%s", seen)
					}
					if n := strings.Count(seen, "starting"); n != 10 {
						t.Errorf("%d services are shown at once:\n%s", n, seen)
					}
				}
				show(run.Event{Kind: run.Finished, Step: steps[i], Text: "healthy", Seconds: 3})
			}
			show(run.Event{Kind: run.Ended})
			lines := s.lines()
			if len(lines) != 27 {
				t.Errorf("%d lines are left, want one for each of 27 steps:\n%s", len(lines), strings.Join(lines, "\n"))
			}
			for _, line := range lines {
				if !strings.HasPrefix(line, "+ ") {
					t.Errorf("left is %q", line)
				}
			}
		})
	}
}

// TestProgressAfterResize: a terminal that becomes narrower or wider shows no stale lines.
func TestProgressAfterResize(t *testing.T) {
	s := newScreen(t, 100, 30)
	p := &Progress{Out: s.tty, Terminal: true, Now: func() time.Time { return time.Unix(0, 0) }}
	waiting := run.Event{Kind: run.Waiting, Waiting: []string{"pgsql (" + strings.Repeat("a long reason ", 5) + ")", "caddy (starting)"}}
	p.Show(run.Event{Kind: run.Started})
	for _, width := range []int{100, 70, 90, 120} {
		s.resize(width, 30)
		p.Show(waiting)
		p.Show(run.Event{Kind: run.Noted, Text: "noted"})
		p.Show(waiting)
	}
	p.Show(run.Event{Kind: run.Ended})
	for _, line := range s.lines() {
		if line = strings.TrimSpace(line); line != "noted" {
			t.Errorf("left is %q", line)
		}
	}
}

// TestASCII: in a terminal without UTF-8 nothing else is written.
func TestASCII(t *testing.T) {
	for _, c := range []struct {
		lcAll, lang string
		want        bool
	}{{"", "", true}, {"C", "en_US.UTF-8", false}, {"", "en_US.UTF-8", true}, {"", "POSIX", false}, {"C.utf8", "", true}} {
		if got := UTF8(func(name string) string { return map[string]string{"LC_ALL": c.lcAll, "LANG": c.lang}[name] }); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	s := newScreen(t, 80, 24)
	fmt.Fprint(ASCII{s.tty}, "a · b … "+bar(1, 2)+" ▌ → ü\n")
	if got := s.lines()[0]; strings.TrimSpace(got) != "a - b ~ #########......... | > ?" {
		t.Errorf("%q", got)
	}
}
