package cli

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

// mention is a text that may name commands of berth.
type mention struct {
	where string
	text  string
	whole bool // it is one command and nothing else, as in a code block; else prose with commands in it
}

// TestCommandsThatAreNamed finds every command that a message, a code, a help text or a document names, and looks for it, and for its flags, in
// the tree of commands. A hint that can't be followed is worse than none.
func TestCommandsThatAreNamed(t *testing.T) {
	found := 0
	for _, m := range slices.Concat(inGo(t, "../../internal", "../../cmd"), inCodes(t), inDocuments(t)) {
		for _, words := range m.commands() {
			found++
			if err := understood(words, m.whole); err != nil {
				t.Errorf("%s names %q: %v", m.where, "berth "+strings.Join(words, " "), err)
			}
		}
	}
	if found < 350 {
		t.Errorf("only %d commands were found", found)
	}
}

// TestCommandsThatAreNotThere proves that the test above can fail.
func TestCommandsThatAreNotThere(t *testing.T) {
	for _, m := range []mention{
		{text: "see what there is: berth catalogue releases"},
		{text: "See berth catalogue releases, or take a newer berth."},
		{text: "make room, then: berth upgarde"},
		{text: "then: berth upgrade --never"},
		{text: "to see it: berth catalogue --target compose"},
		{text: "berth render --as compose --too DIR", whole: true},
		{text: "berth history yesterday", whole: true},
	} {
		for _, words := range m.commands() {
			if understood(words, m.whole) == nil {
				t.Errorf("%q is taken for a command", m.text)
			}
		}
		if len(m.commands()) != 1 {
			t.Errorf("in %q there is no command", m.text)
		}
	}
	for _, m := range []mention{
		{text: "fix it, then: berth upgrade   or leave it at that: berth rollback"},
		{text: "berth knows nothing of it"},
		{text: `berth upgrade --trust-backup "where it is"`},
		{text: "berth init ...", whole: true},
		{text: "berth plan --out FILE   # save it", whole: true},
	} {
		for _, words := range m.commands() {
			if err := understood(words, m.whole); err != nil {
				t.Errorf("%q: %v", m.text, err)
			}
		}
	}
}

// command is a place where a word follows the name of the program, and what introduces it: a colon, or a word that asks for it to be run.
var command = regexp.MustCompile(`(: +|[Rr]un +|[Ss]ee +|\b)berth +([a-z][a-z-]*)([^\n]*)`)

// sentence are words that follow the name of the program in a sentence.
var sentence = []string{"again", "as", "does", "in", "made", "on", "where"}

// commands are the words after "berth" of each command in a text.
func (m mention) commands() (all [][]string) {
	text := m.text
	for {
		at := command.FindStringSubmatchIndex(text)
		if at == nil {
			return all
		}
		name, rest := text[at[4]:at[5]], text[at[6]:at[7]]
		asked := at[2] < at[3] && !slices.Contains(sentence, name)
		text = text[at[5]:]
		if !m.whole && !asked && !named(name) && !strings.HasPrefix(strings.TrimSpace(rest), "--") {
			continue // "berth knows"
		}
		all = append(all, append([]string{name}, arguments(rest)...))
	}
}

// named reports whether a word is a command.
func named(word string) bool {
	return slices.ContainsFunc(newRoot(&Env{}).Commands(), func(c *cobra.Command) bool { return c.Name() == word })
}

// arguments are the words up to where the command ends: at a comment, another command, or the end of the sentence.
func arguments(rest string) (words []string) {
	if rest == "" || strings.ContainsAny(rest[:1], ".,;:)`'\"") {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "   ") // what follows explains it
	rest = regexp.MustCompile(`"[^"]*"|'[^']*'|<[^>]*>`).ReplaceAllString(rest, "VALUE")
	for _, word := range strings.Fields(rest) {
		if strings.HasPrefix(word, "#") || slices.Contains([]string{"|", ">", "<", "--", "&&", "||", "&", "·", "\\"}, word) {
			break
		}
		bare := strings.TrimRight(word, ".,;:)`'\"?")
		if bare == "" {
			break // "..."
		}
		words = append(words, bare)
		if bare != word {
			break
		}
	}
	return words
}

// understood looks for a command in the tree. In prose the words that follow it may be its sentence's.
func understood(words []string, whole bool) error {
	cmd, rest, err := newRoot(&Env{}).Find(words)
	if err != nil {
		return err
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && (!cmd.HasParent() || !cmd.LocalFlags().HasFlags()) { // it is nothing without one of them
		return fmt.Errorf("%s has no %s", cmd.CommandPath(), rest[0])
	}
	if whole {
		err := cmd.ParseFlags(rest)
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		if err != nil && !strings.Contains(err.Error(), "needs an argument") { // it names the flag alone
			return err
		}
		return cmd.ValidateArgs(cmd.Flags().Args())
	}
	for _, word := range rest {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if strings.HasPrefix(word, "--") && cmd.Flag(name) == nil && name != "help" {
			return fmt.Errorf("%s has no flag --%s", cmd.CommandPath(), name)
		}
	}
	return nil
}

// inGo gives the texts of a program: its literals, put together where they are added, with VALUE for what is only known when it runs.
func inGo(t *testing.T, roots ...string) (all []mention) {
	files := token.NewFileSet()
	for _, root := range roots {
		walk(t, root, ".go", func(name string) {
			if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") {
				return
			}
			file, err := parser.ParseFile(files, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				text, ok := literal(e)
				if ok {
					all = append(all, mention{where: files.Position(n.Pos()).String(), text: regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z]`).ReplaceAllString(text, "VALUE")})
				}
				return !ok
			})
		})
	}
	return all
}

// literal is the text of an expression that has one.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, isText := literal(e.X)
		y, also := literal(e.Y)
		if e.Op != token.ADD || !isText && !also {
			return "", false
		}
		if !isText {
			x = "VALUE"
		}
		if !also {
			y = "VALUE"
		}
		return x + y, true
	}
	return "", false
}

// inCodes gives what is said of each code.
func inCodes(t *testing.T) (all []mention) {
	walk(t, "../diag/codes", ".yaml", func(name string) {
		var codes map[string]map[string]any
		if err := yaml.Load(read(t, name), &codes); err != nil {
			t.Fatal(err)
		}
		for code, said := range codes {
			for _, text := range said {
				all = append(all, mention{where: code, text: fmt.Sprint(text)})
			}
		}
	})
	return all
}

// inDocuments gives the code of the documents: spans, and lines of blocks.
func inDocuments(t *testing.T) (all []mention) {
	names := []string{"../../README.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md", "../../ARCHITECTURE.md"}
	walk(t, "../../docs", ".md", func(name string) {
		if filepath.Base(name) != "hands.md" { // what hands type, also where berth refuses it: TestPages holds it
			names = append(names, name)
		}
	})
	span := regexp.MustCompile("`berth [^`]*`")
	for _, name := range names {
		text := string(read(t, name))
		for _, found := range span.FindAllString(text, -1) {
			all = append(all, mention{name, strings.Join(strings.Fields(strings.Trim(found, "`")), " "), true})
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimPrefix(strings.TrimSpace(line), "$ "); strings.HasPrefix(line, "berth ") {
				all = append(all, mention{name, line, strings.Contains(text, "    "+line) || strings.Contains(text, "$ "+line)})
			}
		}
	}
	return all
}

func walk(t *testing.T, root, ext string, do func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ext {
			do(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
