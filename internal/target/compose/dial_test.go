package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/diag"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
)

// withContext writes the docker program's own settings with one context, and gives the environment that points at them.
func withContext(t *testing.T, name, host string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(nil))
	err := contexts.CreateOrUpdate(store.Metadata{Name: name, Endpoints: map[string]any{docker.DockerEndpoint: docker.EndpointMeta{Host: host}}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"DOCKER_CONFIG": dir}
}

// TestEndpoint: berth talks to the engine that the docker program would talk to.
func TestEndpoint(t *testing.T) {
	env := withContext(t, "far", "ssh://admin@far")
	if err := os.WriteFile(filepath.Join(env["DOCKER_CONFIG"], "config.json"), []byte(`{"currentContext": "far"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ variable, value, host, name string }{
		{"", "", "ssh://admin@far", "far"},
		{"DOCKER_HOST", "tcp://near:2375", "tcp://near:2375", ""},
		{"DOCKER_CONTEXT", "default", "", ""},
		{"DOCKER_CONTEXT", "far", "ssh://admin@far", "far"},
	} {
		e, name, err := endpoint(func(n string) string {
			return map[string]string{test.variable: test.value, "DOCKER_CONFIG": env["DOCKER_CONFIG"]}[n]
		})
		if e.Host != test.host || name != test.name || err != nil {
			t.Errorf("%s=%s: %q of context %q, %v", test.variable, test.value, e.Host, name, err)
		}
	}
}

// TestConnectSaysWhatIsWrong: with a code and what to do.
func TestConnectSaysWhatIsWrong(t *testing.T) {
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Api-Version", "1.38") }))
	t.Cleanup(old.Close)
	settings := withContext(t, "far", "ssh://admin@far")["DOCKER_CONFIG"]
	for _, test := range []struct {
		env         map[string]string
		code, words string
	}{
		{map[string]string{"DOCKER_HOST": "unix:///nowhere/docker.sock"}, "BERTH2101", "unix:///nowhere/docker.sock"},
		{map[string]string{"DOCKER_HOST": "nowhere"}, "BERTH2101", "nowhere"},
		{map[string]string{"DOCKER_HOST": "tcp://localhost:1", "DOCKER_CERT_PATH": "/nowhere"}, "BERTH2101", "/nowhere/ca.pem"},
		{map[string]string{"DOCKER_CONTEXT": "moon", "DOCKER_CONFIG": settings}, "BERTH2114", "no Docker context moon"},
		{map[string]string{"DOCKER_HOST": "tcp://" + strings.TrimPrefix(old.URL, "http://")}, "BERTH2105", "1.38"},
	} {
		_, err := Connect(t.Context(), func(name string) string { return test.env[name] })
		told(t, err, test.code, test.words)
	}
	told(t, unreachable("unix:///run/docker.sock", "", fmt.Errorf("dial: %w", os.ErrPermission)), "BERTH2102", "group docker")
	told(t, unreachable("ssh://admin@far:2222", "", errors.New("exit status 255")), "BERTH2101", "ssh -p 2222 admin@far docker version")
	told(t, unreachable("ssh://far", "", errors.New("exit status 255")), "BERTH2101", "ssh far docker version")
	told(t, unreachable("tcp://far:2376", "", errors.New("connection refused")), "BERTH2101", "on that machine")
	told(t, unreachable("ssh://far", "", errors.New("permission denied while trying to connect")), "BERTH2102", "on that machine")
	// The client's own words for the same, which wrap nothing.
	told(t, unreachable("", "", errors.New("permission denied while trying to connect to the docker API at unix:///run/docker.sock")), "BERTH2102", "group docker")
}

func told(t *testing.T, err error, code, words string) {
	t.Helper()
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	if d := problems[0]; !strings.Contains(d.Summary+strings.Join(d.Detail, "\n")+d.Hint, words) || d.Hint == "" {
		t.Errorf("lacks %q: %+v", words, d)
	}
}

// silent is an engine that takes requests and answers none.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestSilentEngineHangsNothing: each request ends, a plain one within two minutes.
func TestSilentEngineHangsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{}
		if err := e.dial(client.WithHTTPClient(&http.Client{Transport: silent{}}), client.WithAPIVersion("1.41")); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			what string
			most time.Duration
			do   func(context.Context) error
		}{
			{"greet", greeting, e.greet},
			{"inspect", answering, func(ctx context.Context) error { _, err := e.inspect(ctx, "a"); return err }},
			{"start", answering, func(ctx context.Context) error { return e.Start(ctx, "a") }},
			{"log", answering, func(ctx context.Context) error { _, err := e.Logs(ctx, "a", 1); return err }},
			{"restart", ending, func(ctx context.Context) error { return e.Restart(ctx, "a") }},
			{"remove", ending, func(ctx context.Context) error { return e.Remove(ctx, "a") }},
			{"delete", deleting, func(ctx context.Context) error { return e.DeleteVolume(ctx, "a") }},
		} {
			begun := time.Now()
			if err := test.do(t.Context()); err == nil || time.Since(begun) > test.most+time.Second {
				t.Errorf("%s: %v after %s", test.what, err, time.Since(begun))
			}
		}
	})
}

// TestOverSSH: requests go through the ssh program, which here connects its standard input and output to an engine.
func TestOverSSH(t *testing.T) {
	f, near := newFakeEngine(t)
	f.images["one"] = true
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >%s\nBERTH_TEST_PIPE=%s exec %s\n", filepath.Join(dir, "arguments"), strings.TrimPrefix(near.host, "tcp://"), os.Args[0])
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	settings := withContext(t, "far", "ssh://admin@far:2222")
	settings["DOCKER_CONTEXT"] = "far"
	e, err := Connect(t.Context(), func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if _, err := e.api.ImageInspect(t.Context(), "one"); err != nil || e.Local() || !e.Elsewhere() {
		t.Errorf("%v, and it counts as this host: %t", err, e.Local())
	}
	// Docker Compose gets there by a socket, which is this user's alone, and goes with the connection.
	other, err := client.New(client.WithHost(strings.TrimPrefix(e.env[len(e.env)-2], "DOCKER_HOST=")), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ImageInspect(t.Context(), "one"); err != nil {
		t.Errorf("through the socket: %v", err)
	}
	info, err := os.Stat(e.tunnel.folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder: %v, %v", info.Mode(), err)
	}
	e.Close()
	if _, err := os.Stat(e.tunnel.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder after the end: %v", err)
	}
	arguments, err := os.ReadFile(filepath.Join(dir, "arguments"))
	for _, want := range []string{"-l admin", "-p 2222", "far", "docker system dial-stdio"} {
		if !strings.Contains(string(arguments), want) || err != nil {
			t.Errorf("ssh %s lacks %q: %v", arguments, want, err)
		}
	}
}

// slow counts connections that began and said nothing yet.
type slow struct {
	sync.Mutex
	now, most int
}

func (s *slow) count(n int) {
	s.Lock()
	defer s.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

func (s *slow) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		s.count(1)
		time.Sleep(time.Second)
		s.count(-1)
		_, _ = far.Write([]byte("hello"))
	}()
	return near, nil
}

// TestFewConnectionsBeginAtOnce: a server of ssh refuses many that have not signed in. One that nobody uses holds none up.
func TestFewConnectionsBeginAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slow{}
		tunnel := &tunnel{to: server.dial, begin: make(chan struct{}, dials)}
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				conn, err := tunnel.dial(t.Context(), "", "")
				if err != nil {
					t.Error(err)
					return
				}
				if i%4 == 0 {
					time.Sleep(time.Minute) // nobody reads
				}
				if _, err := conn.Read(make([]byte, 5)); err != nil {
					t.Error(err)
				}
				conn.Close()
			})
		}
		all.Wait()
		if server.most != dials {
			t.Errorf("%d connections began at the same time, want %d", server.most, dials)
		}
	})
}

// TestMain lets this program be the far end of TestOverSSH's ssh program.
func TestMain(m *testing.M) {
	to := os.Getenv("BERTH_TEST_PIPE")
	if to == "" {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("tcp", to)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _, _ = io.Copy(conn, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, conn)
}

// TestContexts: those of the docker program, with the one that is always there.
func TestContexts(t *testing.T) {
	getenv := func(name string) string { return withContext(t, "far", "ssh://admin@far")[name] }
	if got := Contexts(getenv); !slices.Equal(got, []string{"default", "far"}) {
		t.Errorf("contexts %v", got)
	}
	if got := Contexts(func(string) string { return "/nowhere" }); !slices.Equal(got, []string{"default"}) {
		t.Errorf("contexts %v", got)
	}
}
