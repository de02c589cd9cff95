package catalogue

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// forAll runs a check on every release of a target.
func forAll(t *testing.T, target Target, check func(t *testing.T, r *Release)) {
	c := Embedded()
	for _, v := range c.Versions(target) {
		t.Run(v.Version, func(t *testing.T) {
			t.Parallel()
			r, err := c.Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			check(t, r)
		})
	}
}

func checkImages(t *testing.T, r *Release, target Target) {
	digest := regexp.MustCompile(`^[a-z0-9./_-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$`)
	withdrawn := false
	for _, notice := range Embedded().Notices(r.Version, target) {
		withdrawn = withdrawn || notice.Use == AnyUse
	}
	if len(r.Images) < 20 {
		t.Errorf("only %d images", len(r.Images))
	}
	for name, reference := range r.Images {
		if !withdrawn && !digest.MatchString(reference) {
			t.Errorf("image %s has no digest: %s", name, reference)
		}
	}
}

func TestComposeReleases(t *testing.T) {
	forAll(t, Compose, func(t *testing.T, r *Release) {
		checkImages(t, r, Compose)
		if len(r.Services) < 26 || len(r.Files.Postgres) != 3 || len(r.Files.PrometheusTargets) < 16 || len(r.Files.Caddyfiles) != 4 {
			t.Errorf("%d services, files %d %d %d", len(r.Services), len(r.Files.Postgres), len(r.Files.PrometheusTargets), len(r.Files.Caddyfiles))
		}
		for name, service := range r.Services {
			s := service.Compose
			if r.Images[s.Image] == "" || s.Container == "" || s.CPUs == "" || s.Memory == "" {
				t.Errorf("%s is not complete: %+v", name, s)
			}
			for other := range s.DependsOn {
				if r.Services[other].Compose == nil {
					t.Errorf("%s depends on %s, which is no service", name, other)
				}
			}
			for path, mount := range s.Volumes {
				checkMount(t, r, name, path, mount)
			}
			for variable, value := range s.Env {
				for _, item := range value.Items {
					if item.Each != "" && (r.Services[item.Each].Compose == nil || !r.Services[item.Each].Compose.Scalable()) {
						t.Errorf("%s: %s lists shards of %s, which is not scalable", name, variable, item.Each)
					}
				}
			}
		}
	})
}

// checkMount finds the mounted file among the release's files.
func checkMount(t *testing.T, r *Release, service, path string, mount Mount) {
	if mount.File == "" {
		if (mount.Volume == "") == (mount.Host == "") {
			t.Errorf("%s mounts nothing at %s: %+v", service, path, mount)
		}
		return
	}
	for _, file := range r.Files.Paths() {
		if file == mount.File || strings.HasPrefix(file, mount.File+"/") {
			return
		}
	}
	if mount.File != "grafana/dashboards" { // left out: see import.yaml
		t.Errorf("%s mounts %s, which is not carried", service, mount.File)
	}
}

func TestKubernetesReleases(t *testing.T) {
	forAll(t, Kubernetes, func(t *testing.T, r *Release) {
		checkImages(t, r, Kubernetes)
		for _, name := range []string{"gitserver", "sourcegraph-frontend", "zoekt-webserver", "zoekt-indexserver", "pgsql", "migrator", "otel-agent"} {
			s := r.Services[name].Kubernetes
			if s == nil || len(s.Objects) == 0 && s.In == "" {
				t.Errorf("%s has no objects", name)
			}
		}
		if len(r.Objects) > 3 {
			t.Errorf("%d objects belong to no service", len(r.Objects))
		}
		if _, err := r.Recompose("default"); err != nil {
			t.Error(err)
		}
	})
}

// TestFilter: the line filter only saves time; the release is the same without it.
func TestFilter(t *testing.T) {
	for _, target := range []Target{Compose, Kubernetes} {
		forAll(t, target, func(t *testing.T, filtered *Release) {
			content, err := fs.ReadFile(files, ManifestFile(filtered.Minor))
			if err != nil {
				t.Fatal(err)
			}
			full, err := ParseRelease(content, filtered.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			decode(filtered)
			full.Relations = filtered.Relations // they are not the manifest's
			full.Relations.correct(full.Images, full.Version, target)
			if diff := cmp.Diff(full, filtered); diff != "" {
				t.Errorf("full parse and filtered parse differ:\n%s", diff)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	var base, patch yaml.Node
	if err := yaml.Load([]byte("a: {b: 1, c: [1, 2], d: {e: 2}}\nf: 3"), &base); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load([]byte("a: {b: null, c: [3], d: {g: '{null}'}}\nh: 5"), &patch); err != nil {
		t.Fatal(err)
	}
	merge(base.Content[0], patch.Content[0])
	restoreNulls(&base)
	var got any
	if err := base.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": map[string]any{"c": []any{3}, "d": map[string]any{"e": 2, "g": nil}}, "f": 3, "h": 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkRelease(b *testing.B) {
	for _, target := range []Target{Compose, Kubernetes} {
		b.Run(string(target), func(b *testing.B) {
			for b.Loop() {
				if _, err := Embedded().Release("7.5.4453", target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	for b.Loop() {
		Embedded().Newest(Compose)
	}
}

func BenchmarkDigest(b *testing.B) {
	for b.Loop() {
		Embedded().Digest()
	}
}
