package catalogue

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "rewrite the fast forms")

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
			t.Errorf("%s is not what is made from the catalogue (%v); rewrite it: go test ./catalogue -update", name, err)
		}
	}
}

// TestFastFormSaysTheSame: a release read from its fast form equals the one read from its manifest.
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
			decode(got)
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

// decode turns a release's objects into what they are in a manifest.
func decode(r *Release) {
	all := []map[string]any{r.Objects}
	for _, s := range r.Services {
		if s.Kubernetes != nil {
			all = append(all, s.Kubernetes.Objects)
		}
	}
	for _, objects := range all {
		for key := range objects {
			objects[key] = Branch(objects[key])
		}
	}
}

// TestEachCallerHasItsOwnObjects: a caller that changes an object does not change it for the next caller.
func TestEachCallerHasItsOwnObjects(t *testing.T) {
	fast, err := Embedded().Release(Embedded().Newest(Kubernetes), Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	slow := *fast
	slow.Services = maps.Clone(fast.Services)
	k := *fast.Services["gitserver"].Kubernetes
	k.Objects = maps.Clone(k.Objects)
	slow.Services["gitserver"] = Service{Kubernetes: &k}
	decode(&slow)
	for name, r := range map[string]*Release{"encoded": fast, "decoded": &slow} {
		give := func() map[string]any {
			object, err := r.Object(r.Services["gitserver"].Kubernetes.Objects["StatefulSet/gitserver"], "sg")
			if err != nil {
				t.Fatal(err)
			}
			return object
		}
		pod := Branch(give(), "spec", "template", "spec")
		Maps(pod["containers"])[0]["image"] = "another"
		pod["containers"] = nil
		if image := Maps(Branch(give(), "spec", "template", "spec")["containers"])[0]["image"]; image != r.Images["gitserver"] {
			t.Errorf("%s: the image is %v", name, image)
		}
	}
}
