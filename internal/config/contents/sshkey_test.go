package contents

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/diag"
	"pgregory.net/rapid"
)

// made runs ssh-keygen, and gives the file that it wrote.
func made(t *testing.T, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-f", file}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %v: %v %s", args, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// loads reports whether ssh-keygen can load a key without a passphrase.
func loads(key []byte) bool {
	cmd := exec.Command("ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin")
	cmd.Stdin = bytes.NewReader(key)
	return cmd.Run() == nil
}

// codes are the codes of problems, in order.
func codes(problems diag.List) string {
	var out []string
	for _, d := range problems {
		text := d.Code
		if d.Severity == diag.Warning {
			text += " warning"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// quotes reports whether problems repeat a part of a secret text.
func quotes(problems diag.List, secret []byte) bool {
	var b bytes.Buffer
	problems.WriteText(&b, diag.Paper{})
	for line := range strings.Lines(string(secret)) {
		if line = strings.TrimSpace(line); len(line) > 40 && !strings.HasPrefix(line, "-----") && strings.Contains(b.String(), line[:20]) {
			return true
		}
	}
	return false
}

// TestSSHKey: real keys, right ones and wrong ones. Where the rules find an error, ssh-keygen refuses the key, too.
func TestSSHKey(t *testing.T) {
	ed := made(t, "-t", "ed25519", "-N", "")
	rsa := made(t, "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "")
	cut := bytes.SplitAfter(ed, []byte("\n"))
	for _, c := range []struct {
		name string
		key  []byte
		want string
		says string
	}{
		{"ed25519", ed, "", ""},
		{"ecdsa", made(t, "-t", "ecdsa", "-N", ""), "", ""},
		{"rsa", made(t, "-t", "rsa", "-b", "3072", "-N", ""), "", ""},
		{"rsa as PEM", rsa, "", ""},
		{"ecdsa as PKCS 8", made(t, "-t", "ecdsa", "-m", "PKCS8", "-N", ""), "", ""},
		{"ecdsa as PEM", made(t, "-t", "ecdsa", "-m", "PEM", "-N", ""), "", ""},
		{"PEM with CR LF", bytes.ReplaceAll(rsa, []byte("\n"), []byte("\r\n")), "", ""},
		{"PEM without a last line break", bytes.TrimSpace(rsa), "", ""},
		{"passphrase", made(t, "-t", "ed25519", "-N", "secret"), "BERTH1511", "git.sshKey.file: id has a passphrase"},
		{"passphrase, PEM", made(t, "-t", "rsa", "-m", "PEM", "-N", "secret"), "BERTH1511", "has a passphrase"},
		{"passphrase, PKCS 8", made(t, "-t", "ecdsa", "-m", "PKCS8", "-N", "secret"), "BERTH1511", "has a passphrase"},
		{"weak", made(t, "-t", "rsa", "-b", "1024", "-N", ""), "BERTH1513 warning", "1024 bits"},
		{"weak PEM", made(t, "-t", "rsa", "-b", "1024", "-m", "PEM", "-N", ""), "BERTH1513 warning", "1024 bits"},
		{"CR LF", bytes.ReplaceAll(ed, []byte("\n"), []byte("\r\n")), "BERTH1512", "as on Windows"},
		{"no last line break", bytes.TrimSpace(ed), "BERTH1512", "the last line has no line break"},
		{"a line before it", append([]byte("\n"), ed...), "BERTH1512", "does not begin the file"},
		{"a line is missing", bytes.Join(append(cut[:3:3], cut[4:]...), nil), "BERTH1510", "damaged"},
		{"cut off", bytes.Join(cut[:3], nil), "BERTH1510", "has no last line"},
		{"PEM, a line is missing", bytes.Join(append(bytes.SplitAfter(rsa, []byte("\n"))[:4:4], bytes.SplitAfter(rsa, []byte("\n"))[5:]...), nil), "BERTH1510", "damaged"},
		{"public", []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGA7oLIc20fHHqSb4RL81SNfefouvdOHlGAXzSHH2ww me@here\n"), "BERTH1510", "has a public key"},
		{"PuTTY", []byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), "BERTH1510", "PuTTY"},
		{"certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "BERTH1510", "has a certificate instead of a private key"},
		{"anything", []byte("hello\n"), "BERTH1510", "has no private key"},
	} {
		problems := SSHKey(File{Key: "git.sshKey.file", Name: "id", Data: c.key}, nil)
		if codes(problems) != c.want || c.want != "" && !strings.Contains(problems[0].Summary, c.says) {
			t.Errorf("%s: want %q %q, got %v", c.name, c.want, c.says, problems)
		}
		if loads(c.key) == problems.Failed() {
			t.Errorf("%s: ssh-keygen loads it: %v, but problems are %v", c.name, loads(c.key), problems)
		}
		if quotes(problems, c.key) {
			t.Errorf("%s: a part of the key is printed: %v", c.name, problems)
		}
	}
}

// TestSSHKeyOfAVariable: a shell drops the last line break of a variable, and berth adds it.
func TestSSHKeyOfAVariable(t *testing.T) {
	key := bytes.TrimSpace(made(t, "-t", "ed25519", "-N", ""))
	if problems := SSHKey(File{Key: "git.sshKey.env", Data: key}, nil); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestSSHKeyReadsWhatSSHReads: whatever byte of a key changes, where the rules find an error ssh-keygen refuses the key; and what it refuses and
// the rules accept is reported when it is asked.
func TestSSHKeyReadsWhatSSHReads(t *testing.T) {
	key := made(t, "-t", "ed25519", "-N", "")
	run := func(input []byte, name string, args ...string) (string, bool, bool) {
		cmd := exec.Command(name, args...)
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.CombinedOutput()
		return string(out), err == nil, true
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := bytes.Clone(key)
		i := rapid.IntRange(0, len(key)-1).Draw(t, "at")
		changed[i] = rapid.SampledFrom([]byte("ABab01+/=\n -\r")).Draw(t, "byte")
		file := File{Key: "k", Name: "id", Data: changed}
		if SSHKey(file, nil).Failed() && loads(changed) {
			t.Fatalf("refused, but ssh loads it:\n%s\n%v", changed, SSHKey(file, nil))
		}
		if SSHKey(file, run).Failed() == loads(changed) {
			t.Fatalf("ssh-keygen was asked, and its answer does not count:\n%s", changed)
		}
	})
}
