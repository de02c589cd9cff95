//go:build e2e

package e2e

import (
	"cmp"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// release is the one that most tests deploy.
const release = "7.5.4453"

// A part is something of the test bed that a test needs.
type part struct {
	name string
	up   []string // the command that brings it up, in the root folder; nothing to do when it is there
	env  []string // the command that prints the export lines which point programs at it
	path string   // a folder of programs that it adds, in the root folder
}

var (
	engine    = part{name: "engine", up: []string{"testbed/engine", "up"}, env: []string{"testbed/engine", "env"}}
	control   = part{name: "control", up: []string{"testbed/kubernetes", "up", "control"}, env: []string{"testbed/kubernetes", "env", "control"}}
	node      = part{name: "node", up: []string{"testbed/kubernetes", "up", "node"}, env: []string{"testbed/kubernetes", "env", "node"}}
	ssh       = part{name: "ssh", up: []string{"testbed/ssh"}}
	helm      = part{name: "helm", up: []string{"make", "bin/helm"}, path: "bin"}
	chromium  = part{name: "chromium", up: []string{"make", "chromium"}}
	packagers = part{name: "packagers", up: []string{"make", "packagers"}}
	helm4     = part{name: "helm4", up: []string{"make", "bin/helm4"}, path: "bin/helm4"}
)

// images are the stand-in images of releases, in the registry of the test bed. With REAL=1 tests run on Sourcegraph's own images, and nothing is
// built here.
func images(releases ...string) part {
	p := part{name: "images of " + strings.Join(releases, ", ")}
	if !realImages {
		p.up = append([]string{"testbed/up"}, releases...)
	}
	return p
}

// pgUpgradeImages are those whose databases are of other majors of Postgres, 15 and 17, so that the real pg_upgrade converts them.
func pgUpgradeImages(releases ...string) part {
	p := part{name: "images with pg_upgrade of " + strings.Join(releases, ", ")}
	if !realImages {
		p.up = append([]string{"testbed/up", "--pg-upgrade"}, releases...)
	}
	return p
}

// long marks a test that a short run leaves out (go test -short, as CI does), because of the time that it takes.
var long = part{name: "long"}

// realImages is whether tests run on Sourcegraph's own images: make e2e REAL=1, or REAL=REGISTRY/PATH for a copy of them.
var realImages = os.Getenv("REAL") != ""

// registryAddress is where testbed/up keeps the stand-in images.
func registryAddress() string {
	return cmp.Or(os.Getenv("BERTH_TESTBED_REGISTRY"), "127.0.0.1:5010")
}

// repository is what the images of an installation on an engine are under. On a cluster's node it is the repository of the node's own address.
func repository() string {
	switch {
	case os.Getenv("REAL") == "1":
		return "index.docker.io/sourcegraph"
	case realImages:
		return os.Getenv("REAL")
	}
	return registryAddress() + "/sourcegraph"
}

// onlyStandIns leaves a test out that uses what only the stand-in images have: their API for users and repositories, and their faults.
func onlyStandIns(t *testing.T) {
	t.Helper()
	if realImages {
		t.Skip("it uses the API of the stand-ins, which Sourcegraph's own images don't have")
	}
}

// bed is what this run brought up, and what each test said that it needs.
var bed = struct {
	sync.Mutex
	up     map[string]bool
	wanted map[string][]string
}{up: map[string]bool{}, wanted: map[string][]string{}}

// needs says what a test needs, and is its first line: it brings that up, and points programs at it. make e2e lists these lines.
func needs(t *testing.T, parts ...part) {
	t.Helper()
	if slices.ContainsFunc(parts, func(p part) bool { return p.name == long.name }) && testing.Short() {
		t.Skip("left out of a short run; run it with: make e2e RUN=" + t.Name())
	}
	if realImages && slices.ContainsFunc(parts, func(p part) bool { return p.name == node.name }) {
		t.Skip("the node of the test bed reaches no registry outside this machine, so it can't run Sourcegraph's own images")
	}
	for _, p := range parts {
		bring(t, p)
		bed.Lock()
		bed.wanted[t.Name()] = append(bed.wanted[t.Name()], p.name)
		bed.Unlock()
	}
}

func bring(t *testing.T, p part) {
	t.Helper()
	bed.Lock()
	defer bed.Unlock()
	if p.up != nil && !bed.up[p.name] {
		start := time.Now()
		cmd := exec.Command(p.up[0], p.up[1:]...)
		cmd.Dir = ".."
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // it can take minutes, and says how far it is
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", strings.Join(p.up, " "), err)
		}
		t.Logf("%s: up after %.1f s", p.name, time.Since(start).Seconds())
		bed.up[p.name] = true
	}
	if p.env != nil {
		cmd := exec.Command(p.env[0], p.env[1:]...)
		cmd.Dir = ".."
		settings, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", strings.Join(p.env, " "), err)
		}
		for line := range strings.Lines(string(settings)) {
			key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			t.Setenv(key, strings.ReplaceAll(strings.ReplaceAll(value, `"$PATH"`, os.Getenv("PATH")), `"`, ""))
		}
	}
	if p.path != "" {
		t.Setenv("PATH", absolute(t, "../"+p.path)+":"+os.Getenv("PATH"))
	}
}

// declared fails a test that uses a part of the test bed that it does not declare: it would fail on a machine without that part.
func declared(t *testing.T, p part) {
	t.Helper()
	bed.Lock()
	defer bed.Unlock()
	test, _, _ := strings.Cut(t.Name(), "/")
	if !slices.Contains(bed.wanted[test], p.name) {
		t.Fatalf("%s uses %s and does not say so in its line needs(t, ...)", test, p.name)
	}
}
