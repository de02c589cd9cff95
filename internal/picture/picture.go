// Package picture draws SVG that everybody can read: in the dark, on paper, without colors, and aloud. A shape says by its form what it is. It loads no
// font and nothing else. Pure.
package picture

import (
	_ "embed" // the style sheet
	"fmt"
	"html"
	"strings"
)

// Style is how pictures look: a file of its own has it inside, and a page with pictures in it has it among its style sheets.
//
//go:embed style.css
var Style []byte

// Canvas is a picture that is being drawn. Measures are in pixels.
type Canvas struct {
	width, height int
	title, says   string
	body          strings.Builder
}

// New is an empty picture. says is all of it in words, for who can't see it.
func New(width, height int, title, says string) *Canvas {
	return &Canvas{width: width, height: height, title: title, says: says}
}

// Box draws a rectangle. class is the form that it has; "": a plain line.
func (c *Canvas) Box(class string, x, y, width, height, round int) {
	fmt.Fprintf(&c.body, `<rect%s x="%d" y="%d" width="%d" height="%d" rx="%d"/>`+"\n", classed(class), x, y, width, height, round)
}

// Line draws a path, as SVG writes it.
func (c *Canvas) Line(class, path string) {
	fmt.Fprintf(&c.body, `<path%s d="%s"/>`+"\n", classed(class), path)
}

// Text writes at a place; anchor says whether that is its start, middle or end.
func (c *Canvas) Text(class string, x, y int, anchor, text string) {
	fmt.Fprintf(&c.body, `<text%s x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", classed(class), x, y, anchor, html.EscapeString(text))
}

func classed(class string) string {
	if class == "" {
		return ""
	}
	return ` class="` + class + `"`
}

// Part is the picture as a part of a page, which has the style.
func (c *Canvas) Part() string { return c.svg("") }

// File is the picture as a file.
func (c *Canvas) File() string { return c.svg("<style>\n" + string(Style) + "</style>\n") }

func (c *Canvas) svg(style string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="picture" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title says">
<title id="title">%[3]s</title>
<desc id="says">%[4]s</desc>
%[5]s<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0,0 V6"/></pattern></defs>
%[6]s</svg>
`, c.width, c.height, html.EscapeString(c.title), html.EscapeString(c.says), style, c.body.String())
}
