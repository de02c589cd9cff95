package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"berth/internal/manual"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// site is all pages, in the order of their names, and the pictures in them.
type site struct {
	pages      []*page
	navigation []part
	pictures   map[string][]byte // the files of docs/pictures, by their names in the site
}

// page is a Markdown file of the source.
type page struct {
	File     string // in the source: docs/install.md
	Title    string
	source   []byte
	tree     ast.Node
	Headings []heading // of the second level
	sections []section
	slides   []slide // where lines "---" divide it
}

// heading leads to a part of a page.
type heading struct{ Text, Anchor string }

// section is what the search finds: the text from one heading to the next.
type section struct {
	Page string `json:"p"` // the title of the page
	Name string `json:"n,omitempty"`
	To   string `json:"u"`
	Text string `json:"t"`
}

// part is a part of the navigation, as the README lists it.
type part struct {
	Title string
	Pages []*page
}

// markdown reads pages as GitHub does. Raw HTML in pages is a line break in a table, or a comment.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(html.WithUnsafe()))

// read reads the pages of a source: those of docs/, and those at the top.
func read(source string) (*site, error) {
	s := &site{pictures: map[string][]byte{}}
	names, err := filepath.Glob(filepath.Join(source, "*.md"))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(filepath.Join(source, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Rel(source, name)
		if err != nil {
			return nil, err
		}
		s.pages = append(s.pages, parse(filepath.ToSlash(file), content))
	}
	slices.SortFunc(s.pages, func(a, b *page) int { return cmp.Compare(a.File, b.File) })
	drawn, err := filepath.Glob(filepath.Join(source, "docs", "pictures", "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range drawn {
		if s.pictures["pictures/"+filepath.Base(name)], err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return s, s.navigate()
}

// parse reads a page.
func parse(file string, content []byte) *page {
	p := &page{File: file, source: content}
	p.tree = markdown.Parser().Parse(text.NewReader(content), parser.WithContext(parser.NewContext(parser.WithIDs(anchors{manual.NewAnchors()}))))
	p.slides = divide(p.tree, content)
	current := section{To: p.To("")}
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok {
			if n.Kind() != ast.KindHTMLBlock {
				current.Text += " " + words(n, content)
			}
			continue
		}
		id, _ := h.AttributeString("id")
		title := words(h, content)
		anchor := string(id.([]byte))
		if h.Level == 1 && p.Title == "" {
			p.Title, current.Page = title, title
			continue
		}
		if h.Level == 2 {
			p.Headings = append(p.Headings, heading{title, anchor})
		}
		p.sections = append(p.sections, current)
		current = section{Page: p.Title, Name: title, To: p.To(anchor)}
	}
	p.sections = append(p.sections, current)
	return p
}

// words is the text of a node and of what is below it, with one space between words.
func words(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // it never fails
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(source))
				if n.SoftLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			if entering {
				for i := range n.Lines().Len() {
					line := n.Lines().At(i)
					b.Write(line.Value(source))
				}
			}
		default:
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// To is where a page is in the site. The README is the first page.
func (p *page) To(anchor string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(p.File, "docs/"), ".md") + ".html"
	if p.File == "README.md" {
		name = "index.html"
	}
	if anchor != "" {
		name += "#" + anchor
	}
	return name
}

var (
	partTitle = regexp.MustCompile(`^\*\*(.+)\*\*$`)
	pageLink  = regexp.MustCompile(`\]\(([^)#]+\.md)\)`)
)

// navigate reads the navigation from the README: its parts begin with a line in bold, and list pages.
func (s *site) navigate() error {
	readme := s.page("README.md")
	if readme == nil {
		return fmt.Errorf("there is no README.md")
	}
	for line := range strings.Lines(string(readme.source)) {
		if m := partTitle.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			s.navigation = append(s.navigation, part{Title: m[1]})
			continue
		}
		last := len(s.navigation) - 1
		for _, m := range pageLink.FindAllStringSubmatch(line, -1) {
			if last < 0 || !strings.HasPrefix(line, "- ") {
				continue
			}
			p := s.page(m[1])
			if p == nil {
				return fmt.Errorf("README.md leads to %s, which does not exist", m[1])
			}
			if !s.listed(p) {
				s.navigation[last].Pages = append(s.navigation[last].Pages, p)
			}
		}
	}
	return nil
}

