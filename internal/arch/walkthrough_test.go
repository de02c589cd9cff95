package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestWalkthroughNamesFilesThatExist: a newcomer follows the page with the files open.
func TestWalkthroughNamesFilesThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "development", "walkthrough.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:cmd|internal|catalogue|docs)/[^` ]*)`").FindAllSubmatch(text, -1)
	if len(names) < 30 {
		t.Errorf("the page names %d files: the pattern finds too little", len(names))
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(root, string(name[1]))); err != nil {
			t.Errorf("the page names %s: %v", name[1], err)
		}
	}
}
