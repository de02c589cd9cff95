package bundle

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/bundle/redact"
	"berth/internal/diag"
)

const (
	password = "Zk3vQ9xT1mB7"
	awkward  = `it's "so" & <so>`
)

var known = []redact.Value{{Text: password, What: "the password of pgsql"}, {Text: awkward, What: "the sign-in of a code host"}}

// request is a bundle of a few files, in which secrets are.
func request(more ...Collector) Request {
	quoted, _ := json.Marshal(awkward)
	texts := map[string]string{
		"logs/a.log":    "connect " + password + "\nretry " + base64.StdEncoding.EncodeToString([]byte("x"+password)) + "\nsaid " + string(quoted) + "\n",
		"config/a.json": `{"token": "abcdefgh", "name": "frontend", "env": [{"name": "API_KEY", "value": "hunter22"}]}`,
		"empty.txt":     "",
	}
	collect := Collector{Name: "texts", Collect: func(_ context.Context, out *Out) error {
		for name, text := range texts {
			out.File(name, strings.NewReader(text))
		}
		return nil
	}}
	return Request{Manifest: Manifest{Installation: "sourcegraph", Target: "compose"}, Collectors: append([]Collector{collect}, more...), Known: known,
		Patience: 100 * time.Millisecond, Now: func() time.Time { return time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC) },
		Summary: func(m *Manifest) string { return "# " + m.Installation + "\n" + password + "\n" }}
}

// texts are the files of a bundle.
func texts(t *testing.T, file string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := each(file, func(name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		_, short, _ := strings.Cut(name, "/")
		out[short] = string(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func made(t *testing.T, r Request) (*Made, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle"+Suffix)
	m, err := Make(t.Context(), r, file)
	if err != nil {
		t.Fatal(err)
	}
	return m, file
}

func TestNoSecretIsInABundle(t *testing.T) {
	m, file := made(t, request())
	files := texts(t, file)
	for name, text := range files {
		for _, secret := range []string{password, awkward, "hunter22", "abcdefgh", base64.StdEncoding.EncodeToString([]byte(password))[:12], "canary-"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", name, secret, text)
			}
		}
	}
	if n := strings.Count(files[CanaryFile], "*****"); n < canaryForms {
		t.Errorf("the canary is masked %d times, want %d:\n%s", n, canaryForms, files[CanaryFile])
	}
	for _, name := range []string{"config/a.json", ManifestFile} {
		if !json.Valid([]byte(files[name])) {
			t.Errorf("%s is no JSON any more:\n%s", name, files[name])
		}
	}
	if !strings.Contains(files["config/a.json"], `"name": "frontend"`) || !strings.HasPrefix(files["logs/a.log"], "connect *****\nretry ") {
		t.Errorf("too much is masked:\n%s\n%s", files["config/a.json"], files["logs/a.log"])
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("something is left beside the bundle: %v", entries)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle has mode %o", info.Mode().Perm())
	}
	checked, err := Verify(file, known, nil)
	if err != nil || len(checked.Problems) > 0 || checked.Files != len(m.Manifest.Files)+1 {
		t.Errorf("verify: %+v, %v", checked, err)
	}
}

// TestWhatCannotBeCollectedIsSaid: a collector that hangs, fails or breaks stops no other.
func TestWhatCannotBeCollectedIsSaid(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	m, file := made(t, request(
		Collector{Name: "hangs", Collect: func(_ context.Context, out *Out) error {
			out.File("before.txt", strings.NewReader("before"))
			<-never
			return nil
		}},
		Collector{Name: "fails", Collect: func(context.Context, *Out) error { return errors.New("no such " + password) }},
		Collector{Name: "breaks", Collect: func(context.Context, *Out) error { panic("oops") }},
		Collector{Name: "half", Collect: func(_ context.Context, out *Out) error {
			out.Stream("half.log", func(w io.Writer) error {
				_, _ = io.WriteString(w, "the first half\n")
				return errors.New("cut off")
			})
			return nil
		}}))
	why := map[string]string{}
	for _, missing := range m.Manifest.Missing {
		why[missing.What] = missing.Why
	}
	for what, want := range map[string]string{"hangs": "did not end", "fails": "no such", "breaks": "oops", "half.log": "cut off"} {
		if !strings.Contains(why[what], want) {
			t.Errorf("%s: %q, want %q", what, why[what], want)
		}
	}
	files := texts(t, file)
	if files["before.txt"] != "before" || files["half.log"] != "the first half\n" || strings.Contains(files[ManifestFile], password) {
		t.Errorf("%q", files)
	}
}

// TestLongFilesKeepTheirEnd: what happened last is there.
func TestLongFilesKeepTheirEnd(t *testing.T) {
	r := request(Collector{Name: "long", Collect: func(_ context.Context, out *Out) error {
		out.File("long.log", io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("a line that is there often\n"), 300_000)), strings.NewReader("the end\n")))
		return nil
	}})
	r.MostBytes, r.Patience = 3<<20, time.Minute
	m, file := made(t, r)
	f := m.Manifest.File("long.log")
	if f == nil || f.Bytes > r.MostBytes || f.LeftOut == 0 || f.Bytes+f.LeftOut != 300_000*27+8 {
		t.Errorf("%+v", f)
	}
	if !strings.HasSuffix(texts(t, file)["long.log"], "the end\n") {
		t.Error("the end is not there")
	}
	if checked, err := Verify(file, nil, nil); err != nil || len(checked.Problems) > 0 {
		t.Errorf("%+v, %v", checked, err)
	}
}

