//go:build scale

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/catalogue"
	"berth/internal/hq/fleet"
	"berth/internal/hq/simulate"
	"berth/internal/hq/store/pgtest"
	"berth/internal/report"
)

// scale is a fleet whose installations report daily for two years, in a database that writes to the disk.
type scale struct {
	*testing.T
	server  *pgtest.Server
	address string
	shape   simulate.Shape
	db      *pgx.Conn
	process *exec.Cmd // of berth-hq
	hq      int       // its number
	url     string
	token   string
	rows    []measured
}

// atScale is berth-hq with 100,000 installations, or HQ_SCALE of them, and what they have reported.
func atScale(t *testing.T, server *pgtest.Server) *scale {
	s := &scale{T: t, server: server, address: server.Database(t)}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	s.shape = simulate.Shape{Seed: 1, Installations: 100_000, From: report.First, To: today, Every: 24 * time.Hour}
	if from := today.AddDate(-2, 0, 0); from.After(s.shape.From) {
		s.shape.From = from
	}
	if text := os.Getenv("HQ_SCALE"); text != "" {
		n, err := strconv.Atoi(text)
		s.must(err)
		s.shape.Installations = n
	}
	a := admin{t, s.address}
	a.types("", 0, "migrate")
	token, _ := a.types("", 0, "people", "add", "jo")
	s.token = strings.TrimSpace(token)
	var err error
	s.db, err = pgx.Connect(t.Context(), s.address)
	s.must(err)
	t.Cleanup(func() { s.db.Close(context.Background()) })
	s.fill()
	s.serve()
	return s
}

// serve starts berth-hq.
func (s *scale) serve() {
	s.process, s.url = serving(s.T, s.address, "--url", "https://hq.example.com")
	s.hq = s.process.Process.Pid
}

// TestScale measures, and writes the table of docs/hq.md. The machine may be busy: so it says processor time, too.
func TestScale(t *testing.T) {
	s := atScale(t, pgtest.Start(t, "fsync=on"))
	s.sizes()
	s.first()
	s.row("berth-hq serve: reads the fleet and counts the figures of the first page", "%.1f s of processor time, %d MB of memory", s.cpu(s.hq).Seconds(), s.memory())
	s.pages("alone")
	texts := s.reports(min(60_000, s.shape.Installations))
	half := len(texts) / 2
	s.ingest("alone", texts[:half], nil)
	s.ingest("while pages are asked for", texts[half:], func() { s.pages("while reports come in") })
	s.row("berth-hq serve at its most", "%d MB of memory", s.memory())
	s.keep(s.rows)
}

func (s *scale) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scale) row(what, format string, args ...any) { s.aims("", what, format, args...) }

// aims is row for what has a goal.
func (s *scale) aims(goal, what, format string, args ...any) {
	s.rows = append(s.rows, measured{what, fmt.Sprintf(format, args...), goal})
	s.Log(what, fmt.Sprintf(format, args...))
}

// keep prints rows, and writes them into the table of the page. A look at a smaller fleet is not kept.
func (s *scale) keep(rows []measured) {
	var version string
	s.must(s.db.QueryRow(s.Context(), `SELECT current_setting('server_version')`).Scan(&version))
	rows = append([]measured{{"machine", fmt.Sprintf("%s, PostgreSQL %s, %d cores", time.Now().UTC().Format(time.DateOnly), version, runtime.NumCPU()), ""}}, rows...)
	for _, r := range rows {
		fmt.Println(r.line())
	}
	if os.Getenv("HQ_SCALE") != "" {
		return
	}
	text, err := os.ReadFile(scalePage)
	s.must(err)
	page, err := withRows(string(text), rows)
	s.must(err)
	s.must(os.WriteFile(scalePage, []byte(page), 0o644))
}