func (s *site) page(file string) *page {
	for _, p := range s.pages {
		if p.File == file {
			return p
		}
	}
	return nil
}

// listed reports whether a page is in the navigation.
func (s *site) listed(p *page) bool {
	return slices.ContainsFunc(s.navigation, func(part part) bool { return slices.Contains(part.Pages, p) })
}

// link leads from a page to another: relative, so that it works in any folder.
func link(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + to
}

// files are the files of the site.
func (s *site) files() (map[string][]byte, error) {
	shell, err := template.New("page.html").Funcs(template.FuncMap{"link": link, "next": func(i int) int { return i + 1 }}).ParseFS(assets, "page.html", "slides.html")
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	var all []section
	for _, p := range s.pages {
		s.lead(p)
		var body, whole bytes.Buffer
		if err := markdown.Renderer().Render(&body, p.source, p.tree); err != nil {
			return nil, fmt.Errorf("%s: %w", p.File, err)
		}
		top, rest, _ := strings.Cut(framed(body.String()), "</h1>\n") // the table of contents stands below the title
		if err := shell.Execute(&whole, map[string]any{"At": p.To(""), "Page": p, "Parts": s.navigation, "Contents": p.long(), "Top": template.HTML(top), "Body": template.HTML(rest)}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.File, err)
		}
		out[p.To("")] = whole.Bytes()
		if p.slides != nil {
			if out[p.Deck()], err = s.deck(p, shell); err != nil {
				return nil, err
			}
		}
		all = append(all, p.sections...)
	}
	index, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	out["index.js"] = slices.Concat([]byte("window.berthSections = "), index, []byte(";\n"))
	maps.Copy(out, s.pictures)
	for _, name := range []string{"style.css", "search.js", "slides.css", "slides.js"} {
		if out[name], err = assets.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// twoScreens is how many lines of Markdown a reader sees on two screens, about.
const twoScreens = 80

// long reports whether a page needs a table of contents.
func (p *page) long() bool {
	return bytes.Count(p.source, []byte("\n")) > twoScreens && len(p.Headings) > 2
}

// lead makes links of a page lead to pages of the site. Of files that only the source has, the name stays, as code.
func (s *site) lead(p *page) {
	var links []*ast.Link
	_ = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // it never fails
		if l, ok := n.(*ast.Link); ok && entering {
			links = append(links, l)
		}
		return ast.WalkContinue, nil
	})
	for _, l := range links {
		target, anchor, _ := strings.Cut(string(l.Destination), "#")
		if strings.Contains(target, "://") || target == "" {
			continue
		}
		file := path.Join(path.Dir(p.File), target)
		if to := s.page(file); to != nil {
			l.Destination = []byte(link(p.To(""), to.To(anchor)))
			continue
		}
		span := ast.NewString([]byte(`<span class="source" title="in berth's source: ` + template.HTMLEscapeString(file) + `">`))
		span.SetCode(true) // it is HTML already
		end := ast.NewString([]byte("</span>"))
		end.SetCode(true)
		parent := l.Parent()
		parent.InsertBefore(parent, l, span)
		for c := l.FirstChild(); c != nil; {
			next := c.NextSibling()
			parent.InsertBefore(parent, l, c)
			c = next
		}
		parent.ReplaceChild(parent, l, end)
	}
}

// framed lets wide tables and code scroll by themselves, also by keyboard.
func framed(body string) string {
	body = strings.ReplaceAll(body, "<table>", `<div class="wide" tabindex="0"><table>`)
	body = strings.ReplaceAll(body, "</table>", "</table></div>")
	return strings.ReplaceAll(body, "<pre>", `<pre tabindex="0">`)
}

// anchors gives goldmark the anchors of GitHub.
type anchors struct{ *manual.Anchors }

// Generate is the anchor of a heading.
func (a anchors) Generate(value []byte, _ ast.NodeKind) []byte { return []byte(a.Of(string(value))) }

// Put is for anchors that pages give themselves: ours give none.
func (a anchors) Put([]byte) {}
