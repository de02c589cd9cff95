package main

import (
	"fmt"
	"strings"

	drawn "berth/internal/picture"
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

// svg draws a picture.
func (p *picture) svg() string {
	width, height := 0, 0
	at := map[string]box{}
	for _, b := range p.boxes {
		at[b.id] = b
		width, height = max(width, b.x()+boxWidth+margin), max(height, b.y()+boxHeight+margin)
	}
	c := drawn.New(width, height, p.title, p.says)
	for _, a := range p.arrows {
		a.draw(c, at[a.from], at[a.to])
	}
	for _, b := range p.boxes {
		b.draw(c)
	}
	return c.File()
}

func (b box) draw(c *drawn.Canvas) {
	round := 2
	if b.form == yours {
		round = 22
	}
	c.Box(string(b.form), b.x(), b.y(), boxWidth, boxHeight, round)
	if b.form == keeps {
		c.Box("", b.x()+4, b.y()+4, boxWidth-8, boxHeight-8, 2)
	}
	lines := wrapped(b.note)
	y := b.y() + (boxHeight-lineHeight*len(lines))/2 + 4
	c.Text("name", b.x()+boxWidth/2, y, "middle", b.name)
	for i, line := range lines {
		c.Text("", b.x()+boxWidth/2, y+lineHeight*(i+1), "middle", line)
	}
}

// draw is a straight line with a head, and its text beside it.
func (a arrow) draw(c *drawn.Canvas, from, to box) {
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
	c.Line("", fmt.Sprintf("M%d,%d L%d,%d", x1, y1, x2, y2))
	c.Line("head", tip)
	x, y, anchor := (x1+x2)/2, y1-8, "middle"
	if to.row != from.row {
		x, y, anchor = x1+8, (y1+y2)/2+4, "start"
	}
	c.Text("", x, y, anchor, a.text)
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
