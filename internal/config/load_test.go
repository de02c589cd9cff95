package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"berth/internal/diag"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func rendered(problems diag.List) string {
	var b bytes.Buffer
	problems.WriteText(&b, diag.Paper{})
	return b.String()
}

func TestLoad(t *testing.T) {
	two, port := 2, 8080
	doc, problems := Load("sourcegraph.yaml", []byte(`target: compose
release: 7.10
url: http://localhost
ports: {http: 8080}
services:
  gitserver:
    replicas: 2
    memory: 16Gi
    env: {A: 007, B: true, C: {env: TOKEN}}
databases:
  pgsql: {settings: {max_connections: 200, fsync: off, jit: false}}
certificateAuthorities: &cas [ca.pem]
proxy: {none: *cas}
executors: {}
patches:
- service: cadvisor
  compose: {privileged: false, devices: null, list: [1, 2.5, 2026-11-01], deep: {a: b}}
`))
	if len(problems) > 0 {
		t.Fatal(rendered(problems))
	}
	want := &Config{
		On: "compose", Release: "7.10", URL: "http://localhost", Ports: Ports{HTTP: &port},
		Services: map[string]Service{"gitserver": {Replicas: &two, Memory: "16Gi", Attributes: Attributes{Env: map[string]Value{
			"A": {Text: "007"}, "B": {Text: "true"}, "C": {Secret: &Secret{Env: "TOKEN"}},
		}}}},
		Databases:              map[string]Database{"pgsql": {Settings: map[string]string{"max_connections": "200", "fsync": "off", "jit": "false"}}},
		CertificateAuthorities: []string{"ca.pem"}, Proxy: &Proxy{None: []string{"ca.pem"}}, Executors: &Executors{},
		Patches: []Patch{{Service: "cadvisor", Compose: map[string]any{
			"privileged": false, "devices": nil, "list": []any{1, 2.5, "2026-11-01"}, "deep": map[string]any{"a": "b"},
		}}},
	}
	if diff := cmp.Diff(want, doc.Config); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"target":                         "1:9+7",
		"services":                       "5:1+8",
		"services.gitserver.replicas":    "7:15+1",
		"services.gitserver.env.C.env":   "9:37+5",
		"patches.0":                      "16:3+17",
		"patches.0.compose":              "17:12+76",
		"patches.0.compose.list.2":       "17:62+10",
		"databases.pgsql.settings.fsync": "11:51+3",
		"nothing":                        "0:0+0",
	} {
		r := doc.At(path)
		if got := fmt.Sprintf("%d:%d+%d", r.Line, r.Column, r.Length); got != want {
			t.Errorf("At(%q) = %s, want %s", path, got, want)
		}
	}
	if r := doc.KeyAt("services.gitserver.replicas"); r.Column != 5 || r.Excerpt != "    replicas: 2" {
		t.Errorf("KeyAt = %+v", r)
	}
}

// TestBytes has what a text file can't show well.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"carriage returns and a byte order mark", "\ufeffon: compose\r\nurl: http://x\r\nsize: huge\r\n",
			"f:3:7: size must be demo, xs, s, m, l, xl, 2xl or 3xl, got \"huge\"              BERTH1106\n  3 | size: huge\n    |       ^^^^ write one of them\n"},
		{"columns count characters", "name: 'é中x' \nsize: {a: 'é'}\n",
			"f:2:7: size must be text, got a map                                            BERTH1105\n  2 | size: {a: 'é'}\n    |       ^^^^^^^^ size: m\n"},
		{"latin-1", "target: compose\nname: caf\xe9\n",
			"f:2:10: the file has the byte 0xe9, which is not UTF-8                         BERTH1112\n  2 | name: caf\uFFFD\n    |          ^ save the file as plain UTF-8 text\n"},
		{"utf-16", "o\x00n\x00",
			"f:1:2: the file has the control character U+0000                               BERTH1112\n  1 | o\uFFFDn\uFFFD\n    |  ^ save the file as plain UTF-8 text\n"},
		{"nothing", "", "f:1:1: the file is empty                                                       BERTH1109\n  berth init writes one\n"},
		{"only null", "~\n", "f:1:1: the file is empty                                                       BERTH1109\n  1 | ~\n    | ^ berth init writes one\n"},
		{"tabs within a text are fine", "name: |\n  a\n  \tb\n", ""},
	} {
		_, problems := Load("f", []byte(c.in))
		got := rendered(problems)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

// TestBomb: aliases of aliases end early, and are reported once.
func TestBomb(t *testing.T) {
	_, problems := Load("f", []byte(bomb()))
	if len(problems) != 1 || problems[0].Code != "BERTH1114" {
		t.Error(rendered(problems))
	}
}

// TestManyProblems: aliases don't multiply mistakes without end.
func TestManyProblems(t *testing.T) {
	text := "services:\n  a: &a {" + strings.Repeat("x, ", 500) + "y: 1}\n"
	text = strings.ReplaceAll(text, "x, ", "? x, ")
	for i := range 500 {
		text += fmt.Sprintf("  s%d: *a\n", i)
	}
	if _, problems := Load("f", []byte(text)); len(problems) > maxValues {
		t.Error(len(problems))
	}
}

// bomb is a small file that expands to 10^9 values.
func bomb() string {
	text := "patches: [{compose: {a: &a [x,x,x,x,x,x,x,x,x,x]"
	for c := 'b'; c < 'j'; c++ {
		text += fmt.Sprintf(", %c: &%c [%s]", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ","))
	}
	return text + "}}]\n"
}

