package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestNext(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	root := fstest.MapFS{
		"releases/7.5.yaml": file("releases: {7.5.0: {compose: {date: x}}, 7.5.4453: {compose: {date: x}, kubernetes: {date: x}}}"),
		"releases/7.6.yaml": file("releases: {7.6.0: {kubernetes: {date: x}}}"),
		"releases/7.4.yaml": file("releases: {7.4.9999: {compose: {date: x}}}"),
	}
	if got, err := next(root, "releases", "results"); err != nil || got != "7.5.4453" {
		t.Errorf("got %q, %v", got, err)
	}
	root["results/7.5.4453.json"] = file("{}")
	if got, err := next(root, "releases", "results"); err != nil || got != "" {
		t.Errorf("with a result: got %q, %v", got, err)
	}
	if _, err := next(os.DirFS("../../.."), "catalogue/releases", "testbed/contract.d"); err != nil {
		t.Errorf("the catalogue: %v", err)
	}
}

func TestTests(t *testing.T) {
	out := filepath.Join(t.TempDir(), "7.5.4453.json")
	if err := os.WriteFile(out, []byte(`{"release": "7.5.4453", "date": "2026-01-02T03:04:05Z", "differences": []}`), 0o644); err != nil {
		t.Fatal(err)
	}
	in := `{"Action":"run","Test":"TestA"}
{"Action":"fail","Test":"TestA/sub"}
{"Action":"fail","Test":"TestA"}
{"Action":"skip","Test":"TestB"}
{"Action":"pass"}
`
	if err := runTests([]string{"--out", out}, strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"TestA": "fail"`, `"TestB": "skip"`, `"release": "7.5.4453"`, `"date": "2026-01-02T03:04:05Z"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(string(text), "sub") {
		t.Errorf("a subtest is in it: %s", text)
	}
	if err := runTests([]string{"--out", out}, strings.NewReader("")); err == nil {
		t.Error("no test ran, and there is no error")
	}
}
