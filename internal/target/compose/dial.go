package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/diag"
	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper/ssh"
	tlsfiles "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// How long the engine may take. One that hangs must not hang berth.
const (
	greeting  = 30 * time.Second // to say that it is there
	answering = 2 * time.Minute  // for a plain request; a busy engine takes many seconds
	ending    = 15 * time.Minute // to stop a container, which has two minutes for it in Sourcegraph's own Compose file
	deleting  = time.Hour        // to delete a volume with millions of files
)

// endpoint is the engine that the docker program would use: DOCKER_HOST, or the context that DOCKER_CONTEXT or the docker program's own
// settings name. name is the context's; "" without one.
func endpoint(getenv func(string) string) (e docker.Endpoint, name string, err error) {
	if e.Host = getenv("DOCKER_HOST"); e.Host == "" {
		if name = getenv("DOCKER_CONTEXT"); name == "" {
			settings, err := config.Load(settings(getenv))
			if err != nil {
				return e, "", err
			}
			name = settings.CurrentContext
		}
		if name != "" && name != "default" {
			e, err = fromContext(filepath.Join(settings(getenv), "contexts"), name)
			return e, name, err
		}
	}
	// An engine's own certificate is checked with DOCKER_TLS_VERIFY only, as the docker program does.
	if dir := getenv("DOCKER_CERT_PATH"); dir != "" && !onSocket(e.Host) {
		e.SkipTLSVerify = getenv("DOCKER_TLS_VERIFY") == ""
		e.TLSData, err = tlsfiles.TLSDataFromFiles(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	}
	return e, "", err
}

// Contexts are the contexts of the docker program, by name; those that can't be read are left out.
func Contexts(getenv func(string) string) []string {
	names, _ := store.Names(contexts(filepath.Join(settings(getenv), "contexts"))) // Connect says what is wrong
	return append([]string{"default"}, names...)
}

func contexts(folder string) *store.ContextStore {
	return store.New(folder, store.NewConfig(nil, store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })))
}

// fromContext reads a context of the docker program.
func fromContext(folder, name string) (docker.Endpoint, error) {
	contexts := contexts(folder)
	meta, err := contexts.GetMetadata(name)
	if errdefs.IsNotFound(err) {
		err = errNoContext
	}
	if err != nil {
		return docker.Endpoint{}, err
	}
	endpoint, err := docker.EndpointFromContext(meta)
	if err != nil {
		return docker.Endpoint{}, err
	}
	return docker.WithTLSData(contexts, name, endpoint)
}

// dial prepares to talk to an engine. Nothing is sent yet.
func (e *Engine) dial(options ...client.Opt) (err error) {
	if e.slow, err = client.New(options...); err != nil {
		return err
	}
	e.api, err = client.New(append(options, client.WithTimeout(answering))...)
	return err
}

// What is wrong with an engine before anything is asked of it.
var (
	errNoContext = errors.New("the docker program has no such context")
	errTooOld    = errors.New("the engine's API is too old")
)

// greet asks whether the engine is there, and takes the newest version of the API that both know.
func (e *Engine) greet(ctx context.Context) error {
	silent := errors.New("no answer within " + greeting.String())
	ctx, cancel := context.WithTimeoutCause(ctx, greeting, silent)
	defer cancel()
	for _, c := range []*client.Client{e.api, e.slow} {
		_, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		switch {
		case errdefs.IsInvalidArgument(err):
			return fmt.Errorf("%w: %w", errTooOld, err)
		case err != nil && context.Cause(ctx) == silent:
			return silent
		case err != nil:
			return err
		}
	}
	return nil
}

// onSocket reports whether an engine's address is a socket of this host, as the default address is.
func onSocket(host string) bool { return host == "" || strings.HasPrefix(host, "unix://") }

// sshLogin is a host as the ssh program takes it: user, host and port of an address.
func sshLogin(address string) string {
	at, err := ssh.ParseURL("ssh://" + address)
	if err != nil {
		return address
	}
	login := at.Host
	if at.User != "" {
		login = at.User + "@" + login
	}
	if at.Port != "" {
		login = "-p " + at.Port + " " + login
	}
	return login
}

// unreachable says why there is no talking to the engine, and what to do.
func unreachable(host, name string, err error) diag.List {
	d := diag.Diagnostic{Code: "BERTH2101", Severity: diag.Error, Subject: "host", Summary: "the Docker Engine does not answer",
		Detail: []string{strings.TrimSpace(err.Error())}, Hint: "install it (https://docs.docker.com/engine/install/) or start it: systemctl start docker"}
	if login, remote := strings.CutPrefix(host, "ssh://"); remote {
		d.Hint = "this must answer without a question: ssh " + sshLogin(login) + " docker version"
	} else if !onSocket(host) {
		d.Hint = "check the address, and on that machine that the engine runs and listens there: systemctl status docker"
	}
	switch {
	case errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "permission denied"):
		d.Code, d.Summary = "BERTH2102", "the Docker Engine refuses access"
		d.Hint = "run berth as root, or join the group docker: usermod -aG docker $USER, then sign in again"
		if !onSocket(host) {
			d.Hint = "on that machine, let the user join the group docker: usermod -aG docker USER"
		}
	case errors.Is(err, errNoContext):
		d.Code, d.Summary = "BERTH2114", "there is no Docker context "+name
		d.Hint = "choose one that exists: docker context ls shows them, docker context use NAME chooses one"
	case errors.Is(err, errTooOld):
		d.Code, d.Summary = "BERTH2105", "the Docker Engine is too old; Sourcegraph needs "+leastEngine+" or newer"
		d.Hint = "update it: https://docs.docker.com/engine/install/"
	}
	if host != "" {
		d.Detail = append(d.Detail, "address: "+host)
	}
	if name != "" {
		d.Detail = append(d.Detail, "context: "+name)
	}
	return diag.List{d}
}

// containers lists containers; all are those that do not run, too. A label is a name, or "name=value"; "" is any.
func (e *Engine) containers(ctx context.Context, all bool, label string) ([]container.Summary, error) {
	if e.Adopted != nil {
		return e.marked(ctx, all, label)
	}
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: all, Filters: labelled(label)})
	return list.Items, wrapped("list containers", err)
}

// inspect looks at a container closely. Its state, config, limits and networks are there.
func (e *Engine) inspect(ctx context.Context, name string) (container.InspectResponse, error) {
	r, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	c := r.Container
	if err == nil && (c.State == nil || c.Config == nil || c.HostConfig == nil || c.NetworkSettings == nil) {
		err = errors.New("the engine's answer lacks a part")
	}
	return c, named("inspect container", name, err)
}

// labelled filters things with a label; "" is any.
func labelled(label string) client.Filters {
	if label == "" {
		return nil
	}
	return client.Filters{"label": {label: true}}
}

func notFound(err error) bool { return errdefs.IsNotFound(err) }
