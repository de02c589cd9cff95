package data

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"berth/internal/run"
)

// volumes runs tasks in folders of this machine in place of volumes.
type volumes struct {
	run.Tasks
	dir string
}

func (v volumes) Pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (int, string, error) {
	c := exec.CommandContext(ctx, t.Entry[0], t.Entry[1:]...)
	var said bytes.Buffer
	c.Env, c.Stdin, c.Stdout, c.Stderr = []string{"PATH=" + os.Getenv("PATH"), "DIR=" + filepath.Join(v.dir, t.Volume)}, in, out, &said
	if err := c.Run(); err != nil && c.ProcessState == nil {
		return 0, "", err
	}
	return c.ProcessState.ExitCode(), said.String(), nil
}

// TestFiles carries the files of a volume in place of what another one holds, and sees what differs.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("here/github.com/o/r/.git/objects/ab/cd", "object", 0o444)
	write("here/.tmp/half", "half", 0o600)
	write("here/-odd name\nof two lines", "odd", 0o600)
	write("here/lost+found/disk", "of the disk", 0o600)
	write("there/lost+found/other", "of the other disk", 0o600)
	write("there/github.com/o/r/.git/objects/ef/01", "of an earlier try", 0o444)
	if err := os.Symlink("half", filepath.Join(dir, "here/.tmp/link")); err != nil {
		t.Fatal(err)
	}
	for _, empty := range []string{"empty", "filled"} {
		if err := os.Mkdir(filepath.Join(dir, empty), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := &Worker{Tasks: volumes{dir: dir}, ID: "t"}
	of := func(name string) Files {
		t.Helper()
		f, err := w.FilesOf(t.Context(), Volume{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if f.Free <= 0 {
			t.Errorf("the room of %s was not read", name)
		}
		return f
	}
	carry := func(from, to string) {
		t.Helper()
		var archive bytes.Buffer
		if err := w.ReadFiles(t.Context(), Volume{Name: from}, &archive); err != nil {
			t.Fatal(err)
		}
		if err := w.FillFiles(t.Context(), Volume{Name: to}, &archive); err != nil {
			t.Fatal(err)
		}
	}
	if here := of("here"); here.Number != 4 || here.Bytes != int64(len("object"+"half"+"odd"+"half")) {
		t.Errorf("%+v", here)
	}
	carry("here", "there")
	if here, there := of("here"), of("there"); here.Sum != there.Sum {
		t.Errorf("%+v here, %+v there", here, there)
	}
	if at, err := os.Readlink(filepath.Join(dir, "there/.tmp/link")); err != nil || at != "half" {
		t.Error(at, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "there/lost+found/other")); err != nil {
		t.Error(err)
	}
	write("there/.tmp/half", "longer", 0o600)
	if of("here").Sum == of("there").Sum {
		t.Error("another size is not seen")
	}
	carry("empty", "there")
	if there := of("there"); there.Number != 0 {
		t.Errorf("%+v", there)
	}
	if err := w.FillFiles(t.Context(), Volume{Name: "filled"}, bytes.NewReader([]byte("no archive"))); err == nil {
		t.Error("what is no archive was unpacked")
	}
}
