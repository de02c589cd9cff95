package catalogue

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWhatIsCarriedOverWordForWord checks docs/catalogue.md, which lists the texts of Sourcegraph's files that the manifests contain
// unchanged. A text has four words or more.
func TestWhatIsCarriedOverWordForWord(t *testing.T) {
	texts := []string{"description", "expr", "shell"}              // keys
	commands := regexp.MustCompile(`^(if \[|- ?\||wget|chmod|#!)`) // items of lists
	keyed := regexp.MustCompile(`^\s*(?:- )?([^\s:#'"][^:]*): (.+)$`)
	item := regexp.MustCompile(`^\s*- (.+)$`)
	files, err := filepath.Glob("releases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(content), "\n") {
			m := keyed.FindStringSubmatch(line)
			switch {
			case m != nil && !strings.HasPrefix(m[2], "[") && !strings.HasPrefix(m[2], "{"):
				if len(strings.Fields(m[2])) >= 4 && !slices.Contains(texts, m[1]) {
					t.Errorf("%s:%d: a text under %s: %s", file, i+1, m[1], m[2])
				}
			case m == nil && item.MatchString(line):
				if text := item.FindStringSubmatch(line)[1]; len(strings.Fields(text)) >= 4 && !commands.MatchString(text) {
					t.Errorf("%s:%d: a text in a list: %s", file, i+1, text)
				}
			}
		}
	}
}
