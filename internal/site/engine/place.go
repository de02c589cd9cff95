package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/site"
	"berth/internal/stack"
	"berth/internal/target/compose"
	"berth/internal/target/compose/execute"
)

// Tasks runs tasks on the engine.
func (i *installation) Tasks(*site.Environment) run.Tasks { return i.tasks() }

func (i *installation) tasks() *execute.Tasks {
	t := &execute.Tasks{Engine: i.engine, Installation: i.Stack.Name, Login: i.login, Env: map[string]string{}, Users: map[string]string{},
		Network: compose.Network(i.Stack.Name)}
	for _, inst := range i.Stack.Instances {
		t.Users[inst.Service] = inst.User
		if inst.Service == "migrator" {
			for _, v := range inst.Env {
				t.Env[v.Name] = site.Assembled(v.Value, i.values)
			}
		}
	}
	return t
}

// The questions for the server's major release, and for the release that the databases are of.
const (
	majorQuery   = "SELECT current_setting('server_version_num')::int / 10000"
	releaseQuery = "SELECT version FROM versions WHERE service = 'frontend'"
)

// Databases asks pgsql in its own container. One that is elsewhere is asked by a task.
func (i *installation) Databases(ctx context.Context, e *site.Environment) (site.Answer, error) {
	if i.Doc.Config.Databases["pgsql"].External != nil {
		return site.Inspected(ctx, e, i.Loaded)
	}
	container := i.project.Prefix + "pgsql"
	w, err := i.engine.Closely(ctx, container)
	if err != nil {
		return site.Answer{}, err
	}
	switch w.Status {
	case plan.Running, plan.Starting, plan.Healthy, plan.Unhealthy:
	default:
		return site.Answer{}, nil
	}
	env := map[string]string{}
	for name, value := range i.tasks().Env {
		if strings.HasPrefix(name, "PG") && name != "PGHOST" && name != "PGPORT" {
			env[name] = value
		}
	}
	output, _, err := i.engine.Exec(ctx, container, env, "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
		"--command", majorQuery, "--command", releaseQuery)
	if err != nil {
		return site.Answer{}, err
	}
	major, release, _ := strings.Cut(strings.TrimSpace(output), "\n")
	answer := site.Answer{Release: strings.TrimPrefix(release, "v")}
	answer.Postgres, err = strconv.Atoi(major)
	answer.Answered = err == nil // a server that starts, or one without the table, says less
	return answer, nil
}

// Search asks the front door, or the first frontend itself.
func (i *installation) Search(ctx context.Context, direct bool) (int, string, error) {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+site.SearchPath+"?"+site.SearchQuery, nil)
	if err != nil {
		return 0, "", err
	}
	if u, err := url.Parse(i.Stack.URL); err == nil && !direct {
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
var asker = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: site.SearchPatience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// SetAside moves what lies in the databases' volumes into a folder of them.
func (i *installation) SetAside(ctx context.Context, e *site.Environment) error {
	for _, name := range stack.Databases() {
		if err := site.Aside(ctx, i.Tasks(e), i.Loaded, name, name, "/data"); err != nil {
			return err
		}
	}
	return nil
}

// Still: a container is gone when its step is done.
func (i *installation) Still(context.Context, func() time.Time) error { return nil }

// Disk: all volumes lie on one disk.
func (i *installation) Disk(ctx context.Context) (journey.Space, error) {
	facts, err := i.engine.Facts(ctx, "", i.project.Name)
	return journey.Space{Free: facts.FreeDisk}, err
}
