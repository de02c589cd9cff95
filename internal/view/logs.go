package view

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"berth/internal/logs"
)

// LogForm is how lines of logs are written.
type LogForm struct {
	JSON       bool // each line as one object
	Color      bool
	Timestamps bool
}

// prefixes are the colours of instances' names.
var prefixes = []string{"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m", "\x1b[95m", "\x1b[94m"}

// LogLines writes lines of some instances' logs. With more than one instance, each line begins with the name of its own.
func LogLines(w io.Writer, instances []string, f LogForm) func(logs.Line) {
	if f.JSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return func(l logs.Line) { _ = enc.Encode(l) } // the writer notes that it failed
	}
	width := 0
	for _, name := range instances {
		width = max(width, len(name))
	}
	return func(l logs.Line) {
		var b strings.Builder
		if len(instances) > 1 {
			name := fmt.Sprintf("%-*s |", width, l.Instance)
			if f.Color {
				h := fnv.New32a()
				h.Write([]byte(l.Instance))
				name = prefixes[h.Sum32()%uint32(len(prefixes))] + name + "\x1b[0m"
			}
			b.WriteString(name + " ")
		}
		if f.Timestamps {
			b.WriteString(l.Time.UTC().Format(time.RFC3339Nano) + " ")
		}
		text := l.Text
		if f.Color && l.Level == logs.Error {
			text = "\x1b[31m" + text + "\x1b[0m"
		}
		b.WriteString(text + "\n")
		_, _ = io.WriteString(w, b.String()) // the writer notes that it failed
	}
}
