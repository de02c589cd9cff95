package compose

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"

	"berth/internal/registry"
	render "berth/internal/render/compose"
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
	there, err := e.api.inspect(ctx, t.Container)
	switch {
	case notFound(err):
	case err != nil:
		return named("look for the task", t.Container, err)
	case there.Config.Labels[labelTask] == t.Identity && there.State.Status != "created":
		return nil
	case there.State.Status == "running":
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
	if err := e.api.call(ctx, http.MethodPost, "/containers/create", url.Values{"name": {t.Container}}, t.body(installation), nil); err != nil {
		return named("make the task", t.Container, err)
	}
	return e.Start(ctx, t.Container)
}

// fetch pulls an image that is not there.
func (e *Engine) fetch(ctx context.Context, login registry.Login, image string) error {
	err := e.api.call(ctx, http.MethodGet, "/images/"+image+"/json", nil, nil, nil)
	if !notFound(err) {
		return named("look for the image", image, err)
	}
	return e.Pull(ctx, login, image, func(int64, int64) {})
}

// volumes makes the volumes of a task that are not there.
func (e *Engine) volumes(ctx context.Context, t Task) error {
	for _, name := range slices.Sorted(maps.Keys(t.Volumes)) {
		in := map[string]any{"Name": name, "Labels": t.Labels}
		if err := e.api.call(ctx, http.MethodPost, "/volumes/create", nil, in, nil); err != nil {
			return named("make the volume", name, err)
		}
	}
	return nil
}

func (t Task) body(installation string) map[string]any {
	env := []string{}
	for _, k := range slices.Sorted(maps.Keys(t.Env)) {
		env = append(env, k+"="+t.Env[k])
	}
	binds := []string{}
	for _, name := range slices.Sorted(maps.Keys(t.Volumes)) {
		binds = append(binds, name+":"+path.Clean(t.Volumes[name]))
	}
	body := map[string]any{
		"Image": t.Image, "Env": env, "Labels": map[string]string{labelTask: t.Identity, render.LabelTaskOf: installation},
		"HostConfig": map[string]any{"Binds": binds, "NetworkMode": t.Network},
	}
	if t.User != "" {
		body["User"] = t.User
	}
	if len(t.Entry) > 0 {
		body["Entrypoint"] = t.Entry
	}
	if len(t.Command) > 0 {
		body["Cmd"] = t.Command
	}
	return body
}

// Follow gives every line that a task writes, from its first on, until it ends, and its exit code. An engine that is away for a while is
// waited for.
func (e *Engine) Follow(ctx context.Context, container string, line func(string)) (exit int, err error) {
	told := 0
	var lost time.Time
	for {
		n := 0
		err := e.follow(ctx, container, func(text string) {
			if n++; n > told {
				told = n
				line(text)
			}
		})
		if err == nil {
			var c inspected
			if c, err = e.api.inspect(ctx, container); err == nil && c.State.Status != "running" && c.State.Status != "created" {
				return c.State.ExitCode, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err == nil:
			lost = time.Time{}
		case notFound(err):
			return 0, named("follow", container, err)
		case lost.IsZero():
			lost = time.Now()
		case time.Since(lost) > absence:
			return 0, named("follow", container, err)
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
func (e *Engine) follow(ctx context.Context, container string, line func(string)) error {
	resp, err := e.api.send(ctx, http.MethodGet, "/containers/"+container+"/logs",
		url.Values{"stdout": {"1"}, "stderr": {"1"}, "follow": {"1"}}, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(&unframed{from: resp.Body})
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}

// unframed reads the text of a log that comes in frames; see frames.
type unframed struct {
	from io.Reader
	left int64 // of the frame in hand
}

func (u *unframed) Read(p []byte) (int, error) {
	for u.left == 0 {
		var header [8]byte
		if _, err := io.ReadFull(u.from, header[:]); err != nil {
			return 0, err
		}
		u.left = int64(binary.BigEndian.Uint32(header[4:]))
	}
	n, err := u.from.Read(p[:min(int64(len(p)), u.left)])
	u.left -= int64(n)
	if errors.Is(err, io.EOF) && u.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Exec runs a command in a container that runs, with some variables, and gives what it wrote to its standard output and its exit code.
func (e *Engine) Exec(ctx context.Context, container string, env map[string]string, command ...string) (output string, exit int, err error) {
	variables := make([]string, 0, len(env))
	for k, v := range env {
		variables = append(variables, k+"="+v)
	}
	var made struct {
		ID string `json:"Id"`
	}
	in := map[string]any{"Cmd": command, "Env": variables, "AttachStdout": true}
	if err := e.api.call(ctx, http.MethodPost, "/containers/"+container+"/exec", nil, in, &made); err != nil {
		return "", 0, named("run a command in", container, err)
	}
	resp, err := e.api.send(ctx, http.MethodPost, "/exec/"+made.ID+"/start", nil, nil, map[string]any{"Detach": false})
	if err != nil {
		return "", 0, named("run a command in", container, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(&unframed{from: resp.Body})
	if err != nil {
		return "", 0, named("run a command in", container, err)
	}
	var ended struct{ ExitCode int }
	if err := e.api.call(ctx, http.MethodGet, "/exec/"+made.ID+"/json", nil, nil, &ended); err != nil {
		return "", 0, named("run a command in", container, err)
	}
	return string(text), ended.ExitCode, nil
}

// Tasks are the containers of an installation's tasks, by name.
func (e *Engine) Tasks(ctx context.Context, installation string) ([]string, error) {
	return e.names(ctx, render.LabelTaskOf+"="+installation)
}

// Containers are the containers of an installation's services, by name.
func (e *Engine) Containers(ctx context.Context, installation string) ([]string, error) {
	return e.names(ctx, render.LabelInstallation+"="+installation)
}

// names are those of the containers with a label, whether they run or not.
func (e *Engine) names(ctx context.Context, label string) ([]string, error) {
	query := labelled(label)
	query.Set("all", "1")
	list, err := e.api.containers(ctx, query)
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
