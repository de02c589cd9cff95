package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// exclusive locks a file until it is closed. Nobody may read a locked byte there, so the one that it locks stands behind all that is ever written.
func exclusive(f *os.File) error {
	behind := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, behind)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}
