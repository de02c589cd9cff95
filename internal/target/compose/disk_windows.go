package compose

import "io/fs"

// On Windows an engine runs in a machine of its own, so berth looks at none of its files.

func freeDisk(string) int64 { return -1 }

func owner(fs.FileInfo) (uid, gid uint32) { return 0, 0 }
