//go:build !windows

package compose

import (
	"io/fs"
	"syscall"
)

// freeDisk is the room on the disk of a folder, in bytes; -1 when it can't be told.
func freeDisk(folder string) int64 {
	var disk syscall.Statfs_t
	if syscall.Statfs(folder, &disk) != nil {
		return -1
	}
	return int64(disk.Bavail) * int64(disk.Bsize)
}

// owner is who owns a file.
func owner(info fs.FileInfo) (uid, gid uint32) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid, s.Gid
	}
	return 0, 0
}
