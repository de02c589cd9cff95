package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A screen is what a reader sees at once.
const screen = 60 // lines

// The size of a package that a newcomer can read in one sitting. A larger one says in its doc comment why it is one package.
const (
	manyFiles = 12
	manyLines = 1500
)

// sizeReason begins the sentence of a doc comment that says why a large package is not split.
const sizeReason = "One package because "

// kind says which files of a package are read.
type kind string

const (
	product   kind = "the product"
	withTests kind = "the product and its tests"
)

// packages are the files of all rooms, by room.
func packages(t *testing.T, of kind) map[string][]string {
	t.Helper()
	rooms := map[string][]string{}
	for _, root := range []string{"catalogue", "cmd", "e2e", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && (of == withTests || !strings.HasSuffix(path, "_test.go")) && !strings.Contains(path, "/testdata/") {
				room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
				rooms[room] = append(rooms[room], path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(rooms) < 30 {
		t.Fatalf("only %d packages were found", len(rooms))
	}
	return rooms
}

// mostMethods is how many methods an interface has, so that each is declared for one purpose.
const mostMethods = 4

// TestInterfacesAreSmall counts what an interface lists itself; one that embeds others has theirs by name.
func TestInterfacesAreSmall(t *testing.T) {
	interfaces := 0
	for path, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if typ, ok := n.(*ast.InterfaceType); ok {
				interfaces++
				if len(typ.Methods.List) > mostMethods {
					t.Errorf("%s:%d: an interface has %d methods, more than %d; split it by who uses it", path, s.line(n.Pos()), len(typ.Methods.List), mostMethods)
				}
			}
			return true
		})
	}
	if interfaces < 20 {
		t.Errorf("only %d interfaces were read", interfaces)
	}
}

// TestFunctionsFitAScreen counts from "func" to the closing brace.
func TestFunctionsFitAScreen(t *testing.T) {
	functions := 0
	for _, files := range packages(t, product) {
		for _, path := range files {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					functions++
					if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > screen {
						t.Errorf("%s: %s has %d lines, more than %d; split it by what it knows", strings.TrimPrefix(path, "../../"), f.Name.Name, n, screen)
					}
				}
			}
		}
	}
	if functions < 500 {
		t.Errorf("only %d functions were read", functions)
	}
}

// TestLargePackagesSayWhy: files and lines without tests.
func TestLargePackagesSayWhy(t *testing.T) {
	for room, files := range packages(t, product) {
		lines, doc := 0, ""
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines += strings.Count(string(text), "\n")
			file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			doc += " " + strings.Join(strings.Fields(file.Doc.Text()), " ")
		}
		large, reason := len(files) > manyFiles || lines > manyLines, strings.Contains(doc, sizeReason)
		switch {
		case large && !reason:
			t.Errorf("%s has %d files and %d lines, more than %d or %d; split it, or say in its doc comment: %s...", room, len(files), lines, manyFiles, manyLines, sizeReason)
		case !large && reason:
			t.Errorf("%s has %d files and %d lines; its doc comment need not say %q any more", room, len(files), lines, sizeReason)
		}
	}
}