// TestAllAtOnce combines mistakes that are each found alone, and finds as many.
func TestAllAtOnce(t *testing.T) {
	mistakes := []string{
		"target: docker", "urls: x", "size: 3", "name: [a]", "license: abc", "ports: {http: x}", "services: {a: {replicas: -1}}",
		"databases: {pg: {}}", "redis: {redis-cache: {external: {}}}", "objectStorage: {backend: s4}", "images: {registry: {}}",
		"certificateAuthorities: x", "proxy: []", "git: {sshkey: {env: a}}", "siteConfig: {fil: a}", "executors: {queues: [x]}",
		"tracing: {jaeger: 1}", "kubernetes: x", "patches: [x]", "release: \"x", "tls: {certificate", "codeHosts: a: b",
	}
	for _, m := range mistakes {
		if _, problems := Load("f", []byte(m+"\n")); len(problems) != 1 {
			t.Errorf("%s alone: %d problems\n%s", m, len(problems), rendered(problems))
		}
	}
	_, problems := Load("f", []byte(strings.Join(mistakes, "\n")+"\n"))
	lines := map[int]bool{}
	for _, p := range problems {
		lines[p.Range.Line] = true
	}
	if len(problems) != len(mistakes) || len(lines) != len(mistakes) {
		t.Errorf("%d problems on %d lines, want %d\n%s", len(problems), len(lines), len(mistakes), rendered(problems))
	}
}

func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob("check/testdata/problems/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte(bomb()))
	f.Add([]byte("a: \u2028b\r\u0085c: [\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, problems := Load("f", data)
		lines := newSource("f", strings.ToValidUTF8(strings.TrimPrefix(string(data), "\ufeff"), "\uFFFD")).lines
		check := func(what string, r diag.Range) {
			if r.Line < 1 || r.Line > len(lines) || r.Column < 1 || r.Column > utf8.RuneCountInString(lines[r.Line-1])+1 || r.Length < 1 {
				t.Errorf("%s: outside the file: %+v", what, r)
			}
		}
		for _, p := range problems {
			check(p.Summary, p.Range)
			if p.Severity != diag.Error || p.Code == "" {
				t.Errorf("incomplete: %+v", p)
			}
		}
		for path, r := range doc.values {
			check(path, r)
		}
		rendered(problems)
	})
}

const thirty = "testdata/thirty-lines.yaml"

func TestThirtyLines(t *testing.T) {
	data, err := os.ReadFile(thirty)
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := Load(thirty, data); len(problems) > 0 {
		t.Error(rendered(problems))
	}
}

// BenchmarkLoad must stay below a millisecond.
func BenchmarkLoad(b *testing.B) {
	data, err := os.ReadFile(thirty)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Load(thirty, data)
	}
}

// TestOlderName: a file may have the older name of a key. It means the same, and its place is that of the newer name.
func TestOlderName(t *testing.T) {
	older, problems := Load("f", []byte("url: http://localhost\non: kubernetes\n"))
	newer, more := Load("f", []byte("url: http://localhost\ntarget: kubernetes\n"))
	if len(problems)+len(more) > 0 || older.Config.On != "kubernetes" || !cmp.Equal(older.Config, newer.Config) {
		t.Errorf("%+v, want %+v; %v %v", older.Config, newer.Config, problems, more)
	}
	if at := older.At("target"); at.Line != 2 || at.Column != 5 {
		t.Errorf("target is at %+v", at)
	}
	edited, err := WithRelease("f", []byte("on: compose\nrelease: 7.5.0\n"), "7.6.0")
	if err != nil || string(edited) != "on: compose\nrelease: 7.6.0\n" {
		t.Errorf("%q %v", edited, err)
	}
	for _, text := range []string{"on: compose\ntarget: compose\n", "target: compose\non: compose\n", "on: nowhere\ntarget: compose\n"} {
		_, problems := Load("f", []byte(text))
		if last := problems[len(problems)-1]; last.Code != "BERTH1104" || last.Range.Line != 2 {
			t.Errorf("%q: %+v", text, problems)
		}
	}
}
