package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/installation"
	"berth/internal/installation/fake"
)

// TestWatches: a command with --watch shows its result again only when it is another one, and ends with its context.
func TestWatches(t *testing.T) {
	for name, shows := range map[string]struct{ first, changed string }{
		"doctor": {"passed; nothing was changed", "BERTH5003"},
		"status": {"services are ready", "searcher"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watches(t, name, shows.first, shows.changed)
		})
	}
}

func watches(t *testing.T, command, begins, changed string) {
	w, dir := fake.New(), t.TempDir()
	config := "target: compose\nrelease: 7.5.4453\nurl: http://localhost:1\ndoctor: {mute: [{code: BERTH5058, reason: a test, until: '2099-01-01'}]}\n"
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func(out io.Writer, args ...string) int {
		w.Process(0)
		return Run(ctx, &Env{Stdout: out, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: out, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}, args)
	}
	var out bytes.Buffer
	if code := run(&out, "up"); code != 0 {
		t.Fatal(out.String())
	}
	shown, reader := make(chan string, 100), make(chan struct{})
	in, pipe := io.Pipe()
	go func() {
		defer close(reader)
		buffer := make([]byte, 1<<16)
		for {
			n, err := in.Read(buffer)
			if err != nil {
				return
			}
			shown <- string(buffer[:n])
		}
	}()
	go func() {
		first := <-shown
		if !strings.Contains(first, begins) {
			t.Errorf("shown: %q", first)
		}
		select {
		case again := <-shown:
			t.Errorf("shown again: %q", again)
		case <-time.After(2*lookAgain + lookAgain/2): // two more looks
		}
		w.Delete("sourcegraph", "searcher-0")
		if now := <-shown; !strings.Contains(now, changed) {
			t.Errorf("shown after the fault: %q", now)
		}
		cancel()
	}()
	if code := run(pipe, command, "--watch"); code != 0 {
		t.Errorf("exit %d", code)
	}
	pipe.Close()
	<-reader
	if ctx.Err() == context.DeadlineExceeded {
		t.Error("it did not end in time")
	}
}
