package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"berth/internal/diag"
)

// Holder is who works on an installation.
type Holder struct {
	PID     int       `json:"pid"`
	User    string    `json:"user"`
	Host    string    `json:"host"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

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
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, holderOf(path)
		}
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	text, err := json.Marshal(Self(command, now))
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

// Self is this process, as the holder of a lock.
func Self(command string, now time.Time) Holder {
	h := Holder{PID: os.Getpid(), Command: command, Since: now, User: os.Getenv("USER")}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	h.Host, _ = os.Hostname()
	return h
}

// holderOf tells who holds a lock.
func holderOf(path string) diag.List {
	var h Holder
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &h) != nil {
		h = Holder{}
	}
	return h.AtWork()
}

// AtWork is the problem that the holder of the lock is, for anybody else. The zero Holder is somebody who did not say who.
func (h Holder) AtWork() diag.List {
	who := "somebody"
	if h.PID != 0 {
		who = fmt.Sprintf("%s (berth %s, pid %d on %s) since %s", h.User, h.Command, h.PID, h.Host, h.Since.Format(time.DateTime))
	}
	return diag.List{{Code: "BERTH3201", Severity: diag.Error, Subject: "lock", Summary: "the installation is locked by " + who,
		Hint: "wait until that run ends; to see its progress: berth status"}}
}
