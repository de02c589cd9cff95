package diag

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCodes proves that every code of the program is registered and explained, and that the program uses every registered code.
func TestCodes(t *testing.T) {
	registered, first := map[string]bool{}, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) // of the repository
	codes, err := Codes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		registered[c.Code] = true
		if c.Title == "" || c.Why == "" || c.Do == "" {
			t.Errorf("%s is not explained", c.Code)
		}
		if at, err := time.Parse(time.DateOnly, c.Since); err != nil || at.Before(first) || at.After(time.Now()) {
			t.Errorf("%s is in berth since %q: write the day on which you add it, such as 2026-11-29", c.Code, c.Since)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used(t))), slices.Sorted(maps.Keys(registered))); diff != "" {
		t.Errorf("-used +registered in internal/diag/codes\n%s", diff)
	}
}

// used finds the codes in the program's own files.
func used(t *testing.T) map[string]bool {
	quoted := regexp.MustCompile(`"(BERTH[0-9]{4})"`)
	codes := map[string]bool{}
	for _, root := range []string{"../../internal", "../../cmd", "../../catalogue"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
				codes[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return codes
}

func TestExplain(t *testing.T) {
	for _, code := range []string{"BERTH1102", "berth1102", "1102"} {
		c, ok := Explain(code)
		if !ok || c.Code != "BERTH1102" {
			t.Errorf("%s: %+v", code, c)
		}
	}
	if _, ok := Explain("BERTH0000"); ok {
		t.Error("found a code that is not there")
	}
}
