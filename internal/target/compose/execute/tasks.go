package execute

import (
	"context"
	"io"
	"maps"
	"strings"

	"berth/internal/registry"
	"berth/internal/run"
	"berth/internal/secret"
	"berth/internal/target/compose"
)

// Tasks runs tasks on a Docker Engine.
type Tasks struct {
	Engine       *compose.Engine
	Installation string
	Login        registry.Login
	Env          map[string]string // of the migrator, with secrets
	Files        map[string]string // that the migrator mounts, by path
	Users        map[string]string // by service, where one is set
	Network      string            // where the databases are
	Names        compose.Names     // of the migrator
	Own          map[string]string // the volume or the folder with the data of each database
}

func (t *Tasks) container(name string) string { return t.Installation + "-berth-" + name }

// Task runs a task as a container.
func (t *Tasks) Task(ctx context.Context, task run.Task, line func(string)) (int, error) {
	c := t.of(task)
	if task.Alone && !task.Own {
		there, err := t.Engine.Network(ctx, t.Installation)
		if err != nil {
			return 0, err
		}
		if there == "" {
			c.Network = "bridge" // the engine's own, until the installation has one
		}
	}
	if err := t.Engine.Begin(ctx, t.Installation, t.Login, c); err != nil {
		return 0, err
	}
	hide := secret.Hide(t.secrets())
	return t.Engine.Follow(ctx, c.Container, func(text string) { line(hide([]string{text})[0]) })
}

// Pipe runs a task as a container. One that asks no database gets none of their passwords.
func (t *Tasks) Pipe(ctx context.Context, task run.Task, in io.Reader, out io.Writer) (int, string, error) {
	c := t.of(task)
	if !task.Asks {
		c.Env, c.Files, c.Network, c.Names = task.Env, nil, "none", compose.Names{}
	}
	exit, said, err := t.Engine.Pipe(ctx, t.Installation, t.Login, c, in, out)
	return exit, strings.Join(secret.Hide(t.secrets())(strings.Split(said, "\n")), "\n"), err
}

// of is the container of a task.
func (t *Tasks) of(task run.Task) compose.Task {
	env := maps.Clone(t.Env)
	maps.Copy(env, task.Env)
	c := compose.Task{Container: t.container(task.Name), Identity: task.Identity, Image: task.Image, User: t.Users[task.As],
		Entry: task.Entry, Command: task.Command, Env: env, Files: t.Files, Network: t.Network, Names: t.Names}
	if task.Own {
		c.Network = "none"
	}
	if task.Volume != "" {
		// Not a label of the project's: docker compose down --volumes, and berth down --delete-data, leave it.
		c.Volumes = map[string]string{t.Installation + "_" + task.Volume: task.Path}
		if source := t.Own[task.Volume]; task.Own && source != "" {
			c.Volumes = map[string]string{source: task.Path}
		}
		c.Labels = map[string]string{run.LabelKept: t.Installation}
	}
	return c
}

// secrets are values that are not to be shown: all that a variable's name tells to be one.
func (t *Tasks) secrets() []string {
	var out []string
	for name, value := range t.Env {
		if secret.Name(name) {
			out = append(out, value)
		}
	}
	for _, content := range t.Files {
		if content != "" {
			out = append(out, content)
		}
	}
	return out
}

// Forget removes a task's container.
func (t *Tasks) Forget(ctx context.Context, name string) error {
	return t.Engine.Remove(ctx, t.container(name))
}
