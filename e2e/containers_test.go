//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainersOfOwn: what the config says of containers reaches the engine, data moves only when the config says that it was copied, and the
// network of a running installation is replaced.
func TestContainersOfOwn(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "own")
	disks, err := os.MkdirTemp("", "disks") // the name of t.TempDir looks like a secret
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(disks) })
	other := s.name + "-traefik"
	docker(t, "network", "create", other)
	t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", other).Run() })
	gitserver := func(disk, more string) string {
		return "services: {gitserver: {volume: {path: " + filepath.Join(disks, disk) + more + "}, labels: {team: git}}, caddy: {networks: [" + other + "], labels: {traefik.enable: true}}}"
	}
	const all = "allServices: {extraHosts: {git.internal: 10.0.0.5}, logging: {driver: json-file, options: {max-size: 5m}}}"

	s.must(0, "lock")
	s.with(all, gitserver("one", ""))
	says(t, s.must(3, "check"), "BERTH1662", "chown 100:101")
	folder(t, filepath.Join(disks, "one"), 0)
	says(t, s.must(3, "check"), "BERTH1663", "chown -R 100:101")
	folder(t, filepath.Join(disks, "one"), 100)
	s.must(0, "up")
	s.firstUse("example/hello", "needle-one")
	s.search("example/hello", "needle-one")

	inspect := func(container, format string) string { return docker(t, "inspect", "-f", format, s.name+"-"+container) }
	says(t, inspect("gitserver-0", "{{json .Mounts}}"), filepath.Join(disks, "one"))
	says(t, inspect("gitserver-0", "{{json .Config.Labels}}"), `"team":"git"`, `"dev.berth.service":"gitserver"`)
	says(t, inspect("pgsql", "{{json .HostConfig.ExtraHosts}} {{json .HostConfig.LogConfig}}"), "git.internal:10.0.0.5", `"max-size":"5m"`)
	says(t, inspect("caddy", "{{json .NetworkSettings.Networks}}"), other, s.name+"_sourcegraph")
	if entries, err := os.ReadDir(filepath.Join(disks, "one")); err != nil || len(entries) == 0 {
		t.Errorf("gitserver keeps nothing on the disk: %v", err)
	}

	folder(t, filepath.Join(disks, "two"), 100)
	s.with(all, gitserver("two", ""))
	if out := s.must(3, "plan"); !strings.Contains(out, "BERTH1661") {
		t.Errorf("data would stay behind, and the plan says nothing:\n%s", out)
	}
	s.must(0, "down")
	says(t, s.must(3, "plan"), "BERTH1661") // also while nothing runs
	if out, err := exec.Command("cp", "-a", filepath.Join(disks, "one")+"/.", filepath.Join(disks, "two")).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	s.with(all, gitserver("two", ", holdsData: true"))
	s.must(0, "up")
	s.search("example/hello", "needle-one")

	s.with(all, gitserver("two", ", holdsData: true"), "network: {subnet: 10.213.77.0/24}")
	says(t, s.must(2, "plan"), "remove network")
	s.must(0, "up")
	says(t, docker(t, "network", "inspect", s.name+"_sourcegraph"), "10.213.77.0/24")
	s.search("example/hello", "needle-one")
	s.must(0, "plan")
}

// folder makes a folder that belongs to a user.
func folder(t *testing.T, path string, user int) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, user, user+min(user, 1)); err != nil {
		t.Fatal(err)
	}
}
