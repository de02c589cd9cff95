package gather

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
)

// filled makes a document that has a value at a place: a name of the place is a member, * is an item of a list.
func filled(place []string, value string) string {
	if len(place) == 0 {
		return fmt.Sprintf("%q", value)
	}
	inner := filled(place[1:], value)
	if place[0] == "*" {
		return "[" + inner + "]"
	}
	return fmt.Sprintf("{%q: %s}", place[0], inner)
}

func (l *list) has(text string) bool {
	for _, v := range l.values {
		if v.Text == text {
			return true
		}
	}
	return false
}

// TestEveryPlaceOfASecret: what stands at any place that the catalogue lists is known afterwards, whatever it looks like.
func TestEveryPlaceOfASecret(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	const plain = "justaword"
	for _, place := range known.Secrets {
		var l list
		if !l.siteConfig(known, "// mine\n"+filled(strings.Split(place, "/"), plain)) || !l.has(plain) {
			t.Errorf("the site configuration's %s is not known: %v", place, l.values)
		}
	}
	for kind, host := range known.CodeHosts {
		for _, place := range host.Secrets {
			var l list
			text := filled(strings.Split(place, "/"), plain)
			if !l.codeHost(known, kind, text) || !l.has(plain) {
				t.Errorf("%s of %s is not known: %v", place, kind, l.values)
			}
			var file list
			if !file.codeHosts(known, fmt.Sprintf("{%q: [%s]}", kind, text)) || !file.has(plain) {
				t.Errorf("%s of %s is not known from a file: %v", place, kind, file.values)
			}
		}
		if len(host.Keys) == 0 {
			continue
		}
		for _, place := range host.Secrets {
			if first, _, _ := strings.Cut(place, "/"); host.Keys[first] == "" {
				t.Errorf("%s has no key %s", kind, first)
			}
		}
	}
}

func TestWhatIsNoSecretIsNotSearchedFor(t *testing.T) {
	known := catalogue.Embedded().Configuration()
	var l list
	l.siteConfig(known, `{"externalURL": "https://sourcegraph.example.com", "email.address": "a@example.com", "auth.providers": [{"type": "github", "clientID": "an-identity",
		"clientSecret": "REDACTED"}], "executors.accessToken": "password", "licenseKey": "abc"}`)
	if len(l.values) > 0 {
		t.Errorf("%v", l.values)
	}
	l.codeHosts(known, `{"GITHUB": [{"url": "https://github.com", "token": "ghp_1234", "orgs": ["acme"]}], "OTHER": [{"url": "https://git.example.com"}],
		"GOMODULES": [{"urls": ["https://me:hunter2@proxy.example.com"]}]}`)
	if len(l.values) != 2 || !l.has("ghp_1234") || !l.has("hunter2") {
		t.Errorf("%v", l.values)
	}
}

// TestCommonWordsAreSaid: a password that is a word of all texts is not searched for, and that is noted.
func TestCommonWordsAreSaid(t *testing.T) {
	var l list
	l.add("the password of pgsql", "password")
	l.add("the password of redis", "Password7")
	if len(l.values) != 1 || len(l.words) != 1 || l.words[0] != "the password of pgsql" {
		t.Errorf("%v, %v", l.values, l.words)
	}
}

// TestFilesAreNoSecretsAsAWhole: of a file only what is secret in it counts, and keys by their lines.
func TestFilesAreNoSecretsAsAWhole(t *testing.T) {
	var l list
	l.text("git", "[http]\n\textraHeader = Authorization: Bearer abcdefghijkl\n[user]\n\tname = somebody\n")
	l.text("netrc", "machine example.com\nlogin me\npassword hunter2222\n")
	l.text("key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
	l.text("word", "hunter33")
	var got []string
	for _, v := range l.values {
		got = append(got, v.Text)
	}
	for _, want := range []string{"abcdefghijkl", "hunter33", "hunter2222"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "somebody") }) {
		t.Errorf("%q", got)
	}
}
