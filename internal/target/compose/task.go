package compose

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"

	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
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
	Volumes   map[string]string // named volumes by path; made when they are not there
	Labels    map[string]string // of the volumes that are made
	Network   string            // that it is in; "none" for a task that needs none
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
	return e.Start(ctx, t.Container)
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
	variables := make([]string, 0, len(env))
	for k, v := range env {
		variables = append(variables, k+"="+v)
	}
	made, err := e.api.ExecCreate(ctx, name, client.ExecCreateOptions{Cmd: command, Env: variables, AttachStdout: true})
	if err != nil {
		return "", 0, named("run a command in", name, err)
	}
	stream, err := e.slow.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", 0, named("run a command in", name, err)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Close)() // the client does not end the stream with ctx
	var text bytes.Buffer
	_, err = stdcopy.StdCopy(&text, io.Discard, stream.Reader)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", 0, named("run a command in", name, err)
	}
	ended, err := e.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	return text.String(), ended.ExitCode, named("run a command in", name, err)
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