// TestNamesStayDifferent: names of which the same part is masked are two names.
func TestNamesStayDifferent(t *testing.T) {
	m, file := made(t, request(Collector{Name: "two", Collect: func(_ context.Context, out *Out) error {
		out.File("logs/"+password+".log", strings.NewReader("one"))
		out.File("logs/"+awkward+".log", strings.NewReader("two"))
		return nil
	}}))
	if m.Manifest.File("logs/*****.log") == nil || m.Manifest.File("logs/*****-2.log") == nil {
		t.Errorf("%+v", m.Manifest.Files)
	}
	if checked, err := Verify(file, known, nil); err != nil || len(checked.Problems) > 0 {
		t.Errorf("%+v, %v", checked, err)
	}
}

// TestASecretInTheFinishedArchiveIsFatal: whatever let it in.
func TestASecretInTheFinishedArchiveIsFatal(t *testing.T) {
	_, file := made(t, request())
	err := prove(file, redact.Known([]redact.Value{{Text: "frontend", What: "a value that was not known before"}}))
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH4431" || !strings.Contains(problems[0].Summary, "config/a.json") {
		t.Errorf("%v", err)
	}
}

// TestVerifySeesEveryChange: of contents, and of what is listed.
func TestVerifySeesEveryChange(t *testing.T) {
	_, file := made(t, request())
	files := texts(t, file)
	for name, change := range map[string]func(map[string]string){
		"changed":         func(m map[string]string) { m["logs/a.log"] += "more\n" },
		"gone":            func(m map[string]string) { delete(m, "logs/a.log") },
		"more":            func(m map[string]string) { m["logs/b.log"] = "new\n" },
		"summary changed": func(m map[string]string) { m[SummaryFile] = "all is well\n" },
	} {
		dir := t.TempDir()
		changed := map[string]string{}
		for name, text := range files {
			changed[name] = text
		}
		change(changed)
		for name, text := range changed {
			path := filepath.Join(dir, "bundle", name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		checked, err := Verify(dir, nil, nil)
		if err != nil || len(checked.Problems) != 1 || checked.Problems[0].Code != "BERTH4433" {
			t.Errorf("%s: %+v, %v", name, checked, err)
		}
	}
	short := filepath.Join(t.TempDir(), "short"+Suffix)
	whole, _ := os.ReadFile(file)
	if err := os.WriteFile(short, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(short, nil, nil); err == nil {
		t.Error("half a bundle is not noticed")
	}
}

// TestNamesInABundle: a name is in no text, no name of a file, no list and no folder; a bundle that still has one is not given away.
func TestNamesInABundle(t *testing.T) {
	r := request(Collector{Name: "of alice", Collect: func(_ context.Context, out *Out) error {
		out.File("logs/alice-1/alice.log", strings.NewReader("Alice on db1.corp.example\n"))
		return errors.New("no such user: alice")
	}})
	r.Pseudonyms = &redact.Pseudonyms{Key: []byte("key"), Kinds: redact.Kinds, Stays: func(redact.Kind, string) bool { return false },
		Names: []redact.Name{{Kind: redact.Users, Text: "alice"}, {Kind: redact.Hosts, Text: "corp.example", Below: true}}}
	file := filepath.Join(t.TempDir(), "alice"+Suffix)
	m, err := Make(t.Context(), r, file)
	if err != nil {
		t.Fatal(err)
	}
	alice, host := r.Pseudonyms.Of(redact.Users, "alice"), r.Pseudonyms.Of(redact.Hosts, "db1.corp.example")
	files := texts(t, file)
	if got, want := files["logs/"+alice+"-1/"+alice+".log"], alice+" on "+host+"\n"; got != want {
		t.Errorf("%q, want %q, in %v", got, want, slices.Sorted(maps.Keys(files)))
	}
	for name, text := range files {
		if strings.Contains(strings.ToLower(name+text), "alice") || strings.Contains(text, "corp.example") {
			t.Errorf("%s has a name:\n%s", name, text)
		}
	}
	_ = each(file, func(name string, _ io.Reader) error {
		if !strings.HasPrefix(name, alice+"/") {
			t.Errorf("the folder of %s", name)
		}
		return nil
	})
	if len(m.Names) != 2 || m.Names[0].Name != "alice" || m.Names[1].Pseudonym != host {
		t.Errorf("%+v", m.Names)
	}
	if checked, err := Verify(file, known, r.Pseudonyms); err != nil || len(checked.Problems) > 0 || !slices.Equal(Replaced(file), redact.Kinds) {
		t.Errorf("%+v, %v, %v", checked, err, Replaced(file))
	}
	r.Pseudonyms.Names = append(r.Pseudonyms.Names, redact.Name{Kind: redact.Hosts, Text: "frontend"}) // it was not known before
	var problems diag.List
	if err := prove(file, redact.Known(nil).WithNames(r.Pseudonyms)); !errors.As(err, &problems) || problems[0].Code != "BERTH4431" || !strings.Contains(problems[0].Summary, "a host name") {
		t.Errorf("%v", err)
	}
}
