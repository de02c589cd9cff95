// Package jsonc reads JSON with comments and trailing commas, as Sourcegraph's configuration files may have them.
package jsonc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// Decode reads text into v.
func Decode(text []byte, v any) error { return json.Unmarshal(Strip(text), v) }

// DecodeFile reads the file into v; the error names the file.
func DecodeFile(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := Decode(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Strip replaces comments and trailing commas by spaces, so that positions in errors stay true.
func Strip(text []byte) []byte {
	out := bytes.Clone(text)
	comma := -1       // place of the last comma, when only space has come after it
	before := byte(0) // last character that is no space, before that comma
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
			comma, before = -1, '"'
		case bytes.HasPrefix(out[i:], []byte("//")):
			end := len(out)
			if n := bytes.IndexByte(out[i:], '\n'); n >= 0 {
				end = i + n
			}
			blank(i, end)
		case bytes.HasPrefix(out[i:], []byte("/*")):
			n := bytes.Index(out[i+2:], []byte("*/"))
			if n < 0 {
				return out // the open comment stays and is an error
			}
			blank(i, i+2+n+2)
		case c == ',' && before != 0 && !bytes.ContainsRune([]byte("{[,"), rune(before)):
			comma, before = i, c
		case (c == '}' || c == ']') && comma >= 0:
			out[comma] = ' '
			comma, before = -1, c
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma, before = -1, c
		}
	}
	return out
}
