package catalogue

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "make the fast forms anew")

// TestFastFormsAreFresh: the fast forms are made from the files beside them, and nothing else.
func TestFastFormsAreFresh(t *testing.T) {
	index, err := os.ReadFile(IndexFile)
	if err != nil {
		t.Fatal(err)
	}
	fresh(t, FastIndex, func() ([]byte, error) { return FastOfIndex(index) })
	for minor, digest := range Embedded().index().Manifests {
		manifest, err := os.ReadFile(ManifestFile(minor))
		if err != nil {
			t.Fatal(err)
		}
		fresh(t, FastFile(minor), func() ([]byte, error) { return Fast(manifest, digest) })
	}
}

func fresh(t *testing.T, name string, make func() ([]byte, error)) {
	t.Helper()
	want, err := make()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not what is made from its manifest; make it anew: go test ./catalogue -update", name)
	}
}

// TestFastFormSaysTheSame: a release read from its fast form is the one that the manifest says.
func TestFastFormSaysTheSame(t *testing.T) {
	c := Embedded()
	for _, v := range c.Versions(Compose) {
		got, err := c.Release(v.Version, Compose)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(ManifestFile(got.Minor))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseRelease(filter(content, v.Version, Compose), v.Version, Compose)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: fast form (-), manifest (+)\n%s", v.Version, diff)
		}
	}
}
