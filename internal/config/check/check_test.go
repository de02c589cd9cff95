package check

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
	"berth/internal/config"
	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var clock = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// around is an environment of files, with PW as the only variable.
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
	problems.WriteText(&b, diag.Paper{})
	return b.String()
}

// timeless removes the newest release from messages about a file that does not name it: the next release changes it.
func timeless(problems diag.List, newest string) {
	for i := range problems {
		d := &problems[i]
		d.Summary, d.Hint = strings.ReplaceAll(d.Summary, newest, "NEWEST"), strings.ReplaceAll(d.Hint, newest, "NEWEST")
	}
}

// TestProblems shows what people see for each file. Read every message as product text.
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
			doc, _, problems := Read("sourcegraph.yaml", files["sourcegraph.yaml"].Data, world.Catalogue, world)
			if newest := world.Catalogue.Newest(doc.Config.On); !bytes.Contains(files["sourcegraph.yaml"].Data, []byte(newest)) {
				timeless(problems, newest)
			}
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

// TestFeatures: a key of a service that a release does not have, as a later release may.
func TestFeatures(t *testing.T) {
	world := around(nil)
	doc, _ := config.Load("f", []byte("target: compose\nurl: http://x\nexecutors: {}\n"))
	release, _ := Release(doc, world.Catalogue)
	delete(release.Services, "executor")
	problems := meaning(doc, release, world)
	// The second problem is that no key says where to write the executors' token.
	if len(problems) != 2 || problems[0].Code != "BERTH1150" || problems[0].Range.Line != 3 || problems[1].Code != "BERTH1169" {
		t.Error(rendered(problems))
	}
}
