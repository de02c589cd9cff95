package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/installation"
	"berth/internal/installation/fake"
)

// hiddenSecrets are secrets that this test hides, by where berth learns of them.
var hiddenSecrets = map[string]string{
	"the target":      "Held4Zk3vQ9xT",
	"the site config": "LicenseFromTheDatabase",
	"a code host":     "hunter-of-a-code-host",
	"the form":        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
	"the name":        "nobody-knows-this-one",
}

// hiddenNames is a line of a log with names of all kinds.
const hiddenNames = `lvl=eror user=eleanor clone of git@git.acme.test:team/lighthouse.git by DOROTHEA (dorothea@acme.test) from 10.20.30.40: db7.acme.test is full, status 500`

// bundled runs berth on an installation whose logs have secrets. The target is one of the two, or external: with an external pgsql.
func bundled(t *testing.T, target string) (dir string, run func(want int, args ...string) string) {
	t.Helper()
	w, dir := fake.New(), t.TempDir()
	w.Held = hiddenSecrets["the target"]
	run = func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		w.Process(0)
		e := &Env{Stdout: &out, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: dir, Getenv: func(name string) string { return map[string]string{"PG_PASSWORD": "of the external database"}[name] }, Now: w.Now}}
		if code := Run(t.Context(), e, args); code != want {
			t.Fatalf("berth %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, out.String())
		}
		return out.String()
	}
	config := "target: compose\nrelease: 7.4.0\nurl: http://localhost\n"
	if target == "kubernetes" {
		config = "target: kubernetes\nrelease: 7.4.0\nurl: http://sourcegraph.example.com\nkubernetes: {namespace: sourcegraph}\n"
	}
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "up", "--yes")
	asked := "pgsql" // by a program in its container
	if target == "external" {
		asked = "psql" // a task
		config += "databases: {pgsql: {external: {host: pg.acme.test, user: sg, database: sg, password: {env: PG_PASSWORD}}}}\n"
		if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := []installation.LogLine{{Time: w.Now().Add(-time.Hour), Text: hiddenNames}}
	for where, secret := range hiddenSecrets {
		quoted, _ := json.Marshal(map[string]string{"inner": secret})
		for _, line := range []string{"password=" + secret, "lvl=eror in base64 " + base64.StdEncoding.EncodeToString([]byte("a"+secret)), `{"Body":` + string(quoted) + `}`} {
			log = append(log, installation.LogLine{Time: w.Now().Add(-time.Hour), Text: line})
			if where == "the name" {
				break // in another form, nobody can know it
			}
		}
	}
	w.Plant("gitserver", fake.Planted{Log: log, Restarts: 3, Exit: 137, OOMKilled: true, Before: log[:1]})
	site, _ := json.Marshal(map[string]string{"kind": "", "text": `{"licenseKey": "` + hiddenSecrets["the site config"] + `"}`})
	host, _ := json.Marshal(map[string]string{"kind": "GITHUB", "text": `{"url": "https://git.acme.test", "token": "` + hiddenSecrets["a code host"] + `"}`})
	w.Plant(asked, fake.Planted{Exec: func(c installation.Command) (int, bool) {
		if c.Args[0] != "psql" && asked == "pgsql" {
			return 0, false
		}
		asked, _ := io.ReadAll(c.Stdin)
		if bytes.Contains(asked, []byte("FROM users")) {
			_, _ = io.WriteString(c.Stdout, `{"kind": "users", "text": "Dorothea"}`+"\n"+`{"kind": "users", "text": "status"}`+"\n"+
				`{"kind": "repositories", "text": "git.acme.test/team/lighthouse"}`+"\n")
			return 0, true
		}
		_, _ = c.Stdout.Write(append(append(site, '\n'), append(host, '\n')...))
		return 0, true
	}})
	return dir, run
}

// undecided is an exception that nobody decided.
const undecided = `id: own
subject: changes
releases: '>=7.0'
what: a
why: b
risk: c
askedBy: me
askedOn: "2026-11-01"
expires: "2100-01-01"
services: d
merged: e
value: f
fit: g
`

// TestBundleHasNoSecret looks into the unpacked archive with other programs' eyes: tar opens it, and no hiddenSecrets secret is found.
func TestBundleHasNoSecret(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes", "external"} {
		t.Run(target, func(t *testing.T) {
			dir, run := bundled(t, target)
			if err := os.MkdirAll(filepath.Join(dir, "exceptions"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "exceptions", "own.yaml"), []byte(undecided), 0o600); err != nil {
				t.Fatal(err)
			}
			said := run(0, "bundle", "--out", "one.tar.gz")
			for _, want := range []string{"written   one.tar.gz", "nothing was sent", "masked"} {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s", want, said)
				}
			}
			unpacked := filepath.Join(dir, "unpacked")
			if err := os.Mkdir(unpacked, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("tar", "-xzf", filepath.Join(dir, "one.tar.gz"), "-C", unpacked).CombinedOutput(); err != nil {
				t.Fatalf("tar: %v\n%s", err, out)
			}
			files, exceptions := 0, false
			_ = filepath.WalkDir(unpacked, func(name string, d os.DirEntry, _ error) error {
				if d.IsDir() {
					return nil
				}
				files++
				text, err := os.ReadFile(name)
				if err != nil {
					t.Error(err)
				}
				exceptions = exceptions || strings.Contains(string(text), "- own: changes for Sourcegraph >=7.0, until 2100-01-01: asked\n")
				for where, secret := range hiddenSecrets {
					for form, hidden := range map[string]string{"itself": secret, "base64": base64.StdEncoding.EncodeToString([]byte("a" + secret))[4:14]} {
						if strings.Contains(string(text), hidden) {
							t.Errorf("%s has the secret of %s, %s", name, where, form)
						}
					}
				}
				return nil
			})
			if files < 30 || !exceptions {
				t.Errorf("%d files; the exceptions are in one of them: %v", files, exceptions)
			}
			run(0, "bundle", "verify", "one.tar.gz")
			if tells := run(0, "bundle", "analyze", "one.tar.gz"); !strings.Contains(tells, "gitserver-0") || !strings.Contains(tells, "3 restarts, exit code 137") ||
				!strings.Contains(tells, "lvl=eror") || !strings.Contains(tells, " checks: ") || !strings.Contains(tells, "memory") {
				t.Errorf("analyze does not tell:\n%s", tells)
			}
		})
	}
}

