package contents

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKnownHosts(t *testing.T) {
	public := strings.Fields(string(publicOf(t, made(t, "-t", "ed25519", "-N", ""))))
	key := public[0] + " " + public[1]
	dir := t.TempDir()
	hashed := filepath.Join(dir, "hashed")
	if err := os.WriteFile(hashed, []byte("github.com "+key+"\n[git.example.com]:7999 "+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-H", "-f", hashed).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	hash, err := os.ReadFile(hashed)
	if err != nil || !strings.HasPrefix(string(hash), "|1|") {
		t.Fatal(string(hash), err)
	}
	hosts := []Host{{Name: "github.com", From: "hosts.json"}, {Name: "git.example.com", Port: "7999", From: "hosts.json"}}
	for _, c := range []struct {
		name, text, want, says string
	}{
		{"both", "github.com,140.82.121.3 " + key + "\n[git.example.com]:7999 " + key + " comment\n", "", ""},
		{"hashed", string(hash), "", ""},
		{"patterns", "*.com,!gitlab.com " + key + "\n[git.*]:7999 " + key, "", ""},
		{"CR LF", "github.com " + key + "\r\n[git.example.com]:7999 " + key + "\r\n", "", ""},
		{"comment and authority", "# here\n\n@cert-authority *.com " + key + "\n[git.example.com]:7999 " + key + "\n", "", ""},
		{"negated", "*.com,!github.com " + key + "\n[git.example.com]:7999 " + key + "\n", "BERTH1515 warning", "no key of github.com"},
		{"one is missing", "github.com " + key + "\n", "BERTH1515 warning", "no key of git.example.com"},
		{"other port", "github.com " + key + "\ngit.example.com " + key + "\n", "BERTH1515 warning", "no key of git.example.com"},
		{"revoked", "github.com " + key + "\n@revoked [git.example.com]:7999 " + key + "\n", "BERTH1515 warning", "no key of git.example.com"},
		{"no key", "github.com " + public[0] + "\n" + string(hash), "BERTH1514", "must have hosts, a type and a key"},
		{"type", "github.com ssh-ed2551 " + public[1] + "\n" + string(hash), "BERTH1514", "did you mean ssh-ed25519?"},
		{"other type", "github.com ssh-rsa " + public[1] + "\n" + string(hash), "BERTH1514", "of the type ssh-ed25519, and the line says ssh-rsa"},
		{"cut off", "github.com " + key[:40] + "\n" + string(hash), "BERTH1514", "cut off"},
		{"marker", "@trusted github.com " + key + "\n" + string(hash), "BERTH1514", "marker"},
		{"nothing", "<html>\n<body>not found</body>\n", "BERTH1514", "has no host key that ssh can read"},
	} {
		got := KnownHosts(File{Key: "git.knownHosts", Name: "known_hosts", Data: []byte(c.text), Open: true}, hosts)
		if codes(got) != c.want || c.want != "" && !strings.Contains(got[0].Summary, c.says) {
			t.Errorf("%s: want %q %q, got %v", c.name, c.want, c.says, got)
		}
		// ssh-keygen finds exactly the hosts that are not missed.
		file := filepath.Join(dir, "known_hosts")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 && got[0].Code == "BERTH1514" && c.name != "nothing" {
			continue
		}
		for i, name := range []string{"github.com", "[git.example.com]:7999"} {
			out, _ := exec.Command("ssh-keygen", "-F", name, "-f", file).Output()
			there := strings.Contains(string(out), "found") && !strings.Contains(string(out), "@revoked")
			missed := c.name == "nothing" || len(got) > 0 && strings.Contains(got[0].Summary, hosts[i].Name)
			if there == missed {
				t.Errorf("%s: ssh-keygen finds %s: %v, problems %v", c.name, name, there, got)
			}
		}
	}
}

// publicOf is the public part of a key.
func publicOf(t *testing.T, key []byte) []byte {
	t.Helper()
	cmd := exec.Command("ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin")
	cmd.Stdin = bytes.NewReader(key)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNetrc(t *testing.T) {
	for _, c := range []struct{ text, want, says string }{
		{"machine github.com login a password b\n", "", ""},
		{"machine github.com\r\nlogin a\r\npassword b\r\n", "", ""},
		{"# comment\nmachine github.com login a password \"b c\"\ndefault login a password b", "", ""},
		{"machine github.com username a password b-long-secret\n", "BERTH1516", "does not know this word"},
		{"machine: github.com login a password b\n", "BERTH1516", "does not know this word"},
		{"machine https://github.com login a password b\n", "BERTH1516", "without https://"},
		{"machine github.com login a\n", "BERTH1516", "the machine has no password"},
		{"machine github.com password b\nmachine x login a password b\n", "BERTH1516", "the machine has no login"},
		{"machine github.com login a password b c\n", "BERTH1516", "does not know this word"},
		{"machine github.com login a password \"b\n", "BERTH1516", "not closed"},
		{"login a password b\n", "BERTH1516, BERTH1516", "no machine before it"},
		{"machine", "BERTH1516, BERTH1516", "no host after it"},
		{"macdef x\n  y\n", "BERTH1516", "macros"},
		{"# only a comment\n", "BERTH1516", "names no machine"},
	} {
		got := Netrc(File{Key: "git.netrc.file", Name: "netrc", Data: []byte(c.text)})
		if codes(got) != c.want || c.want != "" && !strings.Contains(got[0].Summary, c.says) {
			t.Errorf("%q: want %q %q, got %v", c.text, c.want, c.says, got)
		}
		if strings.Contains(got.Error(), "secret") || len(got) > 0 && strings.Contains(got[0].Range.Excerpt, "secret") {
			t.Errorf("%q: a secret is printed: %v", c.text, got)
		}
	}
}

// TestNetrcHosts: machines and connections without a login of their own belong together; a host that one side misspells is warned of.
func TestNetrcHosts(t *testing.T) {
	const hosts = `{"GITHUB": [{"url": "https://github.com", "token": "x"}], "OTHER": [{"url": "https://git.example.com", "repos": ["a"]}, {"url": "ssh://git@x"}]}`
	for _, c := range []struct{ netrc, hosts, says string }{
		{"machine git.example.com login a password long-secret\n", hosts, ""},
		{"machine GIT.example.com login a password long-secret\nmachine github.com login a password b\n", hosts, ""},
		{"default login a password long-secret\n", hosts, ""},
		{"machine github.com login a password long-secret\n", hosts, "netrc has no login for git.example.com, and OTHER[0]"},
		{"machine git.example.com login a password b\nmachine gitlab.example.com login a password long-secret\n", hosts, "no connection in hosts.json goes to this host"},
		{"machine github.com login a password long-secret\n", `{"OTHER": [{"url": "https://u:p@git.example.com"}, {"url": "https://github.com"}]}`, ""},
		{"machine x login a password long-secret\n", `not json`, ""},
	} {
		got := NetrcHosts(File{Key: "git.netrc.file", Name: "netrc", Data: []byte(c.netrc)}, File{Name: "hosts.json", Data: []byte(c.hosts)})
		switch said := got.Error(); {
		case c.says == "" && len(got) > 0, c.says != "" && (len(got) != 1 || got.Failed() || !strings.Contains(said, c.says)):
			t.Errorf("%q with %s: want %q, got %v", c.netrc, c.hosts, c.says, got)
		case strings.Contains(said, "long-secret"):
			t.Errorf("%q: a secret is printed: %v", c.netrc, got)
		}
	}
}

func TestGitConfig(t *testing.T) {
	for _, c := range []struct {
		text string
		line int // of the problem; 0: there is none
	}{
		{"[url \"git@github.com:\"]\n\tinsteadOf = https://github.com/\n", 0},
		{"[http]\n  proxy = http://x:1 # comment\n  sslVerify\n[a \"b\\\"c\"] d = e\n", 0},
		{"[a]\n b = \"x y\" z \\\n  more\n c=1\r\n", 0},
		{"", 0},
		{"; comment\n", 0},
		{"[a]\nb = \"x\n", 2},
		{"[a]\nfoo bar\n", 2},
		{"[a\nb = c\n", 1},
		{"[a][b] c = d\n", 0},
		{"[a b]\n", 1},
		{"[a]\nb = \\x\n", 2},
		{"[a]\n1b = c\n", 2},
		{"[a]\nb_c = d\n", 2},
		{"[a]\nb: c\n", 2},
	} {
		got := GitConfig(File{Key: "git.config", Name: "gitconfig", Data: []byte(c.text)})
		if (c.line == 0) != (len(got) == 0) || c.line > 0 && got[0].Range.Line != c.line {
			t.Errorf("%q: want line %d, got %v", c.text, c.line, got)
		}
		if reads := gitReads(c.text); reads != (len(got) == 0) {
			t.Errorf("%q: git reads it: %v, and problems are %v", c.text, reads, got)
		}
	}
}

// gitReads reports whether git can read a configuration.
func gitReads(text string) bool {
	cmd := exec.Command("git", "config", "--file", "-", "--list")
	cmd.Stdin = strings.NewReader(text)
	return cmd.Run() == nil
}

// TestGitConfigReadsWhatGitReads: git and the rules agree on every text.
func TestGitConfigReadsWhatGitReads(t *testing.T) {
	pieces := []string{"[a]", "[a \"b\"]", "[", "]", "\n", "\n", "\n", "name", "name", " = ", " = ", "=", "value", "\"", "\"", "\\", "\\n", "#", ";", " ", "\t", "1", "_", "\r\n", ":"}
	rapid.Check(t, func(t *rapid.T) {
		text := "[core]\n" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(t, "text"), "")
		if got := GitConfig(File{Name: "g", Data: []byte(text)}); gitReads(text) != (len(got) == 0) {
			t.Fatalf("%q: git reads it: %v, and problems are %v", text, gitReads(text), got)
		}
	})
}