// fill writes what two years of daily reports leave, and the issues. Each report is a row of its own, made from the stays.
func (s *scale) fill() {
	kinds, stays, runs, installations, issues := map[fleet.Facts]int32{}, [][]any{}, [][]any{}, [][]any{}, [][]any{}
	flush := func(last bool) {
		for name, of := range map[string]struct {
			columns []string
			rows    *[][]any
		}{
			"installations": {[]string{"name", "began", "seconds", "doctor"}, &installations}, "stays": {[]string{"installation", "first", "last", "kind"}, &stays},
			"runs": {[]string{"installation", "number", "run"}, &runs}, "issues": {[]string{"source", "issue"}, &issues},
		} {
			if last || len(*of.rows) > 20_000 {
				_, err := s.db.CopyFrom(s.Context(), pgx.Identifier{name}, of.columns, pgx.CopyFromRows(*of.rows))
				s.must(err)
				*of.rows = nil
			}
		}
	}
	n := int32(0)
	for l := range simulate.Lives(s.shape, catalogue.Embedded()) {
		if len(l.Tells) == 0 {
			continue
		}
		n++
		spans := []fleet.Span[int32]{}
		for _, at := range l.Tells {
			f := fleet.Facts{Release: l.Running(at), Target: l.Target, Option: report.Options[l.Target], Size: l.SizeAt(at), Use: l.Use, Postgres: l.Postgres, Berth: "0.4.0"}
			if kinds[f] == 0 {
				kinds[f] = int32(len(kinds) + 1)
				_, err := s.db.Exec(s.Context(), `INSERT INTO kinds (facts) VALUES ($1)`, f)
				s.must(err)
			}
			spans = fleet.Extend(spans, at, kinds[f])
		}
		for _, p := range spans {
			stays = append(stays, []any{n, p.First, p.Last, p.Said})
		}
		newest := l.Report(l.Tells[len(l.Tells)-1])
		for _, r := range newest.Runs {
			runs = append(runs, []any{n, r.Number, r})
		}
		doctor := newest.Doctor
		if doctor == nil {
			doctor = []report.Found{}
		}
		var began, seconds any
		if newest.Start != nil {
			began, seconds = newest.Start.Began, newest.Start.FirstSearch
		}
		installations = append(installations, []any{l.Key.Installation(), began, seconds, doctor})
		for _, i := range simulate.Issues(uint64(n), []simulate.Life{l}, s.shape.To) {
			issues = append(issues, []any{fmt.Sprintf("%d %s", n, i.Source), i})
		}
		flush(false)
	}
	flush(true)
	for _, q := range []string{`DROP INDEX reports_key`, `INSERT INTO reports SELECT installation, kind, generate_series(first, last, '1 day') FROM stays`,
		`CREATE UNIQUE INDEX reports_key ON reports (date_bin('7 days', made, 'epoch'), installation, made)`, `VACUUM ANALYZE`} {
		start := time.Now()
		_, err := s.db.Exec(s.Context(), q)
		s.must(err)
		s.Log(q[:14], time.Since(start).Round(time.Second))
	}
}

// sizes says what is on the disk.
func (s *scale) sizes() {
	rows, err := s.db.Query(s.Context(), `SELECT relname, reltuples::bigint, pg_total_relation_size(oid) FROM pg_class WHERE relname IN ('installations', 'reports', 'stays', 'runs', 'issues') ORDER BY 3 DESC`)
	s.must(err)
	var name string
	var count, bytes int64
	_, err = pgx.ForEachRow(rows, []any{&name, &count, &bytes}, func() error {
		s.row(name+" on disk", "%d rows, %d MB", count, bytes>>20)
		return nil
	})
	s.must(err)
	s.must(s.db.QueryRow(s.Context(), `SELECT pg_database_size(current_database())`).Scan(&bytes))
	s.row("the database on disk", "%d MB", bytes>>20)
}

// reports are those of today, signed before anything is measured.
func (s *scale) reports(n int) (out []string) {
	for l := range simulate.Lives(s.shape, catalogue.Embedded()) {
		if !l.Ends.IsZero() || len(l.Tells) == 0 {
			continue
		}
		signed, err := l.Key.Sign(l.Report(time.Now()))
		s.must(err)
		text, err := json.Marshal(signed)
		s.must(err)
		if out = append(out, string(text)); len(out) == n {
			break
		}
	}
	return out
}

// first lets what is measured go before other work of this machine, where that is allowed: other tests would be measured as well. New threads and processes
// inherit it.
func (s *scale) first() {
	for _, pid := range append(children(s.server.Process(s.T)), s.server.Process(s.T), s.hq, os.Getpid()) {
		if out, err := exec.CommandContext(s.Context(), "chrt", "--all-tasks", "--rr", "--pid", "1", strconv.Itoa(pid)).CombinedOutput(); err != nil {
			s.row("other work of this machine", "goes beside what is measured: %v %s", err, out)
			return
		}
	}
}

