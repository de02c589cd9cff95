package view

import (
	"io"
	"strings"
	"sync"

	"berth/internal/fold"
)

// Fitted writes to a terminal in lines that fit it. A line is written when it ends, so a question goes to the raw stream. It is safe for
// concurrent use.
type Fitted struct {
	raw io.Writer

	mu    sync.Mutex
	begun string // a line that has not ended
}

// Fitting is a stream whose lines fit the terminal that is behind it. One that leads to no terminal stays as it is.
func Fitting(out io.Writer) io.Writer {
	if Columns(out) == 0 {
		return out
	}
	return &Fitted{raw: out}
}

// Raw is the stream behind a fitted one.
func Raw(out io.Writer) io.Writer {
	if f, ok := out.(*Fitted); ok {
		return f.raw
	}
	return out
}

// Write breaks the lines that have ended.
func (f *Fitted) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun += string(text)
	end := strings.LastIndexByte(f.begun, '\n') + 1
	lines := f.begun[:end]
	f.begun = f.begun[end:]
	if lines == "" {
		return len(text), nil
	}
	_, err := io.WriteString(f.raw, fold.Rows(Columns(f.raw), lines))
	return len(text), err
}

// Close writes a line that has not ended.
func (f *Fitted) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := io.WriteString(f.raw, f.begun)
	f.begun = ""
	return err
}
