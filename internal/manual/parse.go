// Package manual turns the pages of docs/ into text for a terminal, into man pages, and into HTML. It reads the part of Markdown that they use. Pure.
package manual

import (
	"regexp"
	"strings"
)

// kind is what a block of a page is.
type kind int

const (
	heading   kind = iota
	paragraph      // also an item of a list
	code
	table
)

// block is a part of a page.
type block struct {
	kind  kind
	level int        // of a heading
	mark  string     // before an item of a list
	text  string     // of a heading or a paragraph: bold is between boldOn and boldOff
	lines []string   // of code
	rows  [][]string // of a table; the first one has its headings
}

// Around bold text and code, and in place of spaces that must not break, within a block's text.
const (
	boldOn  = '\x01'
	boldOff = '\x02'
	codeOn  = '\x03' // bold where there is one font
	codeOff = '\x04'
)

var (
	itemMark = regexp.MustCompile(`^(-|[0-9]+\.) +`)
	rule     = regexp.MustCompile(`^\|[-|: ]+\|$`)
)

// parse reads a page. refer says where a link to another page leads.
func parse(page string, refer func(target string) string) []block {
	var out []block
	lines := strings.Split(page, "\n")
	open := false // the last block is a paragraph that goes on
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		trimmed := strings.TrimSpace(line)
		last := len(out) - 1
		switch {
		case strings.HasPrefix(trimmed, "<!--"):
			for !strings.Contains(lines[i], "-->") && i+1 < len(lines) {
				i++
			}
			open = false
		case trimmed == "" || trimmed == "---": // a line between slides
			open = false
		case image.MatchString(trimmed):
			out, open = append(out, block{kind: paragraph, text: "Picture: " + image.FindStringSubmatch(trimmed)[1]}), false
		case strings.HasPrefix(trimmed, "```"):
			b := block{kind: code}
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
				b.lines = append(b.lines, lines[i])
			}
			out, open = append(out, b), false
		case strings.HasPrefix(line, "    ") && !open:
			if last < 0 || out[last].kind != code || strings.TrimSpace(lines[i-1]) != "" && !strings.HasPrefix(lines[i-1], "    ") {
				out = append(out, block{kind: code})
			} else if strings.TrimSpace(lines[i-1]) == "" {
				out[last].lines = append(out[last].lines, "")
			}
			out[len(out)-1].lines = append(out[len(out)-1].lines, line[4:])
		case strings.HasPrefix(line, "#"):
			level := len(line) - len(strings.TrimLeft(line, "#"))
			out, open = append(out, block{kind: heading, level: level, text: inline(line[level:], refer)}), false
		case strings.HasPrefix(trimmed, "|"):
			if last < 0 || out[last].kind != table || strings.TrimSpace(lines[i-1]) == "" {
				out = append(out, block{kind: table})
			}
			if !rule.MatchString(trimmed) {
				out[len(out)-1].rows = append(out[len(out)-1].rows, cells(trimmed, refer))
			}
			open = false
		case itemMark.MatchString(trimmed):
			mark := itemMark.FindString(trimmed)
			out, open = append(out, block{kind: paragraph, mark: mark, text: trimmed[len(mark):]}), true
		case open:
			out[last].text += " " + trimmed
		default:
			out, open = append(out, block{kind: paragraph, text: trimmed}), true
		}
	}
	for i := range out {
		if out[i].kind == paragraph {
			out[i].text = inline(out[i].text, refer)
		}
	}
	return out
}

// cells are the texts of a row of a table.
func cells(line string, refer func(string) string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	var out []string
	for cell := range strings.SplitSeq(line, "|") {
		out = append(out, inline(strings.ReplaceAll(cell, "\x00", "|"), refer))
	}
	return out
}

var (
	image = regexp.MustCompile(`^!\[([^\]]*)\]\([^)]+\)$`)
	span  = regexp.MustCompile("`[^`]+`|\\*\\*[^*]+\\*\\*|\\*[^* ][^*]*\\*|\\[[^\\]]+\\]\\([^)]+\\)")
	link  = regexp.MustCompile(`^\[(.*)\]\((.*)\)$`)
)

// inline is a text without the marks of Markdown.
func inline(text string, refer func(string) string) string {
	return span.ReplaceAllStringFunc(strings.TrimSpace(text), func(s string) string {
		switch {
		case s[0] == '`':
			return string(codeOn) + s[1:len(s)-1] + string(codeOff)
		case strings.HasPrefix(s, "**"):
			return string(boldOn) + plain(inline(s[2:len(s)-2], refer)) + string(boldOff)
		case s[0] == '*':
			return inline(s[1:len(s)-1], refer)
		}
		m := link.FindStringSubmatch(s)
		if to := refer(m[2]); to != "" {
			return inline(m[1], refer) + " (" + to + ")"
		}
		return inline(m[1], refer)
	})
}

// plain is a text without marks.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == boldOn || r == boldOff || r == codeOn || r == codeOff {
			return -1
		}
		return r
	}, text)
}
