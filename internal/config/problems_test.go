package config

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write golden files anew")

var clock = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// around is a world of files, with PW as the only variable.
func around(files fstest.MapFS) World {
	return World{
		ReadFile: files.ReadFile,
		Stat:     func(name string) (fs.FileInfo, error) { return fs.Stat(files, name) },
		Getenv: func(name string) string {
			return map[string]string{"PW": "secret"}[name]
		},
		Now:       func() time.Time { return clock },
		Catalogue: catalogue.Embedded(),
	}
}

func rendered(problems diag.List) string {
	var b bytes.Buffer
	problems.WriteText(&b, false)
	return b.String()
}

// TestProblems shows what people see, for a file each. Every message is read as product text.
func TestProblems(t *testing.T) {
	names, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := fstest.MapFS{}
			for _, f := range archive.Files {
				files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			world := around(files)
			_, _, problems := Read("sourcegraph.yaml", files["sourcegraph.yaml"].Data, world.Catalogue, world)
			got := rendered(problems)
			if strings.Contains(got, "slk-secret-value") {
				t.Error("a secret is printed")
			}
			want := &archive.Files[len(archive.Files)-1]
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
