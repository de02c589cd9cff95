//go:build clusterupgrades

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClusterRehearse rehearses an upgrade over two majors in a namespace beside: to its end, and killed. The installation is as before, and
// nothing of the clone is left.
func TestClusterRehearse(t *testing.T) {
	s := olderCluster(t, "creh", "6.0.0", "30093", "")
	before := s.clusterUntouched()
	const clone = "creh-rehearsal"
	gone := func(t *testing.T) {
		t.Helper()
		if out := kubectl(t, "get", "namespace", clone, "--ignore-not-found"); out != "" {
			t.Errorf("the clone's namespace is left: %s", out)
		}
		if out := kubectl(t, "get", "persistentvolumes", "--output", "jsonpath={.items[*].spec.claimRef.namespace}"); strings.Contains(out, clone) {
			t.Errorf("disks of the clone are left: %s", out)
		}
	}
	same := func(s *site) {
		s.t.Helper()
		if after := s.clusterUntouched(); after != before {
			s.t.Errorf("the installation is another one; before:\n%s\nafter:\n%s", before, after)
		}
	}

	t.Run("to its end", func(t *testing.T) {
		s := s.in(t)
		out := s.must(0, "rehearse", "--to", release)
		for _, want := range []string{"rehearsed 6.0.0 -> " + release, "restored and counted", "downtime of the real run: about", "the clone creh-rehearsal is deleted"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		t.Logf("the report:\n%s", out[max(0, strings.LastIndex(out, "rehearsed 6.0.0")):])
		same(s)
		gone(t)
		if plan := s.must(2, "upgrade", "--plan", "--to", release, "--json"); !strings.Contains(plan, `"source": "rehearsed 20`) {
			t.Errorf("the plan says nothing of a rehearsal:\n%s", plan)
		}
	})

	t.Run("killed", func(t *testing.T) {
		s := s.in(t)
		first := s.start("rehearse", "--to", release)
		await(t, 3*time.Minute, "the clone's databases", func() bool {
			out, err := exec.Command("kubectl", "--namespace", clone, "get", "pods", "--output", "name").Output()
			return err == nil && strings.Contains(string(out), "pod/pgsql")
		})
		first.end(os.Kill)
		text := s.onlyOutput(0, "rehearse", "--to", release, "--json")
		var report struct{ Arrived, Deleted bool }
		if err := json.Unmarshal([]byte(text), &report); err != nil || !report.Arrived || !report.Deleted {
			t.Errorf("%v\n%s", err, text)
		}
		same(s)
		gone(t)
	})

	t.Run("a stranger's namespace", func(t *testing.T) {
		s := s.in(t)
		kubectl(t, "create", "namespace", clone)
		defer kubectl(t, "delete", "namespace", clone)
		for _, args := range [][]string{{"rehearse", "--to", release}, {"rehearse", "--clean"}} {
			if code, out := s.berth(args...); code != 3 || !strings.Contains(out, "BERTH3903") {
				t.Errorf("%v: exit %d\n%s", args, code, out)
			}
		}
	})
}

// clusterUntouched is all of an installation that a rehearsal must leave as it is: every object with its version, pods with their restarts, data.
func (s *site) clusterUntouched() string {
	s.t.Helper()
	objects := kubectl(s.t, "--namespace", s.name, "get", "statefulsets,deployments,services,persistentvolumeclaims,secrets", "--output",
		`jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\n"}{end}`)
	pods := kubectl(s.t, "--namespace", s.name, "get", "pods", "--output",
		`jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}`)
	return objects + "\n" + pods + "\n" + s.read("sourcegraph.yaml") + s.data()
}
