// Package contents reads the files and structured texts that a config names, as their readers will read them: ssh, git, curl, Postgres,
// Sourcegraph, the OpenTelemetry collector. Its rule: a problem has its place in the file itself, and no message has text of a secret in it.
// It knows the texts only; which key names them, and in which environment, is package check's.
//
// One package because each reader is one file with one function, and all share File and the way in which problems get their places.
package contents

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"berth/internal/diag"
)

// File is a text that a config names.
type File struct {
	Key  string     // that names it: "git.sshKey.file"
	Name string     // the file's name as in the config; "" for a text that is in no file
	Data []byte     // the text
	At   diag.Range // the place of the key
	Open bool       // it has no secret, so that messages may quote its lines
}

// found collects the problems of one file.
type found struct {
	File
	problems diag.List
}

// line reports a problem on a line of the file, from 1, at a column, from 1.
func (f *found) line(code string, line, column int, hint, format string, args ...any) {
	at, detail := f.At, []string(nil)
	if f.Name != "" {
		at, detail = diag.Range{File: f.Name, Line: line, Column: column, Length: 1}, []string{f.Key + " names this file"}
		if f.Open {
			at.Excerpt = f.text(line)
			at.Length = max(utf8.RuneCountInString(at.Excerpt)-column+1, 1)
		}
	}
	f.problems = append(f.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Range: at, Detail: detail, Hint: hint, Summary: fmt.Sprintf(format, args...)})
}

// whole reports a problem with the file as a whole, at the key that names it.
func (f *found) whole(code, hint, format string, args ...any) {
	f.problems = append(f.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Range: f.At, Hint: hint, Summary: f.what() + fmt.Sprintf(format, args...)})
}

// warning makes a warning of the problem that was reported last.
func (f *found) warning() { f.problems[len(f.problems)-1].Severity = diag.Warning }

// what begins a message about the whole.
func (f *found) what() string {
	if f.Name == "" {
		return f.Key + ": the text "
	}
	return f.Key + ": " + f.Name + " "
}

// text is a line without its end.
func (f *found) text(line int) string {
	n := 0
	for l := range strings.Lines(string(f.Data)) {
		if n++; n == line {
			return strings.TrimRight(l, "\r\n")
		}
	}
	return ""
}

// carriageReturns reports lines that end as on Windows, once, at the first.
func (f *found) carriageReturns(code, reader string) bool {
	before, _, has := strings.Cut(string(f.Data), "\r\n")
	if !has {
		return false
	}
	line := 1 + strings.Count(before, "\n")
	hint := "convert it:  sed -i 's/\\r$//' " + f.Name
	if f.Name == "" {
		hint = "set it with Unix line ends"
	}
	f.line(code, line, 1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]), hint, "lines end with CR LF, as on Windows, and %s", reader)
	return true
}
