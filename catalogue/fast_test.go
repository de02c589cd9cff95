package catalogue

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "make the fast forms anew")

// TestFastFormsAreFresh: the fast form is made from the files beside it, and from nothing else.
func TestFastFormsAreFresh(t *testing.T) {
	want, err := Fast(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(FastDir); err != nil {
			t.Fatal(err)
		}
		for name, content := range want {
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	err = fs.WalkDir(os.DirFS("."), FastDir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && want[name] == nil {
			t.Errorf("%s is made from nothing", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		if got, err := os.ReadFile(name); err != nil || string(got) != string(content) {
			t.Errorf("%s is not what is made from the catalogue (%v); make it anew: go test ./catalogue -update", name, err)
		}
	}
}

// TestFastFormSaysTheSame: a release read from its fast form is the one that the manifest says.
func TestFastFormSaysTheSame(t *testing.T) {
	manifests, err := Open(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, target := range []Target{Compose, Kubernetes} {
		for _, v := range manifests.Versions(target) {
			if !Embedded().hasFast(v.Version, target) {
				continue
			}
			compared++
			got, err := Embedded().Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			want, err := manifests.Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s on %s: fast form (-), manifest (+)\n%s", v.Version, target, diff)
			}
		}
	}
	if minors := len(manifests.index().Manifests); compared < minors {
		t.Errorf("compared %d releases of %d minors", compared, minors)
	}
}
