//go:build scale

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/hq/store/pgtest"
	"berth/internal/report"
)

// senders send reports until each is acknowledged, whatever happens to the server meanwhile.
type senders struct {
	url     atomic.Value // of berth-hq, which has another port after each start
	refused atomic.Int64 // answers that were none, or no acknowledgement
	mu      sync.Mutex
	list    []string // what was acknowledged
}

func (s *senders) acknowledged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

// send sends all of them from 64 senders, and returns when each is acknowledged.
func (s *senders) send(ctx context.Context, texts []string) {
	pending := make(chan int, len(texts))
	for n := range texts {
		pending <- n
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 90 * time.Second}
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			for ctx.Err() == nil {
				select {
				case n := <-pending:
					if !s.one(ctx, client, n, texts[n]) {
						s.refused.Add(1)
						pending <- n
						time.Sleep(100 * time.Millisecond) // as an installation waits before it sends again
						continue
					}
					s.mu.Lock()
					s.list = append(s.list, texts[n])
					s.mu.Unlock()
				default:
					if s.acknowledged() == len(texts) {
						return
					}
					time.Sleep(10 * time.Millisecond) // another one may have to give one back
				}
			}
		})
	}
	wait.Wait()
}

func (s *senders) one(ctx context.Context, client *http.Client, n int, text string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.Load().(string)+report.Path, strings.NewReader(text))
	if err != nil {
		return false
	}
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)) // each from its own place
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var a report.Answer
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&a) == nil && a.ID != ""
}

// TestScaleFaults sends reports while berth-hq is killed, PostgreSQL crashes, and its disk is full. The list of what was acknowledged proves that nothing of it is lost,
// and the number of rows that nothing is there twice.
func TestScaleFaults(t *testing.T) {
	s := atScale(t, pgtest.StartDisk(t, 16<<10))
	texts := s.reports(min(60_000, s.shape.Installations))
	if len(texts) < 1000 {
		t.Fatal("so few reports are sent before anything is broken: HQ_SCALE=2000 at least")
	}
	var before int
	s.must(s.db.QueryRow(s.Context(), `SELECT count(*) FROM reports`).Scan(&before))
	from, start := &senders{}, time.Now()
	from.url.Store(s.url)
	done := make(chan struct{})
	go func() { defer close(done); from.send(s.Context(), texts) }()
	reached := func(share float64) {
		for float64(from.acknowledged()) < share*float64(len(texts)) {
			time.Sleep(time.Millisecond)
		}
	}
	again := func() {
		s.serve()
		from.url.Store(s.url)
	}
	for _, share := range []float64{0.15, 0.3} {
		reached(share)
		s.must(s.process.Process.Kill())
		_ = s.process.Wait() // it was killed
		again()
	}
	reached(0.45)
	s.server.Crash(s.T)
	s.server.Up(s.T)
	reached(0.6)
	free, refused := s.server.Fill(s.T), from.refused.Load()
	for from.refused.Load() < refused+200 {
		time.Sleep(10 * time.Millisecond)
	}
	free()
	s.server.Again(s.T)
	reached(0.75)
	s.must(s.process.Process.Kill()) // together: the machine has no power
	s.server.Crash(s.T)
	_ = s.process.Wait() // it was killed
	s.server.Up(s.T)
	again()
	<-done
	took := time.Since(start)

	lost, stays := s.missing(from.list)
	var after int
	s.must(s.db.QueryRow(s.Context(), `SELECT count(*) FROM reports`).Scan(&after))
	if lost > 0 || after-before != len(texts) || stays != len(texts) || len(from.list) != len(texts) {
		s.Errorf("%d of %d were acknowledged and %d of them are lost; %d are more than before, and %d are in a stay", len(from.list), len(texts), lost, after-before, stays)
	}
	s.keep([]measured{{"ingest while berth-hq is killed three times, PostgreSQL crashes twice and its disk is full once",
		fmt.Sprintf("%d reports acknowledged in %.0f s, %d lost, %d twice; %d sent again", len(from.list), took.Seconds(), lost, after-before-len(texts), from.refused.Load()), "0 lost, 0 twice"}})
}

// missing counts which of the acknowledged reports are not in the database, and which are in a stay.
func (s *scale) missing(list []string) (lost, inStays int) {
	var err error
	s.db, err = pgx.Connect(s.Context(), s.address)
	s.must(err)
	_, err = s.db.Exec(s.Context(), `CREATE TEMP TABLE list (name text, made timestamptz)`)
	s.must(err)
	rows := [][]any{}
	for _, text := range list {
		r, problems := report.Open([]byte(text), time.Now())
		if problems.Failed() {
			s.Fatal(problems)
		}
		rows = append(rows, []any{r.Installation, r.Made})
	}
	_, err = s.db.CopyFrom(s.Context(), pgx.Identifier{"list"}, []string{"name", "made"}, pgx.CopyFromRows(rows))
	s.must(err)
	s.must(s.db.QueryRow(s.Context(), `SELECT count(*) FILTER (WHERE r.made IS NULL), count(s.first) FROM list l LEFT JOIN installations i USING (name)
		LEFT JOIN reports r ON r.installation = i.id AND r.made = l.made AND date_bin('7 days', r.made, 'epoch') = date_bin('7 days', l.made, 'epoch')
		LEFT JOIN stays s ON s.installation = i.id AND l.made BETWEEN s.first AND s.last`).Scan(&lost, &inStays))
	return lost, inStays
}
