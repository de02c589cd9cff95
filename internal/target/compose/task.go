package compose

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"berth/internal/target/inside"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Task is a container that runs once to its end beside an installation, such as a migrator with another command. It is no part of the
// project: neither plans nor docker compose see it.
type Task struct {
	Container string // its name at the engine
	Identity  string // what it does: one that is there under this identity is taken up again, never started twice
	Image     string
	User      string
	Entry     []string // in place of the image's entrypoint; empty: as the image has it
	Command   []string
	Env       map[string]string // with secret values
	Files     map[string]string // contents by path; every user of the container can read them
	Volumes   map[string]string // named volumes by path; made when they are not there
	Labels    map[string]string // of the volumes that are made
	Names     Names
	Network   string // that it is in; "none" for a task that needs none
}

// Names say where a container looks names up, beside what the engine sets.
type Names struct {
	Hosts                    map[string]string // addresses by name, for names that no server knows
	Servers, Search, Options []string          // as in resolv.conf
}

const labelTask = "dev.berth.task" // on a task's container: its identity

// Network is the network that an installation's services share.
func Network(installation string) string { return installation + "_" + render.Network }

// Begin starts a task unless it was started before: by a run that was killed, for one. One of another identity under its name is removed
// when it has ended.
func (e *Engine) Begin(ctx context.Context, installation string, login registry.Login, t Task) error {
	there, err := e.inspect(ctx, t.Container)
	switch {
	case notFound(err):
	case err != nil:
		return named("look for the task", t.Container, err)
	case there.Config.Labels[labelTask] == t.Identity && there.State.Status != container.StateCreated:
		return nil
	case there.State.Status == container.StateRunning:
		return fmt.Errorf("%s is still running: %s", t.Container, there.Config.Labels[labelTask])
	default:
		if err := e.Remove(ctx, t.Container); err != nil {
			return err
		}
	}
	if err := e.fetch(ctx, login, t.Image); err != nil {
		return err
	}
	if err := e.volumes(ctx, t); err != nil {
		return err
	}
	if _, err := e.api.ContainerCreate(ctx, t.container(installation)); err != nil {
		return named("make the task", t.Container, err)
	}
	if err := e.copy(ctx, t); err != nil {
		return err
	}
	return e.Start(ctx, t.Container)
}

// copy puts a task's files into its container. The engine makes the folders above them.
func (e *Engine) copy(ctx context.Context, t Task) error {
	if len(t.Files) == 0 {
		return nil
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(t.Files)) {
		header := &tar.Header{Name: strings.TrimPrefix(path.Clean(name), "/"), Mode: 0o444, Size: int64(len(t.Files[name]))}
		if err := w.WriteHeader(header); err != nil {
			return fmt.Errorf("pack the files of %s: %w", t.Container, err)
		}
		_, _ = io.WriteString(w, t.Files[name]) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack the files of %s: %w", t.Container, err)
	}
	_, err := e.api.CopyToContainer(ctx, t.Container, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
	return named("copy files to the task", t.Container, err)
}

// fetch pulls an image that is not there.
func (e *Engine) fetch(ctx context.Context, login registry.Login, image string) error {
	_, err := e.api.ImageInspect(ctx, image)
	if !notFound(err) {
		return named("look for the image", image, err)
	}
	return e.Pull(ctx, login, image, func(int64, int64) {})
}

// volumes makes the volumes of a task that are not there.
func (e *Engine) volumes(ctx context.Context, t Task) error {
	for _, name := range slices.Sorted(maps.Keys(t.Volumes)) {
		if path.IsAbs(name) {
			continue // a folder of the host
		}
		if _, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: t.Labels}); err != nil {
			return named("make the volume", name, err)
		}
	}
	return nil
}

func (t Task) container(installation string) client.ContainerCreateOptions {
	c := &container.Config{Image: t.Image, User: t.User, Entrypoint: t.Entry, Cmd: t.Command,
		Labels: map[string]string{labelTask: t.Identity, plan.LabelTaskOf: installation}}
	for _, k := range slices.Sorted(maps.Keys(t.Env)) {
		c.Env = append(c.Env, k+"="+t.Env[k])
	}
	h := &container.HostConfig{NetworkMode: container.NetworkMode(t.Network)}
	for _, name := range slices.Sorted(maps.Keys(t.Volumes)) {
		h.Binds = append(h.Binds, name+":"+path.Clean(t.Volumes[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Names.Hosts)) {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+t.Names.Hosts[name])
	}
	h.DNSSearch, h.DNSOptions = t.Names.Search, t.Names.Options
	for _, server := range t.Names.Servers {
		if address, err := netip.ParseAddr(server); err == nil { // the check of the config reports others
			h.DNS = append(h.DNS, address)
		}
	}
	return client.ContainerCreateOptions{Name: t.Container, Config: c, HostConfig: h}
}

// Follow gives every line that a task writes, from its first on, until it ends, and its exit code. An engine that is away for a while is
// waited for.
func (e *Engine) Follow(ctx context.Context, task string, line func(string)) (exit int, err error) {
	told := 0
	var lost time.Time
	for {
		n := 0
		err := e.follow(ctx, task, func(text string) {
			if n++; n > told {
				told = n
				line(text)
			}
		})
		if err == nil {
			var c container.InspectResponse
			if c, err = e.inspect(ctx, task); err == nil && c.State.Status != container.StateRunning && c.State.Status != container.StateCreated {
				return c.State.ExitCode, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err == nil:
			lost = time.Time{}
		case notFound(err):
			return 0, named("follow", task, err)
		case lost.IsZero():
			lost = time.Now()
		case time.Since(lost) > absence:
			return 0, named("follow", task, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

const (
	// absence is how long the engine may be away while a task is followed.
	absence = 90 * time.Second
	// again is how long to wait before a task is asked again.
	again = 200 * time.Millisecond
)

// follow gives the lines of a container's log until it ends or the engine goes.
func (e *Engine) follow(ctx context.Context, task string, line func(string)) error {
	log, err := e.slow.ContainerLogs(ctx, task, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return err
	}
	defer log.Close()
	text, out := io.Pipe()
	defer text.Close()
	go func() {
		_, err := stdcopy.StdCopy(out, out, log)
		out.CloseWithError(err)
	}()
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}

// Exec runs a command in a container that runs, with some variables, and gives what it wrote to its standard output and its exit code.
func (e *Engine) Exec(ctx context.Context, name string, env map[string]string, command ...string) (output string, exit int, err error) {
	var text bytes.Buffer
	exit, err = e.Attach(ctx, name, env, command, inside.Terminal{Out: &text, Err: io.Discard})
	return text.String(), exit, err
}

// Tasks are the containers of an installation's tasks, by name.
func (e *Engine) Tasks(ctx context.Context, installation string) ([]string, error) {
	return e.names(ctx, plan.LabelTaskOf+"="+installation)
}

// Containers are the containers of an installation's services, by name.
func (e *Engine) Containers(ctx context.Context, installation string) ([]string, error) {
	return e.names(ctx, render.LabelInstallation+"="+installation)
}

// names are those of the containers with a label, whether they run or not.
func (e *Engine) names(ctx context.Context, label string) ([]string, error) {
	list, err := e.containers(ctx, true, label)
	if err != nil {
		return nil, fmt.Errorf("list the containers with %s: %w", label, err)
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = nameOf(c)
	}
	slices.Sort(names)
	return names, nil
}
