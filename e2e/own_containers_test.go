//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// TestOwnContainers: a container of the admin's own is healthy before the migrator runs, is shown as the admin's, and goes with the config. Its volume
// stays.
func TestOwnContainers(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "own")
	s.must(0, "lock")
	s.must(0, "up")
	image := docker(t, "inspect", "-f", "{{.Config.Image}}", s.name+"-pgsql")
	before := s.containers()

	s.with("containers:",
		"  gate:",
		"    image: "+image,
		"    entrypoint: [sh, -c]",
		"    command: ['sleep 3; touch /tmp/ready; exec sleep 3600']",
		"    health: {exec: [test, -f, /tmp/ready]}",
		"    volumes: {data: /kept}",
		"    before: [migrator]")
	says(t, s.must(2, "plan"), "+ gate", "your container", "+ migrator", "starts after gate")
	s.must(0, "up")
	s.must(0, "plan")
	started := func(name string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, docker(t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-"+name))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if wait := started("migrator").Sub(started("gate")); wait < 3*time.Second {
		t.Errorf("the migrator started %s after the container that it waits for, which is healthy after 3 s", wait)
	}
	after := s.containers()
	for name, id := range before {
		if after[name] != id && name != "migrator" {
			t.Errorf("%s was replaced", name)
		}
	}
	says(t, s.must(0, "status"), "26 of 26 services are ready", "1 of 1 container of yours is ready")

	docker(t, "rm", "-f", s.name+"-gate")
	says(t, s.must(2, "plan"), "+ gate")
	s.must(0, "up")

	s.with()
	says(t, s.must(2, "plan"), "- gate")
	s.must(0, "up")
	if _, there := s.containers()["gate"]; there {
		t.Error("the container is still there")
	}
	if docker(t, "volume", "ls", "-q", "--filter", "name="+s.name+"_own-gate-data") == "" {
		t.Error("its volume is gone")
	}
}