// TestBundlePreviewKeepsNothing: it says what is new since the last one.
func TestBundlePreviewKeepsNothing(t *testing.T) {
	dir, run := bundled(t, "compose")
	if said := run(0, "bundle", "--preview"); !strings.Contains(said, "no bundle was made here before") {
		t.Error(said)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*.tar.gz")); len(found) > 0 {
		t.Errorf("%v", found)
	}
	run(0, "bundle", "--out", "one.tar.gz")
	if said := run(0, "bundle", "--preview"); !strings.Contains(said, "since one.tar.gz") || !strings.Contains(said, ": 0 files") {
		t.Error(said)
	}
	run(3, "bundle", "--out", "one.tar.gz") // no file is replaced
	run(3, "bundle", "--out", "one.zip")
	run(0, "bundle", "--out", "two.tar.gz")
	if said := run(0, "bundle", "diff", "one.tar.gz", "two.tar.gz"); !strings.Contains(said, "no differences") {
		t.Error(said)
	}
}

// TestPseudonyms: no name leaves, each has the same pseudonym in the next bundle, and only who runs the installation can say whose it is.
func TestPseudonyms(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes", "external"} {
		t.Run(target, func(t *testing.T) {
			dir, run := bundled(t, target)
			run(3, "bundle", "who", "host-00000000") // no bundle had any
			said := run(0, "bundle", "--pseudonyms", "all", "--out", "one.tar.gz", "--all")
			line := logged(t, dir, "one", "gitserver")
			form := regexp.MustCompile(`lvl=eror user=(user-\w{8}) clone of git@(repo-\w{8})\.git by (user-\w{8}) \((mail-\w{8})\) from (address-\w{8}): (host-\w{8}) is full, status 500`)
			m := form.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("the log has\n%s", line)
			}
			names := []string{"eleanor", "git.acme.test/team/lighthouse", "dorothea", "dorothea@acme.test", "10.20.30.40", "db7.acme.test"}
			for i, name := range names {
				if !strings.Contains(said, m[i+1]+" is "+name) {
					t.Errorf("%s is not shown:\n%s", name, said)
				}
				if who := run(0, "bundle", "who", m[i+1]); who != m[i+1]+"  "+name+"\n" {
					t.Errorf("who: %s", who)
				}
			}
			all := unpack(t, dir, "one")
			for _, name := range []string{"acme", "eleanor", "dorothea", "lighthouse", "10.20.30.40"} {
				if strings.Contains(strings.ToLower(all), name) {
					t.Errorf("the bundle has %s", name)
				}
			}
			run(0, "bundle", "--pseudonyms", "all", "--out", "two.tar.gz")
			if again := logged(t, dir, "two", "gitserver"); again != line {
				t.Errorf("the next bundle has\n%s\nand not\n%s", again, line)
			}
			if said := run(0, "bundle", "verify", "one.tar.gz"); !strings.Contains(said, "names, and none is in it") {
				t.Error(said)
			}
			if tells := run(0, "bundle", "analyze", "one.tar.gz"); !strings.Contains(tells, "3 restarts, exit code 137") {
				t.Error(tells)
			}
			run(0, "bundle", "--pseudonyms", "hosts", "--out", "hosts.tar.gz")
			if line := logged(t, dir, "hosts", "gitserver"); !strings.Contains(line, "user=eleanor") || strings.Contains(line, "db7.acme") {
				t.Error(line)
			}
			run(3, "bundle", "--pseudonyms", "people")
			run(3, "bundle", "who", "host-00000000")
		})
	}
}

// unpack is everything that a bundle has, one file after the other, with their names.
func unpack(t *testing.T, dir, name string) string {
	t.Helper()
	to := filepath.Join(dir, name+"-unpacked")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", filepath.Join(dir, name+".tar.gz"), "-C", to).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	var all strings.Builder
	_ = filepath.WalkDir(to, func(path string, d os.DirEntry, _ error) error {
		all.WriteString(strings.TrimPrefix(path, to) + "\n")
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			if strings.HasSuffix(path, ".json") && !json.Valid(text) {
				t.Errorf("%s is no JSON any more", path)
			}
			all.Write(append(text, '\n'))
		}
		return nil
	})
	return all.String()
}

// logged is the first line of a service's log in a bundle, without its time.
func logged(t *testing.T, dir, name, service string) string {
	t.Helper()
	_, log, ok := strings.Cut(unpack(t, dir, name), "/"+service+".log\n")
	if !ok {
		_, log, ok = strings.Cut(unpack(t, dir, name), "/"+service+"-0.log\n")
	}
	if !ok {
		t.Fatalf("no log of %s", service)
	}
	line, _, _ := strings.Cut(log, "\n")
	_, line, _ = strings.Cut(line, " ")
	return line
}
