package compose

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mapping is a YAML mapping whose keys stand in the order in which a person would write them.
type mapping []field

type field struct {
	key   string
	value any // string, bool, int, float64, nil, mapping, sequenceOf, or decoded YAML
}

// sequenceOf is a YAML sequence.
type sequenceOf []any

// encode writes a value as YAML under a comment. The YAML library's encoder takes as long as all the rest of rendering together; this
// writes only what rendering has, and a test reads all of it back with the library.
func encode(comment string, v any) []byte {
	var w writer
	for line := range strings.SplitSeq(comment, "\n") {
		w.WriteString("# " + line + "\n")
	}
	w.block(v, 0)
	return w.Bytes()
}

// writer writes YAML. A container's spec hash is one of its bytes, so writing the same in another way makes all containers anew.
type writer struct{ bytes.Buffer }

// block writes a value on lines of its own.
func (w *writer) block(v any, indent int) {
	switch v := v.(type) {
	case mapping:
		for _, f := range v {
			w.field(f.key, f.value, indent)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			w.field(key, v[key], indent)
		}
	case sequenceOf:
		w.items(v, indent)
	case []any:
		w.items(v, indent)
	default:
		w.WriteString(scalar(v) + "\n")
	}
}

// written stands for fields that are YAML already, with their indentation. The field's key means nothing.
type written []byte

func (w *writer) field(key string, v any, indent int) {
	if text, ok := v.(written); ok {
		w.Write(text)
		return
	}
	w.pad(indent)
	w.WriteString(scalar(key) + ":")
	w.after(v, indent+2)
}

func (w *writer) items(items []any, indent int) {
	for _, item := range items {
		w.pad(indent)
		w.WriteByte('-')
		if m, ok := item.(mapping); ok && len(m) > 0 {
			// The first key stands on the line of the dash.
			w.WriteString(" " + scalar(m[0].key) + ":")
			w.after(m[0].value, indent+4)
			w.block(m[1:], indent+2)
			continue
		}
		w.after(item, indent+2)
	}
}

// after writes a value behind a key or a dash.
func (w *writer) after(v any, indent int) {
	if text, ok := inline(v); ok {
		w.WriteString(" " + text + "\n")
		return
	}
	w.WriteByte('\n')
	w.block(v, indent)
}

func (w *writer) pad(n int) {
	for range n {
		w.WriteByte(' ')
	}
}

// inline is the text of a value that fits behind its key.
func inline(v any) (string, bool) {
	switch v := v.(type) {
	case mapping:
		return "{}", len(v) == 0
	case map[string]any:
		return "{}", len(v) == 0
	case sequenceOf:
		return "[]", len(v) == 0
	case []any:
		return "[]", len(v) == 0
	}
	return scalar(v), true
}

// otherTypes are words that YAML reads, or once read, as something else than a text.
var otherTypes = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// plainText reports whether YAML reads a text as it stands: it begins like a name or a path, so it is no number, and goes on with
// harmless characters; a colon or a space only between them.
func plainText(s string) bool {
	if s == "" || !isLetter(s[0]) && s[0] != '/' {
		return false
	}
	between := false // the last character was a colon or a space
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte("_./@+=,-", c) >= 0:
			between = false
		case (c == ':' || c == ' ') && !between:
			between = true
		default:
			return false
		}
	}
	return !between && !slices.Contains(otherTypes, strings.ToLower(s))
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if plainText(v) {
			return v
		}
		return strconv.Quote(v) // its escapes are YAML's too
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v) // a bool or whole number
}

// plain turns a mapping into maps and lists, as the YAML library has them.
func plain(v any) any {
	switch v := v.(type) {
	case mapping:
		m := make(map[string]any, len(v))
		for _, f := range v {
			m[f.key] = plain(f.value)
		}
		return m
	case sequenceOf:
		l := make([]any, len(v))
		for i, item := range v {
			l[i] = plain(item)
		}
		return l
	default:
		return v
	}
}
