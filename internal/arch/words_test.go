package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"berth/internal/diag"
)

// The limits of internal/view/rules.md.
const (
	longestSummary  = 160 // characters
	longestSentence = 30  // words
)

// rule is a banned word, and what to write instead.
type rule struct {
	pattern *regexp.Regexp
	instead string
}

// banned are words and phrases that no message and no document uses, each with what to write instead.
var banned = []rule{
	{regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b`), "fix"},
	{regexp.MustCompile(`(?i)\banew\b`), "again"},
	{regexp.MustCompile(`(?i)\b(is|are|was|were) told\b|\btold of\b|\btells? of\b`), "report"},
	{regexp.MustCompile(`(?i)\bdoors?\b`), "holding proxy, or hold requests"},
	{regexp.MustCompile(`(?i)\bthe way (is|there|goes on)\b`), "say what berth does"},
	{regexp.MustCompile(`(?i)\bat (first|last|first or at last) hand\b`), "directly, or through others"},
	{regexp.MustCompile(`(?i)\bways? between releases\b`), "upgrades between releases"},
	{regexp.MustCompile(`(?i)\bmeets? what is away\b`), "requests fail while a service restarts"},
	{regexp.MustCompile(`(?i)\bgone back (from|over)\b|\bgo(es)? back over\b`), "roll back, or revert"},
	{regexp.MustCompile(`(?i)\bcan't be had\b`), "is not available"},
	{regexp.MustCompile(`(?i)\bupgrades by themselves\b|\bby itself what\b`), "automatic"},
}

// odd are further words and phrases, which cost the readers of codes, messages and documents time: idioms, subjects without a name, literal translations.
var odd = []rule{
	{regexp.MustCompile(`(?i)\bgo(es|ing)? on\b`), "continue, or keep running"},
	{regexp.MustCompile(`(?i)\bgives? (\w+ ){0,3}back\b|\bgiven back\b`), "return"},
	{regexp.MustCompile(`(?i)\b(take|takes|took|taken) (\w+ )?away\b|\b(throws?|threw) (\w+ )?away\b`), "remove, or evict"},
	{regexp.MustCompile(`(?i)\bstands? (beside|above|below|behind|under|at|before|there|on|in (the|a|an|its|their))\b`), "is, or put"},
	{regexp.MustCompile(`(?i)\b(is|are) over\b`), "has expired, or has ended"},
	{regexp.MustCompile(`(?i)\b(is|was|are|be|were|been|not) touched\b`), "changed"},
	{regexp.MustCompile(`(?i)\bfights?\b`), "contradict, or is reserved for berth"},
	{regexp.MustCompile(`(?i)\bagain and again\b`), "repeatedly"},
	{regexp.MustCompile(`(?i)\bfor lack of\b`), "because memory ran out, because the disk is full"},
	{regexp.MustCompile(`(?i)\b(come|comes|came) (to (its|their) end|about)\b`), "finish, or succeed"},
	{regexp.MustCompile(`(?i)\bof then\b`), "say of which time"},
	{regexp.MustCompile(`(?i)\bas of one moment\b`), "in one snapshot"},
	{regexp.MustCompile(`(?i)\bwhole paths?\b`), "absolute path"},
	{regexp.MustCompile(`(?i)\b(is|are|was|were) there (already|twice)\b`), "exists already, or appears twice"},
	{regexp.MustCompile(`(?i)\bwarn(s|ed)? of\b`), "warn about"},
	{regexp.MustCompile(`(?i)\ball the same\b`), "anyway"},
	{regexp.MustCompile(`(?i)\ba yes\b|\bsays? yes\b|--yes answers\b`), "confirm"},
	{regexp.MustCompile(`(?i)\bany more\b|\bfor ever\b`), "no longer, or forever"},
	{regexp.MustCompile(`(?i)\bthe way (back|to|from)\b`), "name the command, the connection or the upgrade steps"},
	{regexp.MustCompile(`(?i)\bas (it|they) should be\b`), "healthy, or unchanged"},
	{regexp.MustCompile(`(?i)\bworth a word\b|\bhalf way\b`), "explain, or halfway"},
	{regexp.MustCompile(`(?i)\bwhat (people made|answers people|does not go with it|no key says|is to stay|waited)\b`), "name the thing"},
	{regexp.MustCompile(`(^|[.!?] )What [^.?:|]*\b(is|are|was|were|stays?|counts?|runs|starts?)\b[^.?:|]*\.(\s|$)`), "begin the sentence with the thing, not with \"What\""},
	{regexp.MustCompile(`(^|[.!?] )Who [^.?:|]*\b(is|are|may|can|has|does|neither)\b[^.?:|]*\.(\s|$)`), "begin the sentence with \"The person who\""},
}

// noVerb are words with which what to do must not begin: it begins with a verb, or with a condition.
var noVerb = regexp.MustCompile(`^([a-z].*|(The|A|An|It|Its|Each|They|This|Those|These|There|Nothing|What)\b.*)`)

// riddle is a title that does not name the thing.
var riddle = regexp.MustCompile(`(?i)\b(what|who|it)\b`)

// bannedInCode are further words that comments and names of code don't use. Documents name a stage with the first one.
var bannedInCode = []rule{
	{regexp.MustCompile(`(?i)\bsettle(s|d|ment)?\b|\bsettling\b`), "save the release, or say what is decided or unchanged"},
	{regexp.MustCompile(`(?i)\bknock(s|ed|ing)?\b`), "check whether Sourcegraph answers"},
	{regexp.MustCompile(`(?i)\bseize(s|d)?\b`), "take the lock"},
	{regexp.MustCompile(`(?i)\bhouse\b`), "say what it is"},
	{regexp.MustCompile(`(?i)\bof your own\b`), "external, or your own"},
	{regexp.MustCompile(`(?i)\bfor ever\b`), "forever"},
	{regexp.MustCompile(`(?i)\b(in|at) hand\b`), "current, running, or in progress"},
	{regexp.MustCompile(`(?i)\b(it|time|month|last start) is over\b`), "has ended or expired, or time is up"},
}

// TestCommentsAndNamesInPlainWords holds all comments, all names and the texts of tests against the rules.
func TestCommentsAndNamesInPlainWords(t *testing.T) {
	comments, names := 0, 0
	for _, files := range packages(t, withTests) {
		for _, path := range files {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			fault := func(at token.Pos, faults []string) {
				for _, f := range faults {
					t.Errorf("%s:%d: %s", strings.TrimPrefix(path, "../../"), set.Position(at).Line, f)
				}
			}
			for _, c := range file.Comments {
				comments++
				fault(c.Pos(), commented(c.Text()))
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					names++
					fault(n.Pos(), codeFaults(spaced(n.Name)))
				case *ast.BasicLit:
					if strings.HasSuffix(path, "_test.go") && filepath.Base(path) != "words_test.go" && strings.Contains(n.Value, " ") {
						fault(n.Pos(), bannedIn(n.Value))
					}
				}
				return true
			})
		}
	}
	if comments < 1500 || names < 50000 {
		t.Errorf("only %d comments and %d names were read", comments, names)
	}
}

