package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
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

// Task runs a task beside the installation. A script asks with psql, which can't sign in by identity; Sourcegraph's programs do so by themselves.
func (i *onEngine) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	tasks := i.tasks()
	if len(t.Entry) > 0 && !t.Own {
		if err := i.signIn(tasks); err != nil {
			return 0, err
		}
	}
	return tasks.Task(ctx, t, line)
}

// signIn gives tasks the tokens that stand for passwords.
func (i *onEngine) signIn(t *execute.Tasks) error {
	tokens, err := i.env.SignIn(i.Want)
	maps.Copy(t.Env, tokens)
	return err
}

// Pipe runs a task whose input and output are bytes.
func (i *onEngine) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	tasks := i.tasks()
	if t.Asks {
		if err := i.signIn(tasks); err != nil {
			return 0, "", err
		}
	}
	return tasks.Pipe(ctx, t, in, out)
}

// Forget removes what is left of a task.
func (i *onEngine) Forget(ctx context.Context, name string) error { return i.tasks().Forget(ctx, name) }

// tasks run with the variables of the migrator.
func (i *onEngine) tasks() *execute.Tasks {
	t := &execute.Tasks{Own: i.own(), Engine: i.engine, Installation: i.Stack.Name, Login: i.login, Env: map[string]string{}, Files: map[string]string{}, Users: map[string]string{},
		Network: compose.Network(i.Stack.Name)}
	for _, inst := range i.Stack.Instances {
		t.Users[inst.Service] = inst.User
		if inst.Service == "migrator" {
			t.Names.Hosts = inst.Attributes.ExtraHosts
			if d := inst.Attributes.DNS; d != nil {
				t.Names.Servers, t.Names.Search, t.Names.Options = d.Servers, d.Search, d.Options
			}
			for _, v := range inst.Env {
				t.Env[v.Name] = installation.Assembled(v.Value, i.values)
			}
			maps.Copy(t.Files, installation.MountedFiles(i.Stack, inst, i.values))
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
	tokens, err := i.env.SignIn(i.Want)
	maps.Copy(t.Env, tokens)
	return installation.Access{Env: t.Env, Files: t.Files, Network: t.Network}, err
}

// Get asks the front proxy, or the first frontend itself.
func (i *onEngine) Get(ctx context.Context, by installation.Route, p installation.Page) (int, string, error) {
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
	resp, err := i.get(ctx, by, base+p.Path+"?"+p.Query, p.Token)
	if err != nil {
		return 0, "", fmt.Errorf("ask for %s: %w", p.Path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && strings.HasPrefix(resp.Header.Get("Location"), "https:") {
		return 0, "", nil // the front proxy takes searches by HTTPS only, with a certificate that it may not have yet
	}
	if resp.StatusCode == http.StatusForbidden && len(i.Doc.Config.Front.Allow) > 0 && by == installation.ByFrontProxy {
		return 0, "", nil // this host is not among those that may search
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(answer), err
}

// get asks for a page. The front proxy may answer for the installation's own host only.
func (i *onEngine) get(ctx context.Context, by installation.Route, page, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "token "+token)
	}
	host := ""
	if u, err := url.Parse(i.Stack.URL); err == nil && by == installation.ByFrontProxy {
		req.Host, host = u.Host, u.Hostname()
	}
	return asker(host).Do(req)
}

// asker asks this host, whatever proxy it has for others, and follows no redirects: a redirect is the answer. With TLS it asks for a host by
// name. It does not look at the certificate: whether people's browsers trust it is not known here.
func asker(host string) *http.Client {
	return &http.Client{Timeout: installation.SearchPatience,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: host, InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Space: all volumes are on one disk.
func (i *onEngine) Space(ctx context.Context) (data.Space, error) {
	facts, err := i.engine.Facts(ctx, "", i.project.Name)
	return data.Space{Free: facts.FreeDisk}, err
}
