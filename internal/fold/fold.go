// Package fold breaks lines of text at words, so that they fit a terminal. Pure.
//
// What a person copies stays in one line where it fits: a command after a colon, as in "then: berth up", and what two spaces set off, as in
// "add  target: compose". A word that is longer than the line is left whole for the same reason: the terminal breaks it.
package fold

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	unit    = regexp.MustCompile(`: berth [^,;:()]*[^ ]*|  [^ ].*?(?:  |$)`)
	spaced  = regexp.MustCompile(` *[^ ]+`)
	escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// hold is a space at which a line is not broken.
const hold = "\x00"

// Width is how many columns a text takes: escape sequences for colors and other control characters take none.
func Width(text string) int {
	n := 0
	for _, r := range escapes.ReplaceAllString(text, "") {
		if !unicode.IsControl(r) {
			n++
		}
	}
	return n
}

// Line breaks a text in lines that have so many columns; 0 leaves it in one. The first line begins with first, the others with rest.
func Line(columns int, first, rest, text string) []string {
	if columns <= 0 {
		return []string{strings.TrimRight(first+text, " ")}
	}
	var lines []string
	line, bare := first, true
	for _, w := range words(text, columns-Width(rest)) {
		word := strings.TrimLeft(w, " ")
		switch {
		case bare:
			line += word
		case Width(line)+Width(w) > columns:
			lines = append(lines, line)
			line = rest + word
		default:
			line += w
		}
		bare = false
	}
	return append(lines, strings.TrimRight(line, " "))
}

// words are the words of a text, each with the spaces before it. A unit is one word if it fits in so many columns.
func words(text string, columns int) []string {
	text = unit.ReplaceAllStringFunc(text, func(found string) string {
		begin, end := len(": "), len(strings.TrimRight(found, " "))
		if begin >= end || Width(found[begin:end]) > columns {
			return found
		}
		return found[:begin] + strings.ReplaceAll(found[begin:end], " ", hold) + found[end:]
	})
	out := spaced.FindAllString(text, -1)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], hold, " ")
	}
	return out
}

// named is the beginning of a row: a name, and the spaces up to its text.
var named = regexp.MustCompile(`^ *[^ ]+(?: [^ ]+)* {2,}`)

// ended is where one sentence ends and the next begins: no name has that.
var ended = regexp.MustCompile(`\. [A-Z]`)

// Rows breaks the lines of a text that has rows of a name and a text: what goes on does so below the text, or where names are long, below the name.
func Rows(columns int, text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, row(columns, line)...)
	}
	return strings.Join(out, "\n")
}

func row(columns int, line string) []string {
	if columns <= 0 || Width(line) <= columns {
		return []string{line}
	}
	indent := len(line) - len(strings.TrimLeft(line, " "))
	name := named.FindString(line)
	if ended.MatchString(name) { // two spaces in a sentence set off an edit
		name = ""
	}
	switch column := Width(name); {
	case name != "" && column <= columns/2 && (indent > 0 || column <= flush):
		return Line(columns, name, strings.Repeat(" ", column), line[len(name):])
	case name != "" && column <= columns && indent > 0:
		below := strings.Repeat(" ", indent+4)
		return append([]string{strings.TrimRight(name, " ")}, Line(columns, below, below, line[len(name):])...)
	}
	return Line(columns, line[:indent], strings.Repeat(" ", indent+2), line[indent:])
}

// flush is the widest name of a row that begins a line without spaces; what two spaces set off further right is a part of a sentence.
const flush = 12

// Prose breaks a text of paragraphs: lines that begin without spaces are joined and broken again, others are rows.
func Prose(columns int, text string) string {
	var out []string
	open := false // the last line may go on
	for line := range strings.SplitSeq(text, "\n") {
		prose := line != "" && line[0] != ' '
		if prose && open {
			out[len(out)-1] += " " + line
		} else {
			out = append(out, line)
		}
		open = prose
	}
	for i, line := range out {
		if line != "" && line[0] != ' ' {
			out[i] = strings.Join(Line(columns, "", "", line), "\n")
		} else {
			out[i] = Rows(columns, line)
		}
	}
	return strings.Join(out, "\n")
}
