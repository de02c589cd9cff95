package cli

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/installation/fake"
)

// played marks a page that this test plays.
const played = "<!-- Played by internal/cli/pages_test.go."

// TestPages plays the pages for people on an engine or a cluster in memory, from top to bottom, each in a folder of its own:
//   - In a block of code that is indented, "$ berth ..." is typed, and the lines below it are the answer. A line "..." stands for some lines, and "..."
//     in a line for some text. A command of whose answer nothing else is shown must succeed. With -update, answers without "..." are written again.
//   - A block of YAML that begins with the target is the config from there on, and must be rendered without a problem.
//   - "<!-- play: block NAME -->": the next block is that file. "file NAME TEXT", "env NAME VALUE", "certificate NAME KEY" and "world CHANGE NAME" do
//     what the page does not show; "new" begins again.
//
// Other variables that a config names are set. TIME, WHEN and NAME stand for what differs.
func TestPages(t *testing.T) {
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, commands := 0, 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), played) {
			continue
		}
		pages++
		t.Run(filepath.Base(name), func(t *testing.T) {
			p := &playing{t: t, lines: strings.Split(string(text), "\n")}
			p.begin()
			p.play()
			commands += p.commands
			got := strings.Join(p.out, "\n")
			if flag.Lookup("update").Value.String() == "true" && !t.Failed() && got != string(text) {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if pages < 7 || commands < 50 {
		t.Errorf("only %d pages with %d commands were played", pages, commands)
	}
}

// playing is a page that is played.
type playing struct {
	t        *testing.T
	lines    []string
	at       int
	out      []string // the page with the answers of today
	commands int
	world    *fake.World
	dir      string
	env      map[string]string
	block    string // the file that the next block is
	config   string // was written, and not rendered yet: the files that it names may stand below it
}

func (p *playing) begin() {
	p.world, p.dir, p.env = fake.New(), p.t.TempDir(), map[string]string{}
}

// next takes the next line over.
func (p *playing) next() string {
	line := p.lines[p.at]
	p.at++
	p.out = append(p.out, line)
	return line
}

func (p *playing) play() {
	for p.at < len(p.lines) {
		line := p.next()
		typed, isTyped := strings.CutPrefix(line, "    $ berth")
		wish, isWish := strings.CutPrefix(line, "<!-- play: ")
		switch {
		case isTyped:
			p.typed(strings.Fields(typed))
		case isWish:
			p.prepare(strings.TrimSuffix(wish, " -->"))
		case strings.HasPrefix(line, "```") && line != "```":
			p.file(line[3:])
		}
	}
	p.render()
}

// typed types a command, and holds its answer against the page.
func (p *playing) typed(args []string) {
	p.render()
	at := p.at
	var shown []string
	for end := p.at; p.at < len(p.lines); p.at++ {
		line, isCode := strings.CutPrefix(p.lines[p.at], "    ")
		if isCode && strings.HasPrefix(line, "$ ") || !isCode && line != "" {
			p.at = end
			break
		}
		if isCode {
			shown = append(shown, slices.Repeat([]string{""}, p.at-end)...) // empty lines within the answer
			shown, end = append(shown, line), p.at+1
		}
	}
	p.commands++
	text, _, code := onWorld(p.world, 0, environment{dir: p.dir, getenv: func(name string) string { return p.env[name] }}, args)
	answer := strings.Split(strings.TrimRight(steady(strings.ReplaceAll(text, p.dir, "DIR")), "\n"), "\n")
	all := strings.Join(shown, "")
	switch {
	case (all == "" || all == "...") && code != ExitOK && code != ExitChanges:
		p.t.Errorf("line %d: berth %s ends with %d:\n%s", at, strings.Join(args, " "), code, text)
	case strings.Contains(all, "..."):
		if !agrees(shown, answer) {
			p.t.Errorf("line %d: berth %s says otherwise:\n%s", at, strings.Join(args, " "), text)
		}
	case len(shown) > 0 && !slices.Equal(shown, answer):
		if shown = answer; flag.Lookup("update").Value.String() != "true" {
			p.t.Errorf("line %d: berth %s says otherwise; read it, then run: make golden\n%s", at, strings.Join(args, " "), text)
		}
	}
	for _, line := range shown {
		p.out = append(p.out, strings.TrimRight("    "+line, " "))
	}
}

// agrees reports whether an answer has all the lines that are shown of it, in their order. Between "..." they follow each other.
func agrees(shown, answer []string) bool {
	var pattern strings.Builder
	for _, line := range shown {
		if line == "..." {
			pattern.WriteString(`(?:.*\n)*`)
		} else {
			pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, ".*") + `\n`)
		}
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(strings.Join(answer, "\n") + "\n")
}

var variable = regexp.MustCompile(`\{env: ([A-Z0-9_]+)\}`)

// file writes a block of code that is a file.
func (p *playing) file(language string) {
	text := ""
	for line := p.next(); line != "```"; line = p.next() {
		text += line + "\n"
	}
	if p.block != "" {
		p.write(p.block, text)
		p.block = ""
		return
	}
	if language != "yaml" || !strings.HasPrefix(text, "target:") {
		return
	}
	p.render()
	p.write(DefaultConfig, text)
	p.config = text
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		p.env[m[1]] = cmp.Or(p.env[m[1]], "value-of-"+m[1])
	}
}

// render renders the config that was written last.
func (p *playing) render() {
	if p.config == "" {
		return
	}
	if said, code := said(p.t, p.dir, p.env, "render", "--out", filepath.Join(p.t.TempDir(), "out")); code != ExitOK || strings.Contains(said, "BERTH") {
		p.t.Errorf("line %d: exit code %d\n%s\n%s", p.at, code, said, p.config)
	}
	p.config = ""
}

// prepare does what the page does not show.
func (p *playing) prepare(wish string) {
	what, rest, _ := strings.Cut(wish, " ")
	name, more, _ := strings.Cut(rest, " ")
	switch change := changes[name]; {
	case what == "new":
		p.begin()
	case what == "block":
		p.block = name
	case what == "env":
		p.env[name] = more
	case what == "file":
		p.write(name, more+"\n")
	case what == "certificate":
		certificate, key := certificate()
		p.write(name, certificate)
		p.write(more, key)
	case what == "world" && change != nil:
		change(p.world, more)
	default:
		p.t.Errorf("line %d: nobody knows %q", p.at, wish)
	}
}

func (p *playing) write(name, text string) {
	path := filepath.Join(p.dir, name)
	if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

func TestAnswersAgree(t *testing.T) {
	answer := []string{"one", "two", "three"}
	for shown, want := range map[string]bool{"...": true, "one ...": true, "... two three": true, "one ... three": true,
		"one three ...": false, "... three two": false, "... four": false, "two ...": false} {
		if got := agrees(strings.Fields(shown), answer); got != want {
			t.Errorf("%s: %v, want %v", shown, got, want)
		}
	}
}
