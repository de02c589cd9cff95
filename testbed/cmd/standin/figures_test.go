package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"berth/testbed/internal/index"
)

// scraped is what Prometheus reads of a service.
func scraped(s *service) string {
	w := httptest.NewRecorder()
	s.metrics(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestEchoIsMeasured(t *testing.T) {
	slow := filepath.Join(t.TempDir(), "echo")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nsleep 0.2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(slow)+":"+os.Getenv("PATH"))
	s := &service{env: env(nil)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.echoes(ctx, time.Millisecond)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var seconds float64
		if _, line, ok := strings.Cut(scraped(s), "\n"+echoSeconds+" "); ok {
			_, _ = fmt.Sscan(line, &seconds) // 0 where it is no number
		}
		if seconds >= 0.2 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a command of 0.2 s is not seen:\n%s", scraped(s))
		}
	}
}

func TestWatchdog(t *testing.T) {
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(w, "no", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	s := &service{env: env(map[string]string{"ZOEKT_WATCHDOG_TICK": "20ms", "ZOEKT_WATCHDOG_ERRORS": "3"})}
	w, err := newWatchdog(s, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	w.end = func() { ended <- scraped(s) }
	go w.run(context.Background())
	has := func(line string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !strings.Contains(scraped(s), line+"\n"); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no %q in\n%s", line, scraped(s))
			}
		}
	}
	has(watchErrors + " 0")
	has(watchTotal + " 2") // it looked, and all is well
	broken.Store(true)
	has(watchErrors + " 1")
	broken.Store(false)
	has(watchErrors + " 0")
	broken.Store(true)
	select {
	case said := <-ended:
		if !strings.Contains(said, watchErrors+" 3\n") || !strings.Contains(said, "# TYPE "+watchErrors+" gauge\n") {
			t.Errorf("at its end it says\n%s", said)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestWatchdogSettings(t *testing.T) {
	for _, wrong := range []map[string]string{{"ZOEKT_WATCHDOG_TICK": "often"}, {"ZOEKT_WATCHDOG_ERRORS": "many"}} {
		if _, err := newWatchdog(&service{env: env(wrong)}, ""); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
	w, err := newWatchdog(&service{env: env(nil)}, "")
	if err != nil || w.tick != 30*time.Second || w.most != 3 || w.patience != 30*time.Second {
		t.Errorf("by default %+v, %v", w, err)
	}
}

// A pipe among the indexes blocks whoever reads it, as a disk that does not answer would. Searches and the health check hang, figures don't.
func TestSearchThatHangs(t *testing.T) {
	dir := t.TempDir()
	ws := &webserver{service: &service{env: env(nil)}, dir: dir}
	if err := index.Build("a/b", "c", []index.File{{Path: "x", Content: "y"}}).Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := ws.searches(context.Background()); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe.index")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- ws.searches(context.Background()) }()
	select {
	case err := <-answered:
		t.Errorf("a search that hangs answers: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // lets the reader go
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
