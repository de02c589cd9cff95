package agent

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/internal/render/yaml"
	"github.com/google/go-cmp/cmp"
	yamllib "go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file that a person has read and accepted.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

func host() Host {
	return Host{Installation: "sourcegraph", Program: "/usr/local/bin/berth", Folder: "/srv/sourcegraph", File: "sourcegraph.yaml", User: "berth",
		Environment: map[string]string{"DOCKER_HOST": "unix:///run/docker.sock"}, Secrets: []string{"LICENSE", "PGPASSWORD"}}
}

func TestUnits(t *testing.T) {
	golden(t, "berth-agent-sourcegraph.service", host().Service())
	golden(t, "berth-agent-sourcegraph.timer", host().Timer())
}

// TestSystemdAcceptsTheUnits asks systemd, with names that need escapes.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	dir := t.TempDir()
	home := filepath.Join(dir, "a b 100% $x;")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(home, "berth")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, h := range []Host{host(), {Installation: "two", Program: program, Folder: home, File: "$a%b.yaml", User: "root", Environment: map[string]string{"NO_PROXY": `a, "b"`}}} {
		if h.Program != program {
			h.Program, h.User = "/bin/true", "daemon"
		}
		for name, text := range map[string][]byte{h.Unit() + ".service": h.Service(), h.Unit() + ".timer": h.Timer()} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		timer := filepath.Join(dir, h.Unit()+".timer")
		service := filepath.Join(dir, h.Unit()+".service")
		out, err := exec.Command(analyze, "verify", "--recursive-errors=no", service, timer).CombinedOutput()
		// Complaints that are not about our units are about this machine's.
		complaints := regexp.MustCompile(`(?m)^.*berth-agent.*$`).FindAllString(string(out), -1)
		if err != nil || len(complaints) > 0 {
			t.Errorf("%v: %s\n%s", err, out, h.Service())
		}
		exposure(t, analyze, service)
	}
}

// exposure checks systemd's own score of how much a service may do against a limit: 0 is nothing, 10 everything.
func exposure(t *testing.T, analyze, service string) {
	t.Helper()
	out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=30", service).CombinedOutput()
	if err != nil {
		t.Errorf("more than 3.0 of 10: %v\n%s", err, out)
	}
}

func pod() Pod {
	role := func(kind, name string) map[string]any {
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "rules": []any{}}
	}
	return Pod{Installation: "sourcegraph", Namespace: "search", Image: "registry.example.com/berth:1.0", Config: "target: kubernetes\nurl: http://localhost\n",
		Files: map[string]string{"conf/site_config.json": "{}\n", "sourcegraph.lock": "registry: x\n"}, Secrets: []string{"LICENSE"}, SecretFiles: []string{"/etc/tls.key"},
		Roles:       []map[string]any{role("Role", "berth-sourcegraph"), role("ClusterRole", "berth-search-sourcegraph")},
		PullSecrets: []string{"regcred"}, NodeSelector: map[string]string{"disk": "ssd"}, Tolerations: []map[string]any{{"key": "dedicated", "operator": "Exists"}}}
}

func TestCronJob(t *testing.T) {
	var b bytes.Buffer
	for _, o := range pod().Objects() {
		b.Write(yaml.Encode(MadeBy, o))
		b.WriteString("---\n")
	}
	golden(t, "cronjob.yaml", b.Bytes())
}

func TestNames(t *testing.T) {
	p := pod()
	p.Installation = strings.Repeat("a", 53)
	if n := p.Name(); len(n) > longest {
		t.Errorf("%s is too long for a CronJob", n)
	}
	other := p
	other.Namespace = "other"
	if p.Name() == other.Name() {
		t.Error("two installations with long names have the same")
	}
	p = pod()
	p.AnyUser = true
	if text := string(yaml.Encode("", p.cronJob())); strings.Contains(text, "runAsUser") {
		t.Error("a user is fixed")
	}
	form := regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)
	seen := map[string]string{}
	for _, name := range []string{"a/b", "a__b", "a_b", "a b", "ä", "/etc/x", "../x", "x"} {
		k := key(name)
		if !form.MatchString(k) || seen[k] != "" {
			t.Errorf("%q and %q have the key %q", name, seen[k], k)
		}
		seen[k] = name
	}
}

// TestCronJobReadsBack: another program reads what was meant.
func TestCronJobReadsBack(t *testing.T) {
	for _, o := range pod().Objects() {
		var back map[string]any
		if err := yamllib.Load(yaml.Encode("", o), &back); err != nil {
			t.Fatal(err)
		}
		if back["kind"] != o["kind"] {
			t.Errorf("%v is read as %v", o["kind"], back["kind"])
		}
	}
}
