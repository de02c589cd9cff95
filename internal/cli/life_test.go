package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/signed"
)

// life is an installation in memory whose commands are run as people type them.
type life struct {
	t     *testing.T
	world *fake.World
	dir   string
}

func newLife(t *testing.T, on, release string) *life {
	t.Helper()
	l := &life{t: t, world: fake.New(), dir: t.TempDir()}
	l.write("target: " + on + "\nrelease: " + release + "\nurl: http://localhost\n")
	return l
}

func (l *life) write(text string) {
	l.t.Helper()
	l.beside(DefaultConfig, text)
}

// beside writes a file into the folder of the config, or below it.
func (l *life) beside(name, text string) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// signed writes a file beside the config, and its signature.
func (l *life) signed(name, text string, signer *minisign.PrivateKey) {
	l.t.Helper()
	l.beside(name, text)
	l.beside(name+signed.Suffix, string(minisign.Sign(*signer, []byte(text))))
}

// publishing makes this berth trust a publisher for as long as a test lasts, and gives the publisher's key.
func publishing(t *testing.T) *minisign.PrivateKey {
	t.Helper()
	public, private := keys(t)
	before := key
	key = public.String()
	t.Cleanup(func() { key = before })
	return private
}

func (l *life) file() string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, DefaultConfig))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// run runs a command in a process of its own, which is killed at an effect; 0: it is not.
func (l *life) run(killAt int, args ...string) (string, int) {
	l.t.Helper()
	l.world.Process(killAt)
	var out bytes.Buffer
	e := &Env{Stdout: &out, Targets: Targets{Open: l.world.Open, Named: l.world.OpenNamed, Stored: l.world.OpenNamed},
		Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: l.dir, Getenv: func(string) string { return "" }, Now: l.world.Now,
			Keep: func(string) error { return l.world.Touch() }}}
	code := Run(context.Background(), e, args)
	return out.String(), code
}

// must runs a command that has to end with an exit code; any: -1.
func (l *life) must(code int, args ...string) string {
	l.t.Helper()
	out, got := l.run(0, args...)
	if got != code && code >= 0 {
		l.t.Fatalf("berth %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

func TestLife(t *testing.T) {
	for _, on := range []string{"compose", "kubernetes"} {
		t.Run(on, func(t *testing.T) {
			l := newLife(t, on, "6.0.0")
			l.must(2, "plan")
			l.must(0, "up")
			l.must(0, "plan")
			l.world.Write("sourcegraph", "rows")
			t.Log(l.must(0, "status"))
			t.Log(l.must(2, "upgrade", "--plan", "--to", "7.5.4453"))
			t.Log(l.must(0, "upgrade", "--yes", "--to", "7.5.4453"))
			l.must(0, "plan")
			t.Log(l.must(0, "rollback", "--yes"))
			t.Log(l.must(0, "history"))
			t.Log(l.must(0, "down", "--delete-data", "sourcegraph"))
			if len(l.world.Spoiled) > 0 {
				t.Error(l.world.Spoiled)
			}
		})
	}
}

// read is the text of the config; nil: there is none.
func (l *life) read() []byte {
	text, err := os.ReadFile(filepath.Join(l.dir, DefaultConfig))
	if err != nil {
		return nil
	}
	return text
}

// put writes the config as it was; nil: there was none.
func (l *life) put(text []byte) {
	l.t.Helper()
	if text == nil {
		l.absent()
		return
	}
	l.write(string(text))
}

// absent deletes the config.
func (l *life) absent() {
	l.t.Helper()
	if err := os.RemoveAll(filepath.Join(l.dir, DefaultConfig)); err != nil {
		l.t.Fatal(err)
	}
}
