//go:build clusterfaults || upgrades || clusterupgrades

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
)

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
