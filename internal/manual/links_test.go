package manual

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```$|(?:^|\n\n)(?:    [^\n]*\n+)+")
	spans    = regexp.MustCompile("`[^`\n]*`")
	targets  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestLinksLeadSomewhere: every link of every Markdown page leads to a file that is there, and to a heading of it. docs/ is made a site from the same
// pages, whose test looks at the HTML.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := markdown(t)
	anchored := map[string][]string{}
	for name, text := range pages {
		a := NewAnchors()
		for _, h := range headings.FindAllStringSubmatch(fenced.ReplaceAllString(text, "\n\n"), -1) {
			anchored[name] = append(anchored[name], a.Of(plain(inline(h[1], func(string) string { return "" }))))
		}
	}
	links := 0
	for name, text := range pages {
		for _, found := range targets.FindAllStringSubmatch(spans.ReplaceAllString(fenced.ReplaceAllString(text, "\n\n"), "x"), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(found[1], "#")
			to := name
			if file != "" {
				to = filepath.Join(filepath.Dir(name), filepath.FromSlash(file))
			}
			if _, err := os.Stat(filepath.Join("..", "..", to)); err != nil {
				t.Errorf("%s leads to %s, which is not there", name, found[1])
			}
			if anchor != "" && !slices.Contains(anchored[to], anchor) {
				t.Errorf("%s leads to %s: there is no such heading", name, found[1])
			}
		}
	}
	if links < 200 || len(pages) < 35 {
		t.Errorf("only %d links on %d pages were read", links, len(pages))
	}
}

// TestEveryPageIsListed: the README lists the pages for admins; it is also the navigation of the site.
func TestEveryPageIsListed(t *testing.T) {
	pages := markdown(t)
	for name := range pages {
		if dir, file := filepath.Split(name); dir == "docs/" && !strings.Contains(pages["README.md"], "](docs/"+file+")") {
			t.Errorf("README.md does not list %s", name)
		}
	}
}

func TestAnchors(t *testing.T) {
	a := NewAnchors()
	for _, c := range [][2]string{{"Two commands", "two-commands"}, {"The chart's values, and where each is in berth", "the-charts-values-and-where-each-is-in-berth"},
		{"BERTH1102: Unknown key", "berth1102-unknown-key"}, {"k3s and `kind`", "k3s-and-kind"}, {"Two commands", "two-commands-1"}} {
		if got := a.Of(c[0]); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}

// markdown is the text of all pages of the repository, by their names.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join("..", "..", "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(filepath.ToSlash(name), "../../")] = string(text)
	}
	return out
}
