package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFormatsAreConstant: a text that is formatted with values stands in the code. go vet counts the values only there, so a format from a table
// ends in %!(EXTRA ...) sooner or later. A function that passes its own format and values on is no such place.
func TestFormatsAreConstant(t *testing.T) {
	looked := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if x, isName := f, ok; !isName || !slices.Contains([]string{"Sprintf", "Errorf", "Printf", "Fprintf"}, x.Sel.Name) {
				return true
			}
			if pkg, isName := f.X.(*ast.Ident); !isName || pkg.Name != "fmt" {
				return true
			}
			looked++
			format := 0
			if f.Sel.Name == "Fprintf" {
				format = 1
			}
			if len(call.Args) > format+1 && !call.Ellipsis.IsValid() && !constant(call.Args[format]) {
				t.Errorf("%s: the format is no text of the code", files.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 500 {
		t.Errorf("only %d calls were read", looked)
	}
}

// constant reports whether an expression is a text, or several that are joined.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return constant(e.X) && constant(e.Y)
	case *ast.Ident:
		return e.Obj != nil && e.Obj.Kind == ast.Con
	}
	return false
}
