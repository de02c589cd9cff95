package jsonc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	var v map[string]any
	text := `{
  // a comment, with "quotes"
  "externalURL": "https://sourcegraph.example.com", /* a // in a comment */
  "list": [1, 2, /* last */ ],
  "text": "// no comment, /* nor this */ \" ,]",
}`
	if err := Decode([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v["externalURL"] != "https://sourcegraph.example.com" || len(v["list"].([]any)) != 2 || v["text"] != `// no comment, /* nor this */ " ,]` {
		t.Errorf("got %v", v)
	}
}

func TestBrokenJSONStaysBroken(t *testing.T) {
	for _, text := range []string{`{"a": }`, `{"a": 1`, `{"a": 1 "b": 2}`, `{"a": "x`, `/* open`, ``} {
		var v map[string]any
		if err := Decode([]byte(text), &v); err == nil {
			t.Errorf("%q was read as %v", text, v)
		}
	}
}

func TestDecodeFileNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.json")
	if err := os.WriteFile(file, []byte("{,}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := DecodeFile(file, &v); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error that names %s", err, file)
	}
}
