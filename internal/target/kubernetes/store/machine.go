package store

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// machine names what the process numbers of this process count in: a boot of a machine, and a container's own numbers there. "" where that
// can't be told.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	numbers, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + numbers
}

// gone reports whether a process is surely no more: one of this very machine, so that the next run need not wait for a killed one.
func gone(where string, pid int) bool {
	return pid > 0 && where != "" && where == machine() && ended(pid)
}

// ended reports whether no process has a number.
func ended(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