// TestCodesInPlainWords holds the explanations of all codes against the rules.
func TestCodesInPlainWords(t *testing.T) {
	codes, err := diag.Codes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		for _, fault := range explained(c) {
			t.Errorf("%s: %s", c.Code, fault)
		}
	}
}

// TestMessagesInPlainWords holds the literals of the program against the rules: the fields of each Diagnostic, and the words of all texts.
func TestMessagesInPlainWords(t *testing.T) {
	summaries, texts := 0, 0
	for name, file := range sources(t) {
		ast.Inspect(file.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.ValueSpec:
				return n.Type == nil // the values of a type are data
			case *ast.CompositeLit:
				for _, e := range n.Elts {
					field, ok := e.(*ast.KeyValueExpr)
					if !ok || !diagnostic(n) {
						continue
					}
					key, _ := field.Key.(*ast.Ident)
					text, whole := written(field.Value)
					if key == nil || text == "" {
						continue
					}
					switch key.Name {
					case "Summary":
						summaries++
						for _, fault := range summarised(text, whole) {
							t.Errorf("%s:%d: %s", name, file.line(n.Pos()), fault)
						}
					case "Hint":
						if whole && strings.HasSuffix(text, ".") {
							t.Errorf("%s:%d: the hint %q ends with a period", name, file.line(n.Pos()), text)
						}
					}
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && strings.Contains(text, " ") {
					texts++
					for _, fault := range oddIn(text) {
						t.Errorf("%s:%d: %s", name, file.line(n.Pos()), fault)
					}
				}
			}
			return true
		})
	}
	if summaries < 80 || texts < 1000 {
		t.Errorf("only %d summaries and %d texts were found", summaries, texts)
	}
}

