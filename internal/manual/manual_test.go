package manual

import (
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/docs"
)

const example = `# A title

<!-- generated
by a test -->

A paragraph with **bold text**, ` + "`code`" + ` and [a page](page.md), over
two lines.

- an item that is long enough to need a second line in a narrow terminal
- another one
  that goes on

    code  stays
      as it is

    also after an empty line

| key | meaning |
|---|---|
| a | short |
| b | [elsewhere](other.md) |

## Next

| name | what it is | why |
|---|---|---|
| first | a text that is much too long for a column | a reason that is long, too |
| second | | x |
`

func refer(target string) string {
	if target == "page.md" {
		return "help page"
	}
	return ""
}

func TestText(t *testing.T) {
	want := `A TITLE

  A paragraph with bold text, code and a page (help
  page), over two lines.

  - an item that is long enough to need a second line
    in a narrow terminal
  - another one that goes on

      code  stays
        as it is

      also after an empty line

  key  meaning
  a    short
  b    elsewhere

NEXT

  first
    what it is: a text that is much too long for a
      column
    why: a reason that is long, too
  second
    why: x
`
	if got := Text(example, 55, false, refer); got != want {
		t.Errorf("%s", got)
	}
	if got := Text("# A\n\n**b c**", 3, true, refer); got != "\x1b[1mA\x1b[0m\n\n  \x1b[1mb\x1b[0m\n\x1b[1m  c\x1b[0m\n" {
		t.Errorf("%q", got)
	}
	if got := Title(example); got != "A title" {
		t.Error(got)
	}
}

func TestRoff(t *testing.T) {
	want := `.TH "BERTH-X" "7" "" "berth 1" "berth"
.ad l
.SH NAME
berth\-x \- A title
.SH DESCRIPTION
.PP
\fBa\eb\fR
.IP "\-" 4
item
.PP
.in +4
.nf
\&.hidden
.fi
.in
`
	if got := Roff("berth-x", "1", "# A title\n\n`a\\b`\n\n- item\n\n```\n.hidden\n```\n", refer); got != want {
		t.Errorf("%s", got)
	}
}

var (
	marks   = regexp.MustCompile("(?s:<!--.*?-->)|```[a-z]*|`|\\*|\\]\\([^)]*\\)|\\[|\\||\\\\|(?m:^#+ )")
	letters = regexp.MustCompile(`[\pL\pN]+`)
)

// TestNothingIsLost: every word of every page is shown, and no prose is wider than the terminal.
func TestNothingIsLost(t *testing.T) {
	names, err := fs.Glob(docs.Pages, "*.md")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		page, err := docs.Pages.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wanted, named := counted(marks.ReplaceAllString(string(page), " ")), counted(columnNames(string(page)))
		for _, columns := range []int{60, 80, 100} {
			text := Text(string(page), columns, false, func(string) string { return "" })
			shown := counted(text)
			for word, n := range wanted {
				if shown[word] < n-named[word] {
					t.Errorf("%s at %d columns: %q is there %d times, and shown %d times", name, columns, word, n, shown[word])
				}
			}
			for line := range strings.Lines(text) {
				if len([]rune(line)) > columns+1 && !strings.HasPrefix(line, "      ") && slices.Max(lengths(line)) < columns/2 {
					t.Errorf("%s at %d columns: %q", name, columns, line)
				}
			}
		}
	}
}

// columnNames are the first rows of tables: that of the first column is not shown where each row has its own lines.
func columnNames(page string) (names string) {
	lines := strings.Split(page, "\n")
	for i := 1; i < len(lines); i++ {
		if rule.MatchString(strings.TrimSpace(lines[i])) {
			names += " " + lines[i-1]
		}
	}
	return names
}

func counted(text string) map[string]int {
	out := map[string]int{}
	for _, word := range letters.FindAllString(strings.ToLower(text), -1) {
		out[word]++
	}
	return out
}

func lengths(line string) (out []int) {
	for _, word := range strings.Fields(line) {
		out = append(out, len(word))
	}
	return append(out, 0)
}

// TestManReadsIt: man itself finds no fault with a page.
func TestManReadsIt(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("there is no man on this machine")
	}
	entry := Entry{Name: "berth-x", Short: "Do it", Use: "berth x [flags]", Long: "Does it:\n\n  1  'so'\n  2  .else\n\nA line.", Flags: [][2]string{{"-y, --yes", "do not ask"}},
		Commands: [][2]string{{"berth-x-y(1)", "Y"}}, See: []string{"berth(1)"}}
	for name, text := range map[string]string{"page": Roff("berth-x", "1", example, refer), "command": entry.Roff("1")} {
		faults(t, name, text)
	}
	pages, err := fs.Glob(docs.Pages, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		page, err := docs.Pages.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		faults(t, name, Roff("berth-x", "1", string(page), refer))
	}
}

func faults(t *testing.T, name, text string) {
	t.Helper()
	cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-")
	cmd.Stdin = strings.NewReader(text)
	cmd.Env = append(cmd.Environ(), "MANWIDTH=100", "LC_ALL=C.UTF-8")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if shown, err := cmd.Output(); err != nil || complaints.Len() > 0 || !strings.Contains(string(shown), "NAME") {
		t.Errorf("%s: %v\n%s", name, err, complaints.String())
	}
}
