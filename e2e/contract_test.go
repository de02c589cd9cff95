//go:build e2e

package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/cli"
	"berth/internal/installation"
	clusters "berth/internal/installation/cluster"
	"berth/internal/installation/contract"
	engines "berth/internal/installation/engine"
	"berth/internal/run"
)

// TestContract runs the tests of berth's packages that need a Docker Engine. In make unit they are not run.
func TestContract(t *testing.T) {
	needs(t, engine, images(release))
	packageTests(t, "..", []string{"BERTH_E2E=1"}, "./internal/target/compose/...")
}

// TestStandIns runs the tests of the test bed that need a Docker Engine: stand-in images convert databases and keep the contract of Sourcegraph's.
func TestStandIns(t *testing.T) {
	needs(t, engine, images("5.0.0", "5.9.1590", "5.11.6271", release), pgUpgradeImages("5.0.0", "5.11.6271", release))
	tagged := map[string]bool{}
	err := filepath.WalkDir("../testbed", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasPrefix(string(text), "//go:build engine\n") {
			tagged["./"+strings.TrimPrefix(filepath.Dir(path), "../testbed/")] = true
		}
		return err
	})
	if err != nil || len(tagged) == 0 {
		t.Fatalf("%d packages of the test bed have the tag engine: %v", len(tagged), err)
	}
	packageTests(t, "../testbed", nil, append([]string{"-tags", "engine", "-p", "1"}, slices.Sorted(maps.Keys(tagged))...)...)
}

// TestClusterContract runs the tests of berth's packages that need an API server, one package after the other: one of them restarts it.
func TestClusterContract(t *testing.T) {
	needs(t, control)
	packageTests(t, "..", []string{"BERTH_E2E_KUBERNETES=1", "BERTH_E2E_RESTART_API=" + absolute(t, "../testbed/kubernetes") + " restart-api control"},
		"-p", "1", "./internal/target/kubernetes", "./internal/target/kubernetes/observe", "./internal/target/kubernetes/store")
}

// TestClusterContractNode runs the tests of berth's packages that need a node with real containers.
func TestClusterContractNode(t *testing.T) {
	needs(t, node, images(release))
	packageTests(t, "..", []string{"BERTH_E2E_KUBERNETES=1"}, "./internal/target/kubernetes/health")
}

// packageTests runs tests of other packages with variables that let them use the test bed. A test that is skipped although the test bed is there
// fails.
func packageTests(t *testing.T, dir string, variables []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-count=1", "-v"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	t.Logf("go test %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		t.Errorf("go test %s: %v", strings.Join(args, " "), err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "--- SKIP: ") {
			t.Errorf("not run: %s", strings.TrimSpace(line))
		}
	}
}

// TestInstallationContract holds an installation on a Docker Engine to what everybody relies on. The fakes keep the same.
func TestInstallationContract(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "contract")
	s.must(0, "lock")
	contract.Test(t, s.target(engines.Open, func(t *testing.T, service string) { docker(t, "rm", "--force", s.containers()[service]) }))
}

// TestClusterInstallationContract holds an installation in a cluster to what everybody relies on. The fakes keep the same.
func TestClusterInstallationContract(t *testing.T) {
	needs(t, node, images(release))
	s := newOnNode(t, "contract", 30097)
	s.must(0, "lock")
	contract.Test(t, s.target(clusters.Open, func(t *testing.T, service string) {
		kubectl(t, "--namespace", s.name, "delete", "deployment", service)
	}))
}

// target is the target of an installation that is not deployed yet.
func (s *site) target(open cli.Opener, remove func(*testing.T, string)) *contract.Target {
	return &contract.Target{File: "sourcegraph.yaml", Open: open, Delete: remove, Env: &installation.Environment{Dir: s.dir, Getenv: os.Getenv, Now: time.Now,
		Stderr: os.Stderr, Watch: func(run.Event) {}}}
}
