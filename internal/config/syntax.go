package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxProblem is a syntax error in plain words.
type syntaxProblem struct {
	line, column  int
	summary, hint string
}

// explainSyntax says the most likely cause of the YAML reader's error.
func explainSyntax(e *yaml.LoadError, lines []string) syntaxProblem {
	p := syntaxProblem{line: e.Mark.Line, column: e.Mark.Column, summary: "the line is not valid YAML: " + e.Message}
	line := lines[min(p.line, len(lines))-1]
	opened := strings.Contains(e.ContextMsg, "flow") || strings.Contains(e.ContextMsg, "quoted")
	if opened && e.ContextMark.Line > 0 {
		p.line, p.column = e.ContextMark.Line, e.ContextMark.Column
	}
	if above := wordsAbove(lines, p.line); above > 0 && !opened {
		text := strings.TrimSpace(lines[above-1])
		p.line, p.column = above, 1+strings.Index(lines[above-1], text)
		p.summary, p.hint = "the line has no colon", "write it as  key: value"
		if name, value, two := strings.Cut(text, " "); two {
			p.hint = fmt.Sprintf("write it as  %s: %s", name, shorten(strings.TrimSpace(value)))
		} else if above < len(lines) && indent(lines[p.line]) > indent(lines[above-1]) {
			p.hint = fmt.Sprintf("write it as  %s:", name)
		}
		return p
	}
	switch {
	case strings.Contains(e.ContextMsg, "quoted"):
		p.summary, p.hint = "the quote is not closed", `close it with the same mark, " or '`
	case opened:
		p.summary, p.hint = "the bracket is not closed as it was opened", "close [ with ] and { with }, with commas between the items"
	case strings.Contains(e.Message, "mapping values are not allowed"):
		p.summary = "the value has a colon in it, or the line is indented too far"
		p.hint = "put a text with \": \" in quotes, or indent it as the lines around it"
	case strings.Contains(e.Message, "cannot start any token"):
		first := []rune(line[min(p.column-1, len(line)):] + " ")[0]
		p.summary, p.hint = fmt.Sprintf("a text can't begin with %c", first), "put it in quotes"
	case strings.Contains(e.Message, "expected ':'"):
		p.summary, p.hint = "the line has no key", "write it as  key: value"
	case strings.Contains(e.Message, "did not find expected"):
		p.summary, p.hint = "the line is not indented as the lines around it", "keys that belong together begin in the same column"
	case strings.Contains(e.Message, "unknown anchor"):
		p.summary, p.hint = "the line refers to something that does not exist: "+e.Message, "put a text that begins with * in quotes"
	}
	return p
}

// wordsAbove finds a line without a colon right above a line: YAML reads both as one text, and reports the error one line too late.
func wordsAbove(lines []string, line int) int {
	for i := min(line, len(lines)) - 2; i >= 0; i-- {
		text := strings.TrimSpace(lines[i])
		switch {
		case text == "" || text[0] == '#':
			continue
		case !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") && !strings.ContainsAny(text[:1], "-[{\"'|>&*!%@`"):
			return i + 1
		}
		return 0
	}
	return 0
}

// indent is the number of spaces that a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
