package cli

import (
	"cmp"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/installation/fake"
)

// TestPages plays all pages for people on an engine or a cluster in memory, from top to bottom, each in a folder of its own:
//   - In a block of code, a line "$ berth ..." is typed, and the lines below it are the answer. A line "..." stands for some lines, and "..."
//     in a line for some text. With -update, answers without "..." are written again.
//   - A line "berth ..." is typed, too, up to a comment, and sh does "echo". It must succeed, as must a command of whose answer nothing is shown.
//   - A block of YAML that begins with the target and has a url is the config from there on, and must be rendered without a problem.
//   - Commands that this test can't type stand in a block of their own with a mark above it: "<!-- play: by TEST -->" names the test that does,
//     "<!-- play: not REASON -->" says why none does.
//     A command without a mark is an error, and so is a mark without a command, or with a test that has not what the command says.
//   - "<!-- play: block NAME -->": the next block is that file. "file NAME TEXT", "env NAME VALUE", "certificate NAME KEY", "type berth ..." and
//     "world CHANGE NAME" do what the page does not show; "with ARGUMENT ..." are more arguments of the next block's commands; "answer TEXT" is
//     what somebody types when one of them asks; each command of a block after "each" begins where the block does; "new" begins again.
//
// Other variables that a config names are set. TIME, WHEN and NAME stand for what differs.
func TestPages(t *testing.T) {
	names := []string{"../../README.md"}
	walk(t, "../../docs", ".md", func(name string) { names = append(names, name) })
	pages, counts := 0, map[string]int{}
	for _, name := range names {
		text := string(read(t, name))
		t.Run(filepath.Base(name), func(t *testing.T) {
			p := &playing{t: t, lines: strings.Split(text, "\n"), counts: counts}
			p.begin()
			p.play()
			pages++
			got := strings.Join(p.out, "\n")
			if flag.Lookup("update").Value.String() == "true" && !t.Failed() && got != text {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	t.Logf("commands: %d typed here, %d by other tests, %d by none", counts["here"], counts["by"], counts["not"])
	if pages == len(names) && (counts["here"] < mostTyped || counts["not"] > leastLeft) {
		t.Errorf("%d commands are typed here, and there were %d; no test types %d, and there were %d", counts["here"], mostTyped, counts["not"], leastLeft)
	}
}

// How many commands of the pages this test typed, and how many no test did, when somebody looked last.
const mostTyped, leastLeft = 189, 6

// playing is a page that is played.
type playing struct {
	t      *testing.T
	lines  []string
	at     int
	out    []string // the page with the answers of today
	counts map[string]int
	world  *fake.World
	dir    string
	env    map[string]string
	block  string // the file that the next block is
	config string // was written, and not rendered yet: the files that it names may stand below it
	next   block  // what marks say of the next block
}

// block is what marks say of a block of commands.
type block struct {
	kind   string // who types its commands: "by" another test, "not" any; "": this test
	by     string // the source of that other test, and of its folder's
	each   bool
	answer string
	with   string // arguments that the page does not show: a release, so that the answer stays when there is a newer one
	used   bool   // it had a command
}

func (p *playing) begin() {
	p.world, p.dir, p.env = fake.New(), p.t.TempDir(), map[string]string{}
}

// take takes the next line over.
func (p *playing) take() string {
	line := p.lines[p.at]
	p.at++
	p.out = append(p.out, line)
	return line
}

// program is how a line begins that somebody types into a shell.
var program = regexp.MustCompile(`^(?:\$ |(?:sudo |[A-Z_]+=\S+ )*(?:age-keygen|apt|aws|az|berth|berth-hq|cat|cd|cp|createdb|curl|dnf|docker|echo|gcloud|getent|git|go|helm|` +
	`kubectl|kustomize|make|minisign|mkdir|oc|openssl|pg_restore|psql|scp|sh|sha256sum|skopeo|sops|src|ssh|systemctl|tar|zstd) )`)

func (p *playing) play() {
	for p.at < len(p.lines) {
		line := p.take()
		code, isCode := strings.CutPrefix(line, "    ")
		wish, isWish := strings.CutPrefix(line, "<!-- play: ")
		switch {
		case isWish:
			p.prepare(strings.TrimSuffix(wish, " -->"))
		case strings.HasPrefix(line, "```"):
			p.file(line[3:])
		case isCode && program.MatchString(code):
			p.command(code)
		case !isCode && line != "":
			p.leave()
		}
	}
	p.leave()
	p.render()
}

// leave ends what marks said of a block.
func (p *playing) leave() {
	switch {
	case p.next.used:
		p.next = block{}
	case p.next != (block{}):
		p.t.Errorf("line %d: the mark above has no command below it", p.at)
	}
}

// command types a line, or leaves it to whom the mark names.
func (p *playing) command(line string) {
	p.next.used = true
	typed, isTyped := strings.CutPrefix(line, "$ ")
	typed, isOurs := strings.CutPrefix(typed, "berth ")
	switch {
	case p.next.kind != "":
		p.counts[p.next.kind]++
		if missing := untyped(words(unprefixed(typed)), p.next.by); p.next.kind == "by" && missing != "" {
			p.t.Errorf("line %d: the test that is said to type %q has no %q", p.at, line, missing)
		}
	case strings.HasPrefix(typed, "echo "):
		p.render()
		sh := exec.Command("sh", "-c", typed)
		sh.Dir = p.dir
		if out, err := sh.CombinedOutput(); err != nil {
			p.t.Errorf("line %d: %v\n%s", p.at, err, out)
		}
		p.counts["here"]++
	case !isOurs:
		p.t.Errorf("line %d: nobody types %q: put <!-- play: by TEST --> or <!-- play: not REASON --> above the block", p.at, line)
	case isTyped:
		p.typed(append(words(typed), words(p.next.with)...))
	default:
		p.listed(words(typed))
	}
}

// unprefixed is a command without what stands before its program.
func unprefixed(line string) string { return prefixes.ReplaceAllString(line, "") }

var prefixes = regexp.MustCompile(`^(sudo |[A-Z_]+=\S+ )+`)

// words are those of a command line, as a shell reads them: up to a comment, quotes hold words together.
func words(line string) (all []string) {
	line, _, _ = strings.Cut(line, " #")
	for _, m := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|\S+`).FindAllStringSubmatch(line, -1) {
		all = append(all, cmp.Or(m[1], m[2], m[0]))
	}
	return all
}

// listed types a command of a list, which shows no answers.
func (p *playing) listed(args []string) {
	p.render()
	world, dir := p.world, p.dir
	if p.next.each {
		p.world, p.dir = world.Copy(), p.t.TempDir()
		if err := os.CopyFS(p.dir, os.DirFS(dir)); err != nil {
			p.t.Fatal(err)
		}
	}
	if text, code := p.run(args); code != ExitOK && code != ExitChanges {
		p.t.Errorf("line %d: berth %s ends with %d:\n%s", p.at, strings.Join(args, " "), code, text)
	}
	p.world, p.dir = world, dir
}

// run runs a command.
func (p *playing) run(args []string) (text string, code int) {
	p.counts["here"]++
	text, _, code = onWorld(p.world, 0, environment{dir: p.dir, getenv: func(name string) string { return p.env[name] }, answer: p.next.answer, seen: true}, args)
	return steady(backupName.ReplaceAllString(strings.ReplaceAll(text, p.dir, "DIR"), "WHEN           $1")), code
}

// backupName is the name of a backup in a table: what stands for it is as wide.
var backupName = regexp.MustCompile(`\b2026[0-9]{4}-[0-9]{6}(  )`)

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
	text, code := p.run(args)
	answer := strings.Split(strings.TrimRight(trailing.ReplaceAllString(text, ""), "\n"), "\n")
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
		p.out = append(p.out, strings.TrimRight("    "+line, " ")) // an empty line
	}
}

// trailing spaces are no part of a page.
var trailing = regexp.MustCompile(`(?m) +$`)

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
	for line := p.take(); line != "```"; line = p.take() {
		text += line + "\n"
		if language == "" && program.MatchString(line) {
			p.command(line)
		}
	}
	if p.block != "" {
		p.write(p.block, text)
		p.block = ""
		return
	}
	if language != "yaml" || !strings.HasPrefix(text, "target:") || !strings.Contains(text, "\nurl:") {
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
	more = strings.ReplaceAll(more, `\n`, "\n")
	switch change := changes[name]; {
	case what == "new":
		p.begin()
	case what == "by":
		p.next.kind = what
		p.next.by += p.source(name, more)
	case what == "not" && rest != "":
		p.next.kind = what
	case what == "each":
		p.next.each = true
	case what == "answer":
		p.next.answer = strings.ReplaceAll(rest, `\n`, "\n")
	case what == "with" && rest != "":
		p.next.with = rest
	case what == "type" && name == "berth":
		p.listed(words(more))
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

// source is the text of a folder's tests that has a test, or of a script.
func (p *playing) source(path, test string) string {
	files, _ := filepath.Glob(filepath.Join("../..", path, "*_test.go")) // the pattern is a good one
	if strings.HasSuffix(path, ".txtar") {
		files = []string{filepath.Join("../..", path)}
	}
	var all strings.Builder
	for _, file := range files {
		all.Write(read(p.t, file))
	}
	if text := all.String(); text != "" && (test == "" || strings.Contains(text, "func "+test+"(t *testing.T)")) {
		return text
	}
	p.t.Errorf("line %d: there is no test %s in %s", p.at, test, path)
	return ""
}

// untyped is the first part of a command that a test does not have, so it can't type the command: the program, what it is to do, and flags.
func untyped(command []string, source string) string {
	for n, word := range command {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case n == 0 || n == 1 && regexp.MustCompile(`^[a-z-]+$`).MatchString(word), strings.HasPrefix(word, "--"):
			if !regexp.MustCompile(`(^|[^a-z-])` + regexp.QuoteMeta(name) + `($|[^a-z-])`).MatchString(source) {
				return name
			}
		}
	}
	return ""
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
