package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"berth/internal/diag"
	"berth/internal/state"
)

// errHeld says that another process holds a lock.
var errHeld = errors.New("another process holds the lock")

// Lock keeps others from working on the installation until release is called, or the process ends in whatever way. When somebody else
// holds it, the error is a diag.List that tells who. It can't be lost, so the context comes back as it is.
func (d Dir) Lock(ctx context.Context, command string, now func() time.Time) (held context.Context, release func(), err error) {
	release, err = d.lock(command, now())
	return ctx, release, err
}

func (d Dir) lock(command string, now time.Time) (release func(), err error) {
	if err := d.Make(); err != nil {
		return nil, err
	}
	path := filepath.Join(d.path, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := exclusive(f); err != nil {
		defer f.Close()
		if errors.Is(err, errHeld) {
			return nil, holderOf(path)
		}
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	text, err := json.Marshal(state.Self(command, now))
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	return func() {
		_ = f.Truncate(0) // nobody holds it any more
		f.Close()
	}, nil
}

// holderOf tells who holds a lock.
func holderOf(path string) diag.List {
	var h state.Holder
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &h) != nil {
		h = state.Holder{}
	}
	return h.AtWork()
}
