//go:build !windows

package store

import (
	"errors"
	"os"
	"syscall"
)

// exclusive locks a file until it is closed.
func exclusive(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}
