package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/pgtest"
	"berth/testbed/internal/release"
)

// redisFake answers SET and GET of a Redis.
func redisFake(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var kept sync.Map
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					var n, size int
					if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
						return
					}
					words := make([]string, n)
					for i := range words {
						if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
							return
						}
						text := make([]byte, size+2)
						if _, err := io.ReadFull(in, text); err != nil {
							return
						}
						words[i] = string(text[:size])
					}
					if words[0] == "SET" {
						kept.Store(words[1], words[2])
						fmt.Fprint(c, "+OK\r\n")
						continue
					}
					v, _ := kept.Load(words[1])
					fmt.Fprintf(c, "$%d\r\n%s\r\n", len(fmt.Sprint(v)), v)
				}
			}()
		}
	}()
	return "redis://" + l.Addr().String()
}

// storeFake keeps what is put into it.
func storeFake(t *testing.T) objects {
	var kept sync.Map
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			text, _ := io.ReadAll(r.Body) // the test fails where it is read
			kept.Store(r.URL.Path, text)
		} else if v, ok := kept.Load(r.URL.Path); ok {
			_, _ = w.Write(v.([]byte))
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return objects{contract.Upload{Endpoint: s.URL, Bucket: "b"}}
}

// What people make is written into the tables of Sourcegraph and read from there.
func TestAPIKeepsWhatPeopleMake(t *testing.T) {
	t.Parallel()
	i := installed(t, pgtest.Start(t), "5.0.0")
	ctx := context.Background()
	get := func(k string) string { return i.env[k] }
	db, err := open(ctx, dsns(get))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, p := range db {
			p.Close()
		}
	}()
	f := &frontend{service: &service{role: "frontend", version: "5.0.0", minor: release.Must("5.0"), env: get}, db: db, store: redisPool(redisFake(t)),
		objects: storeFake(t), git: []string{"g:3178"}, zoekt: []string{"z:6070"}}
	web, internal := httptest.NewServer(f.web()), httptest.NewServer(f.internal())
	defer web.Close()
	defer internal.Close()
	ask := func(method, url, body string, want int) string {
		t.Helper()
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s %s: %s %v\n%s", method, url, resp.Status, err, text)
		}
		return string(text)
	}
	has := func(path string, words ...string) {
		t.Helper()
		text := ask("GET", web.URL+path, "", 200)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s has no %s:\n%s", path, w, text)
			}
		}
	}
	ask("POST", web.URL+"/api/site-init", `{"username": "Ada", "email": "ada@example.com", "password": "x"}`, 200)
	ask("POST", web.URL+"/api/site-init", `{"username": "b", "email": "b@example.com", "password": "x"}`, 409)
	ask("POST", web.URL+"/api/sign-in", `{"username": "ada", "password": "x"}`, 200) // names are citext
	ask("POST", web.URL+"/api/sign-in", `{"username": "ada", "password": "y"}`, 401)
	has("/api/users", `"username": "Ada"`, `"email": "ada@example.com"`, `"siteAdmin": true`)

	ask("POST", web.URL+"/api/repos", `{"name": "a/b", "cloneURL": "file:///x"}`, 201)
	ask("POST", web.URL+"/api/repos/c/d/bundle", "a bundle", 201)
	ask("POST", web.URL+"/api/repos/c/d/bundle", "another", 201)
	if got := ask("GET", internal.URL+"/internal/bundle?repo=c/d", "", 200); got != "another" {
		t.Errorf("the bundle is %q", got)
	}
	ask("GET", internal.URL+"/internal/bundle?repo=a/b", "", 404)
	ask("POST", internal.URL+"/internal/cloned", `{"Name": "c/d", "Shard": "g:3178", "Bytes": 5, "Commit": "abc"}`, 200)
	has("/api/repos", `"cloneURL": "file:///x"`, `"cloneStatus": "not_cloned"`, `"cloneStatus": "cloned"`, `"commit": "abc"`)
	var list []repoInfo
	if err := json.Unmarshal([]byte(ask("GET", internal.URL+"/internal/repos", "", 200)), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v %+v", err, list)
	}
	if list[0].Name != "a/b" || list[0].Commit != "" || list[1].Commit != "abc" || list[1].Revision != 2 {
		t.Errorf("the internal list is %+v", list)
	}

	for range 2 {
		if err := f.begin(ctx, map[string][]json.RawMessage{"OTHER": {json.RawMessage(`{"url": "https://h", "repos": ["e"]}`)}}, `{"a": 1}`); err != nil {
			t.Fatal(err)
		}
	}
	has("/api/external-services", `"displayName": "OTHER #1"`)
	if n := i.one("frontend", "SELECT (SELECT count(*) FROM external_services) || ' ' || (SELECT count(*) FROM settings) || ' ' || (SELECT string_agg(name, ' ' ORDER BY id) FROM repo)"); n != "1 1 a/b c/d h/e" {
		t.Errorf("services, settings, repositories: %s", n)
	}
	ask("PUT", web.URL+"/api/settings", `{"theme": "dark"}`, 200)
	has("/api/settings", "dark")

	content, err := os.ReadFile("../../internal/scip/testdata/harbour.scip")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(content), string(content), "no index"} { // the second takes the place of the first: one complete upload for a commit
		ask("POST", web.URL+"/api/uploads?repository=a/b", text, 202)
		if err := takeUpload(ctx, db, f.objects); err != nil {
			t.Fatal(err)
		}
	}
	has("/api/uploads", `"state": "deleted"`, `"state": "completed"`, fmt.Sprintf(`"size": %d`, len(content)), `"state": "failed"`, "no SCIP index")
	if got := ask("GET", web.URL+"/api/uploads/2", "", 200); got != string(content) {
		t.Errorf("the upload is %q", got)
	}
	for query, want := range map[string]string{
		"SELECT (SELECT count(*) FROM codeintel_scip_documents) || ' ' || (SELECT count(*) FROM codeintel_scip_document_lookup)": "2 4",
		"SELECT DISTINCT tool_name || ' ' || tool_version || ' ' || text_document_encoding FROM codeintel_scip_metadata":         "scip-typescript 0.4.0 UTF8",
		`SELECT string_agg(document_path || ' defines', ', ' ORDER BY document_path) FROM codeintel_scip_symbols s
			JOIN codeintel_scip_symbol_names n ON (n.upload_id, n.id) = (s.upload_id, symbol_id) JOIN codeintel_scip_document_lookup l ON l.id = document_lookup_id
			WHERE s.upload_id = 2 AND name_segment LIKE '%/Harbour#' AND definition_ranges IS NOT NULL`: "harbour.ts defines",
	} {
		if got := i.one("codeintel", query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	ask("POST", web.URL+"/api/insights", `{"query": "TODO"}`, 200)
	if err := addPoints(ctx, db); err != nil {
		t.Fatal(err)
	}
	has("/api/spoiled", "[]")
	if err := f.spoil(ctx, "runs on other data"); err != nil {
		t.Fatal(err)
	}
	has("/api/spoiled", `"release": "5.0.0"`, `"harm": "runs on other data"`)
	has("/api/insights", `"query": "TODO"`, `"points": 1`, `"max": 3`)
}
