package main

import (
	"fmt"
	"html"
	"strings"
)

// picture is one of docs/pictures.md: boxes on a grid, and arrows between them.
type picture struct {
	name   string
	title  string
	says   string // the same in words, for who can't see it: the text alternative
	boxes  []box
	arrows []arrow
}

// box stands in a column and a row. Its form says what it is, since not everybody sees colors, and paper has none.
type box struct {
	id       string
	col, row int
	form     form
	name     string
	note     string
}

type form string

const (
	does  form = "does"  // a program, or something that it does: a plain line
	keeps form = "keeps" // data that stays: a double line
	yours form = "yours" // what people write or are: round corners
	stop  form = "stop"  // what stops or waits: a broken line
)

// arrow leads from a box to another one, in the same row or the same column.
type arrow struct{ from, to, text string }

// The measures of a picture, in pixels.
const (
	boxWidth, boxHeight = 186, 84
	gapX, gapY          = 84, 58
	margin              = 16
	lineHeight          = 17
	perLine             = 22 // letters of a note
)

func (b box) x() int { return margin + b.col*(boxWidth+gapX) }
func (b box) y() int { return margin + b.row*(boxHeight+gapY) }

// svg draws a picture. It takes the colors of the reader's system, light or dark, and needs no font of its own.
func (p *picture) svg() string {
	width, height := 0, 0
	at := map[string]box{}
	for _, b := range p.boxes {
		at[b.id] = b
		width, height = max(width, b.x()+boxWidth+margin), max(height, b.y()+boxHeight+margin)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title says">
<title id="title">%[3]s</title>
<desc id="says">%[4]s</desc>
<style>
svg { --ink: #1b1f24; --paper: #fff; background: var(--paper); font: 14px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8eb; --paper: #15181c } }
rect, path { stroke: var(--ink); stroke-width: 1.5; fill: var(--paper) }
text { fill: var(--ink) }
.name { font-weight: 700 }
.stop { stroke-dasharray: 7 4 }
.head { fill: var(--ink) }
</style>
`, width, height, html.EscapeString(p.title), html.EscapeString(p.says))
	for _, a := range p.arrows {
		a.draw(&out, at[a.from], at[a.to])
	}
	for _, b := range p.boxes {
		b.draw(&out)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (b box) draw(out *strings.Builder) {
	round := 2
	if b.form == yours {
		round = 22
	}
	fmt.Fprintf(out, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`+"\n", b.form, b.x(), b.y(), boxWidth, boxHeight, round)
	if b.form == keeps {
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="%d" rx="2"/>`+"\n", b.x()+4, b.y()+4, boxWidth-8, boxHeight-8)
	}
	lines := wrapped(b.note)
	y := b.y() + (boxHeight-lineHeight*len(lines))/2 + 4
	fmt.Fprintf(out, `<text class="name" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", b.x()+boxWidth/2, y, html.EscapeString(b.name))
	for i, line := range lines {
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", b.x()+boxWidth/2, y+lineHeight*(i+1), html.EscapeString(line))
	}
}

// draw is a straight line with a head, and its text beside it.
func (a arrow) draw(out *strings.Builder, from, to box) {
	const head = 7
	x1, y1, x2, y2 := from.x()+boxWidth/2, from.y()+boxHeight/2, to.x()+boxWidth/2, to.y()+boxHeight/2
	tip := ""
	switch {
	case to.row == from.row && to.col > from.col:
		x1, x2 = from.x()+boxWidth, to.x()
		tip = fmt.Sprintf("M%d,%d l%d,%d v%d z", x2, y2, -head, -head/2-1, head+2)
	case to.row == from.row:
		x1, x2 = from.x(), to.x()+boxWidth
		tip = fmt.Sprintf("M%d,%d l%d,%d v%d z", x2, y2, head, -head/2-1, head+2)
	case to.row > from.row:
		y1, y2 = from.y()+boxHeight, to.y()
		tip = fmt.Sprintf("M%d,%d l%d,%d h%d z", x2, y2, -head/2-1, -head, head+2)
	default:
		y1, y2 = from.y(), to.y()+boxHeight
		tip = fmt.Sprintf("M%d,%d l%d,%d h%d z", x2, y2, -head/2-1, head, head+2)
	}
	fmt.Fprintf(out, `<path d="M%d,%d L%d,%d"/><path class="head" d="%s"/>`+"\n", x1, y1, x2, y2, tip)
	x, y, anchor := (x1+x2)/2, y1-8, "middle"
	if to.row != from.row {
		x, y, anchor = x1+8, (y1+y2)/2+4, "start"
	}
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(a.text))
}

// wrapped is a note in lines.
func wrapped(note string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(note) {
		if line != "" && len(line)+1+len(word) > perLine {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
