package cli

import (
	"os"

	"berth/internal/installation"
	"golang.org/x/term"
)

// rawTerminal gives a terminal over to a command somewhere else: keys go there as they are typed, and sizes are those of the terminal, now and
// whenever they change. restore makes it as it was.
func rawTerminal(tty *os.File) (sizes <-chan installation.Size, restore func(), err error) {
	fd := int(tty.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, err
	}
	told := make(chan installation.Size, 1)
	done := make(chan struct{})
	changed, forget := resized()
	go func() {
		var last installation.Size
		for {
			if width, height, err := term.GetSize(fd); err == nil {
				if now := (installation.Size{Width: uint16(width), Height: uint16(height)}); now != last {
					last = now
					select {
					case told <- now:
					case <-done:
						return
					}
				}
			}
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}()
	return told, func() {
		close(done)
		forget()
		_ = term.Restore(fd, before) // the terminal may be gone
	}, nil
}
