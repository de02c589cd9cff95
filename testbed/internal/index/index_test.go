package index

import (
	"archive/tar"
	"bytes"
	"os"
	"testing"
)

var files = []File{
	{"main.go", "package main\n\nfunc Needle() {}\n"},
	{"docs/a.md", "A needle\r\nand NEEDLES\n"},
	{"other.txt", "nothing\n"},
}

func TestSearch(t *testing.T) {
	x := Build("github.com/a/b", "c0ffee", files)
	for _, c := range []struct {
		query Query
		want  []string
	}{
		{Query{Text: "needle"}, []string{"main.go func Needle() {}", "docs/a.md A needle", "docs/a.md and NEEDLES"}},
		{Query{Text: "needle", Path: "docs/"}, []string{"docs/a.md A needle", "docs/a.md and NEEDLES"}},
		{Query{Text: "needle", Limit: 1}, []string{"main.go func Needle() {}"}},
		{Query{Text: "()"}, []string{"main.go func Needle() {}"}}, // too short for a trigram
		{Query{Text: "needless"}, nil},
		{Query{Text: "edl then"}, nil}, // all its trigrams are there, the text isn't
	} {
		var got []string
		for _, m := range x.Search(c.query) {
			got = append(got, m.Path+" "+m.Line)
		}
		if len(got) != len(c.want) {
			t.Errorf("%+v: got %q, want %q", c.query, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%+v: got %q, want %q", c.query, got[i], c.want[i])
			}
		}
	}
}

// An index that comes back from disk finds what the files have, and is gone when its repository is.
func TestWriteLoadRemove(t *testing.T) {
	dir := t.TempDir()
	for _, repo := range []string{"github.com/a/b", "a/b%2Fc"} {
		if err := Build(repo, "c0ffee", files).Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Load(dir)
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d indexes, %v; want 2", len(all), err)
	}
	for _, x := range all {
		if got := len(x.Search(Query{Text: "needle"})); got != 3 {
			t.Errorf("%s: %d matches, want 3", x.Repo, got)
		}
	}
	if err := Remove(dir, map[string]bool{"github.com/a/b": true}); err != nil {
		t.Fatal(err)
	}
	if all, err := Load(dir); err != nil || len(all) != 1 || all[0].Repo != "github.com/a/b" {
		t.Errorf("after Remove: %v, %v; want only github.com/a/b", all, err)
	}
}

func TestLoadSaysWhichFileIsBroken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(Path(dir, "x"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a broken index was loaded")
	}
}

func TestFilesLeavesOutWhatIsNoText(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range map[string]string{"a.go": "package a", "b.bin": "\x00\x01"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Files(&b)
	if err != nil || len(got) != 1 || got[0].Path != "a.go" {
		t.Errorf("got %v, %v; want a.go", got, err)
	}
	if _, err := Files(bytes.NewReader([]byte("no archive at all"))); err == nil {
		t.Error("what is no archive was read")
	}
}