// maintainers are documents that site admins don't read.
var maintainers = map[string]bool{"ARCHITECTURE.md": true, "CHANGELOG.md": true, "dependencies.md": true}

// TestDocumentsInPlainWords holds the documents and pages for site admins against the list of words. Code in them is left out: it names what it names.
func TestDocumentsInPlainWords(t *testing.T) {
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d documents: %v", len(names), err)
	}
	pages, err := filepath.Glob("../../internal/*/pages/*.html")
	if err != nil || len(pages) < 3 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	names = append(append(names, pages...), "../../internal/doctor/testdata/doctor.md", "../../internal/runbook/runbook.md")
	if pages, err = filepath.Glob("../../internal/hq/web/pages/*.html"); err != nil || len(pages) < 5 {
		t.Fatalf("%d pages of berth-hq: %v", len(pages), err)
	}
	names = append(names, pages...)
	code := regexp.MustCompile("(?s)```.*?```|`[^`]*`|https?://\\S+|<[^>]+>|\\{\\{.*?\\}\\}")
	for _, name := range append(names, "../../docs/decisions/README.md", "../../ARCHITECTURE.md", "../../README.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md", "../../internal/view/rules.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		faults := oddIn
		if maintainers[filepath.Base(name)] || strings.Contains(name, "/decisions/") {
			faults = bannedIn
		}
		for i, line := range strings.Split(string(code.ReplaceAllStringFunc(string(text), blank)), "\n") {
			for _, fault := range faults(line) {
				t.Errorf("%s:%d: %s", strings.TrimPrefix(name, "../../"), i+1, fault)
			}
		}
	}
}

// TestScriptsInPlainWords holds the comments of scripts, Makefile, Dockerfiles, YAML files and txtar scripts against the rules.
func TestScriptsInPlainWords(t *testing.T) {
	paragraphs := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "node_modules" || path == "../../bin" {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !script(path, text) {
			return err
		}
		for line, comment := range hashComments(string(text)) {
			paragraphs++
			for _, f := range commented(comment) {
				t.Errorf("%s:%d: %s", strings.TrimPrefix(path, "../../"), line, f)
			}
		}
		return nil
	})
	if err != nil || paragraphs < 300 {
		t.Errorf("%d comments: %v", paragraphs, err)
	}
}

// script is true of a file of ours whose comments begin with "#". YAML files of testdata are other people's, or rendered.
func script(path string, text []byte) bool {
	switch filepath.Ext(path) {
	case ".txtar", ".sh":
		return true
	case ".yaml", ".yml":
		return !strings.Contains(path, "/testdata/")
	case "":
		name := filepath.Base(path)
		return name == "Makefile" || name == "Dockerfile" || strings.HasPrefix(string(text), "#")
	}
	return false
}

var hashComment = regexp.MustCompile(`^\s*# ?(.*)$`)

// hashComments are the comments of a script by their first line: lines that follow each other are one.
func hashComments(text string) map[int]string {
	out := map[int]string{}
	first := 0
	for n, line := range strings.Split(text, "\n") {
		m := hashComment.FindStringSubmatch(line)
		switch {
		case m == nil || strings.HasPrefix(line, "#!"):
			first = 0
		case first == 0:
			first = n + 1
			out[first] = m[1] + "\n"
		default:
			out[first] += m[1] + "\n"
		}
	}
	return out
}

