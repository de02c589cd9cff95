package contents

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // of the format
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"berth/internal/diag"
)

// mostLines is how many bad lines of a file are reported.
const mostLines = 5

// Host is a host that is reached by SSH.
type Host struct {
	Name string // of the host
	Port string // "": 22, or one that only the code host knows
	From string // who names it: "codeHosts.file: hosts.json:3"
}

// knownKeys are the types of keys that ssh knows. https://man.openbsd.org/ssh_config#HostKeyAlgorithms
var knownKeys = []string{"ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

// KnownHosts checks a known_hosts file, of which ssh skips in silence what it can't read, and that it has the hosts that are reached.
//
// Source: https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT
func KnownHosts(file File, hosts []Host) diag.List {
	f := &found{File: file}
	var names []string
	bad, n := 0, 0
	for line := range strings.Lines(string(file.Data)) {
		n++
		pattern, why, column := knownHost(strings.TrimRight(line, "\r\n"))
		switch {
		case why != "":
			if bad++; bad <= mostLines {
				f.line("BERTH1514", n, column, "ssh skips the line: correct it, or remove it", "%s", why)
			}
		case pattern != "":
			names = append(names, pattern)
		}
	}
	if len(names) == 0 {
		f.problems = nil
		f.whole("BERTH1514", "collect them:  ssh-keyscan github.com > "+file.Name+"  and compare them with what the code host publishes", "has no host key that ssh can read")
		return f.problems
	}
	if bad > mostLines {
		f.whole("BERTH1514", "each line has hosts, a type and a key", "has %d more lines that ssh can't read", bad-mostLines)
	}
	asked := map[string]bool{}
	for _, h := range hosts {
		if asked[h.Name+":"+h.Port] || slices.ContainsFunc(names, h.known) {
			continue
		}
		asked[h.Name+":"+h.Port] = true
		scan := "ssh-keyscan " + h.Name
		if h.Port != "" {
			scan = "ssh-keyscan -p " + h.Port + " " + h.Name
		}
		f.whole("BERTH1515", "add it:  "+scan+" >> "+file.Name+"  and compare it with what the code host publishes",
			"has no key of %s, which is reached by SSH", h.Name)
		f.warning()
		f.problems[len(f.problems)-1].Detail = []string{h.From}
	}
	return f.problems
}

// knownHost reads one line: its hosts, or why ssh can't read it, and at which column. Neither for blank lines and comments.
func knownHost(line string) (hosts, why string, column int) {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return "", "", 0
	}
	marker := ""
	if strings.HasPrefix(fields[0], "@") {
		if marker = fields[0]; marker != "@cert-authority" && marker != "@revoked" {
			return "", "the marker must be @cert-authority or @revoked", 1
		}
		fields = fields[1:]
	}
	at := func(i int) int {
		if i >= len(fields) {
			return utf8.RuneCountInString(line) + 1
		}
		return utf8.RuneCountInString(line[:strings.Index(line, fields[i])]) + 1
	}
	switch {
	case len(fields) < 3:
		return "", "the line must have hosts, a type and a key", at(len(fields))
	case !slices.Contains(knownKeys, fields[1]):
		guess := diag.Closest(fields[1], knownKeys)
		if guess != "" {
			guess = "; did you mean " + guess + "?"
		}
		return "", "ssh knows no type of key of this name" + guess, at(1)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[2])
	r := &wire{data: raw}
	kind := string(r.next())
	for len(r.data) > 0 && !r.short {
		r.next()
	}
	switch {
	case err != nil || r.short || kind == "":
		return "", "the key is cut off or damaged", at(2)
	case kind != fields[1]:
		return "", "the key is of the type " + kind + ", and the line says " + fields[1], at(1)
	}
	if hash, ok := strings.CutPrefix(fields[0], "|1|"); ok {
		salt, sum, _ := strings.Cut(hash, "|")
		if a, err := base64.StdEncoding.DecodeString(salt); err != nil || len(a) != sha1.Size {
			return "", "the hashed host is cut off or damaged", at(0)
		}
		if b, err := base64.StdEncoding.DecodeString(sum); err != nil || len(b) != sha1.Size {
			return "", "the hashed host is cut off or damaged", at(0)
		}
	}
	if marker == "@revoked" {
		return "", "", 0
	}
	return fields[0], "", 0
}

// known reports whether the hosts of a line are those of a host.
func (h Host) known(hosts string) bool {
	name := strings.ToLower(h.Name)
	if h.Port != "" && h.Port != "22" {
		name = "[" + name + "]:" + h.Port
	}
	if hash, ok := strings.CutPrefix(hosts, "|1|"); ok {
		salt, sum, _ := strings.Cut(hash, "|")
		key, _ := base64.StdEncoding.DecodeString(salt) // knownHost has read both
		want, _ := base64.StdEncoding.DecodeString(sum)
		mac := hmac.New(sha1.New, key)
		mac.Write([]byte(name))
		return bytes.Equal(mac.Sum(nil), want)
	}
	matched := false
	for pattern := range strings.SplitSeq(strings.ToLower(hosts), ",") {
		negated := strings.HasPrefix(pattern, "!")
		if like(strings.TrimPrefix(pattern, "!"), name) || h.Port == "" && strings.HasPrefix(pattern, "["+name+"]:") {
			if negated {
				return false
			}
			matched = true
		}
	}
	return matched
}

// like reports whether a name matches a pattern with * and ?.
func like(pattern, name string) bool {
	escape := strings.NewReplacer("[", `\[`, "]", `\]`, `\`, `\\`, "/", "\x00")
	ok, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(name, "/", "\x00"))
	return ok && err == nil
}
