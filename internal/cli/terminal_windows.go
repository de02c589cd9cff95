package cli

import "time"

// resized says when to look at the size of the terminal: Windows sends no signal.
func resized() (changed <-chan time.Time, forget func()) {
	t := time.NewTicker(500 * time.Millisecond)
	return t.C, t.Stop
}
