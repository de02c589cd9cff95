// Package jsonc reads JSON with comments and trailing commas, as Sourcegraph's configuration files may have them.
package jsonc

import (
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
	out := append([]byte(nil), text...)
	comma := -1 // place of a comma after which there was nothing but space
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			end := false
			for j := i; i < len(out) && !end; i++ {
				end = i > j+2 && out[i-1] == '*' && out[i] == '/'
				if out[i] != '\n' && !end {
					out[i] = ' '
				}
			}
			if end {
				out[i-1] = ' '
			}
			i--
		case c == ',':
			comma = i
		case c == '}' || c == ']':
			if comma >= 0 {
				out[comma] = ' '
			}
			comma = -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return out
}
