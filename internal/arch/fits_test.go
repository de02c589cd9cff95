package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/internal/diag"
	"berth/internal/fold"
)

// widths are those of the terminals that people have.
var widths = []int{60, 80, 100, 200}

// TestProblemsFitTheTerminal writes every problem that the program may report, by the texts that stand beside its code in the source, and every explanation
// of a code.
func TestProblemsFitTheTerminal(t *testing.T) {
	problems := reported(t)
	codes, err := diag.Codes()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, c := range codes {
		if slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return d.Code == c.Code && strings.Contains(d.Summary, " ") }) {
			found++
		}
		for _, columns := range widths {
			var b strings.Builder
			c.WriteText(&b, diag.Paper{Columns: columns})
			fits(t, c.Code, b.String(), columns)
		}
	}
	if found < len(codes)*95/100 { // the others are constants, whose texts stand elsewhere
		t.Errorf("texts of only %d codes of %d were found", found, len(codes))
	}
	for _, d := range problems {
		for _, columns := range widths {
			var b strings.Builder
			diag.List{d}.WriteText(&b, diag.Paper{Columns: columns})
			fits(t, d.Code, b.String(), columns)
			if !strings.Contains(b.String(), d.Code) {
				t.Errorf("the code is lost:\n%s", b.String())
			}
		}
	}
}

// fits finds lines that are too long, though they could be broken.
func fits(t *testing.T, of, text string, columns int) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if fold.Width(line) > columns && strings.Contains(strings.TrimLeft(line, " |"), " ") {
			t.Errorf("%s in %d columns: %q", of, columns, line)
		}
	}
}

var verb = regexp.MustCompile(`%[-+#]?[0-9.]*\[?[0-9]*\]?[a-zA-Z]`)

// reported are problems as the source reports them: every text beside a code, as a summary, a hint and a detail, at a place far right in a long line.
func reported(t *testing.T) []diag.Diagnostic {
	code := regexp.MustCompile(`^"BERTH[0-9]{4}"$`)
	long := diag.Range{File: "sourcegraph.yaml", Line: 112, Column: 131, Length: 12, Excerpt: strings.Repeat("\tkey: value", 20)}
	var out []diag.Diagnostic
	for _, files := range packages(t, product) {
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				var parts []ast.Expr
				switch n := n.(type) {
				case *ast.CompositeLit:
					parts = n.Elts
				case *ast.CallExpr:
					parts = n.Args
				case *ast.AssignStmt:
					parts = n.Rhs
				case *ast.ReturnStmt:
					parts = n.Results
				}
				for _, part := range parts {
					if pair, ok := part.(*ast.KeyValueExpr); ok {
						part = pair.Value
					}
					if lit, ok := part.(*ast.BasicLit); ok && code.MatchString(lit.Value) {
						for _, text := range texts(n) {
							text = verb.ReplaceAllString(text, "a-name")
							out = append(out, diag.Diagnostic{Code: strings.Trim(lit.Value, `"`), Summary: strings.ReplaceAll(text, "\n", " "), Detail: strings.Split(text, "\n"), Hint: text, Range: long})
						}
					}
				}
				return true
			})
		}
	}
	return out
}

// texts are the texts below a node of the source.
func texts(n ast.Node) (out []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				out = append(out, text)
			}
		}
		return true
	})
	return out
}
