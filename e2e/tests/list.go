package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// test is a test function of e2e.
type test struct {
	name  string
	doc   string   // its doc comment
	needs []string // the parts of the test bed in its first line, as they are written there
	subs  []string // the names of its subtests that are literals, also of those in functions that it calls
}

// on says where a test runs, and whether a short run leaves it out: its needs without images.
func (t test) on() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(t.needs), func(p string) bool {
		return strings.HasPrefix(p, "images(") || strings.HasPrefix(p, "pgUpgradeImages(")
	}), ", ")
}

// sources are the functions of a folder's tests.
type sources struct {
	files     *token.FileSet
	functions map[string]*ast.FuncDecl // without methods
	methods   []*ast.FuncDecl
	constants map[string]string // those of texts
}

func read(dir string) (sources, error) {
	s := sources{files: token.NewFileSet(), functions: map[string]*ast.FuncDecl{}, constants: map[string]string{}}
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return s, err
	}
	for _, name := range names {
		file, err := parser.ParseFile(s.files, name, nil, parser.ParseComments)
		if err != nil {
			return s, err
		}
		for _, d := range file.Decls {
			s.declaration(d)
		}
	}
	return s, nil
}

func (s *sources) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			s.methods = append(s.methods, d)
		} else {
			s.functions[d.Name.Name] = d
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					if value, ok := text(v.Values[i]); ok {
						s.constants[name.Name] = value
					}
				}
			}
		}
	}
}

// text is the value of a literal text.
func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}

// releases are the releases whose images tests need, but for those that a short run leaves out. kind is how such a need begins.
func (s sources) releases(kind string) (all []string) {
	for _, t := range s.tests() {
		if slices.Contains(t.needs, "long") {
			continue
		}
		for _, need := range t.needs {
			list, ok := strings.CutPrefix(strings.TrimSuffix(need, ")"), kind)
			if !ok {
				continue
			}
			for _, r := range strings.Split(list, ", ") {
				value := strings.Trim(r, `"`)
				if named, ok := s.constants[r]; ok {
					value = named
				}
				all = append(all, value)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tests are the test functions, by name.
func (s sources) tests() (tests []test) {
	for name, f := range s.functions {
		if strings.HasPrefix(name, "Test") {
			tests = append(tests, test{name, f.Doc.Text(), s.needs(f.Body), s.subtests(f.Body, map[string]bool{})})
		}
	}
	slices.SortFunc(tests, func(a, b test) int { return cmp.Compare(a.name, b.name) })
	return tests
}

// needs are the arguments of the line needs(t, ...) that a test begins with.
func (s sources) needs(body *ast.BlockStmt) (parts []string) {
	if len(body.List) == 0 {
		return nil
	}
	statement, ok := body.List[0].(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok || called(call) != "needs" {
		return nil
	}
	for _, a := range call.Args[1:] {
		var text strings.Builder
		_ = printer.Fprint(&text, s.files, a) // a string builder takes everything
		parts = append(parts, text.String())
	}
	return parts
}

// called is the name of the function that a call calls, without a receiver.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// subtests are the names in t.Run("name", ...) and step{"name", ...}.
func (s sources) subtests(body *ast.BlockStmt, seen map[string]bool) (names []string) {
	ast.Inspect(body, func(n ast.Node) bool {
		var first ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			if called(n) == "Run" && len(n.Args) == 2 {
				first = n.Args[0]
			} else if f := s.functions[called(n)]; f != nil && !seen[f.Name.Name] {
				seen[f.Name.Name] = true
				names = append(names, s.subtests(f.Body, seen)...)
			}
		case *ast.CompositeLit:
			if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "step" && len(n.Elts) == 2 {
				first = n.Elts[0]
			}
		}
		if name, ok := text(first); ok {
			names = append(names, name)
		}
		return true
	})
	return names
}

// list prints tests by what they need.
func list(out io.Writer, tests []test) {
	fmt.Fprint(out, `Tests on a real engine or cluster. Each brings up what it needs.

    make e2e RUN=TestX          one test; RUN='TestX.*' several
    make e2e RUN='TestX/sub'    one of its subtests, which are below it
    make e2e RUN=TestX REAL=1   on Sourcegraph's own images

    engine    a Docker Engine, and a registry with images
    control   a Kubernetes cluster whose nodes are simulated
    node      a Kubernetes cluster with a real node, and a registry with images
    long      left out by short runs, such as those of CI; LONG=1 includes it
`)
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.on(), b.on()) })
	for i, t := range tests {
		if i == 0 || t.on() != tests[i-1].on() {
			fmt.Fprintf(out, "\nNeeds %s:\n", t.on())
		}
		first, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimPrefix(t.doc, t.name+": "), "\n", " "), ". ")
		fmt.Fprintf(out, "  %-38s %s\n", t.name, strings.TrimSuffix(strings.TrimSpace(strings.TrimPrefix(first, t.name)), "."))
		for _, s := range t.subs {
			fmt.Fprintf(out, "    /%s\n", s)
		}
	}
}
