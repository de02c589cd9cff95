// Package compose is the target that is a Docker Engine with Docker Compose: what runs there, and the few verbs that steps need. The
// engine's API is known here only, by moby's client. docker compose makes containers; everything else goes through the API.
//
// One package because all of it asks one engine through one connection, which no other package has.
package compose

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"berth/internal/diag"
	"github.com/moby/moby/client"
)

// Engine is a Docker Engine.
type Engine struct {
	api     *client.Client // for plain requests, which have a deadline
	slow    *client.Client // for requests that take as long as they take: streams, stops, deletions
	host    string         // its address; "" is the default one
	env     []string       // of docker compose, so that it talks to the same engine
	compose []string       // the program that is Docker Compose
	tunnel  *tunnel        // to an engine that is reached over ssh; nil: it is not
	// Adopted are containers without berth's labels that are the installation's all the same; nil: there are none.
	Adopted *Adopted
	one     sync.Mutex // held while Compose runs: two at the same time would each make the project's network
}

// Connect finds the engine that the docker program would use, and asks whether it is there. The error is a diag.List when it is not.
func Connect(ctx context.Context, getenv func(string) string) (*Engine, error) {
	at, name, err := endpoint(getenv)
	if err != nil {
		return nil, unreachable(at.Host, name, err)
	}
	e := &Engine{host: at.Host, compose: program(getenv), env: os.Environ()}
	// Both are said, so that neither comes from the environment of berth. An address wins over a context.
	e.env = append(e.env, "DOCKER_HOST="+at.Host, "DOCKER_CONTEXT=default")
	if name != "" {
		e.env = append(e.env, "DOCKER_HOST=", "DOCKER_CONTEXT="+name)
	}
	options, err := at.ClientOpts()
	if err == nil {
		e.tunnel, err = throughSSH(at.Host)
	}
	if e.tunnel != nil {
		options = append(options, e.tunnel.options()...)
		e.env = append(e.env, "DOCKER_HOST="+e.tunnel.address(), "DOCKER_CONTEXT=default")
	}
	if err == nil {
		err = e.dial(options...)
	}
	if err == nil {
		err = e.greet(ctx)
	}
	if err != nil {
		e.Close()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, unreachable(at.Host, name, err)
	}
	return e, nil
}

// settings is the folder of the docker program's own settings.
func settings(getenv func(string) string) string {
	return cmp.Or(getenv("DOCKER_CONFIG"), filepath.Join(getenv("HOME"), ".docker"))
}

// program finds Docker Compose. It is run by itself rather than by the docker program where it lies in one of the usual places: that is
// quicker, and a worker that is no grandchild surely dies with berth.
func program(getenv func(string) string) []string {
	for _, folder := range []string{filepath.Join(settings(getenv), "cli-plugins"), "/usr/local/lib/docker/cli-plugins",
		"/usr/local/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins"} {
		path := filepath.Join(folder, "docker-compose")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return []string{path}
		}
	}
	return []string{"docker", "compose"}
}

// Close ends the connections.
func (e *Engine) Close() {
	for _, c := range []*client.Client{e.api, e.slow} {
		if c != nil {
			_ = c.Close() // idle connections close without errors
		}
	}
	if e.tunnel != nil {
		e.tunnel.close()
	}
}

// run runs a docker compose command of a project to its end. It is not reached by a terminal's Ctrl-C, since a running step is to be
// finished; and it dies with berth, since nobody would watch over it any more.
func (e *Engine) run(p Project, args ...string) error {
	base := append(slices.Clone(e.compose[1:]), "--ansi", "never", "--progress", "quiet", "--project-name", p.Name, "--project-directory", p.Dir)
	cmd := exec.Command(e.compose[0], append(base, args...)...)
	cmd.Dir = p.Dir
	cmd.Env = e.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &out
	cmd.SysProcAttr = child()
	e.one.Lock()
	defer e.one.Unlock()
	// The signal comes when the thread that started the child ends, not the process, so this thread has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return &ComposeError{Args: args, Output: meaningful(out.String()), Err: err}
	}
	return nil
}

// ComposeError is a docker compose command that failed.
type ComposeError struct {
	Args   []string
	Output []string // what it said, without its own remarks
	Err    error
}

func (e *ComposeError) Error() string {
	return fmt.Sprintf("docker compose %s: %v: %s", e.Args[0], e.Err, strings.Join(e.Output, "; "))
}

// meaningful leaves out the warnings that Compose writes about attributes of secrets, which it does honour for secrets that come from the
// environment.
func meaningful(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "level=warning") {
			lines = append(lines, line)
		}
	}
	return lines
}

// ComposeVersion is the version of docker compose, such as "5.6.0"; the error is a diag.List when there is none.
func (e *Engine) ComposeVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, e.compose[0], append(slices.Clone(e.compose[1:]), "version", "--short")...).Output()
	if err != nil {
		return "", diag.List{{Code: "BERTH2104", Severity: diag.Error, Subject: "host", Summary: "docker compose is not installed",
			Hint: "install the package docker-compose-plugin (https://docs.docker.com/compose/install/linux/)"}}
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), nil
}

// Project is where a rendered project lies.
type Project struct{ Name, Dir string }
