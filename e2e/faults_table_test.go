//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/internal/doctor"
)

// proof is what a test of faults found, as docs/reliability.md has it. With FAULTS=1 the test writes it there; without, it holds the page to it.
type proof struct {
	head                         string // of the table
	rows                         []string
	injected, found, alone, well int // well: looks at what was healthy, in which nothing was found
}

// ofFaults is the head of a table of faults.
const ofFaults = "| fault | found first | from it follow |\n|---|---|---|\n"

// saw adds the row of a fault whose cause the doctor named first: diagnosed ends the test where it did not.
func (p *proof) saw(r *doctor.Report, row ...string) {
	p.found++
	if !slices.ContainsFunc(causes(r)[1:], func(f *doctor.Finding) bool { return !starting(f) }) {
		p.alone++
	}
	p.rows = append(p.rows, "| "+strings.Join(row, " | ")+" |")
}

// keep writes the table between the marks of a test, or says that the page has another one. all is how many faults there are: a run of some keeps nothing.
func (p *proof) keep(t *testing.T, all int) {
	t.Helper()
	if p.injected < all {
		return
	}
	const page = "../docs/reliability.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- written by: FAULTS=1 make e2e RUN=%s -->\n", t.Name()), fmt.Sprintf("<!-- end of %s -->\n", t.Name())
	before, rest, begins := strings.Cut(string(text), begin)
	is, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table of %s", page, t.Name())
	}
	made := p.head + strings.Join(p.rows, "\n") + "\n\n" +
		fmt.Sprintf("%d faults injected; %d found with their cause first, %d of them with no other cause. In %d looks before, between and after them nothing was found.\n", p.injected, p.found, p.alone, p.well)
	switch {
	case os.Getenv("FAULTS") != "":
		if err := os.WriteFile(page, []byte(before+begin+made+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case is != made:
		t.Errorf("%s has\n%s\nand this run found\n%s\nsee why, then: FAULTS=1 make e2e RUN=%s", page, is, made, t.Name())
	}
}
