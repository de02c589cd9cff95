package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// measured is a row of the table of docs/hq.md, which make hq-scale writes.
type measured struct{ what, result, goal string }

func (r measured) line() string { return fmt.Sprintf("| %s | %s | %s |", r.what, r.result, r.goal) }

// The table is between these lines of the page.
const (
	scalePage  = "../../docs/hq.md"
	scaleBegin = "<!-- measured: written by make hq-scale -->\n\n| what | measured | goal |\n|---|---|---|\n"
	scaleEnd   = "\n<!-- End of what was measured. -->"
)

// withRows is a page with rows in its table: in place of those that have the same name, and behind the others.
func withRows(page string, rows []measured) (string, error) {
	before, rest, begins := strings.Cut(page, scaleBegin)
	table, after, ends := strings.Cut(rest, scaleEnd)
	if !begins || !ends {
		return "", fmt.Errorf("%s has no table between its two lines", scalePage)
	}
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	for _, r := range rows {
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "| "+r.what+" |") })
		if at < 0 {
			lines = append(lines, r.line())
			continue
		}
		lines[at] = r.line()
	}
	return before + scaleBegin + strings.Join(lines, "\n") + "\n" + scaleEnd + after, nil
}

// TestTableOfScale: the page has the table, and new numbers change nothing else of it.
func TestTableOfScale(t *testing.T) {
	text, err := os.ReadFile(scalePage)
	if err != nil {
		t.Fatal(err)
	}
	machine, more := measured{"machine", "tomorrow", ""}, measured{"a new row", "1", "2"}
	page, err := withRows(string(text), []measured{machine, more})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(page, "\n") != strings.Count(string(text), "\n")+1 || strings.Count(page, "| machine |") != 1 {
		t.Errorf("the page became\n%s", page)
	}
	contains(t, page, "\n"+machine.line()+"\n", "\n"+more.line()+"\n"+scaleEnd)
	again, err := withRows(page, []measured{machine, more})
	if err != nil || again != page {
		t.Errorf("the same numbers once more change the page: %v", err)
	}
	if _, err := withRows("no table", nil); err == nil {
		t.Error("a page without the table was written")
	}
}
