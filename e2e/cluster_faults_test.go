//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// newFault is an installation on simulated nodes, in a namespace of its own, that shares no object with other installations of the cluster.
func newFault(t *testing.T, name string, more ...string) *site {
	t.Helper()
	return newCluster(t, control, name, append([]string{namespaced(name, ", clusterScoped: false, podSecurity: baseline")}, more...)...)
}

// recorded fails the test when somebody holds the lease, or the history does not say how the last run ended.
func (s *site) recorded(result string) {
	s.t.Helper()
	s.unheld()
	var runs []struct{ Result string }
	if err := resultOf(s.must(0, "history", "--json"), &runs); err != nil || len(runs) == 0 || runs[len(runs)-1].Result != result {
		s.t.Errorf("the last run of the history should be %q: %v %v", result, runs, err)
	}
}

// unheld fails the test when somebody holds the lease.
func (s *site) unheld() {
	s.t.Helper()
	if holder := s.kubectl("get", "lease", "berth-"+s.name, "-o=jsonpath={.spec.holderIdentity}"); holder != "" {
		s.t.Errorf("the lease is held by %s", holder)
	}
}

// completed runs up, which must succeed and leave nothing to do: no pending object, and none that the inventory does not list.
func (s *site) completed() {
	s.t.Helper()
	s.must(0, "up")
	s.must(0, "plan")
	s.unheld()
	var inventory struct {
		Applied, Pending []struct{ Kind, Name string }
	}
	text := s.kubectl("get", "configmap", "berth-"+s.name+"-inventory", "-o=jsonpath={.data.inventory\\.json}")
	if err := json.Unmarshal([]byte(text), &inventory); err != nil || len(inventory.Pending) > 0 {
		s.t.Fatalf("inventory: %v, %d pending", err, len(inventory.Pending))
	}
	known := map[string]bool{}
	for _, o := range inventory.Applied {
		known[strings.ToLower(o.Kind)+"/"+o.Name] = true
	}
	for line := range strings.Lines(s.kubectl("get", "deployment,statefulset,daemonset,service,job,configmap", "-l", "dev.berth.service", "-o=name")) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), "/")
		kind, _, _ = strings.Cut(kind, ".")
		if !known[kind+"/"+name] {
			s.t.Errorf("%s/%s is not in the inventory", kind, name)
		}
	}
}
