package view

import (
	"io"
	"os"
	"strings"
)

// plain are the characters that berth writes beyond ASCII, each with one of ASCII.
var plain = strings.NewReplacer("·", "-", "…", "~", "█", "#", "░", ".", "▌", "|", "→", ">", "×", "x", "≥", ">", "–", "-")

// ASCII writes to a terminal that shows no other characters.
type ASCII struct{ *os.File }

// Write replaces what the terminal can't show.
func (a ASCII) Write(text []byte) (int, error) {
	_, err := io.WriteString(a.File, strings.Map(func(r rune) rune {
		if r > 0x7f {
			return '?'
		}
		return r
	}, plain.Replace(string(text))))
	return len(text), err
}

// UTF8 reports whether a terminal shows more than ASCII, by the environment: one that says nothing is taken for a modern one.
//
// Source: POSIX, 8.2 Internationalization Variables: LC_ALL counts before LC_CTYPE, and LC_CTYPE before LANG.
func UTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}
