//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// rehearsalNamespace is where the clone of TestClusterRehearse is.
const rehearsalNamespace = "creh-rehearsal"

// TestClusterRehearse rehearses an upgrade over two majors in a namespace beside: to its end, and killed. The installation does not change, and the
// clone is deleted.
func TestClusterRehearse(t *testing.T) {
	needs(t, long, node, images("6.0.0", release, "7.6.0"))
	s := olderCluster(t, "creh", "6.0.0", 30093)
	before := s.clusterUntouched()
	t.Run("a rehearsal deletes its clone, and the plan counts with its times", func(t *testing.T) {
		s := s.in(t)
		out := s.must(0, "rehearse", "--to", release)
		says(t, out, "rehearsed 6.0.0 -> "+release, "restored and compared", "downtime of the real run: about", "the clone creh-rehearsal is deleted")
		t.Logf("the report:\n%s", out[max(0, strings.LastIndex(out, "rehearsed 6.0.0")):])
		s.rehearsed(before)
		says(t, s.must(2, "upgrade", "--plan", "--to", release, "--json"), `"source": "rehearsed 20`)
	})
	t.Run("the next rehearsal deletes the clone of one that was killed", func(t *testing.T) {
		s := s.in(t)
		first := s.start("rehearse", "--to", release)
		await(t, 3*time.Minute, "the clone's databases", func() bool {
			out, err := exec.Command("kubectl", "--namespace", rehearsalNamespace, "get", "pods", "--output", "name").Output()
			return err == nil && strings.Contains(string(out), "pod/pgsql")
		})
		first.end(os.Kill)
		text := s.onlyOutput(0, "rehearse", "--to", release, "--json")
		var report struct{ Arrived, Deleted bool }
		if err := resultOf(text, &report); err != nil || !report.Arrived || !report.Deleted {
			t.Errorf("%v\n%s", err, text)
		}
		s.rehearsed(before)
	})
	t.Run("a namespace of somebody else with the clone's name is refused", func(t *testing.T) {
		s := s.in(t)
		kubectl(t, "create", "namespace", rehearsalNamespace)
		defer kubectl(t, "delete", "namespace", rehearsalNamespace)
		says(t, s.must(3, "rehearse", "--to", release), "BERTH3903")
		says(t, s.must(3, "rehearse", "--clean"), "BERTH3903")
	})
}

// rehearsed fails the test when the installation changed, or something is left of the clone.
func (s *site) rehearsed(before string) {
	s.t.Helper()
	if after := s.clusterUntouched(); after != before {
		s.t.Errorf("the installation changed; before:\n%s\nafter:\n%s", before, after)
	}
	if out := kubectl(s.t, "get", "namespace", rehearsalNamespace, "--ignore-not-found"); out != "" {
		s.t.Errorf("the clone's namespace is left: %s", out)
	}
	if out := kubectl(s.t, "get", "persistentvolumes", "--output", "jsonpath={.items[*].spec.claimRef.namespace}"); strings.Contains(out, rehearsalNamespace) {
		s.t.Errorf("disks of the clone are left: %s", out)
	}
}

// clusterUntouched is everything of an installation that a rehearsal must not change: objects with their versions, pods with their restarts, data.
func (s *site) clusterUntouched() string {
	s.t.Helper()
	objects := kubectl(s.t, "--namespace", s.name, "get", "statefulsets,deployments,services,persistentvolumeclaims,secrets", "--output",
		`jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\n"}{end}`)
	pods := kubectl(s.t, "--namespace", s.name, "get", "pods", "--output",
		`jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}`)
	return objects + "\n" + pods + "\n" + s.read("sourcegraph.yaml") + s.data()
}
