package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/shard"
)

// check says what keeps a service from being healthy; nil when nothing does.
type check func(context.Context) error

func always(context.Context) error { return nil }

// serve listens on all addresses until the context ends.
func (s *service) serve(ctx context.Context, on map[string]http.Handler) error {
	failed := make(chan error, len(on))
	var servers []*http.Server
	for addr, h := range on {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, srv)
		go func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	addresses := make([]string, 0, len(on))
	for a := range on {
		addresses = append(addresses, a)
	}
	slices.Sort(addresses)
	s.logf("listening on %s", strings.Join(addresses, " "))
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	for _, srv := range servers {
		_ = srv.Shutdown(drain) // what is still open after three seconds ends with the process
	}
	return err
}

// health answers 200 when the check passes, 503 with the reason otherwise.
func (s *service) health(c check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		err := c(ctx)
		if s.env("STANDIN_FAIL") == "unhealthy" {
			err = errors.New("STANDIN_FAIL=unhealthy")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "OK", s.version)
	}
}

// mux has what all services answer on all ports: health, readiness, metrics, version.
func (s *service) mux(ready check) *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", s.health(ready))
	m.HandleFunc("GET /ready", s.health(latched(ready)))
	m.HandleFunc("GET /__version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.version) })
	m.HandleFunc("GET /metrics", s.metrics)
	return m
}

// latched is a check that passes for good once it has passed: Sourcegraph's /ready tells that a service has started, not that its databases
// answer at the moment.
//
// Source: internal/debugserver of Sourcegraph's public snapshot, whose readiness is a channel that is closed once.
func latched(c check) check {
	var passed atomic.Bool
	return func(ctx context.Context) error {
		if passed.Load() {
			return nil
		}
		err := c(ctx)
		passed.Store(err == nil)
		return err
	}
}

// debug is the mux of port 6060, whose liveness doesn't depend on others.
func (s *service) debug(ready check) *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", s.health(always))
	m.HandleFunc("GET /ready", s.health(latched(ready)))
	m.HandleFunc("GET /metrics", s.metrics)
	return m
}

func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, "# TYPE standin_info gauge\nstandin_info{role=%q,version=%q} 1\n", s.role, s.version)
	fmt.Fprintf(w, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %d\n", s.started.Unix())
	s.figures.write(w)
}

// simple is a role that only answers its health on its own port and on 6060.
func simple(addr string) func(context.Context, *service) error {
	return func(ctx context.Context, s *service) error {
		return s.serve(ctx, map[string]http.Handler{addr: s.mux(always), ":6060": s.debug(always)})
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a client that went away needs no answer
}

func refuse(w http.ResponseWriter, code int, err error) { http.Error(w, err.Error(), code) }

var client = &http.Client{Timeout: 60 * time.Second}

// call asks another service; a status of 300 and more is an error with what the service said.
func call(ctx context.Context, method, url string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // the status alone is enough to report
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, bytes.TrimSpace(text))
	}
	return resp.Body, nil
}

func get(ctx context.Context, url string, into any) error { return send(ctx, "GET", url, nil, into) }

func send(ctx context.Context, method, url string, body, into any) error {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	b, err := call(ctx, method, url, r)
	if err != nil {
		return err
	}
	defer b.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(b).Decode(into)
}

// internalConfig is what the frontend tells the other services.
type internalConfig struct {
	Version    string
	Gitservers []string
	Zoekts     []string
	Searchers  []string
	DSN        map[string]string // by database name
}

// repoInfo is a repository as the frontend's internal API lists it.
type repoInfo struct {
	Name      string
	URI       string // where to clone from; bundle: for one that was uploaded to the frontend
	Revision  int
	Commit    string // of the clone, empty while there is none
	Gitserver string
	Zoekt     string
}

// frontendURL is the frontend's internal API.
func frontendURL(env contract.Env) string {
	v := env("SRC_FRONTEND_INTERNAL")
	if v == "" {
		v = "sourcegraph-frontend-internal"
	}
	if !strings.Contains(v, "://") {
		v = "http://" + v
	}
	return strings.TrimSuffix(v, "/")
}

// config waits for the frontend, which starts after most others.
func (s *service) config(ctx context.Context) (internalConfig, error) {
	var c internalConfig
	url := frontendURL(s.env) + "/internal/config"
	for n := 0; ; n++ {
		err := get(ctx, url, &c)
		if err == nil || ctx.Err() != nil {
			return c, ctx.Err()
		}
		if n%30 == 0 {
			s.logf("waiting for the frontend: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// join finds this shard in the list that the frontends have. A shard may start before they know it, but not stay without them.
func (s *service) join(ctx context.Context, variable, self string, list func(internalConfig) []string) (string, error) {
	var addresses []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		c, err := s.config(ctx)
		if err != nil {
			return "", err
		}
		addresses = list(c)
		for _, a := range addresses {
			if a == self || shard.Host(a) == self || strings.HasPrefix(a, self+".") {
				return a, nil
			}
		}
	}
	return "", fmt.Errorf("this shard is %s, and %s of the frontends has only %s", self, variable, strings.Join(addresses, " "))
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return h
}
