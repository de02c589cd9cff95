package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"berth/testbed/internal/index"
)

const indexDir = "/data/index"

// indexserver writes the indexes of the repositories that the frontend gives to its shard.
type indexserver struct {
	*service
	self string
	have map[string]string // commit of each index
}

func runIndexserver(ctx context.Context, s *service) error {
	x := &indexserver{service: s, have: map[string]string{}}
	if err := os.MkdirAll(indexDir, 0o755); err != nil {
		return err
	}
	old, err := index.Load(indexDir)
	if err != nil {
		s.logf("%v: all indexes are made again", err)
	}
	for _, i := range old {
		x.have[i.Repo] = i.Commit
	}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		self, err := s.join(ctx, "INDEXED_SEARCH_SERVERS", s.env("HOSTNAME"), func(c internalConfig) []string { return c.Zoekts })
		if err != nil {
			failed <- err
			cancel()
			return
		}
		x.self = self
		s.logf("this is shard %s with %d indexes", self, len(x.have))
		s.every(ctx, 2*time.Second, x.sync)
	}()
	err = s.serve(ctx, map[string]http.Handler{":6072": s.mux(always)})
	select {
	case err = <-failed: // the cause; what serve says is only that the context ended
	default:
	}
	return err
}

func (x *indexserver) sync(ctx context.Context) error {
	var repos []repoInfo
	if err := get(ctx, frontendURL(x.env)+"/internal/repos?zoekt="+url.QueryEscape(x.self), &repos); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, r := range repos {
		keep[r.Name] = true
		_, err := os.Stat(index.Path(indexDir, r.Name))
		if r.Commit == "" || x.have[r.Name] == r.Commit && err == nil {
			continue
		}
		files, err := archive(ctx, r)
		if err != nil {
			return err
		}
		if err := index.Build(r.Name, r.Commit, files).Write(indexDir); err != nil {
			return err
		}
		x.have[r.Name] = r.Commit
		x.logf("%s is indexed at %s: %d files", r.Name, r.Commit, len(files))
	}
	for name := range x.have {
		if !keep[name] {
			delete(x.have, name)
		}
	}
	return index.Remove(indexDir, keep)
}

// archive takes the files of a repository from its gitserver.
func archive(ctx context.Context, r repoInfo) ([]index.File, error) {
	b, err := call(ctx, "GET", fmt.Sprintf("http://%s/archive?repo=%s&commit=%s", r.Gitserver, url.QueryEscape(r.Name), r.Commit), nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return index.Files(b)
}

// webserver answers searches from the indexes that the indexserver of its shard writes.
type webserver struct {
	*service
	dir   string // of the indexes
	mu    sync.Mutex
	state string // names, sizes and times of the files that are loaded
	all   []*index.Index
}

func runWebserver(ctx context.Context, s *service) error {
	ws := &webserver{service: s, dir: indexDir}
	m := s.mux(ws.searches)
	m.HandleFunc("POST /search", ws.search)
	m.HandleFunc("GET /list", func(w http.ResponseWriter, _ *http.Request) {
		all, err := ws.load()
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, err)
			return
		}
		out := map[string]string{}
		for _, i := range all {
			out[i.Repo] = i.Commit
		}
		reply(w, out)
	})
	m.HandleFunc("GET /debug/requests/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "stand-in") })
	w, err := newWatchdog(s, "http://127.0.0.1:6070/healthz")
	if err != nil {
		return err
	}
	go w.run(ctx)
	return s.serve(ctx, map[string]http.Handler{":6070": m})
}

// searches is the health check: a search for anything, of which the first match is enough. Nothing but the answer ends it: who asks has a time limit.
//
// Source: serveHealthz, web/server.go of sourcegraph/zoekt.
func (ws *webserver) searches(context.Context) error {
	all, err := ws.load()
	if err == nil && len(all) > 0 {
		all[0].Search(index.Query{Limit: 1})
	}
	return err
}

// load reads the indexes again when the folder has changed.
func (ws *webserver) load() ([]*index.Index, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	entries, err := os.ReadDir(ws.dir)
	if err != nil {
		return nil, err
	}
	var state strings.Builder
	for _, e := range entries {
		if i, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".index" {
			fmt.Fprintln(&state, i.Name(), i.Size(), i.ModTime().UnixNano())
		}
	}
	if state.String() == ws.state {
		return ws.all, nil
	}
	all, err := index.Load(ws.dir)
	if err != nil {
		return nil, err
	}
	ws.all, ws.state = all, state.String()
	return all, nil
}

func (ws *webserver) search(w http.ResponseWriter, r *http.Request) {
	var a ask
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	all, err := ws.load()
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	wanted := map[string]bool{}
	for _, n := range a.Repos {
		wanted[n] = true
	}
	t := told{Indexed: map[string]string{}}
	for _, i := range all {
		if wanted[i.Repo] {
			t.Indexed[i.Repo] = i.Commit
			t.Matches = append(t.Matches, i.Search(a.Query)...)
		}
	}
	t.Matches = t.Matches[:min(len(t.Matches), max(a.Limit, limit))]
	reply(w, t)
}
