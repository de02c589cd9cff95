package release

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
)

// TestNewer: what is newer than a berth, after its version's rules and not after its text.
func TestNewer(t *testing.T) {
	var list List
	for _, v := range []string{"0.9.0", "0.10.0", "0.10.1", "1.0.0-rc.1", "0.9.0"} {
		list.Add(Release{Version: v}, time.Unix(0, 0))
	}
	for version, want := range map[string]string{"0.9.0": "0.10.1 0.10.0", "0.10.1": "", "0.10.0-rc.1": "0.10.1 0.10.0", "2.0.0": ""} {
		newer, ok := list.Newer(version)
		var got []string
		for _, r := range newer {
			got = append(got, r.Version)
		}
		if !ok || strings.Join(got, " ") != want {
			t.Errorf("newer than %s are %q, want %q", version, got, want)
		}
	}
	if _, ok := list.Newer("devel"); ok {
		t.Error("a build from source was compared")
	}
	if len(list.Releases) != 4 {
		t.Errorf("a release is listed twice: %v", list.Releases)
	}
}

// TestParse: only a list that is signed and readable is one.
func TestParse(t *testing.T) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(List{Releases: []Release{{Version: "0.1.0"}, {Version: "0.2.0"}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := Parse(public, ListName, text, minisign.Sign(private, text))
	if err != nil || list.Releases[0].Version != "0.2.0" {
		t.Fatalf("%v, %v", list, err)
	}
	for text, code := range map[string]string{`{"releases": [{"version": "newest"}]}`: "BERTH4703", `[]`: "BERTH4703"} {
		if _, err := Parse(public, ListName, []byte(text), minisign.Sign(private, []byte(text))); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse(public, ListName, text, minisign.Sign(private, []byte("another"))); err == nil || !strings.Contains(err.Error(), "BERTH4701") {
		t.Errorf("another text: %v", err)
	}
}
