package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/target/kubernetes/kubetest"
	"github.com/google/go-cmp/cmp"
)

// memory connects to an API server in memory.
func memory(t *testing.T) (*Client, *kubetest.Server) {
	t.Helper()
	s := kubetest.New(t)
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, s
}

func configMap(name string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "default"}}
}

// TestTriedAgain: what passes by itself ends no run, and nothing is done twice that must not be.
func TestTriedAgain(t *testing.T) {
	busy := func(status int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			kubetest.Refuse(w, status, "Some", "later")
		}
	}
	reset := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	cut := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"kind": "ConfigMap", `)
	}
	for _, test := range []struct {
		name   string
		answer []func(http.ResponseWriter) // the first ones
		method string
		tries  int32
		ok     bool
	}{
		{"too many requests", []func(http.ResponseWriter){busy(429), busy(429)}, "create", 3, true},
		{"unavailable", []func(http.ResponseWriter){busy(503), busy(502)}, "apply", 3, true},
		{"unavailable, once only", []func(http.ResponseWriter){busy(502)}, "create", 1, false},
		{"reset", []func(http.ResponseWriter){reset, reset}, "apply", 3, true},
		{"cut off", []func(http.ResponseWriter){cut}, "apply", 2, true},
		{"cut off, once only", []func(http.ResponseWriter){cut}, "create", 1, false},
		{"reset, once only", []func(http.ResponseWriter){reset}, "create", 1, false},
		{"webhook that is broken", slices.Repeat([]func(http.ResponseWriter){busy(500)}, 9), "apply", mishaps + 1, false},
		{"no rights right after a restart", []func(http.ResponseWriter){busy(503), busy(403)}, "apply", 3, true},
		{"internal errors right after a restart", append([]func(http.ResponseWriter){busy(503)}, slices.Repeat([]func(http.ResponseWriter){busy(500)}, 4)...), "apply", 6, true},
		{"no rights", []func(http.ResponseWriter){busy(403)}, "apply", 1, false},
		{"invalid", []func(http.ResponseWriter){busy(422)}, "apply", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, s := memory(t)
			var tries atomic.Int32
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				n := int(tries.Add(1))
				if n > len(test.answer) {
					return false
				}
				test.answer[n-1](w)
				return true
			}
			var err error
			if test.method == "create" {
				_, err = c.Create(t.Context(), configMap("one"), "berth")
			} else {
				_, err = c.Apply(t.Context(), configMap("one"), ApplyOptions{Manager: "berth"})
			}
			if tries.Load() != test.tries || (err == nil) != test.ok {
				t.Errorf("%d tries, %v", tries.Load(), err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	c, s := memory(t)
	first := true
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !first {
			return false
		}
		first = false
		w.Header().Set("Retry-After", "1")
		kubetest.Refuse(w, http.StatusTooManyRequests, "TooManyRequests", "later")
		return true
	}
	start := time.Now()
	if _, err := c.Apply(t.Context(), configMap("one"), ApplyOptions{Manager: "berth"}); err != nil || time.Since(start) < time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

// TestRestart: an API server that is gone for a while does not end a run.
func TestRestart(t *testing.T) {
	s := kubetest.New(t)
	first := httptest.NewServer(s)
	s.URL = first.URL
	c, err := Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	address := first.Listener.Addr().String()
	first.Close()
	time.AfterFunc(300*time.Millisecond, func() {
		again, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		web := &httptest.Server{Listener: again, Config: &http.Server{Handler: s}}
		web.Start()
		t.Cleanup(web.Close)
	})
	if _, err := c.Create(t.Context(), configMap("one"), "berth"); err != nil {
		t.Errorf("nothing was sent, so it could be tried again: %v", err)
	}
}

func TestPatienceEnds(t *testing.T) {
	c, s := memory(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		kubetest.Refuse(w, http.StatusServiceUnavailable, "", "down")
		return true
	}
	c.patience = 200 * time.Millisecond
	if _, err := c.Get(t.Context(), RefOf(configMap("one"))); err == nil || !strings.Contains(err.Error(), "get ConfigMap/one: down") {
		t.Errorf("got %v", err)
	}
	c.patience = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, RefOf(configMap("one"))); err == nil {
		t.Error("it goes on although nobody waits")
	}
}

func TestUnreachable(t *testing.T) {
	s := kubetest.New(t)
	for _, test := range []struct {
		status int
		code   string
	}{{http.StatusUnauthorized, "BERTH3409"}, {http.StatusForbidden, "BERTH3410"}, {http.StatusBadGateway, "BERTH3407"}} {
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			kubetest.Refuse(w, test.status, "Some", "no")
			return true
		}
		_, err := Connect(t.Context(), s.Getenv(t), "")
		told(t, err, test.code)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	t.Cleanup(secure.Close)
	s.URL = secure.URL
	_, err := Connect(t.Context(), s.Getenv(t), "")
	told(t, err, "BERTH3408")
	secure.Close()
	_, err = Connect(t.Context(), s.Getenv(t), "")
	told(t, err, "BERTH3407")
}

func told(t *testing.T, err error, code string) {
	t.Helper()
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != code || problems[0].Hint == "" {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestRefusal(t *testing.T) {
	c, s := memory(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Add("Warning", `299 - "old \"API\""`)
		w.Header().Add("Warning", `299 - "old \"API\""`)
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"kind": "Status", "reason": "Conflict", "message": "Apply failed with 1 conflict", "details": {"causes": [
			{"reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using apps/v1", "field": ".spec.replicas"}]}}`)
		return true
	}
	_, err := c.Apply(t.Context(), configMap("one"), ApplyOptions{Manager: "berth"})
	if diff := cmp.Diff([]Owner{{".spec.replicas", "kubectl"}}, Owners(err)); diff != "" || Exists(err) || NotFound(err) {
		t.Errorf("%v: %s", err, diff)
	}
	if diff := cmp.Diff([]string{`old "API"`}, c.Warnings()); diff != "" || c.Warnings() != nil {
		t.Error(diff)
	}
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, "<html>\n login </html>", http.StatusForbidden)
		return true
	}
	if _, err := c.Get(t.Context(), RefOf(configMap("one"))); !Forbidden(err) || err.Error() != "get ConfigMap/one: 403 Forbidden <html> login </html>" {
		t.Errorf("got %v", err)
	}
}

