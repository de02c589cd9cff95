package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	codeColumn   = 79  // where codes stand, when the summary leaves room
	excerptWidth = 110 // a longer line is shown only around the place
)

// Colours repeat what the words say: red errors, yellow warnings, dim codes and margins.
const (
	red, yellow, dim, plain = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
)

// WriteText writes problems for people: place and summary with the code at the right, the line with the place marked, the reason, the hint.
func (l List) WriteText(w io.Writer, color bool) {
	paint := func(c, s string) string {
		if !color || s == "" {
			return s
		}
		return c + s + plain
	}
	for _, d := range l {
		d = d.Shown()
		c := red
		if d.Severity == Warning {
			c = yellow
		}
		where, what := d.where(), d.Summary
		if d.Severity == Warning {
			what = "warning: " + what
		}
		gap := max(codeColumn-utf8.RuneCountInString(where+what), 2)
		fmt.Fprintf(w, "%s%s%s%s\n", where, paint(c, what), strings.Repeat(" ", gap), paint(dim, d.Code))
		hint := d.Hint
		if d.Range.Excerpt != "" {
			line, marks := d.Range.mark()
			number := fmt.Sprint(d.Range.Line)
			margin := strings.Repeat(" ", len(number))
			fmt.Fprintf(w, "  %s %s\n", paint(dim, number+" |"), line)
			fmt.Fprintf(w, "  %s %s", paint(dim, margin+" |"), paint(c, marks))
			if hint != "" && !strings.Contains(hint, "\n") {
				fmt.Fprintf(w, " %s", hint)
				hint = ""
			}
			fmt.Fprintln(w)
		}
		for _, line := range d.Detail {
			fmt.Fprintf(w, "  %s %s\n", paint(dim, "|"), line)
		}
		if hint != "" {
			fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(hint, "\n", "\n  "))
		}
	}
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

// mark returns the line and the carets below it. Tabs stay tabs in both, so that they line up.
func (r Range) mark() (line, marks string) {
	text := []rune(strings.ToValidUTF8(r.Excerpt, "\uFFFD"))
	from := min(max(r.Column-1, 0), len(text))
	if start := from - excerptWidth/2; len(text) > excerptWidth && start > 0 {
		text = append([]rune("…"), text[start:]...)
		from = from - start + 1
	}
	if len(text) > excerptWidth {
		text = append(text[:excerptWidth:excerptWidth], '…')
	}
	var lead strings.Builder
	for i, c := range text {
		if c != '\t' && c < ' ' || c == 0x7f {
			text[i] = '\uFFFD' // a control character would change the terminal
		}
		if i < from {
			lead.WriteRune(map[bool]rune{true: '\t', false: ' '}[c == '\t'])
		}
	}
	return string(text), lead.String() + strings.Repeat("^", max(min(r.Length, len(text)-from), 1))
}
