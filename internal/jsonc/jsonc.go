// Package jsonc reads JSON as Sourcegraph's own configuration files have it: with comments, and with a comma after the last item. It says what is
// wrong and where, finds values, and says where others have to be written so that comments and secrets stay as they are. Pure.
package jsonc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// plainJSON rewrites the library's messages in plain words.
var plainJSON = strings.NewReplacer(
	"unexpected end of JSON input", "the text ends too early",
	`invalid character '\n'`, "unexpected end of the line",
	"invalid character", "unexpected",
)

// Check returns where and why a text is wrong; "" when it is right.
func Check(data []byte) (offset int, problem string) {
	plain, open := blankComments(data)
	if open >= 0 {
		return open, "the comment is not closed"
	}
	blankCommas(plain)
	var value any
	err := json.Unmarshal(plain, &value)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &syntax):
		at := int(syntax.Offset) - 1
		return max(min(at, len(data)), 0), plainJSON.Replace(syntax.Error())
	}
	return 0, err.Error()
}

// blankComments replaces comments by spaces, so that offsets stay. It also returns where an unterminated comment begins, or -1.
func blankComments(data []byte) ([]byte, int) {
	out := bytes.Clone(data)
	for i := 0; i < len(out); i++ {
		switch rest := out[i:]; {
		case rest[0] == '"':
			i += quoted(rest) - 1
		case bytes.HasPrefix(rest, []byte("//")):
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			blank(rest[:end])
		case bytes.HasPrefix(rest, []byte("/*")):
			end := bytes.Index(rest[2:], []byte("*/"))
			if end < 0 {
				return nil, i
			}
			blank(rest[:end+4])
		}
	}
	return out, -1
}

// blankCommas replaces commas that no item follows by spaces.
func blankCommas(data []byte) {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += quoted(data[i:]) - 1
		case ',':
			if rest := bytes.TrimLeft(data[i+1:], " \t\r\n"); len(rest) > 0 && (rest[0] == ']' || rest[0] == '}') {
				data[i] = ' '
			}
		}
	}
}

// quoted is the length of the string at the beginning of a text.
func quoted(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func blank(text []byte) {
	for i := range text {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
}
