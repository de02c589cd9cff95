package execute

import (
	"context"
	"maps"

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
	Users        map[string]string // by service, where one is set
	Network      string            // where the databases are
}

func (t *Tasks) container(name string) string { return t.Installation + "-berth-" + name }

// Task runs a task as a container.
func (t *Tasks) Task(ctx context.Context, task run.Task, line func(string)) (int, error) {
	env := maps.Clone(t.Env)
	maps.Copy(env, task.Env)
	c := compose.Task{Container: t.container(task.Name), Identity: task.Identity, Image: task.Image, User: t.Users[task.As],
		Entry: task.Entry, Command: task.Command, Env: env, Network: t.Network}
	if task.Own {
		c.Network = "none"
	}
	if task.Volume != "" {
		// Not a label of the project's: docker compose down --volumes, and berth down --delete-data, leave it.
		c.Volumes = map[string]string{t.Installation + "_" + task.Volume: task.Path}
		c.Labels = map[string]string{run.LabelKept: t.Installation}
	}
	if err := t.Engine.Begin(ctx, t.Installation, t.Login, c); err != nil {
		return 0, err
	}
	hide := secret.Hide(t.secrets())
	return t.Engine.Follow(ctx, c.Container, func(text string) { line(hide([]string{text})[0]) })
}

// secrets are values that are not to be shown: all that a variable's name tells to be one.
func (t *Tasks) secrets() []string {
	var out []string
	for name, value := range t.Env {
		if secret.Name(name) {
			out = append(out, value)
		}
	}
	return out
}

// Forget removes a task's container.
func (t *Tasks) Forget(ctx context.Context, name string) error {
	return t.Engine.Remove(ctx, t.container(name))
}
