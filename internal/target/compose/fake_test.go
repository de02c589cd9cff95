package compose

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// fakeEngine is a Docker Engine in memory: as much of API 1.41 as we use, with the same answers and the same refusals. contract_test.go
// proves against a real one that they are the same.
type fakeEngine struct {
	mu         sync.Mutex
	containers map[string]*fakeContainer
	images     map[string]bool
	requests   int
	made       int
	pull       []string // lines of the next pull
	connected  []string // containers of the network, which can't be removed
}

type fakeContainer struct {
	id, name string
	config   container.Config
	host     container.HostConfig
	status   container.ContainerState
	health   container.HealthStatus
	check    string
	exit     int
	oom      bool
	restarts int
	started  time.Time
	files    map[string]bool
	execs    map[string][]string // commands by ID
	log      string
}

// newFakeEngine starts a fake, and connects to it.
func newFakeEngine(t *testing.T) (*fakeEngine, *Engine) {
	t.Helper()
	f := &fakeEngine{containers: map[string]*fakeContainer{}, images: map[string]bool{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	e := &Engine{host: "tcp://" + strings.TrimPrefix(server.URL, "http://")}
	if err := e.dial(client.WithHost(e.host), client.WithAPIVersion("1.41")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return f, e
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	path := strings.TrimPrefix(r.URL.Path, "/v1.41/")
	parts := strings.Split(path, "/")
	switch {
	case r.URL.Path == "/_ping":
		w.Header().Set("Api-Version", "1.41")
	case path == "containers/json":
		f.list(w, r)
	case path == "containers/create":
		f.create(w, r)
	case parts[0] == "containers":
		f.container(w, r, parts[1], strings.Join(parts[2:], "/"))
	case parts[0] == "exec":
		f.exec(w, r, parts[1], parts[2])
	case path == "images/create":
		for _, line := range f.pull {
			fmt.Fprintln(w, line)
		}
	case parts[0] == "networks" && r.Method == http.MethodDelete:
		refuse(w, http.StatusForbidden, "error while removing network: network "+parts[1]+" has active endpoints")
	case path == "networks":
		answer(w, []any{})
	case parts[0] == "networks":
		containers := map[string]any{}
		for _, name := range f.connected {
			containers[name] = map[string]any{"Name": name}
		}
		answer(w, map[string]any{"Name": parts[1], "Containers": containers})
	case parts[0] == "images":
		if !f.images[strings.TrimSuffix(strings.TrimPrefix(path, "images/"), "/json")] {
			refuse(w, http.StatusNotFound, "no such image")
			return
		}
		fmt.Fprint(w, `{"Id":"sha256:1"}`)
	default:
		refuse(w, http.StatusNotFound, "page not found: "+path)
	}
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fakeEngine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	out := []map[string]any{}
	for _, c := range f.containers {
		fits := true
		for want := range filters["label"] {
			k, v, _ := strings.Cut(want, "=")
			fits = fits && c.config.Labels[k] == v
		}
		if fits {
			out = append(out, map[string]any{"Id": c.id, "Names": []string{"/" + c.name}, "Labels": c.config.Labels, "State": c.status, "Status": c.words()})
		}
	}
	answer(w, out)
}

// words are the status as lists tell it.
func (c *fakeContainer) words() string {
	switch {
	case c.status != container.StateRunning:
		return string(c.status)
	case c.health == container.Starting:
		return "Up 2 seconds (health: starting)"
	case c.health != "":
		return "Up 2 seconds (" + string(c.health) + ")"
	}
	return "Up 2 seconds"
}

func (f *fakeEngine) create(w http.ResponseWriter, r *http.Request) {
	var body struct {
		container.Config
		HostConfig container.HostConfig
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	f.made++
	c := &fakeContainer{id: fmt.Sprintf("id%d", f.made), name: r.URL.Query().Get("name"), config: body.Config, host: body.HostConfig,
		status: container.StateCreated, files: map[string]bool{}, execs: map[string][]string{}}
	f.containers[c.name] = c
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]any{"Id": c.id, "Warnings": []string{}})
}

func (f *fakeEngine) find(name string) *fakeContainer {
	for _, c := range f.containers {
		if c.name == name || c.id == name {
			return c
		}
	}
	return nil
}

func (f *fakeEngine) container(w http.ResponseWriter, r *http.Request, name, what string) {
	c := f.find(name)
	if c == nil {
		refuse(w, http.StatusNotFound, "No such container: "+name)
		return
	}
	running := c.status == container.StateRunning || c.status == container.StatePaused
	switch {
	case r.Method == http.MethodDelete:
		delete(f.containers, c.name)
	case what == "json":
		answer(w, c.inspected())
		return
	case what == "start" && c.status == container.StatePaused:
		refuse(w, http.StatusConflict, "cannot start a paused container, try unpause instead")
		return
	case what == "start" && running:
		w.WriteHeader(http.StatusNotModified)
		return
	case what == "exec":
		var body struct{ Cmd []string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.made++
		id := fmt.Sprintf("exec%d", f.made)
		c.execs[id] = body.Cmd
		w.WriteHeader(http.StatusCreated)
		answer(w, map[string]any{"Id": id})
		return
	case what == "start", what == "restart":
		if c.config.Healthcheck != nil {
			c.health = container.Starting
		}
		c.status, c.started, c.exit, c.restarts = container.StateRunning, time.Now(), 0, 0
	case what == "stop" && !running:
		w.WriteHeader(http.StatusNotModified)
		return
	case what == "stop":
		c.status, c.exit = container.StateExited, 143
	case what == "pause":
		c.status = container.StatePaused
	case what == "unpause":
		c.status = container.StateRunning
	case what == "update":
		f.update(w, r, c)
		return
	case what == "logs":
		header := []byte{1, 0, 0, 0, 0, 0, byte(len(c.log) >> 8), byte(len(c.log))}
		_, _ = w.Write(append(header, c.log...))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// exec knows "touch FILE" and "test -e FILE".
func (f *fakeEngine) exec(w http.ResponseWriter, _ *http.Request, id, what string) {
	for _, c := range f.containers {
		command, ok := c.execs[id]
		if !ok {
			continue
		}
		if what == "start" {
			if command[0] == "touch" {
				c.files[command[1]] = true
			}
			return
		}
		words := strings.Fields(command[len(command)-1])
		code := 0
		if words[0] == "test" && !c.files[words[2]] {
			code = 1
		}
		answer(w, map[string]any{"ID": id, "Running": false, "ExitCode": code})
		return
	}
	refuse(w, http.StatusNotFound, "No such exec instance: "+id)
}

func (f *fakeEngine) update(w http.ResponseWriter, r *http.Request, c *fakeContainer) {
	var u container.Resources
	_ = json.NewDecoder(r.Body).Decode(&u)
	swap := max(u.MemorySwap, c.host.MemorySwap)
	if u.Memory > 0 && swap > 0 && u.Memory > swap && u.MemorySwap == 0 {
		refuse(w, http.StatusConflict, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
		return
	}
	if u.Memory > 0 {
		c.host.Memory, c.host.MemorySwap = u.Memory, u.MemorySwap
	}
	if u.NanoCPUs > 0 {
		c.host.NanoCPUs = u.NanoCPUs
	}
	answer(w, map[string]any{"Warnings": []string{}})
}

func (c *fakeContainer) inspected() map[string]any {
	state := map[string]any{"Status": c.status, "ExitCode": c.exit, "OOMKilled": c.oom, "StartedAt": c.started.Format(time.RFC3339Nano)}
	if c.health != "" {
		state["Health"] = map[string]any{"Status": c.health, "Log": []map[string]any{{"Output": c.check}}}
	}
	return map[string]any{"Id": c.id, "Name": "/" + c.name, "RestartCount": c.restarts, "State": state,
		"Config":          map[string]any{"Image": c.config.Image, "Labels": c.config.Labels, "Env": c.config.Env, "Healthcheck": c.config.Healthcheck},
		"HostConfig":      map[string]any{"Memory": c.host.Memory, "MemorySwap": c.host.MemorySwap, "NanoCpus": c.host.NanoCPUs},
		"NetworkSettings": map[string]any{"Networks": map[string]any{"n": map[string]any{"IPAddress": "127.0.0.1"}}}}
}
