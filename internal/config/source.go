package config

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"berth/internal/diag"
	"berth/internal/secret"
	"go.yaml.in/yaml/v4"
)

// source is a file's text by lines, to find places in it.
type source struct {
	file     string
	lines    []string
	excerpts []string                           // the masked lines that were asked for
	masked   func(lines []string, i int) string // line i with secrets masked; as long as the line itself
}

// The line breaks of the YAML reader, so that both count the same lines.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func newSource(file, text string) *source {
	return &source{file: file, lines: strings.Split(lineBreaks.Replace(text), "\n"), masked: func(lines []string, i int) string { return secret.Line(lines, i, plainKey) }}
}

// plainKey reports whether a key of that name has no secret although its name looks like one: tlsSecret is the name of a Secret.
func plainKey(name string) bool {
	return strings.HasSuffix(name, "-auth") || slices.Contains(plainKeys(), name)
}

var plainKeys = sync.OnceValue(func() []string {
	names := []string{"passwordOf", "topologyKey", "matchLabelKeys", "mismatchLabelKeys"} // the latter of pods, whose form is that of Kubernetes
	var walk func(k *Key)
	walk = func(k *Key) {
		if k.Kind == Hidden || k.Kind == Variable {
			return
		}
		names = append(names, k.Name)
		for _, c := range k.Keys() {
			walk(c)
		}
		if k.Elem != nil {
			walk(k.Elem)
		}
	}
	walk(Root())
	return names
})

// PlaceInJSON is the place of a character of a JSON file, by the number of bytes before it. Any part of the file may be a secret.
func PlaceInJSON(file string, data []byte, offset int) diag.Range {
	before := lineBreaks.Replace(string(data[:offset]))
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	s := newSource(file, string(data))
	s.masked = func(lines []string, i int) string { return secret.JSON(lines[i]) }
	return s.at(line, column, 1)
}

// at is a place, moved into the file: the YAML reader reports the end of a file as the line after the last.
func (s *source) at(line, column, length int) diag.Range {
	line = min(max(line, 1), len(s.lines))
	text := s.lines[line-1]
	width := utf8.RuneCountInString(text)
	column = min(max(column, 1), width+1)
	return diag.Range{File: s.file, Line: line, Column: column, Length: min(max(length, 1), max(width+1-column, 1)), Excerpt: s.excerpt(line - 1)}
}

// excerpt is a line with secrets masked.
func (s *source) excerpt(i int) string {
	if s.excerpts == nil {
		s.excerpts = make([]string, len(s.lines))
	}
	if s.excerpts[i] == "" && s.lines[i] != "" {
		s.excerpts[i] = s.masked(s.lines, i)
	}
	return s.excerpts[i]
}

// rest is a line's text from a column on, without a comment.
func (s *source) rest(line, column int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text := []rune(s.lines[line-1])
	rest := string(text[min(max(column-1, 0), len(text)):])
	if i := strings.Index(rest, " #"); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimRight(rest, " \t")
}

// node is the place of a value or a key, on its first line.
func (s *source) node(n *yaml.Node) diag.Range {
	rest := s.rest(n.Line, n.Column)
	length := utf8.RuneCountInString(rest)
	if n.Style&yaml.FlowStyle != 0 {
		length = bracketed(rest)
	} else if n.Kind == yaml.ScalarNode {
		switch plain := strings.HasPrefix(rest, n.Value); {
		case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, `'`):
			if i := strings.IndexByte(rest[1:], rest[0]); i >= 0 {
				length = utf8.RuneCountInString(rest[:i+2])
			}
		case plain && n.Value != "":
			length = utf8.RuneCountInString(n.Value)
		}
	}
	return s.at(n.Line, n.Column, length)
}

// bracketed is the length of a list or map in brackets that ends on its line. It takes brackets in quotes for real ones, because they are
// rare.
func bracketed(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return utf8.RuneCountInString(text[:i+1])
			}
		}
	}
	return utf8.RuneCountInString(text)
}

// maskedFrom masks a place's line from a node on, for secrets in places where none belongs.
func maskedFrom(r diag.Range, n *yaml.Node) diag.Range {
	text := []rune(r.Excerpt)
	if from := min(n.Column-1, len(text)); n.Line == r.Line {
		r.Excerpt = string(text[:from]) + strings.Repeat("*", len(text)-from)
	}
	return r
}
