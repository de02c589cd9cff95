//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// resized says when the size of the terminal changes.
func resized() (changed <-chan os.Signal, forget func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
