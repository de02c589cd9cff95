package cli

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestHandsPage: docs/hands.md is what the script hands.txtar types, and what berth answers there.
func TestHandsPage(t *testing.T) {
	const page = "../../docs/hands.md"
	script, err := txtar.ParseFile(filepath.Join("testdata", "fake", "hands.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	want := handsPage(script)
	if strings.Count(want, "\n    $ berth ") < 20 {
		t.Errorf("the page has few commands:\n%s", want)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("%s is stale (%v); run: make golden", page, err)
	}
}

var (
	typed  = regexp.MustCompile(`^run (?:[0-9]+ )?(berth .*)$`)
	shown  = regexp.MustCompile(`^cmp out (.*)$`)
	partly = regexp.MustCompile(`^grep '(.*)' out$`)
)

func handsPage(script *txtar.Archive) string {
	files := map[string]string{}
	for _, f := range script.Files {
		files[f.Name] = string(f.Data)
	}
	var b strings.Builder
	b.WriteString("# What hands type that know kubectl and docker compose\n\n<!-- Generated from internal/cli/testdata/fake/hands.txtar. Regenerate with: make golden -->\n")
	code := false // the last line is part of a block of code
	line := func(isCode bool, text string) {
		if !isCode || !code {
			b.WriteString("\n")
		}
		if code = isCode; isCode {
			text = strings.TrimRight("    "+text, " ")
		}
		b.WriteString(text + "\n")
	}
	for text := range strings.Lines(string(script.Comment)) {
		text = strings.TrimSuffix(text, "\n")
		if m := typed.FindStringSubmatch(text); m != nil {
			line(true, "$ "+m[1])
		} else if m := shown.FindStringSubmatch(text); m != nil {
			for answer := range strings.Lines(files[m[1]]) {
				line(true, strings.TrimSuffix(answer, "\n"))
			}
		} else if m := partly.FindStringSubmatch(text); m != nil {
			line(true, "... "+m[1])
		} else if comment, ok := strings.CutPrefix(text, "# "); ok {
			line(false, comment)
		}
	}
	return b.String()
}
