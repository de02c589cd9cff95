// Package inside is what looking into a container has in common on all targets: the terminal of a command, and logs whose lines begin with their time.
package inside

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
)

// Size is the size of a terminal, in characters.
type Size = struct{ Width, Height uint16 }

// Terminal is what a command in a container is connected to.
type Terminal struct {
	In       io.Reader // nil: nothing
	Out, Err io.Writer // with TTY all comes on Out
	TTY      bool
	Sizes    <-chan Size
}

// Lines reads lines that begin with their time. A line without one has the zero time. Lines can be of any length.
func Lines(text io.Reader, line func(at time.Time, text string)) error {
	lines := bufio.NewReaderSize(text, 64<<10)
	for {
		full, err := lines.ReadString('\n')
		if full != "" {
			stamp, rest, _ := strings.Cut(strings.TrimRight(full, "\r\n"), " ")
			at, bad := time.Parse(time.RFC3339Nano, stamp)
			if bad != nil {
				rest = strings.TrimRight(full, "\r\n")
			}
			line(at, rest)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