// children are the processes that a process started.
func children(pid int) (out []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), ") ")
		if parent, _ := strconv.Atoi(strings.Fields(after)[1]); parent == pid {
			of, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			out = append(out, of)
		}
	}
	return out
}

// cpu is the processor time of a process and of its children that are there.
func (s *scale) cpu(pid int) (all time.Duration) {
	for _, of := range append(children(pid), pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", of))
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), ") ")
		for _, field := range strings.Fields(after)[11:13] {
			ticks, err := strconv.Atoi(field)
			s.must(err)
			all += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return all
}

// memory is the most memory that berth-hq had, in MB.
func (s *scale) memory() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.hq))
	s.must(err)
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	s.must(err)
	return kb >> 10
}

// own is the processor time of this process: of the senders.
func (s *scale) own() time.Duration {
	var u syscall.Rusage
	s.must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ingest sends reports from 64 senders at once, and counts those that were acknowledged. TestKill finds each of them in the database after a crash.
func (s *scale) ingest(how string, texts []string, meanwhile func()) {
	before, database, own, start := s.cpu(s.hq), s.cpu(s.server.Process(s.T)), s.own(), time.Now()
	var next, refused atomic.Int64
	var mu sync.Mutex
	acknowledged := 0
	var wait sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for range 64 {
		wait.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(texts); n = int(next.Add(1)) - 1 {
				req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+report.Path, strings.NewReader(texts[n]))
				if err != nil {
					s.Error(err)
					return
				}
				req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)) // each from its own place
				resp, err := client.Do(req)
				if err != nil {
					s.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					refused.Add(1)
					continue
				}
				mu.Lock()
				acknowledged++
				mu.Unlock()
			}
		})
	}
	if meanwhile != nil {
		meanwhile()
	}
	wait.Wait()
	took, n := time.Since(start), time.Duration(len(texts))
	hq, pg := s.cpu(s.hq)-before, s.cpu(s.server.Process(s.T))-database
	if refused.Load() > 0 {
		s.Errorf("%d reports were not taken", refused.Load())
	}
	what := "ingest " + how
	if meanwhile == nil {
		s.row(what+", processor time of a report", "%d µs in berth-hq and %d µs in PostgreSQL: %.0f a second on two cores", (hq / n).Microseconds(), (pg / n).Microseconds(), 2/(hq+pg).Seconds()*float64(n))
	}
	s.aims("2,000 a second", what+", as measured", "%d reports in %.1f s: %.0f a second, with %d µs of a sender", acknowledged, took.Seconds(), float64(acknowledged)/took.Seconds(), ((s.own() - own) / n).Microseconds())
}

// pages asks for pages that nobody asked for before, so that nothing was counted.
func (s *scale) pages(how string) {
	days := 0
	for _, of := range []struct {
		name, path string
		times      int
	}{
		{"first page, all figures", "/", 40}, {"one figure", "/figures/upgrades", 20}, {"a list of many", "/figures/versions?row=" + s.shape.To.Format(time.DateOnly), 20},
		{"a figure as CSV", "/figures/issues?format=csv", 20},
	} {
		var took []time.Duration
		before := s.cpu(s.hq)
		for n := range of.times {
			u, err := url.Parse(s.url + of.path)
			s.must(err)
			q := u.Query()
			filters := []url.Values{{}, {"target": {"compose"}}, {"option": {"kubernetes"}}, {"size": {"S"}}, {"use": {"trial"}}, {"target": {"compose"}, "size": {"M"}, "use": {"production"}}}
			for key, of := range filters[n%len(filters)] {
				q[key] = of
			}
			if q.Get("row") == "" { // a day that nobody asked for yet
				days++
				q.Set("day", s.shape.To.AddDate(0, 0, -days).Format(time.DateOnly))
			} else {
				q.Set("months", strconv.Itoa(3+n))
			}
			u.RawQuery = q.Encode()
			took = append(took, s.page(u.String()))
		}
		slices.Sort(took)
		cpu := (s.cpu(s.hq) - before) / time.Duration(len(took))
		s.aims("200 ms", of.name+", "+how, "median %d ms, 95th percentile %d ms; %d ms of processor time", took[len(took)/2].Milliseconds(), took[len(took)*95/100].Milliseconds(), cpu.Milliseconds())
	}
}

func (s *scale) page(address string) time.Duration {
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	s.must(err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	text, err := io.ReadAll(resp.Body)
	s.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.Fatalf("%s: %s\n%s", address, resp.Status, text)
	}
	return time.Since(start)
}
