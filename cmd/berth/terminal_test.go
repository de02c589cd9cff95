package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

// TestMain makes this test's binary also the program, as it runs in a terminal.
func TestMain(m *testing.M) {
	if os.Getenv("BERTH_TEST_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// typist is a person at a real pseudo-terminal.
type typist struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd

	mu    sync.Mutex
	shown strings.Builder
	ended chan error
}

func start(t *testing.T, dir string, columns uint16, env []string, args ...string) *typist {
	t.Helper()
	return startProgram(t, dir, columns, env, os.Args[0], args...)
}

func startProgram(t *testing.T, dir string, columns uint16, env []string, program string, args ...string) *typist {
	t.Helper()
	p := &typist{t: t, cmd: exec.Command(program, args...), ended: make(chan error, 1)}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"BERTH_TEST_PROGRAM=1", "TERM=xterm", "LANG=C.UTF-8", "HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	var err error
	if p.tty, err = pty.StartWithSize(p.cmd, &pty.Winsize{Cols: columns, Rows: 40}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.tty.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := p.tty.Read(buffer)
			p.mu.Lock()
			p.shown.Write(buffer[:n])
			p.mu.Unlock()
			if err != nil { // the terminal is closed when the program has ended
				p.ended <- p.cmd.Wait()
				return
			}
		}
	}()
	return p
}

func (p *typist) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ReplaceAll(p.shown.String(), "\r\n", "\n")
}

// reads waits until the terminal shows a text at its end.
func (p *typist) reads(text string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.HasSuffix(p.screen(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("the terminal does not show %q:\n%s", text, p.screen())
		}
	}
}

func (p *typist) types(text string) {
	p.t.Helper()
	if _, err := p.tty.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// exits waits for the end, and gives the exit code.
func (p *typist) exits() int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var code *exec.ExitError
		if err != nil && !errors.As(err, &code) {
			p.t.Fatal(err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the program does not end:\n%s", p.screen())
	}
	return -1
}

const interrupt = "\x03" // Ctrl-C

// TestCtrlCAtQuestions: the first one ends the program, at a question of berth init and at a yes or no.
func TestCtrlCAtQuestions(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, 80, nil, "init")
	p.reads("target [1]: ")
	p.types(interrupt)
	if code := p.exits(); code != 130 || !strings.Contains(p.screen(), "nothing was written") {
		t.Errorf("exit %d\n%s", code, p.screen())
	}
	file := filepath.Join(dir, "sourcegraph.yaml")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
	if err := os.WriteFile(file, []byte("target: compose\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir, 80, []string{"EDITOR=true"}, "init")
	p.reads("[y/N] ")
	p.types(interrupt)
	if code := p.exits(); code != 130 {
		t.Errorf("exit %d\n%s", code, p.screen())
	}
}

// TestInitInTerminals walks through berth init in terminals of two widths: nothing that it says wraps, a wrong answer is asked again, and the file
// is good.
func TestInitInTerminals(t *testing.T) {
	for _, columns := range []uint16{60, 80} {
		dir := t.TempDir()
		p := start(t, dir, columns, nil, "init")
		for _, step := range []struct{ prompt, answer string }{
			{"target [1]: ", ""}, {"url [http://localhost]: ", "sourcegraph.example.com"}, {"tls [1]: ", "letsencrypt"}, {"email: ", "nobody"}, {"email: ", "ops@example.com"},
			{"people [10]: ", "300"}, {"repositories [100]: ", "2000"}, {"databases [1]: ", ""},
		} {
			p.reads(step.prompt)
			p.types(step.answer + "\n")
		}
		if code := p.exits(); code != 0 {
			t.Fatalf("%d columns: exit %d\n%s", columns, code, p.screen())
		}
		dialogue, end, _ := strings.Cut(p.screen(), "wrote sourcegraph.yaml")
		_, takes, _ := strings.Cut(end, "  machine ")
		for line := range strings.Lines(dialogue + "\n" + takes) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > int(columns) {
				t.Errorf("%d columns: a line has %d: %s", columns, n, line)
			}
		}
		if !strings.Contains(dialogue, `"nobody" is not an email address`) || !strings.Contains(end, "next: berth check") {
			t.Errorf("%d columns:\n%s", columns, p.screen())
		}
		if code := start(t, dir, columns, nil, "check", "--offline").exits(); code != 0 {
			t.Errorf("%d columns: check ends with %d", columns, code)
		}
	}
}

// TestFirstTrialShowsTheDialogue: docs/first-trial.md has what a person sees who only presses Enter.
func TestFirstTrialShowsTheDialogue(t *testing.T) {
	p := start(t, t.TempDir(), 80, nil, "init")
	for _, prompt := range []string{"target [1]: ", "url [http://localhost]: ", "people [10]: ", "repositories [100]: ", "databases [1]: "} {
		p.reads(prompt)
		p.types("\n")
	}
	if code := p.exits(); code != 0 {
		t.Fatalf("exit %d\n%s", code, p.screen())
	}
	dialogue, _, _ := strings.Cut(p.screen(), "wrote sourcegraph.yaml")
	var want strings.Builder
	for line := range strings.Lines(dialogue) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			line = "    " + line
		}
		want.WriteString(line + "\n")
	}
	page, err := os.ReadFile("../../docs/first-trial.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/first-trial.md does not have:\n%s", want.String())
	}
}

// TestHelpInAPager: what is longer than the terminal is shown by the pager of who reads it, and by nothing where there is none.
func TestHelpInAPager(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, 80, []string{"PAGER=head -n 1"}, "help", "upgrades")
	if code := p.exits(); code != 0 || strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(p.screen(), "\x1b[1m", ""), "\x1b[0m", "")) != "Upgrading" {
		t.Errorf("exit %d\n%q", code, p.screen())
	}
	for _, c := range []struct{ pager, concept string }{{"no-such-pager", "upgrades"}, {"head -n 1", "drift"}} {
		p := start(t, dir, 80, []string{"PAGER=" + c.pager}, "help", c.concept)
		if code := p.exits(); code != 0 || !strings.Contains(p.screen(), "schema") {
			t.Errorf("help %s with %s: exit %d\n%q", c.concept, c.pager, code, p.screen())
		}
	}
}
