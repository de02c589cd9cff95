package manual

import (
	"slices"
	"strings"

	"berth/internal/fold"
)

// Escape sequences of terminals.
const (
	bold   = "\x1b[1m"
	normal = "\x1b[0m"
)

// Text renders a page for a terminal of so many columns, with bold text where it has color. refer says where a link leads; "" leaves only its text.
func Text(page string, columns int, color bool, refer func(target string) string) string {
	var b strings.Builder
	before := block{}
	for i, k := range parse(page, refer) {
		if i > 0 && (k.mark == "" || before.mark == "") {
			b.WriteString("\n")
		}
		switch k.kind {
		case heading:
			text := plain(k.text)
			if k.level <= 2 && !color {
				text = strings.ToUpper(text)
			}
			wrap(&b, "", "", string(boldOn)+text+string(boldOff), columns)
		case paragraph:
			wrap(&b, "  "+k.mark, "  "+strings.Repeat(" ", len(k.mark)), k.text, columns)
		case code:
			for _, line := range k.lines {
				b.WriteString(strings.TrimRight("      "+line, " ") + "\n")
			}
		case table:
			grid(&b, k.rows, columns)
		}
		before = k
	}
	return shown(b.String(), color)
}

// shown is a text with its bold parts as a terminal shows them. Pagers forget at the end of a line what is bold, so each line says it.
func shown(text string, color bool) string {
	if !color {
		return plain(text)
	}
	var b strings.Builder
	on := false
	for _, r := range text {
		switch {
		case r == boldOn || r == codeOn:
			on = true
			b.WriteString(bold)
		case r == boldOff || r == codeOff:
			on = false
			b.WriteString(normal)
		case r == '\n' && on:
			b.WriteString(normal + "\n" + bold)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// width is how many columns a text takes.
func width(text string) int { return fold.Width(text) }

// wrap writes a text in lines that fit, the first one after first, the others after rest.
func wrap(b *strings.Builder, first, rest, text string, columns int) {
	b.WriteString(strings.Join(fold.Line(columns, first, rest, text), "\n") + "\n")
}

// grid writes a table in columns if they fit, else each row below its first cell.
func grid(b *strings.Builder, rows [][]string, columns int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:min(len(row), len(widths))] {
			widths[i] = max(widths[i], width(cell))
		}
	}
	total, longest := 2*len(widths), 30
	for _, w := range widths {
		total += w
	}
	last := len(widths) - 1
	for _, row := range rows {
		for word := range strings.FieldsSeq(row[len(row)-1]) {
			longest = max(longest, width(word))
		}
	}
	// The last column may be narrower than its texts, but not narrower than people read.
	if room := columns - (total - widths[last]); room < min(widths[last], longest) || len(rows[0]) == 1 {
		stacked(b, rows, columns)
		return
	}
	for n, row := range rows {
		line := "  "
		for i, cell := range row[:min(len(row), last)] {
			line += cell + strings.Repeat(" ", widths[i]-width(cell)+2)
		}
		end := ""
		if len(row) > last {
			end = row[last]
		}
		if n == 0 {
			line, end = string(boldOn)+plain(line), plain(end)+string(boldOff)
		}
		wrap(b, line, strings.Repeat(" ", width(line)), end, columns)
	}
}

func stacked(b *strings.Builder, rows [][]string, columns int) {
	for _, row := range rows[1:] {
		wrap(b, "  ", "  ", string(boldOn)+plain(row[0])+string(boldOff), columns)
		for i, cell := range row[1:] {
			if cell == "" || i+1 >= len(rows[0]) {
				continue
			}
			name := plain(rows[0][i+1])
			wrap(b, "    "+name+": ", "      ", cell, columns)
		}
	}
}

// Title is the title of a page.
func Title(page string) string {
	blocks := parse(page, func(string) string { return "" })
	i := slices.IndexFunc(blocks, func(b block) bool { return b.kind == heading })
	if i < 0 {
		return ""
	}
	return plain(blocks[i].text)
}
