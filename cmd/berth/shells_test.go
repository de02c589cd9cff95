//go:build editors

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hinshun/vt10x"
)

// shell is a program in which people type commands: how it begins without anybody's own settings, and what loads the completion of berth.
type shell struct {
	args, load []string
}

var shells = map[string]shell{
	"bash": {[]string{"--noprofile", "--norc", "-i"}, []string{"PS1='% '", ". /usr/share/bash-completion/bash_completion", ". <(berth completion bash)"}},
	"zsh":  {[]string{"-f", "-i"}, []string{"PS1='%% '", "autoload -U compinit && compinit -u -D", "source <(berth completion zsh)"}},
	"fish": {[]string{"--no-config", "-i"}, []string{"function fish_prompt; echo '% '; end", "berth completion fish | source"}},
	"pwsh": {[]string{"-NoLogo", "-NoProfile"}, []string{"function prompt { '% ' }", "berth completion powershell | Out-String | Invoke-Expression"}},
}

// typed are beginnings of commands, and what the tabulator key makes of them.
var typed = map[string]string{
	"berth upgr":                  "berth upgrade",
	"berth explain serv":          "berth explain services",
	"berth explain BERTH1140":     "berth explain BERTH1140",
	"berth catalogue show 6.12.5": "berth catalogue show 6.12.5040",
	"berth render --as helm-":     "berth render --as helm-values",
	"berth plan -o y":             "berth plan -o yaml",
	"berth logs blob":             "berth logs blobstore",
	"berth plan --context stagin": "berth plan --context staging",
}

// TestShells: what people complete in a real shell, at a real pseudo-terminal. The shells are those of BERTH_SHELLS: make shells.
func TestShells(t *testing.T) {
	if os.Getenv("BERTH_SHELLS") == "" {
		t.Fatal("BERTH_SHELLS names no shells; run: make shells")
	}
	for _, name := range strings.Fields(os.Getenv("BERTH_SHELLS")) {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write(t, dir, "sourcegraph.yaml", "target: kubernetes\nurl: http://localhost\n")
			write(t, dir, "kubeconfig", "apiVersion: v1\nkind: Config\ncontexts: [{name: staging, context: {cluster: a, user: a}}]\n")
			if err := os.Symlink(os.Args[0], filepath.Join(dir, "berth")); err != nil {
				t.Fatal(err)
			}
			p := startProgram(t, dir, 80, []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "KUBECONFIG=" + filepath.Join(dir, "kubeconfig")}, program, shells[name].args...)
			for _, line := range shells[name].load {
				p.types(line + "\r")
			}
			p.types("echo ready\r")
			p.shows("\nready\n%")
			for begin, whole := range typed {
				p.types(begin + "\t")
				p.shows("\n% " + whole)
				for !strings.HasSuffix(p.lines(), "\n%") { // a shell that still works on the completion does not read the key
					p.types("\x15") // Ctrl-U removes the line
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
}

// shows waits until the screen shows a text.
func (p *typist) shows(text string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(p.lines(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("the terminal does not show %q:\n%s", text, p.lines())
		}
	}
}

// lines are those of the terminal's window that are not empty, after all that was written to it.
func (p *typist) lines() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	window := vt10x.New(vt10x.WithSize(80, 40))
	_, _ = window.Write([]byte(p.shown.String()))
	var shown strings.Builder
	for line := range strings.Lines(window.String()) {
		if line = strings.TrimSpace(line); line != "" {
			shown.WriteString("\n" + line)
		}
	}
	return shown.String()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
