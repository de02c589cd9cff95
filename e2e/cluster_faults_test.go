//go:build clusterfaults

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubeconfig"
	"berth/internal/target/kubernetes/store"
)

// newFault is an installation in a namespace of its own that shares no object, and no port of a node, with any other one of the cluster.
func newFault(t *testing.T, name string, more ...string) *site {
	t.Helper()
	return newCluster(t, "control", name, append([]string{namespaced(name, ", clusterScoped: false, podSecurity: baseline")}, more...)...)
}

// atRest proves that a run left nothing open: nobody holds the lease, and the history has the run with how it ended.
func (s *site) atRest(result string) {
	s.t.Helper()
	s.unheld()
	var runs []struct{ Result string }
	if err := json.Unmarshal([]byte(s.must(0, "history", "--json")), &runs); err != nil || len(runs) == 0 || runs[len(runs)-1].Result != result {
		s.t.Errorf("the last run of the history should be %q: %v %v", result, runs, err)
	}
}

func (s *site) unheld() {
	s.t.Helper()
	if holder := s.kubectl("get", "lease", "berth-"+s.name, "-o=jsonpath={.spec.holderIdentity}"); holder != "" {
		s.t.Errorf("the lease is held by %s", holder)
	}
}

// repaired proves that the next up mends what went wrong, and that nothing is left to do then.
func (s *site) repaired() {
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
			s.t.Errorf("%s/%s is in no inventory", kind, name)
		}
	}
}

// begin starts berth up, and waits until its journal has some entries. It gives nil when the run came to its end before.
func (s *site) begin(entries int) *begun {
	s.t.Helper()
	client, err := kubernetes.Connect(s.t.Context(), kubeconfig.Outside{Getenv: os.Getenv, Now: time.Now}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	state := store.At(client, s.name, s.name)
	start := time.Now()
	up := s.start("up")
	for {
		written, err := state.Written(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if len(written) >= entries && written[0].Time.After(start) {
			return up
		}
		select {
		case <-up.done:
			if code := up.wait(); code != 0 {
				s.t.Fatalf("berth up: exit %d\n%s", code, up.said.String())
			}
			return nil
		case <-time.After(5 * time.Millisecond): // between looks
		}
	}
}

// awaited waits until something is so.
func (s *site) awaited(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); !so(); time.Sleep(100 * time.Millisecond) { // between looks
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}
