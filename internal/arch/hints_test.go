package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRunsNameNoCommandThatContinues: whoever reports why a step failed does not know what was asked for, an up, an upgrade or a rollback. What
// continues it is in one line below the problems, which cli writes.
func TestRunsNameNoCommandThatContinues(t *testing.T) {
	continues := regexp.MustCompile(`(then|with|run):? berth (up|upgrade|rollback|revert)\b`)
	found := 0
	for _, room := range []string{"../run", "../target"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					found++
					if continues.MatchString(text.Value) {
						t.Errorf("%s: %s", path, text.Value)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 1000 {
		t.Errorf("only %d texts were read", found)
	}
}
