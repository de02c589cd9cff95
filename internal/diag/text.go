package diag

import (
	"fmt"
	"io"
	"strings"

	"berth/internal/fold"
)

const (
	codeColumn   = 79  // where codes stand, when the summary leaves room
	codeWidth    = 9   // of a code
	excerptWidth = 110 // a longer line is shown only around the place
	tab          = "    "
)

// Colours repeat what the words say: red errors, yellow warnings, dim codes and margins.
const (
	red, yellow, dim, plain = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
)

// Paper is what problems are written on. The zero Paper is a file or a log, where lines are as long as their texts.
type Paper struct {
	Columns int  // of a terminal: lines are broken to fit it
	Color   bool // is shown
}

func (p Paper) paint(c, s string) string {
	if !p.Color || s == "" {
		return s
	}
	return c + s + plain
}

// WriteText writes problems for people: place and summary with the code at the right, the line with the place marked, the reason, the hint.
func (l List) WriteText(w io.Writer, on Paper) {
	for _, d := range l {
		d = d.Shown()
		c := red
		if d.Severity == Warning {
			c = yellow
		}
		d.head(w, on, c)
		hint := d.Hint
		if d.Range.Excerpt != "" {
			hint = d.excerpt(w, on, c)
		}
		for _, detail := range d.Detail {
			for _, line := range fold.Line(max(on.Columns-4, 0), "", "  ", detail) {
				fmt.Fprintf(w, "  %s %s\n", on.paint(dim, "|"), line)
			}
		}
		if hint == "" {
			continue
		}
		for text := range strings.SplitSeq(hint, "\n") {
			for _, line := range fold.Line(on.Columns, "  ", "    ", text) {
				fmt.Fprintln(w, line)
			}
		}
	}
}

// head writes place, summary and code. A code that does not fit beside the summary stands below it.
func (d Diagnostic) head(w io.Writer, on Paper, c string) {
	where, what, column := d.where(), d.Summary, codeColumn
	if d.Severity == Warning {
		what = "warning: " + what
	}
	lines := fold.Line(on.Columns, "", "  ", where+what)
	if on.Columns > 0 {
		column = min(codeColumn, on.Columns-codeWidth)
		if fold.Width(lines[len(lines)-1])+2 > column {
			lines = append(lines, "")
		}
	}
	for i, line := range lines {
		place := ""
		if rest, ok := strings.CutPrefix(line, where); ok && i == 0 {
			place, line = where, rest
		}
		if fmt.Fprint(w, place, on.paint(c, line)); i == len(lines)-1 {
			fmt.Fprint(w, strings.Repeat(" ", max(column-fold.Width(place+line), 2)), on.paint(dim, d.Code))
		}
		fmt.Fprintln(w)
	}
}

// excerpt writes the line with the place marked, and the hint beside the mark. It returns a hint that has no room there.
func (d Diagnostic) excerpt(w io.Writer, on Paper, c string) (hint string) {
	number := fmt.Sprint(d.Range.Line)
	margin := strings.Repeat(" ", len(number))
	before := len("   | " + number)
	most := excerptWidth
	if on.Columns > 0 {
		most = min(most, on.Columns-before-1)
	}
	line, marks := d.Range.mark(most)
	fmt.Fprintf(w, "  %s %s\n  %s %s", on.paint(dim, number+" |"), line, on.paint(dim, margin+" |"), on.paint(c, marks))
	if on.Columns > 0 && before+fold.Width(marks+" "+d.Hint) > on.Columns || strings.Contains(d.Hint, "\n") {
		hint = d.Hint
	} else if d.Hint != "" {
		fmt.Fprint(w, " ", d.Hint)
	}
	fmt.Fprintln(w)
	return hint
}

// where is the beginning of a message: a place in a file, or an object.
func (d Diagnostic) where() string {
	switch {
	case d.Range.File != "" && d.Range.Line > 0:
		return fmt.Sprintf("%s:%d:%d: ", d.Range.File, d.Range.Line, d.Range.Column)
	case d.Range.File != "":
		return d.Range.File + ": "
	case d.Subject != "":
		return d.Subject + ": "
	}
	return ""
}

// mark returns the line and the carets below it, of at most so many characters and one that says that something is left out.
func (r Range) mark(most int) (line, marks string) {
	var text []rune
	var from, to int
	for i, c := range []rune(strings.ToValidUTF8(r.Excerpt, "\uFFFD")) {
		switch {
		case c == '\t':
			text = append(text, []rune(tab)...)
		case c < ' ' || c == 0x7f:
			text = append(text, '\uFFFD') // a control character would change the terminal
		default:
			text = append(text, c)
		}
		if i < r.Column-1 {
			from = len(text)
		}
		if i < r.Column-1+r.Length {
			to = len(text)
		}
	}
	if start := from - most/2; len(text) > most && start > 0 {
		text = append([]rune("…"), text[start:]...)
		from, to = from-start+1, to-start+1
	}
	if len(text) > most {
		text = append(text[:most:most], '…')
	}
	return string(text), strings.Repeat(" ", from) + strings.Repeat("^", max(min(to, len(text))-from, 1))
}
