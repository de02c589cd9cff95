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

	"berth/internal/fold"
	"github.com/creack/pty"
	"github.com/spf13/cobra"
)

// inTerminal runs a command in a real pseudo-terminal of so many columns, and gives what is written to it.
func inTerminal(t *testing.T, e *Env, columns int, args ...string) string {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Cols: uint16(columns), Rows: 500}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&out, master) // it ends when the terminal is closed
	}()
	e.Stdout, e.Stderr, e.Terminal = tty, tty, true
	e.Getenv = func(string) string { return "" }
	e.Now = time.Now
	Run(context.Background(), e, args)
	tty.Close()
	<-done
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

// narrow finds lines that are too long, though they could be broken.
func narrow(t *testing.T, what, text string, columns int) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if fold.Width(line) > columns && strings.Contains(strings.TrimLeft(line, " |"), " ") {
			t.Errorf("%s in %d columns: %q", what, columns, line)
		}
	}
}

// TestMessagesInATerminal: problems, help and explanations fit the window, and what is marked in a line stays above its mark.
func TestMessagesInATerminal(t *testing.T) {
	dir := t.TempDir()
	file := "target: compose\nurl: " + strings.Repeat("x", 60) + "\nsize: extraordinarily-large-and-more\nservises: {gitserver: {memory: 8Gi}, frontend: {memory: 16Gi}, searcher: {replicas: 2}}\n"
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, columns := range []int{60, 80, 100, 200} {
		for _, args := range []string{"check", "check --unknown-flag", "explain services.gitserver", "explain BERTH1107", "explain services.gitserver.nothing-that-there-is-at-all-anywhere", "help up",
			"help concepts", "plan --help"} {
			e := &Env{}
			e.Dir = dir
			out := inTerminal(t, e, columns, strings.Fields(args)...)
			narrow(t, "berth "+args, out, columns)
			if len(out) < 40 {
				t.Errorf("berth %s: %q", args, out)
			}
			if args != "check" {
				continue
			}
			lines := strings.Split(out, "\n")
			for i, line := range lines {
				if at := strings.Index(line, "^"); at >= 0 && strings.HasPrefix(lines[i-1], "  4 | ") && lines[i-1][at:at+8] != "servises" {
					t.Errorf("in %d columns the mark is not below its word:\n%s", columns, out)
				}
			}
			if !strings.Contains(out, "^^^^^^^^") {
				t.Errorf("nothing is marked:\n%s", out)
			}
		}
	}
}

// TestHelpFits: the help of every command, in the terminals that people have.
func TestHelpFits(t *testing.T) {
	commands := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		commands++
		for _, columns := range []int{60, 80, 100} {
			text := helpText(c, columns)
			narrow(t, c.CommandPath(), text, columns)
			for word := range strings.FieldsSeq(c.Long) {
				if !strings.Contains(text, word) {
					t.Errorf("%s in %d columns lacks %q", c.CommandPath(), columns, word)
				}
			}
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	root := newRoot(&Env{})
	visit(root)
	if commands < 60 {
		t.Errorf("only %d commands were found", commands)
	}
}
