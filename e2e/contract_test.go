//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestContract runs the tests of berth's packages that need a Docker Engine. In make unit they are not run.
func TestContract(t *testing.T) {
	needs(t, engine, images(release))
	packageTests(t, "..", []string{"BERTH_E2E=1"}, "./internal/target/compose/...")
}

// TestDatabaseImages tests the stand-in images of databases, with conversions from one Postgres to another.
func TestDatabaseImages(t *testing.T) {
	needs(t, engine, images("5.0.0", "5.11.6271", release))
	packageTests(t, "../testbed", nil, "-tags", "engine", "./cmd/images")
}

// TestImagesKeepContract holds the images against the contract of Sourcegraph's images. With REAL=1 those are Sourcegraph's own.
func TestImagesKeepContract(t *testing.T) {
	needs(t, engine, images(release, "5.9.1590"))
	if !realImages {
		packageTests(t, "../testbed", nil, "-tags", "engine", "-run", "TestStandInsKeepTheContract", "./internal/verify")
		return
	}
	out, err := exec.Command("../testbed/contract", "verify", "--images", repository(), "--release", release).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("testbed/contract verify: %v", err)
	}
}

// TestContractFindsDifferences plants differences, in the contract and in images: each is found, and nothing else.
func TestContractFindsDifferences(t *testing.T) {
	needs(t, engine, images(release, "5.9.1590"), long)
	packageTests(t, "../testbed", nil, "-tags", "engine", "-run", "TestPlanted", "./internal/verify")
}

// TestClusterContract runs the tests of berth's packages that need an API server.
func TestClusterContract(t *testing.T) {
	needs(t, control)
	packageTests(t, "..", []string{"BERTH_E2E_KUBERNETES=1", "BERTH_E2E_RESTART_API=" + absolute(t, "../testbed/kubernetes") + " restart-api control"},
		"./internal/target/kubernetes", "./internal/target/kubernetes/observe", "./internal/target/kubernetes/store")
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
