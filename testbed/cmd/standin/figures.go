package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// figures are what a service says of itself to Prometheus, beside what all of them say.
type figures struct {
	mu     sync.Mutex
	order  []string
	values map[string]float64
	kinds  map[string]string
}

// begin makes a figure known. Prometheus sees it from then on, as it does with the real client's gauges and counters.
func (f *figures) begin(kind string, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.values == nil {
		f.values, f.kinds = map[string]float64{}, map[string]string{}
	}
	for _, n := range names {
		f.order, f.kinds[n], f.values[n] = append(f.order, n), kind, 0
	}
}

func (f *figures) set(name string, value float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[name] = value
}

func (f *figures) add(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[name]++
}

func (f *figures) write(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.order {
		fmt.Fprintf(w, "# TYPE %s %s\n%[1]s %[3]s\n", n, f.kinds[n], strconv.FormatFloat(f.values[n], 'g', -1, 64))
	}
}

const (
	echoSeconds   = "src_gitserver_echo_duration_seconds"
	echoPause     = 10 * time.Second
	watchErrors   = "zoekt_webserver_watchdog_errors"
	watchTotal    = "zoekt_webserver_watchdog_total"
	watchFailures = "zoekt_webserver_watchdog_errors_total"
	watchPatience = 30 * time.Second
)

// echoes measures every ten seconds how long the shortest command takes.
//
// Source: registerEchoMetric, cmd/gitserver/internal of Sourcegraph's public snapshot.
func (s *service) echoes(ctx context.Context, pause time.Duration) {
	s.figures.begin("gauge", echoSeconds)
	for sleep(ctx, pause) {
		began := time.Now()
		if err := exec.CommandContext(ctx, "echo").Run(); err != nil {
			s.logf("exec measurement failed: %v", err)
			continue
		}
		s.figures.set(echoSeconds, time.Since(began).Seconds())
	}
}

// watchdog is how zoekt-webserver watches itself: its own health check, which is a search. After some failures in a row the process ends.
type watchdog struct {
	*service
	url      string
	tick     time.Duration // 0: it does not watch
	patience time.Duration // for one answer
	most     int           // failures in a row; 0: it does not watch
	end      func()
}

// newWatchdog reads the settings of a watchdog.
//
// Source: cmd/zoekt-webserver/main.go of sourcegraph/zoekt.
func newWatchdog(s *service, url string) (*watchdog, error) {
	w := &watchdog{service: s, url: url, tick: 30 * time.Second, patience: watchPatience, most: 3, end: func() { os.Exit(3) }}
	var err error
	if v := s.env("ZOEKT_WATCHDOG_TICK"); v != "" {
		if w.tick, err = time.ParseDuration(v); err != nil {
			return nil, fmt.Errorf("ZOEKT_WATCHDOG_TICK: %w", err)
		}
	}
	if v := s.env("ZOEKT_WATCHDOG_ERRORS"); v != "" {
		if w.most, err = strconv.Atoi(v); err != nil {
			return nil, fmt.Errorf("ZOEKT_WATCHDOG_ERRORS: %w", err)
		}
	}
	return w, nil
}

func (w *watchdog) run(ctx context.Context) {
	w.figures.begin("gauge", watchErrors)
	w.figures.begin("counter", watchTotal, watchFailures)
	if w.tick <= 0 || w.most <= 0 {
		w.logf("watchdog disabled")
		return
	}
	ticks := time.NewTicker(w.tick)
	defer ticks.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failed > 0:
			failed = 0
			w.figures.set(watchErrors, 0)
			w.logf("watchdog: success, resetting error count")
		case err != nil:
			failed++
			w.figures.set(watchErrors, float64(failed))
			w.figures.add(watchFailures)
			if failed >= w.most {
				w.logf("watchdog health check has consecutively failed %d times; this process will exit with code 3. Final error: %v", failed, err)
				w.end()
				return
			}
			w.logf("watchdog: failed, will try %d more times: %v", w.most-failed, err)
		}
	}
}

func (w *watchdog) once(ctx context.Context) error {
	defer w.figures.add(watchTotal)
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", w.url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // the status decides
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status=%d body=%q", resp.StatusCode, said)
	}
	return nil
}

// sleep reports whether the context still holds after a pause.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}
