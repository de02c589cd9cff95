package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/installation"
)

// written are logs for tests, by instance. A line is written at its time when the log is followed.
type written struct {
	installation.Insider
	begun time.Time
	logs  map[string][]installation.LogLine
	fails map[string]error
}

func (w *written) Log(ctx context.Context, i installation.Instance, q installation.LogQuery, line func(installation.LogLine)) error {
	lines := slices.DeleteFunc(slices.Clone(w.logs[i.Name]), func(l installation.LogLine) bool { return l.Time.Before(q.Since) })
	if q.Tail > 0 {
		lines = lines[max(0, len(lines)-q.Tail):]
	}
	for _, l := range lines {
		if l.Time.After(w.begun) {
			if !q.Follow {
				break
			}
			time.Sleep(time.Until(l.Time))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		line(l)
	}
	return w.fails[i.Name]
}

func at(begun time.Time, ms int, text string) installation.LogLine {
	return installation.LogLine{Time: begun.Add(time.Duration(ms) * time.Millisecond), Text: text}
}

func instances(names ...string) (out []installation.Instance) {
	for _, n := range names {
		out = append(out, installation.Instance{Name: n, Service: n})
	}
	return out
}

func TestReadByTime(t *testing.T) {
	begun := time.Now()
	w := &written{begun: begun, logs: map[string][]installation.LogLine{}, fails: map[string]error{"b": errors.New("gone")}}
	for n := range 3000 {
		name := []string{"a", "b", "c"}[n%3]
		w.logs[name] = append(w.logs[name], at(begun, n-5000, fmt.Sprint(n)))
	}
	var got []string
	err := Read(t.Context(), w, instances("a", "b", "c", "empty"), Query{}, func(l Line) { got = append(got, l.Text) })
	if err == nil || err.Error() != "gone" || len(got) != 3000 {
		t.Fatalf("%d lines, %v", len(got), err)
	}
	for n, text := range got {
		if text != fmt.Sprint(n) {
			t.Fatalf("line %d is %s", n, text)
		}
	}
}

// TestFollow: a line does not wait long for logs that are silent, and lines that come nearly at once are in order.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		w := &written{begun: begun, logs: map[string][]installation.LogLine{
			"a": {at(begun, -20, "old a"), at(begun, 1000, "first"), at(begun, 9000, "late")},
			"b": {at(begun, -10, "old b"), at(begun, 1100, "second"), at(begun, 60000, "last")},
		}}
		var got []string
		err := Read(t.Context(), w, instances("a", "b"), Query{LogQuery: installation.LogQuery{Follow: true}}, func(l Line) {
			if waits := time.Since(l.Time); l.Time.After(begun) && waits > 2*late {
				t.Errorf("%s comes %s late", l.Text, waits)
			}
			got = append(got, l.Text)
		})
		if want := []string{"old a", "old b", "first", "second", "late", "last"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestLevelAndTail(t *testing.T) {
	begun := time.Now()
	w := &written{begun: begun, logs: map[string][]installation.LogLine{"a": {
		at(begun, -90, "level=error one"), at(begun, -80, "  a stack"), at(begun, -70, "level=info fine"), at(begun, -60, "  no stack"),
		at(begun, -50, "level=error two"), at(begun, -40, "level=warn half"), at(begun, -30, "level=fatal three"),
	}}}
	read := func(q Query) (got []string) {
		if err := Read(t.Context(), w, instances("a"), q, func(l Line) { got = append(got, l.Text) }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(Query{Level: Error}); !slices.Equal(got, []string{"level=error one", "  a stack", "level=error two", "level=fatal three"}) {
		t.Error(got)
	}
	for _, follow := range []bool{false, true} {
		if got := read(Query{Level: Error, LogQuery: installation.LogQuery{Tail: 2, Follow: follow}}); !slices.Equal(got, []string{"level=error two", "level=fatal three"}) {
			t.Error(follow, got)
		}
	}
}
