package contents

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"berth/internal/diag"
)

var (
	gitSection  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\[[A-Za-z0-9.-]+(?:[ \t]+"(?:[^"\\]|\\.)*")?\]`) })
	gitVariable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*`) })
)

// GitConfig checks a configuration of git. git stops at the first line that it can't read, and then does nothing at all.
//
// Source: https://git-scm.com/docs/git-config#_syntax, and git itself, by which the test holds every rule.
func GitConfig(file File) diag.List {
	f := &found{File: file}
	lines := strings.Split(strings.TrimPrefix(string(file.Data), "\ufeff"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		rest := strings.TrimLeft(strings.TrimRight(line, "\r"), " \t\v\f")
		bad := func(hint, format string, args ...any) {
			column := 1 + utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimLeft(line, " \t\v\f"))
			f.line("BERTH1517", i+1, column, hint, format, args...)
		}
		for strings.HasPrefix(rest, "[") {
			header := gitSection().FindString(rest)
			if header == "" {
				bad(`write it as  [url "git@github.com:"]`, "git can't read this section")
				return f.problems
			}
			rest = strings.TrimLeft(rest[len(header):], " \t\v\f")
		}
		if rest == "" || rest[0] == '#' || rest[0] == ';' {
			continue
		}
		name := gitVariable().FindString(rest)
		value := strings.TrimLeft(rest[len(name):], " \t")
		switch {
		case name == "":
			bad("a name begins with a letter", "git can't read this line: it needs a section or  name = value")
			return f.problems
		case value == "" || value[0] == '#' || value[0] == ';':
			if value != "" {
				bad("write  name = value", "git can't read this line: a comment can't follow a name without a value")
				return f.problems
			}
			continue // true
		case value[0] != '=':
			bad("write  name = value;  a name has letters, digits and dashes only", "git can't read this line: no = follows the name")
			return f.problems
		}
		last, why := gitValue(lines, i, value[1:])
		if why != "" {
			i = last
			line = lines[i]
			bad(`put quotation marks and backslashes as  \"  and  \\`, "git can't read this value: %s", why)
			return f.problems
		}
		i = last
	}
	return f.problems
}

// gitValue reads a value that begins on a line, and gives the line on which it ends, or why git can't read it.
func gitValue(lines []string, i int, text string) (last int, why string) {
	quoted := false
	for {
		text = strings.TrimSuffix(text, "\r")
		for k := 0; k < len(text); k++ {
			switch c := text[k]; {
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '#' || c == ';'):
				return i, ""
			case c == '\\':
				k++
				if k == len(text) {
					if i+1 >= len(lines) {
						return i, ""
					}
					i++
					text, k = strings.TrimSuffix(lines[i], "\r"), -1
					continue
				}
				if !strings.ContainsRune(`"\ntb`, rune(text[k])) {
					return i, "a backslash comes before another letter than n, t or b"
				}
			}
		}
		if quoted {
			return i, "a quotation mark is not closed"
		}
		return i, ""
	}
}
