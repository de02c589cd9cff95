// Package yaml writes YAML. The YAML library's encoder takes as long as all the rest of rendering together; this writes only what rendering
// has, and a test reads all of it back with the library. Pure.
package yaml

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Ordered is a mapping whose keys stand in the order in which a person would write them. Those of a map[string]any are sorted.
type Ordered interface {
	Len() int
	All() iter.Seq2[string, any] // values are texts, bools, numbers, nil, Ordered, Written, maps and lists
}

// Encode writes a value as YAML under a comment. The same value gives the same bytes.
func Encode(comment string, v any) []byte {
	var w writer
	for line := range strings.SplitSeq(comment, "\n") {
		w.WriteString("# " + line + "\n")
	}
	w.block(v, 0)
	return w.Bytes()
}

// writer writes YAML. A container's spec hash is one of its bytes, so writing the same in another way makes all containers anew.
type writer struct{ bytes.Buffer }

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
		all, _ := fields(v)
		for key, value := range all {
			w.field(key, value, indent)
		}
	case []any:
		w.items(v, indent)
	default:
		w.WriteString(scalar(v) + "\n")
	}
}

// Written stands for fields that are YAML already, with their indentation. The field's key means nothing.
type Written []byte

func (w *writer) field(key string, v any, indent int) {
	if text, ok := v.(Written); ok {
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
		if all, n := fields(item); n > 0 {
			// The first key stands on the line of the dash.
			first := true
			for key, value := range all {
				if first {
					w.WriteString(" " + scalar(key) + ":")
					w.after(value, indent+4)
					first = false
					continue
				}
				w.field(key, value, indent+2)
			}
			continue
		}
		w.after(item, indent+2)
	}
}

// fields are the keys and values of a mapping, and how many there are.
func fields(v any) (iter.Seq2[string, any], int) {
	switch v := v.(type) {
	case Ordered:
		return v.All(), v.Len()
	case map[string]any:
		return func(yield func(string, any) bool) {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if !yield(key, v[key]) {
					return
				}
			}
		}, len(v)
	}
	return nil, 0
}

// after writes a value behind a key or a dash.
func (w *writer) after(v any, indent int) {
	if text, ok := v.(string); ok && lines(text) {
		w.literal(text, indent)
		return
	}
	if text, ok := inline(v); ok {
		w.WriteString(" " + text + "\n")
		return
	}
	w.WriteByte('\n')
	w.block(v, indent)
}

// lines reports whether a text is best read line by line, and can be: YAML's literal form has no escapes, and an indented first line or an
// empty one at the end would need marks that people stumble over.
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
	for range n {
		w.WriteByte(' ')
	}
}

// inline is the text of a value that fits behind its key.
func inline(v any) (string, bool) {
	switch v := v.(type) {
	case Ordered, map[string]any:
		_, n := fields(v)
		return "{}", n == 0
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

// Plain turns what is ordered into maps, as the YAML library has them.
func Plain(v any) any {
	switch v := v.(type) {
	case Ordered, map[string]any:
		all, n := fields(v)
		m := make(map[string]any, n)
		for key, value := range all {
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
