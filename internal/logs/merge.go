package logs

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/internal/installation"
)

// Query says which lines of which logs are wanted.
type Query struct {
	installation.LogQuery
	Level Level // at least this; "": all. Lines that say none have that of the line before them, as those of a stack trace have
}

// Line is a line of an instance's log.
type Line struct {
	Time     time.Time `json:"time"`
	Service  string    `json:"service"`
	Instance string    `json:"instance"`
	Level    Level     `json:"level,omitempty"` // "" of a line that does not say
	Text     string    `json:"text"`
}

// late is how long a line of a log that is followed waits for earlier ones of other logs.
const late = 300 * time.Millisecond

// Read gives the lines of some instances' logs by time, from one goroutine. Logs that can't be read are in the error; the others are read to
// their end.
func Read(ctx context.Context, in installation.Insider, of []installation.Instance, q Query, give func(Line)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	streams := make([]*stream, len(of))
	arrived := make(chan struct{}, 1)
	errs := make([]error, len(of))
	var all sync.WaitGroup
	for n, one := range of {
		s := &stream{lines: make(chan Line, 256), arrived: arrived}
		streams[n] = s
		all.Go(func() {
			defer s.end()
			errs[n] = read(ctx, in, one, q, func(l Line) { s.put(ctx, l) })
		})
	}
	merge(ctx, streams, arrived, q.Follow, give)
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(errs...)
}

// read gives the lines of one log that are wanted. With a level, the last lines are counted after the others are left out.
func read(ctx context.Context, in installation.Insider, of installation.Instance, q Query, give func(Line)) error {
	asked := q.LogQuery
	counts := q.Level != "" && asked.Tail > 0
	if counts {
		asked.Tail = 0
	}
	wanted := func(i installation.LogQuery, give func(Line)) error {
		level := Info
		return in.Log(ctx, of, i, func(l installation.LogLine) {
			said := LevelOf(l.Text)
			if said != "" {
				level = said
			}
			if q.Level == "" || level.AtLeast(q.Level) {
				give(Line{Time: l.Time, Service: of.Service, Instance: of.Name, Level: said, Text: l.Text})
			}
		})
	}
	if !counts {
		return wanted(asked, give)
	}
	var last []Line
	asked.Follow = false
	err := wanted(asked, func(l Line) {
		if last = append(last, l); len(last) > 2*q.Tail {
			last = append(last[:0], last[len(last)-q.Tail:]...)
		}
	})
	last = last[max(0, len(last)-q.Tail):]
	for _, l := range last {
		give(l)
	}
	if err != nil || !q.Follow {
		return err
	}
	// From the last line on, without it.
	asked.Follow = true
	var end time.Time
	if len(last) > 0 {
		end = last[len(last)-1].Time
	}
	if end.After(asked.Since) {
		asked.Since = end
	}
	return wanted(asked, func(l Line) {
		if l.Time.After(end) {
			give(l)
		}
	})
}

// stream are the lines of one log that were not given yet.
type stream struct {
	lines   chan Line
	arrived chan<- struct{}

	head  *Line
	since time.Time // when head came
	ended bool
}

func (s *stream) put(ctx context.Context, l Line) {
	select {
	case s.lines <- l:
		s.tell()
	case <-ctx.Done():
	}
}

func (s *stream) end() {
	close(s.lines)
	s.tell()
}

func (s *stream) tell() {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// fill takes the next line, if there is one.
func (s *stream) fill() {
	if s.head != nil || s.ended {
		return
	}
	select {
	case l, more := <-s.lines:
		if !more {
			s.ended = true
			return
		}
		s.head, s.since = &l, time.Now()
	default:
	}
}

// merge gives the lines of streams by time until all have ended. A stream that is followed may be silent for hours: then the others don't wait for it
// longer than late.
func merge(ctx context.Context, streams []*stream, arrived <-chan struct{}, follow bool, give func(Line)) {
	for ctx.Err() == nil {
		var first *stream
		silent, ended := false, true
		for _, s := range streams {
			s.fill()
			switch {
			case s.head != nil:
				if first == nil || s.head.Time.Before(first.head.Time) {
					first = s
				}
			case !s.ended:
				silent = true
			}
			ended = ended && s.ended
		}
		if ended && first == nil {
			return
		}
		var over <-chan time.Time
		if first != nil {
			rest := late - time.Since(first.since)
			if !silent || follow && rest <= 0 {
				give(*first.head)
				first.head = nil
				continue
			}
			if follow {
				over = time.After(rest)
			}
		}
		select {
		case <-ctx.Done():
		case <-arrived:
		case <-over:
		}
	}
}
