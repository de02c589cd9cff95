// Package kubetest is an API server in memory, for tests only: objects of any kind, resource versions, label selectors, and as much of apply
// as merging. It knows no owners of fields and no controllers; the tests that need them run against a real cluster.
package kubetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Server is an API server in memory.
type Server struct {
	URL string
	// Before, when set, sees each request first; when it reports true, it has answered.
	Before func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	objects  map[string]map[string]any // by path
	version  int
	requests []string
}

// New starts a server with the namespace "default"; it ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{objects: map[string]map[string]any{}}
	s.Put("/api/v1/namespaces/default", map[string]any{"metadata": map[string]any{"name": "default"}})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Getenv is an environment that leads to the server: a kubeconfig in a folder of the test's own.
func (s *Server) Getenv(t testing.TB) func(string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{current-context: test, contexts: [{name: test, context: {cluster: test, user: test}}],
		clusters: [{name: test, cluster: {server: %q}}], users: [{name: test, user: {}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(name string) string { return map[string]string{"KUBECONFIG": path}[name] }
}

// Put sets an object by its path, as a controller would: "/apis/apps/v1/namespaces/default/statefulsets/gitserver".
func (s *Server) Put(path string, obj map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(path, obj)
}

// Requests are the requests so far, such as "GET /version", without those that the server only tells who is there.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) store(path string, obj map[string]any) map[string]any {
	s.version++
	meta := tree(obj, "metadata")
	meta["resourceVersion"] = strconv.Itoa(s.version)
	if before := s.objects[path]; before != nil {
		meta["uid"] = tree(before, "metadata")["uid"]
	} else {
		meta["uid"] = fmt.Sprintf("uid-%d", s.version)
	}
	if data, ok := obj["stringData"].(map[string]any); ok {
		for k, v := range data {
			tree(obj, "data")[k] = base64.StdEncoding.EncodeToString([]byte(v.(string)))
		}
		delete(obj, "stringData")
	}
	s.objects[path] = obj
	return obj
}

func tree(obj map[string]any, key string) map[string]any {
	t, ok := obj[key].(map[string]any)
	if !ok {
		t = map[string]any{}
		obj[key] = t
	}
	return t
}

// ServeHTTP answers as an API server does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Before != nil && s.Before(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/version":
		answer(w, http.StatusOK, map[string]any{"gitVersion": "v1.35.4", "major": "1", "minor": "35"})
		return
	case strings.HasPrefix(r.URL.Path, "/apis/authorization.k8s.io/"):
		answer(w, http.StatusCreated, map[string]any{"status": map[string]any{"allowed": true}})
		return
	}
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	var body map[string]any
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body) // some requests have none
	}
	switch r.Method {
	case http.MethodGet:
		s.get(w, r)
	case http.MethodPost:
		s.post(w, r, body)
	case http.MethodPut, http.MethodPatch:
		s.write(w, r, body)
	case http.MethodDelete:
		s.remove(w, r, body)
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if obj, ok := s.objects[r.URL.Path]; ok {
		answer(w, http.StatusOK, obj)
		return
	}
	if !collection(r.URL.Path) {
		Refuse(w, http.StatusNotFound, "NotFound", r.URL.Path+" not found")
		return
	}
	items := []any{}
	for _, path := range slices.Sorted(maps.Keys(s.objects)) {
		if inside(path, r.URL.Path) && matches(s.objects[path], r.URL.Query().Get("labelSelector")) {
			items = append(items, s.objects[path])
		}
	}
	answer(w, http.StatusOK, map[string]any{"metadata": map[string]any{}, "items": items})
}

// collection reports whether a path is that of a kind rather than of an object.
func collection(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	head := 2 // api/v1
	if parts[0] == "apis" {
		head = 3
	}
	rest := parts[min(head, len(parts)):]
	return len(rest) == 1 || len(rest) == 3 && rest[0] == "namespaces"
}

// inside reports whether an object is of a kind, in its namespace or, for a path without one, in any.
func inside(object, kind string) bool {
	dir := object[:strings.LastIndexByte(object, '/')]
	if dir == kind {
		return true
	}
	root, plural := kind[:strings.LastIndexByte(kind, '/')], kind[strings.LastIndexByte(kind, '/'):]
	return !strings.Contains(kind, "/namespaces/") && strings.HasPrefix(dir, root+"/namespaces/") && strings.HasSuffix(dir, plural)
}

// matches understands "a=b,c".
func matches(obj map[string]any, selector string) bool {
	labels, _ := tree(obj, "metadata")["labels"].(map[string]any)
	for one := range strings.SplitSeq(selector, ",") {
		name, value, valued := strings.Cut(one, "=")
		if got, there := labels[name]; one != "" && (!there || valued && got != value) {
			return false
		}
	}
	return true
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, body map[string]any) {
	path := r.URL.Path + "/" + fmt.Sprint(tree(body, "metadata")["name"])
	if before, after, ok := strings.Cut(r.URL.Path, "/namespaces/"); ok {
		space, _, _ := strings.Cut(after, "/")
		if s.objects["/api/v1/namespaces/"+space] == nil {
			Refuse(w, http.StatusNotFound, "NotFound", "namespaces "+space+" not found in "+before)
			return
		}
	}
	if s.objects[path] != nil {
		Refuse(w, http.StatusConflict, "AlreadyExists", path+" already exists")
		return
	}
	if body["kind"] == "Job" && body["status"] == nil { // nothing runs pods here, so nobody may wait for them
		body["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Failed", "status": "True", "reason": "NoNode", "message": "this server runs no pods"}}}
	}
	if r.URL.Query().Get("dryRun") == "" {
		body = s.store(path, body)
	}
	answer(w, http.StatusCreated, body)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, body map[string]any) {
	before := s.objects[r.URL.Path]
	apply := strings.Contains(r.Header.Get("Content-Type"), "apply")
	if before == nil && !apply {
		Refuse(w, http.StatusNotFound, "NotFound", r.URL.Path+" not found")
		return
	}
	if v := tree(body, "metadata")["resourceVersion"]; v != nil && before != nil && v != tree(before, "metadata")["resourceVersion"] {
		Refuse(w, http.StatusConflict, "Conflict", r.URL.Path+" has been modified")
		return
	}
	if r.Method == http.MethodPatch && before != nil {
		body = merged(before, body)
	}
	if r.URL.Query().Get("dryRun") == "" {
		body = s.store(r.URL.Path, body)
	}
	answer(w, http.StatusOK, body)
}

// merged is a JSON merge patch.
func merged(onto, patch map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, onto)
	for k, v := range patch {
		inner, ok := v.(map[string]any)
		old, _ := out[k].(map[string]any)
		switch {
		case v == nil:
			delete(out, k)
		case ok:
			out[k] = merged(old, inner)
		default:
			out[k] = v
		}
	}
	return out
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request, body map[string]any) {
	obj := s.objects[r.URL.Path]
	if obj == nil {
		Refuse(w, http.StatusNotFound, "NotFound", r.URL.Path+" not found")
		return
	}
	if uid := tree(body, "preconditions")["uid"]; uid != nil && uid != tree(obj, "metadata")["uid"] {
		Refuse(w, http.StatusConflict, "Conflict", "the UID is another")
		return
	}
	delete(s.objects, r.URL.Path)
	answer(w, http.StatusOK, map[string]any{"kind": "Status", "status": "Success"})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

// Refuse answers as an API server does that does not do what it is asked for.
func Refuse(w http.ResponseWriter, status int, reason, message string) {
	answer(w, status, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason, "message": message})
}
