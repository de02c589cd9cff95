package main

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// slide is what stands between two lines "---" of a page.
type slide struct {
	Of    string // the heading of the second level above it, where it does not begin with one itself
	nodes []ast.Node
	Body  template.HTML
}

// divide takes the lines "---" out of a page's tree, and gives what stands between them. A page without such a line has no slides.
func divide(tree ast.Node, source []byte) []slide {
	slides, above := []slide{{}}, ""
	var lines []ast.Node
	for n := tree.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() == ast.KindThematicBreak {
			lines, slides = append(lines, n), append(slides, slide{Of: above})
			continue
		}
		last := &slides[len(slides)-1]
		if h, ok := n.(*ast.Heading); ok && h.Level == 2 {
			if above = words(h, source); len(last.nodes) == 0 {
				last.Of = ""
			}
		}
		if n.Kind() != ast.KindHTMLBlock { // a comment
			last.nodes = append(last.nodes, n)
		}
	}
	for _, n := range lines {
		tree.RemoveChild(tree, n)
	}
	if len(lines) == 0 {
		return nil
	}
	return slides
}

// Deck is where a page's slides are in the site; "" where it has none.
func (p *page) Deck() string {
	if p.slides == nil {
		return ""
	}
	return strings.TrimSuffix(p.To(""), ".html") + "-slides.html"
}

// deck is the page's slides as one file: below each other on paper and without JavaScript, one at a time with it.
func (s *site) deck(p *page, shell *template.Template) ([]byte, error) {
	for i := range p.slides {
		var body bytes.Buffer
		for _, n := range p.slides[i].nodes {
			if err := markdown.Renderer().Render(&body, p.source, n); err != nil {
				return nil, fmt.Errorf("%s: slide %d: %w", p.File, i+1, err)
			}
		}
		p.slides[i].Body = template.HTML(framed(body.String()))
	}
	var whole bytes.Buffer
	if err := shell.ExecuteTemplate(&whole, "slides.html", map[string]any{"At": p.Deck(), "Page": p, "Slides": p.slides}); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Deck(), err)
	}
	return whole.Bytes(), nil
}
