package cli

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"berth/catalogue"
)

// TestPlansAcceptExceptions: a record beside the config that the publisher signed names who decides, and plans accept what they allowed, and nothing beside
// it: the upgrade to a release that the exception does not name says that it ends.
func TestPlansAcceptExceptions(t *testing.T) {
	publisherKey, l := publishing(t), newLife(t, "compose", "7.4.0")
	decider, deciderKey := keys(t)
	l.write(l.file() + "patches: [{service: worker, reason: a test, add: true, compose: {stdin_open: true}}]\nservices: {gitserver: {volume: {path: /data/git}}}\n")
	l.signed("support.yaml", fmt.Sprintf(`docs: https://example.com
read: "2100-01-01"
deciders: [{name: Delivery, key: %s}]
fillers: []
subjects:
- {id: compose, title: Compose, words: [compose], statements: [{status: deprecated, says: "It ends.", source: a}]}
- {id: changes, title: Changes, words: [changes], statements: [{status: exception, says: "Ask.", source: b}]}
`, decider.String()), publisherKey)
	l.signed("exceptions/own.yaml", strings.Replace(undecided, "'>=7.0'", `"<7.5"`, 1)+"decision: {by: Delivery, on: \"2026-11-01\", granted: true}\n", deciderKey)
	for _, said := range []string{"using the record support.yaml of 2100-01-01", "support  target: deprecated", "patches.0: allowed by the exception own"} {
		if out := l.must(2, "plan"); !strings.Contains(out, said) {
			t.Errorf("the plan does not say %q:\n%s", said, out)
		}
	}
	l.must(0, "up")
	if out := l.must(2, "upgrade", "--plan", "--to", "7.5"); !strings.Contains(out, "patches.0: needs an exception; the exception own ends with 7.4.0") {
		t.Errorf("the upgrade does not say that the exception ends:\n%s", out)
	}
	if out := l.must(0, "check"); strings.Contains(out, "BERTH4822") || !strings.Contains(out, "BERTH4821") {
		t.Errorf("check warns of what is allowed, or not of what ends:\n%s", out)
	}
}

// TestNothingBeside: an exception that was asked for from a config allows the patch that was there, and not the next one.
func TestNothingBeside(t *testing.T) {
	publisher, l := publishing(t), newLife(t, "compose", "7.4.0")
	decider, deciderKey := keys(t)
	l.write(l.file() + patched)
	l.signed("support.yaml", fmt.Sprintf(twoSubjects, decider.String()), publisher)
	l.must(0, "exception", "new", "changes", "--from", "sourcegraph.yaml", "--expires", "2100-01-01", "--why", "a", "--risk", "b", "--services", "c", "--merged", "d", "--value", "e", "--fit", "f", "--asked-by", "me")
	asked, err := os.ReadFile(filepath.Join(l.dir, "exceptions", "changes.yaml"))
	if err != nil || !strings.Contains(string(asked), "patches.worker") {
		t.Fatalf("the request does not name the patch: %v\n%s", err, asked)
	}
	l.signed("exceptions/changes.yaml", string(asked)+decided, deciderKey)
	if out := l.must(0, "support", "check"); !strings.Contains(out, "allowed by exception changes") {
		t.Fatalf("the patch is not allowed:\n%s", out)
	}
	l.write(strings.Replace(l.file(), "patches: [", "patches: [{service: grafana, reason: new, add: true, compose: {stdin_open: true}}, ", 1))
	for command, says := range map[string][]string{
		"support check": {"allowed by exception changes", "1 needs an exception", "berth exception new changes-2 --subject changes --from sourcegraph.yaml"},
		"plan":          {"patches.1: allowed by the exception changes", "patches.0: needs an exception"},
		"check":         {"patches.0: needs an exception", "BERTH4822"},
	} {
		out := l.must(-1, strings.Fields(command)...)
		for _, one := range says {
			if !strings.Contains(out, one) {
				t.Errorf("berth %s does not say %q:\n%s", command, one, out)
			}
		}
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
	publisherKey, l := publishing(t), newLife(t, "compose", "7.4.0")
	const record = `docs: https://example.com
read: "2100-01-01"
fillers: []
subjects:
- id: compose
  title: One machine
  words: [compose]
  is: option
  life:
  - {stage: supported, says: "For one machine.", source: https://example.com/compose}
  - {stage: end of life, on: "2020-01-01", says: "No longer.", source: https://example.com/compose}
  wayOff: {to: helm, says: "Move to Kubernetes.", command: berth move --to FILE}
`
	l.signed("support.yaml", record, publisherKey)
	for _, command := range []string{"plan", "up"} {
		if out := l.must(3, command); !strings.Contains(out, "Sourcegraph no longer supports new installations of this kind") || !strings.Contains(out, "BERTH4825") || !strings.Contains(out, "berth support options") {
			t.Errorf("%s of a new one:\n%s", command, out)
		}
	}
	if err := os.Remove(filepath.Join(l.dir, "support.yaml")); err != nil {
		t.Fatal(err)
	}
	l.must(0, "up")
	l.beside("support.yaml", record)
	if out := l.must(0, "plan"); strings.Contains(out, "BERTH4825") || !strings.Contains(out, "support  target: not supported, end of life since 2020-01-01; the way off: Move") {
		t.Errorf("plan of one that is there:\n%s", out)
	}
	if out := l.must(3, "support", "check"); !strings.Contains(out, "Move to Kubernetes") {
		t.Errorf("one that is there is not shown the way:\n%s", out)
	}
	l.signed("support.yaml", strings.Replace(record, "2020-01-01", "2199-12-31", 1), publisherKey)
	if out := l.must(0, "plan"); strings.Contains(out, "BERTH4825") || !strings.Contains(out, "support  target: supported; end of life from 2199-12-31") {
		t.Errorf("plan before the end of life:\n%s", out)
	}
}

// TestWaysOff: each way off in the record begins with a command that there is.
func TestWaysOff(t *testing.T) {
	root := newRoot(&Env{})
	for _, s := range catalogue.Embedded().SupportRecord().Subjects {
		if s.WayOff == nil {
			continue
		}
		words := strings.Fields(s.WayOff.Command)
		if found, _, err := root.Find(words[1:]); err != nil || words[0] != "berth" || found == root {
			t.Errorf("%s: there is no command %q: %v", s.ID, s.WayOff.Command, err)
		}
	}
}
