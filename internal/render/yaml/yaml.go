// Package yaml writes YAML. The YAML library's encoder takes as long as all the rest of rendering together. This one writes only the values
// that rendering has, and a test reads all of it back with the library. Pure.
package yaml

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Ordered is a mapping whose keys are in the order in which a person would write them. Those of a map[string]any are sorted.
type Ordered interface {
	Len() int
	All() iter.Seq2[string, any] // values are texts, bools, numbers, nil, Ordered, Written, maps and lists
}

// Encode writes a value as YAML after a comment. The same value gives the same bytes.
func Encode(comment string, v any) []byte {
	var w writer
	w.document(comment, v)
	return w.Bytes()
}

// Encoder encodes many values one after the other, into few large pieces of memory.
type Encoder struct{ w writer }

const (
	piece = 64 << 10 // of memory
	spare = 8 << 10  // most values fit in
)

// Encode is like the function of this name.
func (e *Encoder) Encode(comment string, v any) []byte {
	if e.w.Available() < spare {
		e.w.Buffer = *bytes.NewBuffer(make([]byte, 0, piece))
	}
	start := e.w.Len()
	e.w.document(comment, v)
	end := e.w.Len()
	return e.w.Bytes()[start:end:end]
}

func (w *writer) document(comment string, v any) {
	for line := range strings.SplitSeq(comment, "\n") {
		w.WriteString("# " + line + "\n")
	}
	w.block(v, 0)
}

// writer writes YAML. A container's spec hash is a hash of these bytes, so writing the same value in another form recreates all containers.
type writer struct {
	bytes.Buffer
	keys []string // of the maps that are being written, the innermost last
}

// Block writes a value's lines, each with an indentation.
func Block(v any, indent int) []byte {
	var w writer
	w.block(v, indent)
	return w.Bytes()
}

// block writes a value on lines of its own.
func (w *writer) block(v any, indent int) {
	switch v := v.(type) {
	case Ordered, map[string]any:
		w.mapping(v, indent, false)
	case []any:
		w.items(v, indent)
	default:
		w.scalar(v)
		w.WriteByte('\n')
	}
}

// Written is YAML text of fields, with their indentation. The field's key means nothing.
type Written []byte

// mapping writes the fields of a mapping; after a dash, the first one is on the dash's line.
func (w *writer) mapping(v any, indent int, dash bool) {
	if ordered, ok := v.(Ordered); ok {
		for key, value := range ordered.All() {
			w.field(key, value, indent, dash)
			dash = false
		}
		return
	}
	m := v.(map[string]any)
	first := len(w.keys)
	for key := range m {
		w.keys = append(w.keys, key)
	}
	slices.Sort(w.keys[first:])
	for i := first; i < first+len(m); i++ {
		w.field(w.keys[i], m[w.keys[i]], indent, dash)
		dash = false
	}
	w.keys = w.keys[:first]
}

func (w *writer) field(key string, v any, indent int, dash bool) {
	if text, ok := v.(Written); ok {
		w.Write(text)
		return
	}
	if dash {
		w.WriteByte(' ')
	} else {
		w.pad(indent)
	}
	w.text(key)
	w.WriteByte(':')
	w.after(v, indent+2)
}

func (w *writer) items(items []any, indent int) {
	for _, item := range items {
		w.pad(indent)
		w.WriteByte('-')
		if size(item) > 0 && isMapping(item) {
			w.mapping(item, indent+2, true)
			continue
		}
		w.after(item, indent+2)
	}
}

func isMapping(v any) bool {
	switch v.(type) {
	case Ordered, map[string]any:
		return true
	}
	return false
}

// size is the number of values in a mapping or a list; -1 for anything else.
func size(v any) int {
	switch v := v.(type) {
	case Ordered:
		return v.Len()
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	}
	return -1
}

// after writes a value after a key or a dash.
func (w *writer) after(v any, indent int) {
	text, isText := v.(string)
	n := size(v)
	switch {
	case isText && lines(text):
		w.literal(text, indent)
	case n > 0:
		w.WriteByte('\n')
		w.block(v, indent)
	case n == 0 && isMapping(v):
		w.WriteString(" {}\n")
	case n == 0:
		w.WriteString(" []\n")
	default:
		w.WriteByte(' ')
		w.scalar(v)
		w.WriteByte('\n')
	}
}

// lines reports whether a text is best written line by line, and can be: YAML's literal form has no escapes, and an indented first line or
// an empty last one would need marks that confuse people.
func lines(text string) bool {
	if !strings.Contains(text, "\n") || text[0] == ' ' || text[0] == '\n' || text[0] == '\t' || strings.HasSuffix(text, "\n\n") || strings.HasSuffix(text, " \n") {
		return false
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && (r < ' ' || r > '~') {
			return false
		}
	}
	return strings.TrimRight(text, " \n") != "" && !strings.HasSuffix(text, " ")
}

// literal writes a text line by line.
func (w *writer) literal(text string, indent int) {
	body, ends := strings.CutSuffix(text, "\n")
	if ends {
		w.WriteString(" |\n")
	} else {
		w.WriteString(" |-\n")
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			w.pad(indent)
			w.WriteString(line)
		}
		w.WriteByte('\n')
	}
}

func (w *writer) pad(n int) {
	const blanks = "                                        "
	for ; n > len(blanks); n -= len(blanks) {
		w.WriteString(blanks)
	}
	w.WriteString(blanks[:n])
}

// otherType reports whether YAML reads a word, now or in older versions, as something else than a text.
func otherType(s string) bool {
	if len(s) > 5 {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return true
	}
	return false
}

// harmless are the characters, beside letters and digits, that have no meaning inside a text.
const harmless = "_./@+=,-"

// plainText reports whether YAML reads an unquoted text as the same text. It begins like a name or a path, so it is no number, and
// continues with harmless characters; a colon or a space is only between them.
func plainText(s string) bool {
	if s == "" || !isLetter(s[0]) && s[0] != '/' {
		return false
	}
	between := false // the last character was a colon or a space
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte(harmless, c) >= 0:
			between = false
		case (c == ':' || c == ' ') && !between:
			between = true
		default:
			return false
		}
	}
	return !between && !otherType(s)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (w *writer) text(s string) {
	if plainText(s) {
		w.WriteString(s)
	} else {
		w.Write(strconv.AppendQuote(w.AvailableBuffer(), s)) // its escapes are valid in YAML too
	}
}

// scalar writes a text, number, bool or null.
func (w *writer) scalar(v any) {
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case string:
		w.text(v)
	case int:
		w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(v), 10))
	case float64:
		w.Write(strconv.AppendFloat(w.AvailableBuffer(), v, 'f', -1, 64))
	default:
		fmt.Fprint(w, v) // a bool, or a whole number of another type
	}
}

// Plain converts ordered mappings to maps, as the YAML library has them.
func Plain(v any) any {
	switch v := v.(type) {
	case Ordered:
		m := make(map[string]any, v.Len())
		for key, value := range v.All() {
			m[key] = Plain(value)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = Plain(value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, item := range v {
			l[i] = Plain(item)
		}
		return l
	default:
		return v
	}
}
