package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const twoSubjects = `docs: https://example.com
read: "2100-01-01"
deciders: [{name: Delivery, key: %s}]
fillers: []
subjects:
- {id: compose, title: Compose, words: [compose], statements: [{status: supported, says: "As the newer record says.", source: a}]}
- {id: changes, title: Changes, words: [changes], statements: [{status: exception, says: "Ask.", source: b}]}
`

const patched = "patches: [{service: worker, reason: a test, add: true, compose: {stdin_open: true}}]\n"

const decided = "decision: {by: Delivery, on: \"2026-11-01\", granted: true}\n"

// TestRecordBesideCounts: the record beside the config is the one of every command: what a plan says is allowed, berth exception list says, too.
func TestRecordBesideCounts(t *testing.T) {
	publisher, l := publishing(t), newLife(t, "compose", "7.4.0")
	decider, deciderKey := keys(t)
	l.write(l.file() + patched)
	l.signed("support.yaml", fmt.Sprintf(twoSubjects, decider.String()), publisher)
	l.signed("exceptions/own.yaml", undecided+decided, deciderKey)
	l.must(0, "up")
	for command, says := range map[string]string{
		"exception list": "granted by Delivery", "exception check": "granted by Delivery", "exception show own": "own: granted", "support check": "allowed by exception own",
		"support show compose": "\n  supported. As the newer record says.", "plan": "patches.0: allowed by the exception own", "doctor": "support   1 exception from the support record: 1 granted",
		"check": "using the record support.yaml",
	} {
		out := l.must(-1, strings.Fields(command)...)
		if !strings.Contains(out, says) || strings.Count(out, "using the record support.yaml of 2100-01-01") != 1 {
			t.Errorf("berth %s does not say %q, or not once which record it uses:\n%s", command, says, out)
		}
	}
	if err := os.Remove(filepath.Join(l.dir, "support.yaml.minisig")); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"exception list", "plan", "check", "support ask compose"} {
		if out := l.must(-1, strings.Fields(command)...); strings.Count(out, "it has no signature, so berth does not use it") != 1 || strings.Count(out, "it is not trusted") != 1 {
			t.Errorf("berth %s does not say once that the record beside the config has no signature, and that the exception is not trusted:\n%s", command, out)
		}
	}
}

// TestRecordOfASourceBuild: a berth without the publisher's key names a way to use the record, and that way works.
func TestRecordOfASourceBuild(t *testing.T) {
	l := newLife(t, "compose", "7.4.0")
	publisher, publisherKey := keys(t)
	decider, _ := keys(t)
	l.signed("support.yaml", fmt.Sprintf(twoSubjects, decider.String()), publisherKey)
	l.beside("publisher.pub", publisher.String())
	if out := l.must(2, "plan"); !strings.Contains(out, "berth support check --key FILE") {
		t.Errorf("the plan names no command that takes a key:\n%s", out)
	}
	if out := l.must(0, "support", "check", "--key", "publisher.pub"); !strings.Contains(out, "using the record support.yaml of 2100-01-01") {
		t.Errorf("the key does not count for the record beside the config:\n%s", out)
	}
}

// TestRequirementsInYAML: a list of requirements may be YAML, as people write requirements.yaml; a config stays one, and so do its problems.
func TestRequirementsInYAML(t *testing.T) {
	for name, text := range map[string]string{"requirements.yaml": "- 3500 developers\n- PostgreSQL 15\n", "customer.yml": "size:\n  users: 3,500\n  repositories: 4000\ndatabase: PostgreSQL 15\nsignin: SAML\n",
		"lines.yaml": "3500 developers\nPostgreSQL 15\n"} {
		dir := folderOf(t, map[string]string{name: text})
		out, code := said(t, dir, nil, "support", "check", name, "--propose", "out")
		if code != ExitChecks || !strings.Contains(out, "M: 32 cores") || !strings.Contains(out, "PostgreSQL of your own 15: unsupported") || !strings.Contains(out, "berth exception new postgres --from "+name) {
			t.Errorf("%s: exit code %d\n%s", name, code, out)
		}
	}
	for text, says := range map[string]string{"target: compose\nusers: 3\nrepos: 4\nplatform: x\n": `unknown key "users"`, "release: 7.5.4453\nurl: http://localhost\n": "target", "": "BERTH1"} {
		dir := folderOf(t, map[string]string{"sourcegraph.yaml": text})
		if out, code := said(t, dir, nil, "support", "check"); code != ExitChecks || !strings.Contains(out, says) {
			t.Errorf("%q: exit code %d\n%s", text, code, out)
		}
	}
}

// TestExceptionFlags: what a flag says wrongly is said before any question, and each missing answer names its flag.
func TestExceptionFlags(t *testing.T) {
	for args, says := range map[string]string{
		"exception new x":                                       `add --expires, such as 2027-06-30`,
		"exception new x --subject nosuch":                      `has no subject "nosuch"`,
		"exception new x --subject podman --expires 2020-01-01": "before the day on which it is asked for",
		"exception new x --subject podman --releases 7":         "releases:",
		"exception renew own":                                   "--expires is missing",
	} {
		dir := folderOf(t, map[string]string{"exceptions/own.yaml": undecided})
		out, code := said(t, dir, nil, strings.Fields(args)...)
		if code == ExitOK || !strings.Contains(out, says) || strings.Contains(args, " --") && strings.Contains(out, "has no answer") {
			t.Errorf("berth %s: exit code %d, does not say %q:\n%s", args, code, says, out)
		}
	}
}

// TestSizeSaysWhatItAssumes: a number that nobody gave is named, so that nobody takes it for their own.
func TestSizeSaysWhatItAssumes(t *testing.T) {
	out, _ := said(t, t.TempDir(), nil, "size", "--users", "3000", "--total", "800GB")
	if !strings.Contains(out, "assumed   --repositories 3000, --largest-repo 5 GB, --index 1 GB, because you") {
		t.Error(out)
	}
	if out, _ = said(t, t.TempDir(), nil, "size", "--users", "50000", "--repositories", "10"); !strings.Contains(out, "machine   none is large enough") || strings.Contains(out, "-0.99") {
		t.Error(out)
	}
	if out, _ = said(t, t.TempDir(), nil, "size", "--users", "3000", "--repositories", "1", "--total", "1GB", "--largest-repo", "1GB", "--index", "0"); strings.Contains(out, "assumed") {
		t.Error(out)
	}
}