// TestGlossary: the glossary is in alphabetical order, has no word twice, and one line for each.
func TestGlossary(t *testing.T) {
	text, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	last, n := "", 0
	for line := range strings.Lines(string(text)) {
		entry := regexp.MustCompile(`^- \*\*([a-z -]+)\*\*: [^\n]+\.\n$`).FindStringSubmatch(line)
		switch {
		case entry == nil && strings.HasPrefix(line, "- "), strings.HasPrefix(line, "  "):
			t.Errorf("not an entry of one line: %q", line)
		case entry != nil:
			// Letters alone are compared, as in a dictionary.
			word := regexp.MustCompile(`[ -]`).ReplaceAllString(entry[1], "")
			if word <= last {
				t.Errorf("%q is not after %q", word, last)
			}
			last, n = word, n+1
		}
	}
	if n < 40 {
		t.Errorf("only %d words", n)
	}
}

// TestFaultsAreFound proves that the tests above can fail.
func TestFaultsAreFound(t *testing.T) {
	for _, c := range []diag.Code{
		{Title: "no capital", Why: "It is so.", Do: "Fix it."},
		{Title: "A period.", Why: "It is so.", Do: "Fix it."},
		{Title: "No period", Why: "It is so", Do: "Fix it."},
		{Title: "No period", Why: "It is so.", Do: "Fix it"},
		{Title: "Too long", Why: "It is so.", Do: "Write " + strings.Repeat("word ", longestSentence) + "word."},
		{Title: "Old words", Why: "It is so.", Do: "Mend it."},
		{Title: "A title that says what it is about", Why: "It is so.", Do: "Fix it."},
		{Title: "No verb", Why: "It is so.", Do: "berth check shows it."},
		{Title: "No name", Why: "What is missing there is lost.", Do: "Fix it."},
	} {
		if len(explained(c)) != 1 {
			t.Errorf("%+v: %q", c, explained(c))
		}
	}
	for _, text := range []string{"it failed.", strings.Repeat("x", longestSummary+1)} {
		if len(summarised(text, true)) != 1 {
			t.Errorf("%q: %q", text, summarised(text, true))
		}
	}
	for _, text := range []string{"make it anew", "a pod is told of", "at the door", "Doors", "the way is long", "at last hand", "a way between releases", "a release that was gone back from", "mended"} {
		if len(bannedIn(text)) != 1 {
			t.Errorf("%q: %q", text, bannedIn(text))
		}
	}
	for _, text := range []string{"it goes on", "gives it all back", "takes it away", "a port stands before it", "it is there twice", "--yes answers beforehand",
		"It fails. What ran before still runs. It is so.", "Who asked neither votes nor decides."} {
		if len(oddIn(text)) != 1 {
			t.Errorf("%q: %q", text, oddIn(text))
		}
	}
	for _, text := range []string{"on Go 1.27", "stands for a password", "the program stands in for Sourcegraph", "What is in a backup?", "What to do: fix it.", "What it upgrades automatically.", "moreover"} {
		if len(oddIn(text)) != 0 {
			t.Errorf("%q: %q", text, oddIn(text))
		}
	}
	for text, n := range map[string]int{"the holding proxy": 0, "where it settles": 1, "a backup of your own": 1, strings.Repeat("word ", longestSentence+1): 1,
		"Short.\n\n\t" + strings.Repeat("word ", longestSentence+1): 0} {
		if got := commented(text); len(got) != n {
			t.Errorf("%q: %q", text, got)
		}
	}
	for name, n := range map[string]int{"frontDoor": 1, "settledFields": 1, "Settle": 1, "outdoors": 0, "HTTPDoor": 1, "holdingProxy": 0} {
		if got := codeFaults(spaced(name)); len(got) != n {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, text := range []string{"recommended", "indoor", "the way out", "a told story", "renewed"} {
		if len(bannedIn(text)) != 0 {
			t.Errorf("%q: %q", text, bannedIn(text))
		}
	}
}

// explained are the faults of a code's explanation.
func explained(c diag.Code) (faults []string) {
	if first, _ := utf8.DecodeRuneInString(c.Title); !unicode.IsUpper(first) || strings.HasSuffix(c.Title, ".") {
		faults = append(faults, "the title "+strconv.Quote(c.Title)+" does not begin with a capital letter, or ends with a period")
	}
	for _, text := range []string{c.Why, c.Do} {
		if !strings.HasSuffix(strings.TrimSpace(text), ".") {
			faults = append(faults, strconv.Quote(text)+" does not end with a period")
		}
		faults = append(faults, tooLong(text)...)
	}
	if noVerb.MatchString(c.Do) {
		faults = append(faults, strconv.Quote(c.Do)+" does not begin with a verb")
	}
	if riddle.MatchString(c.Title) {
		faults = append(faults, "the title "+strconv.Quote(c.Title)+" does not name the thing")
	}
	for _, text := range []string{c.Title, c.Why, c.Do} {
		faults = append(faults, oddIn(text)...)
	}
	return faults
}

// summarised are the faults of a summary; whole says that all of it is known.
func summarised(text string, whole bool) (faults []string) {
	if whole && strings.HasSuffix(text, ".") {
		faults = append(faults, "the summary "+strconv.Quote(text)+" ends with a period")
	}
	if n := utf8.RuneCountInString(text); n > longestSummary {
		faults = append(faults, "the summary has "+strconv.Itoa(n)+" characters: "+strconv.Quote(text))
	}
	return faults
}

// bannedIn are the faults of a text: its banned words.
func bannedIn(text string) []string { return matches(banned, text) }

// oddIn are the faults of a text for people who use berth.
func oddIn(text string) []string { return append(bannedIn(text), matches(odd, text)...) }

// codeFaults are the banned words of a comment or a name.
func codeFaults(text string) []string { return append(bannedIn(text), matches(bannedInCode, text)...) }

// commented are the faults of a comment. Indented lines are tables and code, and have no sentences.
func commented(text string) []string {
	var prose []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			prose = append(prose, line)
		}
	}
	return append(codeFaults(text), tooLong(strings.Join(prose, " "))...)
}

