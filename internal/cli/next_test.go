//go:build next

package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNextReleaseNeedsNoEdit builds the tests of this repository with a catalogue that has one more release, and runs them: what depends on the newest
// release asks the catalogue for it.
func TestNextReleaseNeedsNoEdit(t *testing.T) {
	path := os.Getenv("PATH") // with the real helm, if there is one
	dir, _, _ := nextCatalogue(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{}
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			replaced[filepath.Join(root, "catalogue", strings.TrimPrefix(name, dir))] = name
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	put(t, overlay, string(text), 0o644)
	// Without the tests that make this release themselves.
	all := exec.CommandContext(t.Context(), "go", "test", "-timeout", "30m", "-vet=off", "-overlay", overlay, "-skip", "^TestNextRelease", "./catalogue/...", "./internal/...")
	// Whether a release needs an edit does not depend on how often berth is killed.
	all.Dir, all.Env = root, append(os.Environ(), "PATH="+path, "BERTH_KILLS=1", "BERTH_WALKS=1")
	if out, err := all.CombinedOutput(); err != nil {
		t.Errorf("with %s in the catalogue: %v\n%s", next, err, out)
	}
}
