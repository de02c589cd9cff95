package execute

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKeeper runs the command in the front proxy's container with a caddy that notes what it is given: it obeys, says what went wrong, and gives Caddy
// its file back when nobody is there any more.
func TestKeeper(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	caddy := `#!` + sh + `
config=
for a; do config=$a; done
if [ "$config" = /dev/stdin ]; then given=$(cat); else given=$config; fi
echo "$given" >>` + dir + `/given
case $given in *broken*) echo 'first line' >&2; echo 'Error: no such directive' >&2; exit 1;; esac
`
	if err := os.WriteFile(filepath.Join(dir, "caddy"), []byte(caddy), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sh, "-c", keeper)
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOLDING=:80 holding", "TRYING=:80 broken"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	for _, c := range []struct{ word, want string }{{hold, obeyed}, {pass, "Error: no such directive"}, {hold, obeyed}} {
		if _, err := io.WriteString(in, c.word+"\n"); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() || answers.Text() != c.want {
			t.Errorf("%s is answered with %q, want %q", c.word, answers.Text(), c.want)
		}
	}
	in.Close() // as when berth is killed
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	given, err := os.ReadFile(filepath.Join(dir, "given"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{":80 holding", ":80 broken", ":80 holding", caddyfile}; !slices.Equal(strings.Split(strings.TrimSpace(string(given)), "\n"), want) {
		t.Errorf("Caddy was given\n%s\nwant %q", given, want)
	}
}
