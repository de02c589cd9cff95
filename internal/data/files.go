package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"berth/internal/run"
)

// Volume is a volume with files of a store, while nothing runs that uses it.
type Volume struct {
	Name  string // as tasks know it: "gitserver-0"
	As    string // the service whose files they are
	Image Image  // of that service
}

// Files is what a volume holds: enough to compare it with another one.
type Files struct {
	Number int
	Bytes  int64
	Sum    string // of all names and sizes
	Free   int64  // bytes of the volume, or of the disk that it is on
}

// ofVolume is where a volume is mounted: nothing of an image is there, which the engine would copy into an empty one.
const ofVolume = "/berth"

// ownNames are the names at the top of a volume that are the disk's or berth's, and no data.
const ownNames = "lost+found|berth-aside-*"

// FilesOf reads the names and sizes of all files of a volume.
func (w *Worker) FilesOf(ctx context.Context, v Volume) (Files, error) {
	c := &counted{sum: sha256.New()}
	err := w.inVolume(ctx, v, "list", `cd "$DIR"
df -Pk . | tail -n 1 | while read -r _ _ _ free _; do echo "$free"; done
find . \( -path ./lost+found -o -path './berth-aside-*' \) -prune -o \( -type f -o -type l \) -exec stat -c '%s %n' {} + | LC_ALL=C sort`, nil, c)
	if err == nil {
		err = c.err
	}
	c.found.Sum = hex.EncodeToString(c.sum.Sum(nil))
	return c.found, err
}

// ReadFiles writes all files of a volume to out, as a tar archive.
func (w *Worker) ReadFiles(ctx context.Context, v Volume, out io.Writer) error {
	return w.inVolume(ctx, v, "read", `cd "$DIR"
set --
for f in * .[!.]*; do case $f in `+ownNames+`) ;; *) [ ! -e "$f" ] && [ ! -L "$f" ] || set -- "$@" "./$f" ;; esac; done
if [ $# = 0 ]; then head -c 10240 /dev/zero; else tar -c -f - "$@"; fi`, nil, out)
}

// FillFiles unpacks a tar archive into a volume, in place of what it holds.
func (w *Worker) FillFiles(ctx context.Context, v Volume, in io.Reader) error {
	return w.inVolume(ctx, v, "fill", `cd "$DIR"
for f in * .[!.]*; do case $f in `+ownNames+`) ;; *) chmod -R u+w "./$f" 2>/dev/null || true; rm -rf "./$f" ;; esac; done
tar -x -p -o -f -
sync`, in, io.Discard)
}

func (w *Worker) inVolume(ctx context.Context, v Volume, what, text string, in io.Reader, out io.Writer) error {
	name := "volume-" + what + "-" + v.Name
	t := run.Task{Name: name, Identity: w.identity(name), Image: v.Image, As: v.As, Entry: []string{"/bin/sh", "-c", "set -eu\n" + text},
		Env: map[string]string{"DIR": ofVolume}, Volume: v.Name, Path: ofVolume, Own: true}
	exit, said, err := w.Tasks.Pipe(ctx, t, in, out)
	if err == nil && exit != 0 {
		err = errors.New(strings.TrimSpace(said))
	}
	if err != nil {
		return fmt.Errorf("%s the files of %s: %w", what, v.Name, err)
	}
	return nil
}

// counted takes the room of a volume in KiB, and the list of its files, which may be long.
type counted struct {
	found Files
	sum   hash.Hash
	begun bool   // the room was read
	line  []byte // that is not whole yet
	err   error
}

func (c *counted) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			c.line = append(c.line, rest...)
			break
		}
		c.take(append(c.line, rest[:end]...))
		c.line, rest = c.line[:0], rest[end+1:]
	}
	return len(p), nil
}

func (c *counted) take(line []byte) {
	size, _, _ := strings.Cut(string(line), " ")
	n, err := strconv.ParseInt(size, 10, 64)
	switch {
	case !c.begun:
		c.begun, c.found.Free = true, n<<10
	case err != nil: // a name has more than one line
		c.sum.Write(line)
		return
	default:
		c.found.Number++
		c.found.Bytes += n
		c.sum.Write(append(line, '\n'))
		return
	}
	if err != nil {
		c.err = fmt.Errorf("the room of the volume can't be read: %q", line)
	}
}
