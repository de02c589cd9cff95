package diag

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteText(t *testing.T) {
	long := strings.Repeat("x", 100) + "\tyé" + strings.Repeat("z", 100)
	problems := List{
		{Code: "BERTH1102", Severity: Error, Summary: `unknown key "servises"`, Hint: `did you mean "services"?`,
			Range: Range{File: "sourcegraph.yaml", Line: 6, Column: 3, Length: 8, Excerpt: "  servises:"}},
		{Code: "BERTH1144", Severity: Warning, Summary: "everybody can read it", Range: Range{File: "f", Line: 10, Column: 2, Length: 3, Excerpt: "\t\tabc"}},
		{Code: "BERTH2107", Severity: Error, Subject: "host", Summary: "port 443 is in use by nginx (pid 812)", Hint: "stop it, or set  ports: {https: 8443}"},
		{Code: "BERTH3204", Severity: Error, Subject: "gitserver-0", Summary: "did not become healthy in 5 min", Detail: []string{"last lines", "a"}, Hint: "one\ntwo"},
		{Code: "BERTH1101", Severity: Error, Summary: "far right", Range: Range{File: "f", Line: 1, Column: 102, Length: 2, Excerpt: long}},
		{Code: "BERTH1112", Severity: Error, Summary: "control", Range: Range{File: "f", Line: 1, Column: 2, Length: 99, Excerpt: "a\x1b[31m"}},
	}
	var b bytes.Buffer
	problems.WriteText(&b, Paper{})
	want := `sourcegraph.yaml:6:3: unknown key "servises"                                   BERTH1102
  6 |   servises:
    |   ^^^^^^^^ did you mean "services"?
f:10:2: warning: everybody can read it                                         BERTH1144
  10 |         abc
     |     ^^^^^^
host: port 443 is in use by nginx (pid 812)                                    BERTH2107
  stop it, or set  ports: {https: 8443}
gitserver-0: did not become healthy in 5 min                                   BERTH3204
  | last lines
  | a
  one
  two
f:1:102: far right                                                             BERTH1101
  1 | …` + strings.Repeat("x", 51) + "    yé" + strings.Repeat("z", 52) + `…
    | ` + strings.Repeat(" ", 56) + "^^" + `
f:1:2: control                                                                 BERTH1112
  1 | a�[31m
    |  ^^^^^
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	b.Reset()
	problems[:1].WriteText(&b, Paper{Color: true})
	if !strings.Contains(b.String(), "\x1b[31m  ^^^^^^^^\x1b[0m did you mean") {
		t.Errorf("colours: %q", b.String())
	}
}

func TestSort(t *testing.T) {
	l := List{{Code: "B", Range: Range{Line: 2}}, {Code: "C", Severity: Warning}, {Code: "B", Severity: Error}}
	l.Sort()
	if l[0].Code != "B" || l[1].Code != "C" || l.Err() == nil || l[1:2].Err() != nil {
		t.Errorf("%+v", l)
	}
	if got := l.Error(); got != "B: ; C: ; B: " {
		t.Error(got)
	}
}

// TestSecretsAreNotShown: a problem may quote other programs, with secrets.
func TestSecretsAreNotShown(t *testing.T) {
	const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	l := List{{Code: "BERTH1101", Severity: Error, Summary: "got " + token, Hint: "not " + token, Detail: []string{"said " + token},
		Range: Range{File: "f", Line: 1, Column: 1, Length: 2, Excerpt: "a: " + token}}}
	var text bytes.Buffer
	l.WriteText(&text, Paper{Color: true})
	asJSON, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{text.String(), string(asJSON), l.Error()} {
		if strings.Contains(shown, token) || !strings.Contains(shown, "got *****") {
			t.Error(shown)
		}
	}
	var back List
	if err := json.Unmarshal(asJSON, &back); err != nil || back[0].Code != l[0].Code || back[0].Range.Column != 1 {
		t.Errorf("%+v, %v", back, err)
	}
}
