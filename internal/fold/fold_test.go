package fold

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		columns           int
		first, rest, text string
		want              string
	}{
		{20, "- ", "  ", "one two three four five", "- one two three four\n  five"},
		{0, "- ", "  ", "one two three four five", "- one two three four five"},
		{20, "", "  ", "set  ports: {https: 1}  or not", "set\n  ports: {https: 1}\n  or not"},
		{24, "", "  ", "it is stopped; to continue: berth up --yes", "it is stopped; to\n  continue:\n  berth up --yes"},
		{12, "", "", "then: berth upgrade --yes", "then: berth\nupgrade\n--yes"}, // it does not fit in one
		{8, "", "  ", "a https://example.com/ b", "a\n  https://example.com/\n  b"},
		{10, "", "", "\x1b[31mred text\x1b[0m x yz", "\x1b[31mred text\x1b[0m x\nyz"},
		{10, "", "", "", ""},
	} {
		if got := strings.Join(Line(c.columns, c.first, c.rest, c.text), "\n"); got != c.want {
			t.Errorf("%q in %d columns:\n%s", c.text, c.columns, got)
		}
	}
}

func TestRows(t *testing.T) {
	text := `Flags:
  -y, --yes      do not ask whether to do it
      --a-very-long-flag string   what it is good for, at length
next      continue with what was stopped
a sentence that is longer than forty columns`
	want := `Flags:
  -y, --yes      do not ask whether to
                 do it
      --a-very-long-flag string
          what it is good for, at length
next      continue with what was stopped
a sentence that is longer than forty
  columns`
	if got := Rows(40, text); got != want {
		t.Error(got)
	}
	if got := Rows(0, text); got != text {
		t.Error(got)
	}
}

// TestRowsOfSentences: an edit that two spaces set off in a sentence is not the text of a row.
func TestRowsOfSentences(t *testing.T) {
	want := "  Mode: a word. Write  a: b  in the file,\n    and then go on"
	if got := Rows(42, "  Mode: a word. Write  a: b  in the file, and then go on"); got != want {
		t.Error(got)
	}
}

func TestProse(t *testing.T) {
	text := "One sentence.\nAnother one, which is long.\n\n  name  text\n\nThe end."
	want := "One sentence. Another\none, which is long.\n\n  name  text\n\nThe end."
	if got := Prose(22, text); got != want {
		t.Error(got)
	}
}

// TestNothingIsLost: a text that was broken has the same words, and a line is too long only where it is one word or unit.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z;:,]{1,12} {1,2}|: berth ){0,20}[a-z]{0,30}`).Draw(t, "text")
		columns := rapid.IntRange(1, 80).Draw(t, "columns")
		lines := Line(columns, "", "  ", text)
		if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(text); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("%q became %q", want, got)
		}
		for _, line := range lines {
			if Width(line) > columns && strings.Contains(strings.TrimSpace(line), " ") {
				t.Fatalf("%q is longer than %d", line, columns)
			}
		}
	})
}
