//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// started is a berth that runs while the test does something else.
type started struct {
	cmd   *exec.Cmd
	began time.Time
	said  output
	done  chan struct{} // closed when it has ended
}

// output is what a program has printed so far.
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
func (s *site) start(args ...string) *started {
	s.t.Helper()
	b := &started{cmd: s.command(context.Background(), args...), began: time.Now(), done: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = &b.said, &b.said
	if err := b.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // the exit code says it
		close(b.done)
	}()
	return b
}

// end sends a signal and waits. It gives the exit code and the output; the code is -1 when the signal itself ended berth.
func (b *started) end(signal os.Signal) (int, string) {
	_ = b.cmd.Process.Signal(signal) // berth may have ended just now
	return b.wait(), b.said.String()
}

// ended reports whether berth has ended.
func (b *started) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// wait waits for the end and gives the exit code.
func (b *started) wait() int {
	<-b.done
	return b.cmd.ProcessState.ExitCode()
}
