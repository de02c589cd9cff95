package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"berth/internal/installation"
	"berth/internal/installation/fake"
)

// TestPlansAcceptExceptions: a record beside the config that the publisher signed names who decides, and plans accept what they allowed, and nothing beside
// it: the upgrade to a release that the exception does not name says that it ends.
func TestPlansAcceptExceptions(t *testing.T) {
	publisher, publisherKey := keys(t)
	decider, deciderKey := keys(t)
	before := key
	key = publisher.String()
	defer func() { key = before }()

	dir, w := t.TempDir(), fake.New()
	write := func(name, text string, signer *minisign.PrivateKey) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			return
		}
		if err := os.WriteFile(path+".minisig", minisign.Sign(*signer, []byte(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	berth := func(exit int, words ...string) string {
		t.Helper()
		w.Process(0)
		var out bytes.Buffer
		e := &Env{Stdout: &out, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
		if code := Run(context.Background(), e, words); code != exit {
			t.Fatalf("%v: exit %d, want %d\n%s", words, code, exit, &out)
		}
		return out.String()
	}
	write("sourcegraph.yaml", "target: compose\nrelease: 7.4.0\nurl: http://localhost\npatches: [{service: worker, reason: a test, add: true, compose: {stdin_open: true}}]\n"+
		"services: {gitserver: {volume: {path: /data/git}}}\n", nil)
	write("support.yaml", fmt.Sprintf(`docs: https://example.com
read: "2100-01-01"
deciders: [{name: Delivery, key: %s}]
fillers: []
subjects:
- {id: compose, title: Compose, words: [compose], statements: [{status: deprecated, says: "It ends.", source: a}]}
- {id: changes, title: Changes, words: [changes], statements: [{status: exception, says: "Ask.", source: b}]}
`, decider.String()), publisherKey)
	write("exceptions/own.yaml", `id: own
subject: changes
releases: "<7.5"
what: a
why: b
risk: c
askedBy: me
askedOn: "2026-11-01"
expires: "2100-01-01"
services: d
merged: e
value: f
fit: g
decision: {by: Delivery, on: "2026-11-01", granted: true}
`, deciderKey)
	for _, said := range []string{"using the record support.yaml of 2100-01-01", "support  target: deprecated", "patches.0: allowed by the exception own"} {
		if out := berth(2, "plan"); !strings.Contains(out, said) {
			t.Errorf("the plan does not say %q:\n%s", said, out)
		}
	}
	berth(0, "up")
	if out := berth(2, "upgrade", "--plan", "--to", "7.5"); !strings.Contains(out, "patches.0: needs an exception; the exception own ends with 7.4.0") {
		t.Errorf("the upgrade does not say that the exception ends:\n%s", out)
	}
	if out := berth(0, "check"); strings.Contains(out, "BERTH4822") || !strings.Contains(out, "BERTH4821") {
		t.Errorf("check warns of what is allowed, or not of what ends:\n%s", out)
	}
}

func keys(t *testing.T) (minisign.PublicKey, *minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, &private
}

// TestPastItsLife: a way to deploy that a newer record no longer supports is refused for a new installation. One that is there goes on, and is shown the way.
func TestPastItsLife(t *testing.T) {
	publisher, publisherKey := keys(t)
	before := key
	key = publisher.String()
	defer func() { key = before }()
	dir, w := t.TempDir(), fake.New()
	berth := func(exit int, words ...string) string {
		t.Helper()
		w.Process(0)
		var out bytes.Buffer
		e := &Env{Stdout: &out, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
		if code := Run(context.Background(), e, words); code != exit {
			t.Fatalf("%v: exit %d, want %d\n%s", words, code, exit, &out)
		}
		return out.String()
	}
	record := []byte(`docs: https://example.com
read: "2100-01-01"
fillers: []
subjects:
- {id: compose, title: One machine, words: [compose], is: option, statements: [{status: unsupported, says: "Its end of life was on 2099-01-01. Move to Kubernetes.", source: https://example.com/compose}]}
`)
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sourcegraph.yaml", []byte("target: compose\nrelease: 7.4.0\nurl: http://localhost\n"))
	write("support.yaml", record)
	write("support.yaml.minisig", minisign.Sign(*publisherKey, record))
	for _, command := range []string{"plan", "up"} {
		if out := berth(3, command); !strings.Contains(out, "Sourcegraph no longer supports new installations of this kind") || !strings.Contains(out, "BERTH4825") || !strings.Contains(out, "berth support options") {
			t.Errorf("%s of a new one:\n%s", command, out)
		}
	}
	if err := os.Remove(filepath.Join(dir, "support.yaml")); err != nil {
		t.Fatal(err)
	}
	berth(0, "up")
	write("support.yaml", record)
	if out := berth(0, "plan"); strings.Contains(out, "BERTH4825") || !strings.Contains(out, "support  target: not supported") {
		t.Errorf("plan of one that is there:\n%s", out)
	}
	if out := berth(3, "support", "check"); !strings.Contains(out, "Move to Kubernetes") {
		t.Errorf("one that is there is not shown the way:\n%s", out)
	}
}
