package main

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	hrefs   = regexp.MustCompile(`<a [^>]*href="([^"]*)"`)
	ids     = regexp.MustCompile(` id="([^"]*)"`)
	loaded  = regexp.MustCompile(`(?:src|<link[^>]* href)="([^"]*)"`)
	inTags  = regexp.MustCompile(`<[^>]*>`)
	another = regexp.MustCompile(`https?:|//[a-z]|@import|url\(`)
)

// made is the site of this source.
func made(t *testing.T) (*site, map[string][]byte) {
	t.Helper()
	s, err := read("..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.pages) < 35 {
		t.Fatalf("only %d pages", len(s.pages))
	}
	return s, files
}

// TestLinks: every link of the site leads to a page of it and to an element there, or out of it; nothing is loaded from elsewhere.
func TestLinks(t *testing.T) {
	_, files := made(t)
	var all []string
	for at := range files {
		if strings.HasSuffix(at, ".html") {
			all = append(all, at)
		}
	}
	anchors := map[string]bool{}
	for _, at := range all {
		for _, id := range ids.FindAllSubmatch(files[at], -1) {
			to := at + "#" + string(id[1])
			if anchors[to] {
				t.Errorf("%s has two elements %s", at, id[1])
			}
			anchors[to] = true
		}
	}
	links := 0
	for _, at := range all {
		for _, found := range hrefs.FindAllSubmatch(files[at], -1) {
			to := string(found[1])
			if strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "http://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(to, "#")
			if file = path.Join(path.Dir(at), file); to[0] == '#' {
				file = at
			}
			if files[file] == nil {
				t.Errorf("%s leads to %s, which is not there", at, to)
			}
			if anchor != "" && !anchors[file+"#"+anchor] {
				t.Errorf("%s leads to %s: there is no such element", at, to)
			}
		}
		for _, found := range loaded.FindAllSubmatch(files[at], -1) {
			if files[path.Join(path.Dir(at), string(found[1]))] == nil {
				t.Errorf("%s loads %s, which is not in the site", at, found[1])
			}
		}
	}
	if links < 1500 {
		t.Errorf("only %d links were read", links)
	}
	for _, name := range []string{"style.css", "search.js", "slides.css", "slides.js"} {
		if found := another.Find(files[name]); found != nil {
			t.Errorf("%s names something elsewhere: %s", name, found)
		}
	}
}

// TestIndex: the search has the text of each page, leads to elements that are there, and the pages of the navigation are all that admins read.
func TestIndex(t *testing.T) {
	s, files := made(t)
	var sections []section
	text := strings.TrimSuffix(strings.TrimPrefix(string(files["index.js"]), "window.berthSections = "), ";\n")
	if err := json.Unmarshal([]byte(text), &sections); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, found := range sections {
		file, anchor, _ := strings.Cut(found.To, "#")
		if anchor != "" && !strings.Contains(string(files[file]), ` id="`+anchor+`"`) {
			t.Errorf("the search leads to %s: there is no such element", found.To)
		}
		all[file] += found.Name + " " + found.Text + " "
	}
	for _, p := range s.pages {
		if strings.HasPrefix(p.File, "docs/") && strings.Count(p.File, "/") == 1 && !s.listed(p) {
			t.Errorf("the navigation does not have %s", p.File)
		}
		_, body, _ := strings.Cut(string(files[p.To("")]), `<main id="content">`)
		body, _, _ = strings.Cut(body, "</main>")
		shown, found := len(strings.Fields(inTags.ReplaceAllString(body, " "))), len(strings.Fields(all[p.To("")]))
		if found < shown*7/10 {
			t.Errorf("%s has %d words, and the search %d of them", p.File, shown, found)
		}
	}
	for _, want := range []string{"BERTH1102", "passwordOf", "point of no return"} {
		if !strings.Contains(text, want) {
			t.Errorf("the search does not have %q", want)
		}
	}
}

// TestWithoutSource: a file that only the source has is named, and no link.
func TestWithoutSource(t *testing.T) {
	s := &site{pages: []*page{parse("docs/a.md", []byte("# A\n\nSee [the *list*](../catalogue/x.yaml), [b](b.md#more) and [c](https://example.com).\n")), parse("docs/b.md", []byte("# B\n\n## More\n\n## More\n")),
		parse("README.md", []byte("# R\n\n**Begin**\n\n- [a](docs/a.md), [b](docs/b.md)\n"))}}
	if err := s.navigate(); err != nil {
		t.Fatal(err)
	}
	files, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"a.html":     {`See <span class="source" title="in berth's source: catalogue/x.yaml">the <em>list</em></span>, <a href="b.html#more">b</a> and <a href="https://example.com">c</a>.`, `aria-current="page">A</a>`},
		"b.html":     {`<h2 id="more">`, `<h2 id="more-1">`},
		"index.html": {`<h2>Begin</h2>`, `<a href="a.html">A</a>`},
	} {
		for _, want := range wants {
			if !strings.Contains(string(files[name]), want) {
				t.Errorf("%s does not have %s:\n%s", name, want, files[name])
			}
		}
	}
	s.pages[0] = parse("docs/a.md", []byte("# A\n"))
	s.pages[2].source = []byte("**Begin**\n\n- [x](docs/x.md)\n")
	if err := s.navigate(); err == nil {
		t.Error("a link of the README that leads nowhere is no error")
	}
}

// TestSlides: lines "---" of a page stand between slides, which say below which heading they are; the page itself shows no line and leads to them.
func TestSlides(t *testing.T) {
	s := &site{pages: []*page{parse("docs/a.md", []byte("# A\n\nOne.\n\n---\n\n## B\n\nTwo, [c](c.md).\n\n---\n\n<!-- play: new -->\n\n    $ three\n")), parse("docs/c.md", []byte("# C\n"))}}
	files, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	deck, page := string(files["a-slides.html"]), string(files["a.html"])
	for _, want := range []string{`<section id="slide-1" tabindex="-1" aria-label="Slide 1 of 3">` + "\n<h1 id=\"a\">A</h1>", `aria-label="Slide 2 of 3">` + "\n<h2 id=\"b\">B</h2>\n<p>Two, <a href=\"c.html\">c</a>",
		`aria-label="Slide 3 of 3">` + "\n<p class=\"of\">B</p>\n<pre tabindex=\"0\"><code>$ three"} {
		if !strings.Contains(deck, want) {
			t.Errorf("the slides do not have %s:\n%s", want, deck)
		}
	}
	if strings.Contains(page, "<hr") || !strings.Contains(page, `<a href="a-slides.html">`) || files["c-slides.html"] != nil {
		t.Errorf("a page without slides has some, or this shows a line, or no link to its slides:\n%s", page)
	}
}
