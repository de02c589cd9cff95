package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/run"
)

// started counts the tasks that an installation starts.
type started struct {
	run.Tasks
	n *int
}

func (s started) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	*s.n++
	return s.Tasks.Task(ctx, t, line)
}

func (s started) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	*s.n++
	return s.Tasks.Pipe(ctx, t, in, out)
}

// TestNothingStartsToListNoBackups: a task pulls an image first, so none is started to look into a volume that does not exist yet.
func TestNothingStartsToListNoBackups(t *testing.T) {
	w, dir, tasks := fake.New(), t.TempDir(), 0
	open := func(ctx context.Context, e *installation.Environment, want *installation.Want) (*installation.Installation, error) {
		i, err := w.Open(ctx, e, want)
		if err == nil {
			i.Tasks = started{i.Tasks, &tasks}
		}
		return i, err
	}
	berth := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		w.Process(0)
		e := &Env{Stdout: &out, Targets: Targets{Open: open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
		if code := Run(t.Context(), e, args); code != ExitOK {
			t.Fatalf("berth %v: exit %d\n%s", args, code, out.String())
		}
		return out.String()
	}
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte("target: compose\nrelease: 7.4.0\nurl: http://localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := berth("backup", "list"); tasks > 0 || !strings.Contains(said, "there are no backups") {
		t.Errorf("%d tasks were started: %s", tasks, said)
	}
	berth("up", "--yes")
	tasks = 0
	if said := berth("backup", "list"); tasks != 1 {
		t.Errorf("%d tasks were started: %s", tasks, said)
	}
}
