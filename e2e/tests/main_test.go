package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryTestSaysWhatItNeeds reads the sources of e2e. Each test begins with what it needs and has a doc comment, and tests of clusters have other
// names than those of engines.
func TestEveryTestSaysWhatItNeeds(t *testing.T) {
	s, err := read("..")
	if err != nil {
		t.Fatal(err)
	}
	tests := s.tests()
	if len(tests) < 50 {
		t.Fatalf("found only %d tests", len(tests))
	}
	for _, e := range tests {
		if len(e.needs) == 0 {
			t.Errorf("%s does not begin with needs(t, ...)", e.name)
		}
		if !strings.HasPrefix(e.doc, e.name) {
			t.Errorf("%s has no doc comment that begins with its name", e.name)
		}
		cluster := slices.Contains(e.needs, "control") || slices.Contains(e.needs, "node")
		if cluster != strings.HasPrefix(e.name, "TestCluster") {
			t.Errorf("%s needs %s: the names of tests of clusters, and no others, begin with TestCluster", e.name, e.needs)
		}
	}
}

// TestReliabilityNamesTests: the tests that docs/reliability.md names exist.
func TestReliabilityNamesTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
			exist[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1)
	if len(names) < 50 {
		t.Errorf("found only %d names", len(names))
	}
	for _, name := range names {
		if !exist[name] {
			t.Errorf("docs/reliability.md names %s, which does not exist", name)
		}
	}
}

// TestFaultsAreInTheTable: the table of TestDoctor, which only that test writes, has the faults that it injects now.
func TestFaultsAreInTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../doctor_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "var illnesses = []illness{")
	list, _, _ = strings.Cut(list, "\n}\n")
	_, table, _ := strings.Cut(string(page), "RUN=TestDoctor -->")
	table, _, _ = strings.Cut(table, "<!-- end of TestDoctor -->")
	var injected, shown []string
	for _, m := range regexp.MustCompile(`(?m)^\t\{"([^"]+)"`).FindAllStringSubmatch(list, -1) {
		injected = append(injected, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| BERTH`).FindAllStringSubmatch(table, -1) {
		shown = append(shown, m[1])
	}
	if len(injected) < 10 || !slices.Equal(injected, shown) {
		t.Errorf("TestDoctor injects %q, and docs/reliability.md has %q; run: FAULTS=1 make e2e RUN=TestDoctor", injected, shown)
	}
}

// screen is how many lines a function may have.
const screen = 60

// TestFunctionsFitAScreen reads the sources of e2e.
func TestFunctionsFitAScreen(t *testing.T) {
	s, err := read("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.AppendSeq(s.methods, maps.Values(s.functions)) {
		if lines := s.files.Position(f.End()).Line - s.files.Position(f.Pos()).Line + 1; lines > screen {
			t.Errorf("%s has %d lines, want %d at most", f.Name.Name, lines, screen)
		}
	}
}

// TestList reads a test with its subtests.
func TestList(t *testing.T) {
	dir := t.TempDir()
	source := `package e2e

const release = "2"

// TestX proves it. And more.
func TestX(t *testing.T) {
	needs(t, engine, images("1", release), pgUpgradeImages("3"))
	t.Run("one", f)
	others(t)
}

func others(t *testing.T) { story(s, step{"two", g}) }
`
	if err := os.WriteFile(filepath.Join(dir, "x_test.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	list(&out, s.tests())
	if want := "\nNeeds engine:\n  TestX                                  proves it\n    /one\n    /two\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("want %q at the end of:\n%s", want, out.String())
	}
	if got := s.releases("images("); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("releases are %s, want 1 and 2", got)
	}
	if got := s.releases("pgUpgradeImages("); !slices.Equal(got, []string{"3"}) {
		t.Errorf("releases with pg_upgrade are %s, want 3", got)
	}
}

// TestReport reads what go test -json prints.
func TestReport(t *testing.T) {
	const events = `{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"pass","Package":"a","Test":"TestGood","Elapsed":61.2}
{"Action":"output","Package":"a","Test":"TestSkip","Output":"    a_test.go:7: needs an engine: x: y\n"}
{"Action":"output","Package":"a","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestSkip","Elapsed":0}
{"Action":"pass","Package":"a","Elapsed":62}
`
	const bad = `{"Action":"output","Package":"b","Test":"TestBad","Output":"    b_test.go:1: it is broken\n"}
{"Action":"fail","Package":"b","Test":"TestBad","Elapsed":1}
{"Action":"fail","Package":"b","Elapsed":1}
`
	for _, tt := range []struct {
		name, in  string
		options   options
		want, err string
	}{
		{"all is well", events, options{}, "ok    a                                                              62.0 s\n\nTOOK     61 s  TestGood\n" +
			"NOT RUN  TestSkip: needs an engine: x: y\npassed: 1, failed: 0, not run: 1\n", ""},
		{"a failure", bad, options{}, "    b_test.go:1: it is broken\n\nFAILED  TestBad\nFAILED  b\npassed: 0, failed: 2, not run: 0\n", "2 failed"},
		{"a subtest that does not exist", `{"Action":"pass","Package":"a","Test":"TestGood","Elapsed":1}`, options{all: true, subtest: true},
			"\npassed: 1, failed: 0, not run: 0\n", "no subtest has such a name; the names: make e2e"},
		{"nothing", "", options{}, "\npassed: 0, failed: 0, not run: 0\n", "no test has such a name; the names: make e2e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := report(strings.NewReader(tt.in), &out, tt.options)
			if got := message(err); got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