var sentenceEnd = regexp.MustCompile(`[.?!:;](\s|$)`)

// tooLong are the sentences of a text with too many words.
func tooLong(text string) (faults []string) {
	for _, s := range sentenceEnd.Split(text, -1) {
		if n := len(strings.Fields(s)); n > longestSentence {
			faults = append(faults, strconv.Itoa(n)+" words: "+strconv.Quote(s))
		}
	}
	return faults
}

// borders are the places between the words of a name.
var borders = []*regexp.Regexp{regexp.MustCompile(`([a-z0-9])([A-Z])`), regexp.MustCompile(`([A-Z])([A-Z][a-z])`)}

// spaced splits a name into words: "HTTPPods" is "HTTP Pods".
func spaced(name string) string {
	for _, border := range borders {
		name = border.ReplaceAllString(name, "$1 $2")
	}
	return name
}

func matches(rules []rule, text string) (faults []string) {
	for _, b := range rules {
		if found := b.pattern.FindString(text); found != "" {
			faults = append(faults, strconv.Quote(found)+" in "+strconv.Quote(text)+"; write: "+b.instead)
		}
	}
	return faults
}

// source is a file of the program.
type source struct {
	tree  *ast.File
	files *token.FileSet
}

func (s source) line(p token.Pos) int { return s.files.Position(p).Line }

// sources are the files of the program, without tests and what only serves them.
func sources(t *testing.T) map[string]source {
	t.Helper()
	all := map[string]source{}
	for _, root := range []string{"../../internal", "../../cmd", "../../catalogue"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
				return err
			}
			s := source{files: token.NewFileSet()}
			s.tree, err = parser.ParseFile(s.files, path, nil, 0)
			all[strings.TrimPrefix(path, "../../")] = s
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// diagnostic reports whether a literal is a Diagnostic: of that type, or an element of a List, which names a code.
func diagnostic(n *ast.CompositeLit) bool {
	switch typ := n.Type.(type) {
	case *ast.SelectorExpr:
		return typ.Sel.Name == "Diagnostic"
	case *ast.Ident:
		return typ.Name == "Diagnostic"
	case nil:
		for _, e := range n.Elts {
			if field, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := field.Key.(*ast.Ident); ok && key.Name == "Summary" {
					return true
				}
			}
		}
	}
	return false
}

// written is the text of an expression as far as it is known; whole says that its end is. Formats count as they are written.
func written(e ast.Expr) (text string, whole bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		x, _ := written(e.X)
		y, whole := written(e.Y)
		return x + y, whole
	case *ast.CallExpr: // of fmt.Sprintf
		if len(e.Args) > 0 {
			return written(e.Args[0])
		}
	}
	return "", false
}

// blank keeps the lines of a text, and nothing else of it.
func blank(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }
