package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestNewest(t *testing.T) {
	c := Embedded()
	for _, target := range []Target{Compose, Kubernetes} {
		versions := c.Versions(target)
		if !slices.IsSortedFunc(versions, func(a, b Version) int { return CompareVersions(b.Version, a.Version) }) {
			t.Errorf("%s: not newest first", target)
		}
		if newest := c.Newest(target); newest != versions[0].Version {
			t.Errorf("%s: newest is %s, but %s is in the list and has no notice", target, newest, versions[0].Version)
		}
	}
}

func TestResolve(t *testing.T) {
	newest := Embedded().Newest(Compose)
	for _, test := range []struct {
		name   string
		target Target
		want   string
	}{
		{"7.5", Compose, "7.5.4453"},
		{"v7.5.0", Compose, "7.5.0"},
		{"7.4", Compose, "7.4.0"},
		{"7.4", Kubernetes, "7.4.2513"},
		{"5.3", Compose, "5.3.12303"},       // 5.3.16323 is withdrawn
		{"5.3.16323", Compose, "5.3.16323"}, // but may run already
		{"7.6", Compose, "Sourcegraph has not released 7.6 for compose; did you mean " + newest + "?"},
		{"7.6.0", Compose, "Sourcegraph has not released 7.6.0 for compose; did you mean " + newest + "?"},
		{"7.5.4435", Compose, "release 7.5.4435 is not in the catalogue; did you mean 7.5.4453?"},
		{"6.12.540", Kubernetes, "release 6.12.540 is not in the catalogue; did you mean 6.12.5040?"},
		{"latest", Compose, "release latest is not in the catalogue; did you mean " + newest + "?"},
	} {
		got, err := Embedded().Resolve(test.name, test.target)
		if err != nil {
			var unknown *UnknownError
			if !errors.As(err, &unknown) {
				t.Errorf("%s: %T is not typed", test.name, err)
			}
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s on %s: got %s, want %s", test.name, test.target, got, test.want)
		}
	}
}

// TestNotices: every notice names existing releases, and a replacement that no notice advises against.
func TestNotices(t *testing.T) {
	c := Embedded()
	all := c.Versions("")
	find := func(name string) (Version, bool) {
		i := slices.IndexFunc(all, func(v Version) bool { return v.Version == name })
		return all[max(i, 0)], i >= 0
	}
	for _, notice := range c.notices().Notices {
		if notice.Reason == "" || !strings.HasPrefix(notice.Source, "https://") || notice.Use != AnyUse && notice.Use != MultiVersion {
			t.Errorf("notice about %v is not complete", notice.Releases)
		}
		instead, ok := find(notice.Instead)
		if !ok || len(instead.Notices) > 0 {
			t.Errorf("notice about %v: %s can't be taken instead", notice.Releases, notice.Instead)
		}
		for _, name := range notice.Releases {
			v, ok := find(name)
			if !ok || len(v.Notices) == 0 {
				t.Errorf("notice about %s, which is not listed", name)
			}
		}
	}
	for _, test := range []struct {
		version string
		target  Target
		offered bool
	}{
		{"5.3.16323", Compose, false}, {"5.10.0", Compose, false}, {"5.10.0", Kubernetes, false},
		{"5.2.0", Kubernetes, false}, {"5.2.0", Compose, true}, {"5.1.0", Compose, true}, {"7.6.0", Compose, false}, {"7.6.0", Kubernetes, true},
	} {
		if v, _ := find(test.version); v.Offered(test.target) != test.offered {
			t.Errorf("%s on %s: offered %v, want %v", test.version, test.target, !test.offered, test.offered)
		}
	}
}

// TestNoticesAreDocumented: the documentation's table of withdrawn releases agrees with the notices.
func TestNoticesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| 5.") || strings.HasPrefix(line, "| 6.") || strings.HasPrefix(line, "| 7.") {
			rows = append(rows, line)
		}
	}
	notices := Embedded().notices().Notices
	if len(rows) != len(notices) {
		t.Fatalf("docs/catalogue.md has %d rows, notices.yaml has %d notices", len(rows), len(notices))
	}
	for i, notice := range notices {
		first, last := notice.Releases[0], notice.Releases[len(notice.Releases)-1]
		if !strings.HasPrefix(rows[i], "| "+first) || !strings.Contains(rows[i], last) || !strings.HasSuffix(rows[i], "| "+notice.Instead+" |\n") {
			t.Errorf("docs/catalogue.md does not list %v: %s", notice.Releases, rows[i])
		}
	}
}