// TestLongLists: they come in pages, and from the start when the API server forgot where we were.
func TestLongLists(t *testing.T) {
	c, s := memory(t)
	var asked []string
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		asked = append(asked, q.Get("limit")+" "+q.Get("continue"))
		switch {
		case q.Get("continue") == "more":
			kubetest.Refuse(w, http.StatusGone, "Expired", "too old")
		case q.Has("limit"):
			fmt.Fprint(w, `{"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}`)
		default:
			fmt.Fprint(w, `{"items": [{"metadata": {"name": "a", "generation": 3}}, {"metadata": {"name": "b"}, "x": 1.5}]}`)
		}
		return true
	}
	list, err := c.List(t.Context(), Query{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "sg"})
	if diff := cmp.Diff([]string{"500 ", "500 more", " "}, asked); diff != "" || err != nil {
		t.Error(diff, err)
	}
	want := []map[string]any{{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": map[string]any{"name": "a", "generation": int64(3)}},
		{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": map[string]any{"name": "b"}, "x": 1.5}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestPaths(t *testing.T) {
	c, _ := memory(t)
	for _, test := range []struct {
		ref  Ref
		path string
	}{
		{Ref{"v1", "Namespace", "", "sg"}, "/api/v1/namespaces/sg"},
		{Ref{"networking.k8s.io/v1", "Ingress", "sg", "a"}, "/apis/networking.k8s.io/v1/namespaces/sg/ingresses/a"},
		{Ref{"storage.k8s.io/v1", "StorageClass", "ignored", "a"}, "/apis/storage.k8s.io/v1/storageclasses/a"},
		{Ref{"v1", "Pod", "", "a"}, ""},
		{Ref{"v1", "Pod", "sg", ""}, ""},
	} {
		path, err := c.at(t.Context(), test.ref)
		if path != test.path || (err == nil) != (path != "") {
			t.Errorf("%+v: %s, %v", test.ref, path, err)
		}
	}
}

// TestDiscovery: kinds that berth does not know are asked for once.
func TestDiscovery(t *testing.T) {
	c, s := memory(t)
	asked := 0
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/apis/route.openshift.io/v1" {
			return false
		}
		asked++
		fmt.Fprint(w, `{"resources": [{"name": "routes", "kind": "Route", "namespaced": true}, {"name": "routes/status", "kind": "Route"}]}`)
		return true
	}
	for range 2 {
		r, err := c.Resource(t.Context(), "route.openshift.io/v1", "Route")
		if want := (Resource{"route.openshift.io/v1", "Route", "routes", true}); r != want || err != nil || asked != 1 {
			t.Errorf("%+v, %v, asked %d times", r, err, asked)
		}
	}
	if _, err := c.Resource(t.Context(), "example.com/v1", "Thing"); !NotFound(err) {
		t.Errorf("got %v", err)
	}
}

func TestHas(t *testing.T) {
	var r Rights
	if err := json.Unmarshal([]byte(`{"resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/log"]},
		{"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*"]}, {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}]}`), &r); err != nil {
		t.Fatal(err)
	}
	for right, want := range map[Right]bool{
		{Verb: "get", Resource: "pods"}:                          true,
		{Verb: "list", Resource: "pods"}:                         false,
		{Verb: "get", Resource: "pods", Subresource: "log"}:      true,
		{Verb: "get", Resource: "pods", Subresource: "exec"}:     false,
		{Verb: "patch", Group: "apps", Resource: "statefulsets"}: true,
		{Verb: "patch", Group: "batch", Resource: "jobs"}:        false,
		{Verb: "get", Resource: "secrets"}:                       false,
		{Verb: "get", Resource: "secrets", Name: "a"}:            true,
		{Verb: "get", Resource: "secrets", Name: "b"}:            false,
	} {
		if got := r.Has(right); got != want {
			t.Errorf("%+v: %v", right, got)
		}
	}
}
