package state

import (
	"fmt"
	"os"
	"os/user"
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

// Self is this process, as the holder of a lock.
func Self(command string, now time.Time) Holder {
	h := Holder{PID: os.Getpid(), Command: command, Since: now, User: os.Getenv("USER")}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	h.Host, _ = os.Hostname()
	return h
}

// Locked is the code of the problem that somebody else holds the lock.
const Locked = "BERTH3201"

// AtWork is the problem that the holder of the lock is, for anybody else. The zero Holder is somebody who did not say who.
func (h Holder) AtWork() diag.List {
	who := "somebody"
	if h.PID != 0 {
		who = fmt.Sprintf("%s (berth %s, pid %d on %s) since %s", h.User, h.Command, h.PID, h.Host, h.Since.Format(time.DateTime))
	}
	return diag.List{{Code: Locked, Severity: diag.Error, Subject: "lock", Summary: "the installation is locked by " + who,
		Hint: "wait until that run ends; to see its progress: berth status"}}
}
