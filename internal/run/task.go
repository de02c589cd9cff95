package run

import (
	"context"
	"errors"
	"io"
)

// Task is a program that runs once to its end beside an installation, and knows its databases from the environment as the migrator does.
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
	Alone    bool              // it asks databases outside the installation, of which nothing need be there yet
	Asks     bool              // of a pipe: it asks databases, so it has their network and their passwords
	Size     int64             // bytes that the volume is to hold, when it is made
}

// LabelKept is on volumes that outlive an installation.
const LabelKept = "dev.berth.kept-of"

// ErrNoVolume says that the volume of a task is not there, and that the task does not say how large it should be.
var ErrNoVolume = errors.New("the volume is not there")

// Tasks runs tasks.
type Tasks interface {
	// Task starts a task, or takes up one that was started before, and gives every line that it writes until it ends, and its exit code.
	// Cancelling ctx leaves it running.
	Task(ctx context.Context, t Task, line func(string)) (exit int, err error)
	// Pipe runs a task whose input and output are bytes, from its begin, and leaves nothing of it. in is read to its end; nil: there is none.
	// said is what it wrote for people. Cancelling ctx ends it. Without a size, a volume that is not there may be ErrNoVolume.
	Pipe(ctx context.Context, t Task, in io.Reader, out io.Writer) (exit int, said string, err error)
	// Forget removes what is left of a task.
	Forget(ctx context.Context, name string) error
}
