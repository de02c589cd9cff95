package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"berth/internal/journey"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/target/compose"
)

// tasks runs tasks on the engine.
func (i *installation) tasks(*Env) run.Tasks {
	t := &run.ComposeTasks{Engine: i.engine, Installation: i.stack.Name, Login: i.login, Env: map[string]string{}, Users: map[string]string{},
		Network: compose.Network(i.stack.Name)}
	for _, inst := range i.stack.Instances {
		t.Users[inst.Service] = inst.User
		if inst.Service == "migrator" {
			for _, v := range inst.Env {
				t.Env[v.Name] = assembled(v.Value, i.values)
			}
		}
	}
	return t
}

// search asks the front door, or the first frontend itself.
func (i *installation) search(ctx context.Context, direct bool) (int, string, error) {
	base := i.frontDoor()
	if direct {
		if base = ""; i.engine.Local() {
			w, err := i.engine.Closely(ctx, i.project.Prefix+"sourcegraph-frontend-0")
			if err != nil {
				return 0, "", err
			}
			if w.Address != "" {
				base = "http://" + net.JoinHostPort(w.Address, "3080")
			}
		}
	}
	if base == "" {
		return 0, "", nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+searchPath+"?"+searchQuery, nil)
	if err != nil {
		return 0, "", err
	}
	if u, err := url.Parse(i.stack.URL); err == nil && !direct {
		req.Host = u.Host
	}
	resp, err := asker.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask for a search: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && strings.HasPrefix(resp.Header.Get("Location"), "https:") {
		return 0, "", nil // the front door takes searches by HTTPS only, under a name that need not lead here
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(answer), err
}

// asker asks this host, whatever proxy it has for others, and follows no redirects: a redirect is the answer.
var asker = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: searchPatience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// setAside moves what lies in the databases' volumes into a folder of them.
func (i *installation) setAside(ctx context.Context, e *Env) error {
	for _, name := range stack.Databases() {
		if err := e.aside(ctx, i.tasks(e), i.loaded, name, name, "/data"); err != nil {
			return err
		}
	}
	return nil
}

// still: a container is gone when its step is done.
func (i *installation) still(context.Context, func() time.Time) error { return nil }

// disk: all volumes lie on one disk.
func (i *installation) disk(ctx context.Context) (journey.Space, error) {
	facts, err := i.engine.Facts(ctx, "", i.project.Name)
	return journey.Space{Free: facts.FreeDisk}, err
}
