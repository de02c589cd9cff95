package main

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the pictures again")

// TestPictures: the pictures in docs/pictures are those of the data, and the page has each with its text alternative.
func TestPictures(t *testing.T) {
	page, err := os.ReadFile("../docs/pictures.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(pictures) != 5 {
		t.Errorf("%d pictures", len(pictures))
	}
	for _, p := range pictures {
		want := p.svg()
		path := filepath.Join("..", "docs", "pictures", p.name+".svg")
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is stale (%v); run: cd site && go test -run TestPictures -update", path, err)
		}
		if !strings.Contains(string(page), "\n!["+p.title+"](pictures/"+p.name+".svg)\n") || !strings.Contains(string(page), p.says) {
			t.Errorf("docs/pictures.md does not show %s, or does not say in words: %s", p.name, p.says)
		}
		p.holds(t, want)
	}
}

// holds reports a picture that is no XML, whose texts leave their boxes, or whose arrows lead nowhere or through boxes.
func (p *picture) holds(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	at := map[string]box{}
	taken := map[[2]int]string{}
	for _, b := range p.boxes {
		if other := taken[[2]int{b.col, b.row}]; other != "" {
			t.Errorf("%s: %s and %s are in one place", p.name, other, b.id)
		}
		at[b.id], taken[[2]int{b.col, b.row}] = b, b.id
		if lines := wrapped(b.note); len(lines) > 3 || len(b.name) > 21 {
			t.Errorf("%s: %s has %d lines, and a name of %d letters", p.name, b.id, len(lines), len(b.name))
		}
	}
	for _, a := range p.arrows {
		from, to := at[a.from], at[a.to]
		if from.id == "" || to.id == "" || abs(from.col-to.col)+abs(from.row-to.row) != 1 {
			t.Errorf("%s: the arrow from %s to %s is not between neighbors", p.name, a.from, a.to)
		}
	}
}

func abs(n int) int { return max(n, -n) }
