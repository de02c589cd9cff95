package verify

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/testbed/internal/contract"
)

func (r *run) container(s contract.Service) container {
	return container{name: r.name(s.Name), alias: s.Name, image: r.reference(s), hostname: s.Hostname, env: maps.Clone(s.Env), args: s.Args, mounts: s.Mounts, files: s.Files,
		privileged: s.Privilege}
}

// start starts a service when what it comes after is ready, and waits until it is.
func (r *run) start(ctx context.Context, s contract.Service) {
	for _, a := range s.After {
		r.mu.Lock()
		ready := r.ready[a]
		r.mu.Unlock()
		if !ready {
			r.notChecked(s, "not started, since %s is not ready", a)
			return
		}
	}
	c := r.container(s)
	if err := r.create(ctx, c); err != nil {
		r.notChecked(s, "not created: %v", err)
		return
	}
	r.image(ctx, s, c)
	if _, err := docker(ctx, "start", c.name); err != nil {
		if s.Privilege { // an engine in a container can't give what it doesn't have
			r.notChecked(s, "not started, and it is privileged: %v", err)
		} else {
			r.promise(s, "exit", "at its start", "it starts", err.Error(), "")
		}
		return
	}
	ready := true
	switch {
	case s.Exit != nil:
		want := fmt.Sprintf("exit code %d", s.Exit.Code)
		got := r.await(ctx, want, func() string { return ending(ctx, c.name) })
		r.promise(s, "exit", "at its end", want, got, s.Exit.Source)
		ready = got == want
	case s.Health != nil:
		what, ask := r.health(ctx, s)
		got := r.await(ctx, "healthy", ask)
		r.promise(s, "health", what, "healthy", got, "")
		ready = got == "healthy"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready[s.Name] = ready
	r.started = append(r.started, s)
}

// image looks at what the image has, before anything runs.
func (r *run) image(ctx context.Context, s contract.Service, c container) {
	for folder, want := range s.Folders {
		got, err := owner(ctx, c.name, folder)
		if err != nil {
			got = err.Error()
		}
		r.promise(s, "directory", folder, want, got, "")
	}
	text, err := docker(ctx, "image", "inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", c.image)
	if err != nil {
		r.notChecked(s, "its image: %v", err)
		return
	}
	env := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	for _, v := range s.ImageEnv {
		if v.Has(r.at) {
			r.promise(s, "env", v.Name, strconv.Quote(v.Value), strconv.Quote(env[v.Name]), v.Source)
		}
	}
}

// health is what says that a service is healthy, and how to ask.
func (r *run) health(ctx context.Context, s contract.Service) (what string, ask func() string) {
	name := r.name(s.Name)
	if s.Health.Command != "" {
		return s.Health.Command, func() string {
			if _, err := docker(ctx, "exec", name, s.Health.Command); err != nil {
				return r.orEnded(ctx, name, "it fails")
			}
			return "healthy"
		}
	}
	return fmt.Sprintf("port %d, %s", s.Health.Port, s.Health.Path), func() string {
		address, err := address(ctx, name)
		if err != nil || address == "" {
			return r.orEnded(ctx, name, "it has no address")
		}
		client := http.Client{Timeout: 5 * time.Second}
		resp, err := client.Get(fmt.Sprintf("http://%s:%d%s", address, s.Health.Port, s.Health.Path))
		if err != nil {
			return r.orEnded(ctx, name, "no answer")
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return resp.Status
		}
		return "healthy"
	}
}

// orEnded says that a container ended, where that is why something doesn't work.
func (r *run) orEnded(ctx context.Context, name, otherwise string) string {
	if runs, code, err := state(ctx, name); err == nil && !runs {
		return fmt.Sprintf("it ended with exit code %d: %s", code, lastLine(logs(ctx, name)))
	}
	return otherwise
}

func ending(ctx context.Context, name string) string {
	runs, code, err := state(ctx, name)
	switch {
	case err != nil:
		return err.Error()
	case runs:
		return "still runs"
	}
	return fmt.Sprintf("exit code %d", code)
}

// address is a container's on its network, which this machine reaches too.
func address(ctx context.Context, name string) (string, error) {
	return docker(ctx, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
}

// look looks at a service that runs: its processes, ports and log.
func (r *run) look(ctx context.Context, s contract.Service) {
	name := r.name(s.Name)
	for _, want := range s.Log {
		got := r.await(ctx, "there", func() string {
			text := logs(ctx, name)
			if strings.Contains(text, want) {
				return "there"
			}
			return "not there; the last line is: " + lastLine(text)
		})
		r.promise(s, "log", strconv.Quote(want), "there", got, "")
	}
	if s.Exit != nil {
		return
	}
	if s.UID != "" {
		all, err := users(ctx, name)
		got := strings.Join(all, " and ")
		if err != nil {
			got = r.orEnded(ctx, name, err.Error())
		}
		r.promise(s, "uid", "of its processes", s.UID, got, "")
	}
	for _, port := range s.Ports {
		got := r.await(ctx, "open", func() string {
			a, err := address(ctx, name)
			if err != nil || a == "" {
				return r.orEnded(ctx, name, "it has no address")
			}
			c, err := net.DialTimeout("tcp", net.JoinHostPort(a, strconv.Itoa(port)), 5*time.Second)
			if err != nil {
				return r.orEnded(ctx, name, "closed")
			}
			_ = c.Close()
			return "open"
		})
		r.promise(s, "port", strconv.Itoa(port), "open", got, "")
	}
}

// stop ends a service as a deployment does, and looks at its exit code. The databases stay: refusals need them.
func (r *run) stop(ctx context.Context, s contract.Service) {
	if s.Exit != nil || strings.Contains(strings.Join(s.Log, " "), "database system") || strings.HasPrefix(s.Name, "pgsql-12") {
		return
	}
	if runs, _, err := state(ctx, r.name(s.Name)); err != nil || !runs {
		return
	}
	if _, err := docker(ctx, "stop", "-t", "20", r.name(s.Name)); err != nil {
		r.notChecked(s, "not stopped: %v", err)
		return
	}
	if s.Stop != nil {
		r.promise(s, "exit", "when it is stopped", fmt.Sprintf("exit code %d", *s.Stop), ending(ctx, r.name(s.Name)), "")
	}
}

// omission is a service without a variable that it needs.
type omission struct {
	contract.Service
	contract.Need
}

func (r *run) without(services []contract.Service) []omission {
	var out []omission
	for _, s := range services {
		for _, n := range s.NeedsAt(r.at) {
			out = append(out, omission{s, n})
		}
	}
	return out
}

// omit starts a service without a variable: it has to end with another code than 0, and to name it.
func (r *run) omit(ctx context.Context, o omission) {
	c := r.container(o.Service)
	c.alias = ""
	what := strings.Join(o.Names(), " or ")
	c.name += "-without-" + strings.ToLower(o.Names()[0])
	for _, n := range o.Names() {
		delete(c.env, n)
	}
	got, text := r.task(ctx, c)
	switch {
	case got == "exit code 0" || !strings.HasPrefix(got, "exit code"):
	case !slices.ContainsFunc(o.Names(), func(n string) bool { return strings.Contains(text, n) }):
		got += ", and its log does not name it"
	default:
		got = "it ends and names it"
	}
	r.promise(o.Service, "need", "without "+what, "it ends and names it", got, "")
}

// task starts a container, waits for its end, removes it, and gives how it ended and its log.
func (r *run) task(ctx context.Context, c container) (ended, text string) {
	defer func() { _, _ = docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", c.name) }() // clean removes it otherwise
	if err := r.create(ctx, c); err != nil {
		return err.Error(), ""
	}
	if _, err := docker(ctx, "start", c.name); err != nil {
		return err.Error(), ""
	}
	wait, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	_, _ = docker(wait, "wait", c.name) // what came of it is asked next
	return ending(ctx, c.name), logs(ctx, c.name)
}

// refusal brings about a situation and looks at what comes of it.
func (r *run) refusal(ctx context.Context, f contract.Refusal) {
	if !f.Has(r.at) || f.SkipsFirstMinor && r.at.Minor == 0 {
		return
	}
	s := r.Contract.Services[slices.IndexFunc(r.Contract.Services, func(s contract.Service) bool { return s.Name == f.Service })]
	if !r.ready["migrator"] {
		r.notChecked(s, "refusal %q: the databases have no schema", f.Name)
		return
	}
	if err := r.sql(ctx, f.SQL); err != nil {
		r.notChecked(s, "refusal %q: %v", f.Name, err)
		return
	}
	c := r.container(s)
	c.alias, c.name = "", c.name+"-refuses"
	if c.env == nil {
		c.env = map[string]string{}
	}
	maps.Copy(c.env, f.Env)
	if len(f.Args) > 0 {
		c.args = nil
		for _, a := range f.Args {
			c.args = append(c.args, r.fill(a))
		}
	}
	got, text := r.task(ctx, c)
	want := fmt.Sprintf("exit code %d and %q", f.Code, f.Says)
	switch {
	case got != fmt.Sprintf("exit code %d", f.Code):
		got += ": " + lastLine(text)
	case !strings.Contains(text, f.Says):
		got += " and other words: " + lastLine(text)
	default:
		got = want
	}
	r.promise(s, "refusal", f.Name, want, got, f.Source)
	if err := r.sql(ctx, f.Undo); err != nil {
		r.notChecked(s, "what comes after refusal %q may be wrong: %v", f.Name, err)
	}
}

// sql runs statements on pgsql.
func (r *run) sql(ctx context.Context, statements []string) error {
	for _, text := range statements {
		if _, err := docker(ctx, "exec", r.name("pgsql"), "psql", "-U", "sg", "-d", "sg", "-v", "ON_ERROR_STOP=1", "-qc", r.fill(text)); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the release into a text of the contract.
func (r *run) fill(text string) string {
	before := r.at.Previous()
	return strings.NewReplacer("${RELEASE}", r.Release, "${MINOR}", r.at.String(), "${BEFORE}", before.String(), "${BEFORE2}", before.Previous().String(),
		"${NEXT}", r.at.Next().String(), "${MAJOR}", strconv.Itoa(r.at.Major), "${NUMBER}", strconv.Itoa(r.at.Minor)).Replace(text)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
