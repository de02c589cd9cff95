package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"berth/internal/report"
)

// inbox holds the reports of many senders until the next transaction. While one is written, others come in, and all of them are in the next one: the more
// reports come, the less each costs. Who sends waits until the report is on disk.
type inbox struct {
	mu      sync.Mutex
	waiting []*waiting
	busy    bool // somebody takes what is waiting
}

// waiting is a report that is not on disk yet.
type waiting struct {
	report *report.Received
	known  bool
	err    error
	done   chan struct{}
}

// Limits of the inbox.
const (
	together = 500  // reports in one transaction
	queue    = 5000 // that may wait: so many are taken in few seconds, or the database is away
)

// ErrBusy is the answer to a report when too many wait.
var ErrBusy = errors.New("too many reports wait to be written")

// takeTime is how long a transaction may take.
const takeTime = time.Minute

// Receive takes a report together with those of others, and says whether it had arrived before.
func (s *Store) Receive(ctx context.Context, r *report.Received) (known bool, err error) {
	w := &waiting{report: r, done: make(chan struct{})}
	s.inbox.mu.Lock()
	if len(s.inbox.waiting) >= queue {
		s.inbox.mu.Unlock()
		return false, ErrBusy
	}
	s.inbox.waiting = append(s.inbox.waiting, w)
	if !s.inbox.busy {
		s.inbox.busy = true
		go s.empty()
	}
	s.inbox.mu.Unlock()
	select {
	case <-w.done:
		return w.known, w.err
	case <-ctx.Done(): // it may be taken all the same, and is then known when it is sent again
		return false, ctx.Err()
	}
}

// empty takes what is waiting, until nothing is.
func (s *Store) empty() {
	for {
		s.inbox.mu.Lock()
		n := min(len(s.inbox.waiting), together)
		some := s.inbox.waiting[:n:n]
		s.inbox.waiting = s.inbox.waiting[n:]
		s.inbox.busy = n > 0
		s.inbox.mu.Unlock()
		if n == 0 {
			return
		}
		s.takeWaiting(some)
	}
}

// takeWaiting takes some reports. When the database refuses something in them, each is taken alone: nobody spoils the report of another one.
func (s *Store) takeWaiting(some []*waiting) {
	ctx, cancel := context.WithTimeout(context.Background(), takeTime)
	defer cancel()
	reports := make([]*report.Received, len(some))
	for n, w := range some {
		reports[n] = w.report
	}
	known, err := s.Take(ctx, reports...)
	if len(some) > 1 && refusesData(err) {
		for _, w := range some {
			s.takeWaiting([]*waiting{w})
		}
		return
	}
	for _, w := range some {
		w.known, w.err = known[w.report], err
		close(w.done)
	}
}

// refusesData reports whether it is what was written that the database refuses, by the class of the error.
func refusesData(err error) bool {
	var of *pgconn.PgError
	return errors.As(err, &of) && (strings.HasPrefix(of.Code, "22") || strings.HasPrefix(of.Code, "23") || strings.HasPrefix(of.Code, "21"))
}
