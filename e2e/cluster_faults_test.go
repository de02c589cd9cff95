//go:build clusterfaults

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
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

// kubectl runs kubectl in the installation's namespace.
func (s *site) kubectl(args ...string) string {
	s.t.Helper()
	return kubectl(s.t, append([]string{"--namespace=" + s.name}, args...)...)
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

// says proves that a message has some words.
func says(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the message lacks %q:\n%s", w, out)
		}
	}
}

// begun is a berth that goes on while the test does something to it.
type begun struct {
	cmd  *exec.Cmd
	said output
	done chan struct{} // closed when it has come to its end
}

// output is what a program that runs said so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts berth.
func (s *site) start(args ...string) *begun {
	s.t.Helper()
	b := &begun{cmd: s.command(context.Background(), args...), done: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = &b.said, &b.said
	if err := b.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // the exit code tells
		close(b.done)
	}()
	return b
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

// end sends a signal, and gives the exit code and all that was said; the code is -1 when the signal itself ended it.
func (b *begun) end(signal os.Signal) (int, string) {
	_ = b.cmd.Process.Signal(signal) // it may have come to its end just now
	return b.wait(), b.said.String()
}

// ended reports whether it has come to its end.
func (b *begun) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// wait waits for the end, and gives the exit code.
func (b *begun) wait() int {
	<-b.done
	return b.cmd.ProcessState.ExitCode()
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
