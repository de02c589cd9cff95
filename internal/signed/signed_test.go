package signed

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
)

// TestVerify: only a file that is as its owner signed it is trusted.
func TestVerify(t *testing.T) {
	public, private := generate(t)
	other, _ := generate(t)
	text := []byte("a list")
	signature := minisign.SignWithComments(private, text, "made by a test", "")
	key, err := Key(public.String())
	if err != nil {
		t.Fatal(err)
	}
	if comment, err := Verify(key, "list", text, signature); err != nil || comment != "made by a test" {
		t.Errorf("%q, %v", comment, err)
	}
	for name, c := range map[string]struct {
		key       minisign.PublicKey
		text, sig []byte
		want      string
	}{
		"another text":     {key, []byte("a List"), signature, "BERTH4701"},
		"another key":      {other, text, signature, "BERTH4701"},
		"another comment":  {key, text, []byte(strings.Replace(string(signature), "made by a test", "made by a tesT", 1)), "BERTH4701"},
		"no signature":     {key, text, nil, "BERTH4701"},
		"half a signature": {key, text, signature[:len(signature)/2], "BERTH4701"},
	} {
		if _, err := Verify(c.key, "list", c.text, c.sig); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Key("RWQ"); err == nil || !strings.Contains(err.Error(), "BERTH4702") {
		t.Errorf("half a key: %v", err)
	}
}

// TestMinisignAgrees: the program minisign accepts our signatures, and we accept its own.
func TestMinisignAgrees(t *testing.T) {
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("NOT CHECKED with minisign: it is not on the PATH")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		c := exec.Command(program, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("minisign %v: %v\n%s", args, err, out)
		}
	}
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public, private := generate(t)
	write("list", []byte("a list"))
	write("list.minisig", minisign.Sign(private, []byte("a list")))
	run("-V", "-P", public.String(), "-m", "list")
	run("-G", "-W", "-p", "key.pub", "-s", "key")
	run("-S", "-s", "key", "-m", "list", "-t", "theirs")
	read := func(name string) []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	key, err := Key(string(read("key.pub")))
	if err != nil {
		t.Fatal(err)
	}
	if comment, err := Verify(key, "list", read("list"), read("list.minisig")); err != nil || comment != "theirs" {
		t.Errorf("%q, %v", comment, err)
	}
}

func generate(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}