func TestSupport(t *testing.T) {
	got := map[string]string{}
	for _, version := range []string{"7.5.4453", "6.0.0", "5.11.0"} {
		s := Embedded().Support(version)
		got[version] = strings.TrimSpace(s.Status + " " + s.Ended)
	}
	first := Embedded().index().Releases["7.0.0"][Compose] // with it, the support of 5 ended
	want := map[string]string{"7.5.4453": "supported", "6.0.0": "supported", "5.11.0": "upgrade first " + first}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDescriptions: every service of every release has a description, and nothing else has one.
func TestDescriptions(t *testing.T) {
	c := Embedded()
	described := c.Describe()
	met := map[string]bool{}
	for _, target := range []Target{Compose, Kubernetes} {
		for _, v := range c.Versions(target) {
			r, err := c.Release(v.Version, target)
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range r.Services {
				if user := chartUser(s.Kubernetes); user != "" && described[name].User != "" && described[name].User != user {
					t.Errorf("services.yaml says that %s runs as %s, the chart of %s says %s", name, described[name].User, v.Version, user)
				}
				if s.Compose != nil && described[name].User == "" && hasData(s.Compose) {
					t.Errorf("services.yaml does not say who %s of %s runs as", name, v.Version)
				}
				if described[name].Does == "" && !met[name] {
					t.Errorf("%s of %s is not in services.yaml", name, v.Version)
				}
				met[name] = true
			}
		}
	}
	for name := range described {
		if !met[name] {
			t.Errorf("services.yaml describes %s, which no release has", name)
		}
	}
}

func TestIndexHoldsManifestDigests(t *testing.T) {
	index := Embedded().index()
	names, err := fs.Glob(files, "releases/*.yaml")
	if err != nil || len(names) != len(index.Manifests) {
		t.Errorf("%d manifests, %d in the index, %v", len(names), len(index.Manifests), err)
	}
	for minor, digest := range index.Manifests {
		content, err := fs.ReadFile(files, ManifestFile(minor))
		if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != digest {
			t.Errorf("%s is not what the index says", ManifestFile(minor))
		}
	}
}

func TestChangedManifestIsRefused(t *testing.T) {
	changed := fstest.MapFS{}
	for _, name := range []string{IndexFile, NoticesFile, IssuesFile, RelationsFile, ServicesFile, ManifestFile("7.5")} {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		changed[name] = &fstest.MapFile{Data: content}
	}
	before, err := Open(changed)
	if err != nil {
		t.Fatal(err)
	}
	if before.Digest() != Embedded().Digest() {
		t.Error("same files, other digest")
	}
	changed[ManifestFile("7.5")].Data = append(slices.Clone(changed[ManifestFile("7.5")].Data), '\n')
	if _, err := before.Release("7.5.0", Compose); err == nil || !strings.Contains(err.Error(), "changed by hand") {
		t.Errorf("a changed manifest was loaded: %v", err)
	}
	changed[NoticesFile].Data = append(slices.Clone(changed[NoticesFile].Data), '\n')
	if after, _ := Open(changed); after.Digest() == Embedded().Digest() {
		t.Error("other files, same digest")
	}
}

func TestSummariseAnyTarget(t *testing.T) {
	for name, want := range map[string]string{"7.6": "7.6.0", "7.4": "7.4.2513", "7.4.0": "7.4.0", "5.3.16323": "5.3.16323"} {
		if s, err := Embedded().Summarise(name); err != nil || s.Version.Version != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Embedded().Summarise("8.0"); err == nil || err.Error() != "release 8.0 is not in the catalogue; did you mean "+Embedded().Newest(Kubernetes)+"?" {
		t.Errorf("8.0: %v", err)
	}
}

func TestSummarise(t *testing.T) {
	s, err := Embedded().Summarise("7.5")
	if err != nil {
		t.Fatal(err)
	}
	if s.Version.Version != "7.5.4453" || len(s.Tags) != 2 || len(s.Services) < 28 {
		t.Errorf("%s, %d tags, %d services", s.Version.Version, len(s.Tags), len(s.Services))
	}
	i := slices.IndexFunc(s.Services, func(s ServiceSummary) bool { return s.Name == "zoekt-indexserver" })
	got := s.Services[i]
	got.Image = strings.Split(got.Image, "@")[0]
	want := ServiceSummary{Name: "zoekt-indexserver", Does: "Indexes repositories for search.", On: []Target{Compose, Kubernetes},
		Image: "index.docker.io/sourcegraph/search-indexer:7.5.4453", In: "zoekt-webserver", Scales: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// chartUser is whom the chart runs a service's container as; "" where it leaves that to the image.
func chartUser(k *KubernetesService) string {
	if k == nil {
		return ""
	}
	pods := Branch(k.Objects[k.Container.Object], "spec", "template", "spec")
	for _, c := range Maps(pods["containers"]) {
		context := Branch(c, "securityContext")
		if c["name"] == k.Container.Name && context["runAsUser"] != nil {
			return fmt.Sprintf("%v:%v", context["runAsUser"], context["runAsGroup"])
		}
	}
	return ""
}

func hasData(s *ComposeService) bool {
	for _, m := range s.Volumes {
		if m.Volume != "" {
			return true
		}
	}
	return false
}
