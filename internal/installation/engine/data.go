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

	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/target/compose"
	"berth/internal/target/compose/execute"
)

// Task runs a task beside the installation.
func (i *onEngine) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	return i.tasks().Task(ctx, t, line)
}

// Forget removes what is left of a task.
func (i *onEngine) Forget(ctx context.Context, name string) error { return i.tasks().Forget(ctx, name) }

// tasks run with the variables of the migrator.
func (i *onEngine) tasks() *execute.Tasks {
	t := &execute.Tasks{Engine: i.engine, Installation: i.Stack.Name, Login: i.login, Env: map[string]string{}, Users: map[string]string{},
		Network: compose.Network(i.Stack.Name)}
	for _, inst := range i.Stack.Instances {
		t.Users[inst.Service] = inst.User
		if inst.Service == "migrator" {
			for _, v := range inst.Env {
				t.Env[v.Name] = installation.Assembled(v.Value, i.values)
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

// Asked asks pgsql in its own container. One that is elsewhere is asked by a task.
func (i *onEngine) Asked(ctx context.Context) (installation.Said, error) {
	if i.Doc.Config.Databases["pgsql"].External != nil {
		return installation.Inspected(ctx, i.env, i.Want, i)
	}
	container := i.project.Prefix + "pgsql"
	w, err := i.engine.Inspect(ctx, container)
	if err != nil {
		return installation.Said{}, err
	}
	switch w.Status {
	case plan.Running, plan.Starting, plan.Healthy, plan.Unhealthy:
	default:
		return installation.Said{}, nil
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
		return installation.Said{}, err
	}
	major, release, _ := strings.Cut(strings.TrimSpace(output), "\n")
	said := installation.Said{Release: strings.TrimPrefix(release, "v")}
	said.Postgres, err = strconv.Atoi(major)
	said.Answered = err == nil // a server that starts, or one without the table, says less
	return said, nil
}

// Access is the network of the engine, and the migrator's variables.
func (i *onEngine) Access(context.Context) (installation.Access, error) {
	t := i.tasks()
	return installation.Access{Env: t.Env, Network: t.Network}, nil
}

// Search asks the front proxy, or the first frontend itself.
func (i *onEngine) Search(ctx context.Context, by installation.Route) (int, string, error) {
	base := i.frontProxy()
	if by == installation.Directly {
		if base = ""; i.engine.Local() {
			w, err := i.engine.Inspect(ctx, i.project.Prefix+"sourcegraph-frontend-0")
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
	resp, err := i.get(ctx, by, base+installation.SearchPath+"?"+installation.SearchQuery)
	if err != nil {
		return 0, "", fmt.Errorf("ask for a search: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && strings.HasPrefix(resp.Header.Get("Location"), "https:") {
		return 0, "", nil // the front proxy takes searches by HTTPS only, under a name that need not lead here
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(answer), err
}

// get asks for a page. The front proxy may answer for the installation's own host only.
func (i *onEngine) get(ctx context.Context, by installation.Route, page string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(i.Stack.URL); err == nil && by == installation.ByFrontProxy {
		req.Host = u.Host
	}
	return asker.Do(req)
}

// asker asks this host, whatever proxy it has for others, and follows no redirects: a redirect is the answer.
var asker = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: installation.SearchPatience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Space: all volumes are on one disk.
func (i *onEngine) Space(ctx context.Context) (data.Space, error) {
	facts, err := i.engine.Facts(ctx, "", i.project.Name)
	return data.Space{Free: facts.FreeDisk}, err
}
