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
	"berth/internal/installation/fake"
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
		line = line[strings.LastIndex(line, "\x1b[J")+1:] // what was redrawn is gone
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

// TestResultsInATerminal: plans, reports and lists fit the window, and a question stays at the end of its line.
func TestResultsInATerminal(t *testing.T) {
	for _, columns := range []int{60, 80, 100, 200} {
		w, dir := fake.New(), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte("target: compose\nrelease: 7.4.0\nurl: http://localhost\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range []string{"plan", "plan --all", "up --yes", "status", "doctor", "history", "backup --plan --out b", "upgrade --plan --to 7.5.4453", "report", "verify", "support show postgres",
			"support check", "size --users 100", "catalogue list", "bundle --preview", "check", "explain services"} {
			w.Process(0)
			e := &Env{Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed}}
			e.Dir, e.Stdin = dir, strings.NewReader("")
			out := inTerminal(t, e, columns, strings.Fields(args)...)
			if len(out) < 20 {
				t.Errorf("berth %s: %q", args, out)
			}
			if args != "report" { // which is what would be sent, byte by byte
				narrow(t, "berth "+args, out, columns)
			}
		}
		w.Process(0)
		e := &Env{Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed}}
		e.Dir, e.Stdin, e.Interactive = dir, strings.NewReader("n\n"), true
		if out := inTerminal(t, e, columns, "down"); !strings.Contains(out, "[y/N] nothing was changed\n") {
			t.Errorf("berth down:\n%s", out)
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
