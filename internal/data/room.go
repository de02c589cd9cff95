package data

import (
	"fmt"
	"strings"
	"time"

	"berth/catalogue"
)

// Space is the room that there is for data.
type Space struct {
	Free int64            // bytes where all volumes are together; -1: not known, or each has its own
	Own  map[string]int64 // size in bytes of a database's own volume
	// Given is how long a database that started may be silent before the cluster starts it again; without an entry it may be silent for any time.
	Given map[string]time.Duration
}

// room is how much a backup may take: the dumps, a scratch server that they are restored to, and some air.
func room(bytes int64) int64 { return bytes*2 + bytes/4 + air }

// air is what is left free beside: for the databases' own logs, for one.
const air = 1 << 30

// Needs is the room in bytes that a backup and a conversion of Postgres take for a while, and what it is for.
func (f *Facts) Needs(backup, converts bool) (bytes int64, what string) {
	if backup {
		bytes, what = room(f.Bytes()), "a backup, restored once"
	}
	if converts {
		bytes, what = bytes+f.Bytes(), strings.TrimPrefix(what+", and a copy for the conversion of Postgres", ", and ")
	}
	return bytes, what
}

// Room is what a clone of some databases takes, in bytes.
type Room struct {
	Data    int64            // the databases as they are
	Disk    int64            // the most that all of it takes at a moment
	Volumes map[string]int64 // by database: its data, and a copy of it while another major Postgres takes it over
}

// NewRoom counts what a clone takes: the databases twice, their dumps once, and some air.
func NewRoom(f *Facts) Room {
	r := Room{Data: f.Bytes(), Volumes: map[string]int64{}}
	for _, d := range f.Databases {
		r.Volumes[d.Name] = d.Bytes*2 + d.Bytes/4 + air
	}
	r.Disk = r.Data*3 + r.Data/4 + air
	return r
}

// Claims is what the clone's volumes are made for where a volume has a size: that of the dumps has room for the scratch server beside them.
func (r Room) Claims() int64 {
	n := room(r.Data)
	for _, bytes := range r.Volumes {
		n += bytes
	}
	return n
}

// Size is a number of bytes for people.
func Size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20+1)
}

// SameMinor reports whether two versions are of the same minor: the migrator records a minor's first release, whatever the patch is.
func SameMinor(a, b string) bool { return catalogue.Minor(a) == catalogue.Minor(b) }

// GiB writes an amount of memory or disk.
func GiB(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
