package run

import (
	"context"
	"fmt"
	"maps"

	"berth/internal/registry"
	"berth/internal/secret"
	"berth/internal/target/compose"
)

// Task is a program that runs once to its end beside an installation, told of its databases as the migrator is.
type Task struct {
	Name     string            // "migrate"
	Identity string            // what it does: one that a killed run left under this identity is taken up again, never started twice
	Image    string            // reference
	As       string            // the service whose user it runs as; "": the migrator
	Entry    []string          // in place of the image's entrypoint
	Command  []string          // arguments
	Env      map[string]string // beside what the migrator has; no secrets
	Volume   string            // a volume that outlives the installation, by name; "": none
	Path     string            // where it is mounted
	Own      bool              // the volume is one of the installation's own, which is down; the task needs no network
	Size     int64             // bytes that the volume is to hold, when it is made
}

// Tasks runs tasks.
type Tasks interface {
	// Task starts a task, or takes up one that was started before, and gives every line that it writes until it ends, and its exit code.
	// Cancelling ctx leaves it running.
	Task(ctx context.Context, t Task, line func(string)) (exit int, err error)
	// Forget removes what is left of a task.
	Forget(ctx context.Context, name string) error
}

// ComposeTasks runs tasks on a Docker Engine.
type ComposeTasks struct {
	Engine       *compose.Engine
	Installation string
	Login        registry.Login
	Env          map[string]string // of the migrator, with secrets
	Users        map[string]string // by service, where one is set
	Network      string            // where the databases are
}

func (t *ComposeTasks) container(name string) string { return t.Installation + "-berth-" + name }

// Task runs a task as a container.
func (t *ComposeTasks) Task(ctx context.Context, task Task, line func(string)) (int, error) {
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
		c.Labels = map[string]string{labelKept: t.Installation}
	}
	if err := t.Engine.Begin(ctx, t.Installation, t.Login, c); err != nil {
		return 0, err
	}
	hide := secret.Hide(t.secrets())
	return t.Engine.Follow(ctx, c.Container, func(text string) { line(hide([]string{text})[0]) })
}

// labelKept is on volumes that outlive an installation.
const labelKept = "dev.berth.kept-of"

// secrets are values that are not to be shown: all that a variable's name tells to be one.
func (t *ComposeTasks) secrets() []string {
	var out []string
	for name, value := range t.Env {
		if secret.Name(name) {
			out = append(out, value)
		}
	}
	return out
}

// Forget removes a task's container.
func (t *ComposeTasks) Forget(ctx context.Context, name string) error {
	return t.Engine.Remove(ctx, t.container(name))
}

// TaskError is a task that ended otherwise than well.
type TaskError struct {
	Task  Task
	Exit  int
	Lines []string // its last ones
}

func (e *TaskError) Error() string {
	return fmt.Sprintf("%s ended with exit code %d", e.Task.Name, e.Exit)
}
